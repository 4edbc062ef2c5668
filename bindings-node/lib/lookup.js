'use strict'

const { atOnce, call } = require('./call.js')
const native = require('./native.js')

/** Registers a client at a provider; see index.d.ts. */
async function register(options) {
  return JSON.parse(await call(options, (leaving, text) => native.register(leaving, text)))
}

/** What an API says about itself; see index.d.ts. */
async function protectedResource(options) {
  return JSON.parse(await call(options, (leaving, text) => native.protectedResource(leaving, text)))
}

/** A redirect URI of the request that is being answered; see index.d.ts. */
function redirectUriOf({ url, headers, ...options }, path) {
  const request = { ...options, url: String(url), headers: Object.fromEntries(Object.entries(headers ?? {}).map(single)) }
  return atOnce(() => native.redirectUriOf(JSON.stringify(request), path))
}

/** Node gives a header that came several times as a list. */
const single = ([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]

module.exports = { protectedResource, redirectUriOf, register }
