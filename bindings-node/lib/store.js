'use strict'

const native = require('./native.js')

/** The names, as the library has them, of the methods that this store has. */
function methodsOf(store) {
  return native.storeMethods().filter((name) => typeof store[camelCase(name)] === 'function')
}

/** Whether it is a store of the application's own, and no table that says where one is. */
function isStore(store) {
  return typeof store === 'object' && store !== null && (!('address' in store) || methodsOf(store).length > 0)
}

/**
 * The one function through which the native module calls any method of the store. It never throws: a reply and what a
 * method threw are both told as JSON.
 */
function functionOf(store) {
  return async (method, parameters) => {
    try {
      const reply = await store[camelCase(method)](...JSON.parse(parameters))
      return JSON.stringify({ reply: reply === undefined ? null : withSnakeCaseKeys(reply) })
    } catch (error) {
      return JSON.stringify({ thrown: error instanceof Error ? error.message : String(error) })
    }
  }
}

function camelCase(name) {
  return name.replace(/_([a-z])/g, (_match, letter) => letter.toUpperCase())
}

function snakeCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function withSnakeCaseKeys(reply) {
  if (typeof reply !== 'object' || reply === null || Array.isArray(reply)) return reply
  return Object.fromEntries(Object.entries(reply).map(([name, value]) => [snakeCase(name), value]))
}

module.exports = { functionOf, isStore, methodsOf }
