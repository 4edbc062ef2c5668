'use strict'

const { inspect } = require('node:util')
const { atOnce, call } = require('./call.js')
const { EvergrantError } = require('./error.js')
const { Grant } = require('./grant.js')
const { functionOf, isStore, methodsOf } = require('./store.js')
const native = require('./native.js')

/** Keys that a function gives are asked for here and now. */
function askForKeys(config) {
  if (typeof config.encryption === 'object' && config.encryption !== null) {
    const given = Object.entries(config.encryption)
    const asked = given.map(([name, value]) => [name, typeof value === 'function' ? value() : value])
    config.encryption = Object.fromEntries(asked)
  }
}

/** One configuration of the library; see index.d.ts. */
class Client {
  #native
  #epoch
  #onEvent

  constructor(options) {
    const { onEvent, store, ...config } = options ?? {}
    askForKeys(config)
    this.#onEvent = onEvent
    const listener = onEvent === undefined ? undefined : this.#listener()
    this.#native = atOnce(() =>
      isStore(store)
        ? new native.NativeClient(JSON.stringify(config), listener, functionOf(store), methodsOf(store))
        : new native.NativeClient(JSON.stringify({ ...config, store }), listener, undefined, []),
    )
    const epoch = atOnce(() => this.#native.epoch())
    this.#epoch = epoch == null ? undefined : new Uint32Array(epoch)
  }

  /** Holds this client weakly: a listener that mentions its own client does not keep it from being collected. */
  #listener() {
    if (typeof this.#onEvent !== 'function') {
      throw new EvergrantError({ code: 'invalid_config', message: 'onEvent: expected a function', retryable: false })
    }
    const self = new WeakRef(this)
    // On a stack of its own, so that what a listener throws is an uncaught exception as anywhere.
    return (event) => queueMicrotask(() => self.deref()?.#onEvent(JSON.parse(event)))
  }

  async begin(subject, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.begin(leaving, text, subject)))
  }

  async finish(callback, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.finish(leaving, text, String(callback))))
  }

  async exchange(subject, code, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.exchange(leaving, text, subject, code)))
  }

  async check(subject, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.check(leaving, text, subject)))
  }

  async beginDevice(subject, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.beginDevice(leaving, text, subject)))
  }

  async pollDevice(state, options) {
    return JSON.parse(await call(options, (leaving) => this.#native.pollDevice(leaving, state)))
  }

  async waitDevice(state, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.waitDevice(leaving, text, state)))
  }

  async grantByPassword(subject, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.grantByPassword(leaving, text, subject)))
  }

  async grantByPin(subject, options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.grantByPin(leaving, text, subject)))
  }

  async pinUrl(options) {
    return call(options, (leaving) => this.#native.pinUrl(leaving))
  }

  async logoutUrl(options) {
    return call(options, (leaving, text) => this.#native.logoutUrl(leaving, text))
  }

  grant(subject, slot = '') {
    return new Grant(
      atOnce(() => this.#native.grant(subject, slot)),
      this,
      this.#epoch,
    )
  }

  async put(subject, tokens) {
    return JSON.parse(await call(tokens, (leaving, text) => this.#native.put(leaving, text, subject)))
  }

  async list(options) {
    return JSON.parse(await call(options, (leaving) => this.#native.list(leaving)))
  }

  async due(options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.due(leaving, text)))
  }

  async refreshDue(options) {
    return JSON.parse(await call(options, (leaving, text) => this.#native.refreshDue(leaving, text)))
  }

  async close() {
    await call(undefined, () => this.#native.close())
  }

  _testingSetClock(unixMillis) {
    atOnce(() => this.#native._testingSetClock(unixMillis))
  }

  [inspect.custom]() {
    return 'Client {}'
  }
}

module.exports = { Client }
