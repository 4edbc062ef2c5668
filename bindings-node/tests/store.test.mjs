import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'evergrant'
import { MemoryStore } from './memory_store.mjs'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()

test("the application's own store holds everything, and its methods keep their object", async () => {
  const store = new MemoryStore()
  const client = await sandbox.loggedIn({ store })
  await client.grant('alice').refresh()
  assert.deepEqual(
    (await client.list()).map(({ subject, generation }) => [subject, generation]),
    [['alice', 2]],
  )
  const another = new Client(sandbox.options({ store }))
  assert.equal((await another.grant('alice').inspect()).generation, 2)
  for (const name of ['load', 'compareAndSet', 'acquire']) assert.ok(store.calls.includes(name), name)
})

test('two clients with one store share one renewal', async () => {
  const store = new MemoryStore()
  const clients = [await sandbox.due({ store }), new Client(sandbox.options({ store }))]
  clients[1]._testingSetClock(Date.now() + 3_600_000)
  const before = await sandbox.refreshes()
  const tokens = await Promise.all(clients.map((client) => client.grant('alice').accessToken()))
  assert.equal(tokens[0].token, tokens[1].token)
  assert.equal((await sandbox.refreshes()) - before, 1)
})

test('a store with plain methods that return values will do', async () => {
  const rows = new Map()
  const store = {
    load: (...key) => rows.get(key.join()),
    save: (client, subject, slot, record) => rows.set([client, subject, slot].join(), record),
  }
  const events = []
  const client = await sandbox.loggedIn({ store, onEvent: (event) => events.push(event) })
  assert.equal((await client.grant('alice').fetch(`${sandbox.url}/api/me`)).status, 200)
  assert.ok(events.some((event) => event.event === 'store_trouble'))
  await assert.rejects(client.list(), failure('unsupported'))
})

test('a store without load or save is refused', () => {
  assert.throws(() => new Client(sandbox.options({ store: { save() {} } })), failure('invalid_config', { message: /load/ }))
  assert.throws(() => new Client(sandbox.options({ store: [] })), failure('invalid_config'))
})

const FAILURES = {
  'throws synchronously': [() => { throw new TypeError('broken store') }, /broken store/],
  rejects: [() => Promise.reject(new Error('broken store')), /broken store/],
  'rejects with a text': [() => Promise.reject('broken store'), /broken store/],
  'throws what cannot be shown': [() => { throw Object.create(null) }, /load/],
  'returns the wrong type': [() => 42, /number/],
  'returns an object': [async () => ({ record: 'text' }), /object/],
  'returns what JSON cannot say': [() => 42n, /BigInt/],
  'returns a function': [() => () => {}, /load/],
  'is not a function when it is called': [null, /load/],
  'returns a thenable that throws': [() => ({ then() { throw new Error('broken store') } }), /broken store/],
}

for (const [how, [load, message]] of Object.entries(FAILURES)) {
  test(`a store method that ${how} gives callback, and the process and the grant go on`, async () => {
    const store = new MemoryStore()
    const client = await sandbox.loggedIn({ store })
    store.load = load
    await assert.rejects(client.grant('alice').inspect(), failure('callback', { message }))
    delete store.load
    assert.equal((await client.grant('alice').inspect()).generation, 1)
  })
}

test('a store that never settles does not hold a caller past its deadline', async () => {
  const store = new MemoryStore()
  const client = await sandbox.loggedIn({ store })
  store.load = () => new Promise(() => {})
  const started = Date.now()
  await assert.rejects(client.grant('bob').accessToken({ timeout: 0.2 }), failure('timeout'))
  assert.ok(Date.now() - started < 1500)
})

test('a store that blocks its thread is waited for and nothing is lost', async () => {
  const store = new MemoryStore()
  const client = await sandbox.due({ store })
  store.load = (...key) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    return MemoryStore.prototype.load.apply(store, key)
  }
  await client.grant('alice').accessToken()
  assert.equal((await client.grant('alice').inspect()).generation, 2)
})

test('nothing is spent when the store cannot take the lease', async () => {
  const store = new MemoryStore()
  const client = await sandbox.due({ store })
  store.acquire = async () => {
    throw new Error('read-only')
  }
  const before = await sandbox.refreshes()
  await assert.rejects(client.grant('alice').accessToken(), failure('callback', { message: /acquire.*read-only/ }))
  assert.equal(await sandbox.refreshes(), before)
})
