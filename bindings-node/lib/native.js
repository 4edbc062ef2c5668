'use strict'

// The native module, built by `npm run build`.
module.exports = require('../evergrant.node')
