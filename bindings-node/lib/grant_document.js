'use strict'

/** A grant as a document; see index.d.ts. Its text is in no property that is printed or serialized. */
class GrantDocument {
  #text

  constructor(text) {
    this.#text = text
    Object.freeze(this)
  }

  get text() {
    return this.#text
  }

  [Symbol.for('nodejs.util.inspect.custom')]() {
    return 'GrantDocument { text: [redacted] }'
  }
}

module.exports = { GrantDocument }
