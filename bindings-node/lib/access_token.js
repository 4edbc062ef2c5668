'use strict'

const { inspect } = require('node:util')

/** An access token; see index.d.ts. The token itself is in no property that is printed or serialized. */
class AccessToken {
  #token

  constructor({ token, tokenType, expiresAt }) {
    this.#token = token
    this.tokenType = tokenType
    this.expiresAt = expiresAt ?? null
    Object.freeze(this)
  }

  get token() {
    return this.#token
  }

  [inspect.custom](_depth, options) {
    return `AccessToken ${inspect({ ...this, token: '[redacted]' }, options)}`
  }
}

module.exports = { AccessToken }
