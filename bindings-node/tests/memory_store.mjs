// A token store of an application, as a class with private state: its methods need their object.

export class MemoryStore {
  calls = []
  #rows = new Map()
  #pending = new Map()

  #row(client, subject, slot) {
    const key = JSON.stringify([client, subject, slot])
    if (!this.#rows.has(key)) {
      this.#rows.set(key, { client, record: null, revision: null, until: 0, fencing: 0, intent: null })
    }
    return this.#rows.get(key)
  }

  async load(...key) {
    this.calls.push('load')
    return this.#row(...key).record
  }

  async save(client, subject, slot, record) {
    Object.assign(this.#row(client, subject, slot), { record, revision: 0 })
  }

  async compareAndSet(client, subject, slot, expectedRevision, record, revision) {
    this.calls.push('compareAndSet')
    const row = this.#row(client, subject, slot)
    if (row.revision !== expectedRevision) return false
    Object.assign(row, { record, revision })
    return true
  }

  async delete(...key) {
    Object.assign(this.#row(...key), { record: null, revision: null })
  }

  async acquire(client, subject, slot, _owner, ttlMs, intent) {
    this.calls.push('acquire')
    const row = this.#row(client, subject, slot)
    if (row.until > Date.now()) return { busyMs: row.until - Date.now() }
    const earlier = row.intent
    Object.assign(row, { until: Date.now() + ttlMs, fencing: row.fencing + 1, intent })
    return { fencing: row.fencing, intent: earlier }
  }

  async renew(client, subject, slot, _owner, fencing, ttlMs) {
    const row = this.#row(client, subject, slot)
    if (row.fencing !== fencing || row.until <= Date.now()) return false
    row.until = Date.now() + ttlMs
    return true
  }

  async release(client, subject, slot, _owner, fencing, keepIntent) {
    const row = this.#row(client, subject, slot)
    if (row.fencing === fencing) Object.assign(row, { until: 0, intent: keepIntent })
  }

  async list(client) {
    return [...this.#rows.values()].filter((row) => row.client === client && row.record).map((row) => row.record)
  }

  async putPending(state, document) {
    this.#pending.set(state, document)
  }

  async takePending(state) {
    const document = this.#pending.get(state) ?? null
    this.#pending.delete(state)
    return document
  }
}
