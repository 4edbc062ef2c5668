import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Client } from 'evergrant'
import { MemoryStore } from './memory_store.mjs'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()
const folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
after(() => rmSync(folder, { recursive: true }))

const program = (name) => fileURLToPath(new URL(`programs/${name}`, import.meta.url))

/** Lets finalizers run, which come in turns of the event loop after a collection. */
async function collect() {
  for (let turn = 0; turn < 5; turn++) {
    global.gc()
    await setImmediate()
  }
}

async function collected(references) {
  for (let attempt = 0; attempt < 100; attempt++) {
    await collect()
    if (references.every((reference) => reference.deref() === undefined)) return true
    await setTimeout(10)
  }
  return false
}

function openFiles() {
  return readdirSync('/proc/self/fd').length
}

function residentKiB() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
}

test('clients and grants that nobody refers to are collected, with listener and store', async () => {
  const references = []
  const use = async (changes) => {
    const client = await sandbox.loggedIn(changes)
    const grant = client.grant('alice')
    await grant.accessToken()
    references.push(new WeakRef(client), new WeakRef(grant))
  }
  await use({})
  await use({ store: new MemoryStore() })
  let self
  self = new Client(sandbox.options({ onEvent: () => self }))
  references.push(new WeakRef(self))
  self = undefined
  assert.ok(await collected(references))
})

test('a listener lives as long as a grant of its client', async () => {
  const events = []
  const grant = (await sandbox.loggedIn({ onEvent: (event) => events.push(event.event) })).grant('alice')
  await collect()
  await grant.refresh()
  await setImmediate()
  assert.ok(events.includes('refreshed'))
})

test('10,000 clients opened and closed leave nothing behind', { timeout: 300_000 }, async () => {
  const options = sandbox.options({ store: `sqlite:${join(folder, 'many.db')}`, onEvent() {} })
  const cycle = async (count) => {
    for (let done = 0; done < count; done++) {
      const client = new Client(done % 2 === 0 ? options : { ...options, store: new MemoryStore() })
      client.grant('alice')
      await client.close()
      if (done % 100 === 0) await collect()
    }
    await collect()
    return { files: openFiles(), resident: residentKiB() }
  }
  const before = await cycle(2000)
  const behind = await cycle(8000)
  assert.ok(behind.files <= before.files + 5, `open files grew from ${before.files} to ${behind.files}`)
  assert.ok(behind.resident <= before.resident + 8192, `memory grew from ${before.resident} to ${behind.resident} KiB`)
})

test('the process ends by itself with an open client, a listener and a store', () => {
  const ended = spawnSync(process.execPath, [program('ends_by_itself.mjs'), sandbox.url], { encoding: 'utf8', timeout: 20_000 })
  assert.deepEqual([ended.stdout, ended.stderr, ended.status], ['done\n', '', 0])
})

test('what a listener throws is an uncaught exception, and no other harm', () => {
  const ended = spawnSync(process.execPath, [program('listener_throws.mjs'), sandbox.url], { encoding: 'utf8', timeout: 20_000 })
  assert.deepEqual([ended.stdout, ended.stderr, ended.status], ['uncaught: from the listener\ndone\n', '', 0])
})

test('worker threads share one renewal through one file', async () => {
  const options = sandbox.options({ store: `sqlite:${join(folder, 'workers.db')}` })
  await sandbox.logIn(new Client(options))
  const before = await sandbox.refreshes()
  const time = Date.now() + 3_600_000
  const tokens = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const worker = new Worker(program('worker.mjs'), { workerData: { options, time } })
      return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    }),
  )
  assert.equal(new Set(tokens).size, 1)
  assert.equal((await sandbox.refreshes()) - before, 1)
})

test('a worker that is terminated in mid-call harms nobody', async () => {
  await sandbox.fault('api', 'delay', { milliseconds: 200, times: 20 })
  const options = sandbox.options({ store: `sqlite:${join(folder, 'terminated.db')}` })
  const client = await sandbox.logIn(new Client(options))
  for (let round = 0; round < 10; round++) {
    const workerData = { options, call: `${sandbox.url}/api/me`, ownStore: round % 2 === 1 }
    const worker = new Worker(program('worker.mjs'), { workerData })
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    await worker.terminate()
  }
  await sandbox.control('faults', undefined, 'DELETE')
  assert.equal((await client.grant('alice').fetch(`${sandbox.url}/api/me`)).status, 200)
})

test('a module that only a worker loaded stays until the process ends', () => {
  const ended = spawnSync(process.execPath, [program('only_in_worker.mjs'), sandbox.url], { encoding: 'utf8', timeout: 20_000 })
  assert.deepEqual([ended.stdout, ended.stderr, ended.status], ['done\n', '', 0])
})

test('closing waits for the refresh under way', async () => {
  const client = await sandbox.due()
  await sandbox.fault('token', 'delay', { milliseconds: 200 })
  const before = await sandbox.refreshes()
  const token = client.grant('alice').accessToken()
  while ((await sandbox.refreshes()) === before) await setTimeout(5)
  await client.close()
  await token
  await client.close()
  await assert.rejects(client.grant('alice').accessToken({}), failure('cancelled'))
})
