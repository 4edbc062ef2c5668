'use strict'

const { atOnce } = require('./call.js')
const native = require('./native.js')
const { bytes, pairs } = require('./request_parts.js')

/** Signs one OAuth 1.0a request; see index.d.ts. */
function sign(method, url, { body, ...options } = {}) {
  const plain = {
    ...options,
    query: pairs(options.query),
    form: pairs(options.form),
    parameters: pairs(options.parameters),
  }
  return JSON.parse(atOnce(() => native.sign(method, String(url), JSON.stringify(plain), bytes(body))))
}

module.exports = { sign }
