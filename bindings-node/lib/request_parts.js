'use strict'

// The parts of a request as the native module takes them.

/** Parameters as the library reads them: an object, or a list of pairs from anything that iterates over pairs. */
function pairs(parameters) {
  const iterates = typeof parameters === 'object' && parameters?.[Symbol.iterator] !== undefined
  return iterates ? [...parameters] : parameters
}

/** A body of text or bytes; none where there is none. */
function bytes(body) {
  return body == null ? undefined : Buffer.from(body.buffer ?? body, body.byteOffset, body.byteLength)
}

module.exports = { bytes, pairs }
