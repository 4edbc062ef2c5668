'use strict'

/** A failed operation; see index.d.ts. */
class EvergrantError extends Error {
  constructor({ message, error: serverError, ...rest }) {
    super(message)
    const details = { ...rest, serverError }
    for (const [name, value] of Object.entries(details)) {
      if (value !== undefined) this[name] = value
    }
  }

  toJSON() {
    return { message: this.message, ...this }
  }
}

Object.defineProperty(EvergrantError.prototype, 'name', { value: 'EvergrantError', configurable: true, writable: true })

/**
 * What the native module threw, as an EvergrantError. Its own errors are JSON; any other comes from the conversion of an
 * argument of the wrong type.
 */
function fromNative(error) {
  const details = error.message.startsWith('{')
    ? JSON.parse(error.message)
    : { code: 'invalid_argument', message: error.message, retryable: false }
  return new EvergrantError(details)
}

module.exports = { EvergrantError, fromNative }
