import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkStore } from 'evergrant'
import { MemoryStore } from './memory_store.mjs'
import { failure } from './sandbox.mjs'

const verdicts = (report) => Object.fromEntries(report.findings.map(({ promise, verdict }) => [promise, verdict]))

test('a whole store passes and is left empty', async () => {
  const store = new MemoryStore()
  const report = await checkStore(store, { grants: 50, quick: true })
  assert.ok(report.ok, report.summary)
  assert.deepEqual(new Set(Object.values(verdicts(report))), new Set(['passed']))
  assert.deepEqual(report.remarks, [])
})

test('a broken store fails by the promise that it breaks', async () => {
  class Overwriting extends MemoryStore {
    async compareAndSet(client, subject, slot, _expectedRevision, record) {
      await this.save(client, subject, slot, record)
      return true
    }
  }
  const report = await checkStore(new Overwriting(), { grants: 10, quick: true })
  const name = 'compare_and_set_writes_only_over_the_expected_revision'
  const broken = report.findings.find(({ promise }) => promise === name)
  assert.deepEqual([report.ok, broken.verdict], [false, 'failed'])
  assert.ok(report.summary.includes(name) && broken.expected && broken.got, report.summary)
})

test('a read and a write with a pause between them are not one step', async () => {
  class Pausing extends MemoryStore {
    async acquire(...call) {
      const before = await super.acquire(...call)
      if (before.busyMs === undefined) {
        await super.release(...call.slice(0, 4), before.fencing, before.intent)
        await new Promise((resolve) => setImmediate(resolve))
        const held = await super.acquire(...call)
        return held.busyMs === undefined ? held : { fencing: before.fencing, intent: before.intent }
      }
      return before
    }
  }
  const report = await checkStore(new Pausing(), { grants: 10, quick: true })
  assert.equal(verdicts(report).of_many_acquires_at_once_one_gets_the_lease, 'failed')
})

test('what lives in one process alone is found by a second object', async () => {
  const report = await checkStore(new MemoryStore(), { beside: new MemoryStore(), grants: 10, quick: true })
  assert.equal(verdicts(report).what_one_process_writes_another_sees, 'failed')
})

test('a method that is missing is told with what it promises', async () => {
  const rows = new Map()
  const key = (...parts) => JSON.stringify(parts)
  const store = {
    load: (...parts) => rows.get(key(...parts)),
    save: (client, subject, slot, record) => rows.set(key(client, subject, slot), record),
  }
  const report = await checkStore(store, { grants: 10, quick: true })
  assert.ok(report.ok, report.summary)
  const skipped = report.findings.find(({ promise }) => promise === 'of_many_acquires_at_once_one_gets_the_lease')
  assert.equal(skipped.remark, 'no acquire: two processes may spend one refresh token at once')
})

test('an option that is unknown is named', async () => {
  await assert.rejects(checkStore(new MemoryStore(), { rounds: 1 }), failure('invalid_argument', { message: /rounds/ }))
})
