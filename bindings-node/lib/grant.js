'use strict'

const { inspect } = require('node:util')
const { AccessToken } = require('./access_token.js')
const { atOnce, call } = require('./call.js')
const { EvergrantError } = require('./error.js')
const { GrantDocument } = require('./grant_document.js')
const { bytes, pairs } = require('./request_parts.js')
const { ApiResponse, standardResponse } = require('./response.js')

/** What one user allowed; see index.d.ts. Made by `client.grant`. */
class Grant {
  #native
  #client
  #epoch
  #cached

  /** The client is held so that it, and with it its event listener, lives as long as its grants. */
  constructor(native, client, epoch) {
    this.#native = native
    this.#client = client
    this.#epoch = epoch
  }

  get subject() {
    return this.#native.subject
  }

  get slot() {
    return this.#native.slot
  }

  cachedAccessToken() {
    const token = atOnce(() => this.#native.cachedAccessToken())
    return token == null ? undefined : new AccessToken(token)
  }

  /** Within its time and while the epoch stands still a token is handed out again without a call into the library. */
  accessToken(options) {
    const cached = this.#cached
    if (
      cached !== undefined &&
      options === undefined &&
      Date.now() < cached.validUntil &&
      Atomics.load(this.#epoch, 0) === cached.epoch
    ) {
      return cached.promise
    }
    return this.#accessToken(options)
  }

  async #accessToken(options) {
    // Read before the token is asked for: whatever moves the epoch meanwhile makes this entry stale.
    const epoch = this.#epoch && Atomics.load(this.#epoch, 0)
    // What this process has at hand needs no thread of the library.
    const atHand = options === undefined ? atOnce(() => this.#native.cachedAccessToken()) : null
    const native = atHand ?? (await call(options, (leaving, text) => this.#native.accessToken(leaving, text)))
    const token = new AccessToken(native)
    if (epoch !== undefined) {
      this.#cached = { promise: Promise.resolve(token), validUntil: native.validUntil, epoch }
    }
    return token
  }

  async headers(method, url, options) {
    const plain = { ...options, form: pairs(options?.form) }
    const text = await call(plain, (leaving, text) => this.#native.headers(leaving, text, method, String(url)))
    return Object.fromEntries(JSON.parse(text))
  }

  async request({ body, ...options }) {
    const plain = {
      ...options,
      query: pairs(options.query),
      form: pairs(options.form),
      headers: pairs(options.headers),
    }
    return new ApiResponse(await call(plain, (leaving, text) => this.#native.request(leaving, text, bytes(body))))
  }

  async fetch(input, init) {
    const request = new Request(input, init)
    const { method, url, headers, redirect } = request
    if (redirect !== 'follow') {
      const message = `redirect: ${redirect} is not supported; expected "follow"`
      throw new EvergrantError({ code: 'unsupported', message, retryable: false })
    }
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer())
    const signal = init?.signal ?? input?.signal
    return standardResponse(await this.request({ method, url, headers, body, signal }))
  }

  async refresh(options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.refresh(leaving, text)))
  }

  async userinfo(options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.userinfo(leaving, text)))
  }

  async introspect(options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.introspect(leaving, text)))
  }

  async tokenResponse(options) {
    return JSON.parse(await call(options, (leaving) => this.#native.tokenResponse(leaving)))
  }

  async missingScope(scope, options) {
    return call({ ...options, scope }, (leaving, text) => this.#native.missingScope(leaving, text))
  }

  async revoke(options) {
    await call(options, (leaving, text) => this.#native.revoke(leaving, text))
  }

  async forget(options) {
    await call(options, (leaving) => this.#native.forget(leaving))
  }

  async inspect(options) {
    return JSON.parse(await call(options, (leaving) => this.#native.inspect(leaving)))
  }

  async export(options) {
    return new GrantDocument(await call(options, (leaving) => this.#native.export(leaving)))
  }

  [inspect.custom](_depth, options) {
    return `Grant ${inspect({ subject: this.subject, slot: this.slot }, options)}`
  }
}

module.exports = { Grant }
