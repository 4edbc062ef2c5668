'use strict'

const { call } = require('./call.js')
const { functionOf, methodsOf } = require('./store.js')
const native = require('./native.js')

/** Holds a store of one's own to its promises; see index.d.ts. */
async function checkStore(store, options) {
  const { beside, ...plain } = options ?? {}
  const second = beside == null ? [undefined, []] : [functionOf(beside), methodsOf(beside)]
  return JSON.parse(
    await call(plain, (leaving, text) =>
      native.checkStore(leaving, text, functionOf(store), methodsOf(store), ...second),
    ),
  )
}

module.exports = { checkStore }
