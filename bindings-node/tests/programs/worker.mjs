// A worker thread with a client of its own: tells its token, or begins a call and leaves it open.

import { parentPort, workerData } from 'node:worker_threads'
import { Client } from 'evergrant'
import { MemoryStore } from '../memory_store.mjs'

const { options, time, call, ownStore } = workerData
const client = new Client({ ...options, store: ownStore ? new MemoryStore() : options.store, onEvent() {} })
if (call === undefined) {
  client._testingSetClock(time)
  parentPort.postMessage((await client.grant('alice').accessToken()).token)
} else {
  if (ownStore) await client.put('alice', { accessToken: 'token' })
  client.grant('alice').fetch(call).catch(() => {})
  setImmediate(() => parentPort.postMessage('began'))
  setInterval(() => client.grant('alice').inspect().catch(() => {}), 1)
}
