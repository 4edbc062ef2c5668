'use strict'

const { call } = require('./call.js')
const native = require('./native.js')

/** Registers a client at a provider; see index.d.ts. */
async function register(options) {
  return JSON.parse(await call(options, (leaving, text) => native.register(leaving, text)))
}

/** What an API says about itself; see index.d.ts. */
async function protectedResource(options) {
  return JSON.parse(await call(options, (leaving, text) => native.protectedResource(leaving, text)))
}

module.exports = { protectedResource, register }
