'use strict'

// The way from a public method into the native module and back: options out as JSON, errors in as EvergrantError, and
// an AbortSignal in between.

const native = require('./native.js')
const { fromNative } = require('./error.js')

/** Calls the native module at once. */
function atOnce(operation) {
  try {
    return operation()
  } catch (error) {
    throw fromNative(error)
  }
}

/**
 * Starts an operation with its options as JSON text. With a `signal` among the options, the promise is rejected with
 * the signal's reason as soon as it aborts; a refresh under way goes on without this caller.
 *
 * @param {(leaving: object | null, options: string) => Promise<unknown>} start
 */
async function call(options, start) {
  const { signal, ...plain } = options ?? {}
  const text = JSON.stringify(plain)
  return signal == null ? settle(() => start(null, text)) : untilAborted(signal, (leaving) => start(leaving, text))
}

async function settle(start) {
  try {
    return await start()
  } catch (error) {
    throw fromNative(error)
  }
}

async function untilAborted(signal, start) {
  signal.throwIfAborted()
  const leaving = new native.Leaving()
  let leave
  const aborted = new Promise((_resolve, reject) => {
    leave = () => {
      reject(signal.reason)
      leaving.leave()
    }
  })
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([settle(() => start(leaving)), aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

module.exports = { atOnce, call }
