import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Client, EvergrantError } from 'evergrant'
import { Sandbox, failure } from './sandbox.mjs'

const require = createRequire(import.meta.url)
const native = require('../evergrant.node')
const { atOnce, call } = require('../lib/call.js')

const sandbox = new Sandbox()

/** Every field that an error can have. */
const EVERYTHING = {
  message: 'on purpose',
  retryAt: 1_700_000_000_000,
  reason: 'because',
  provider: 'sandbox',
  subject: 'alice',
  status: 418,
  serverError: 'teapot',
  errorDescription: 'short and stout',
}

for (const code of native._testingCodes()) {
  test(`a failure with code ${code} arrives whole, thrown or rejected`, async () => {
    assert.throws(() => atOnce(() => native._testingFail(code)), failure(code, EVERYTHING))
    await assert.rejects(
      call({}, () => native._testingFailAsync(code)),
      failure(code, EVERYTHING),
    )
  })
}

test('the types know every error code', () => {
  const types = readFileSync(new URL('../lib/index.d.ts', import.meta.url), 'utf8')
  const [, union] = /export type ErrorCode =([^;]*?)\n\n/.exec(types)
  assert.deepEqual(union.match(/\w+/g), native._testingCodes())
})

test('the types know every key of the configuration', () => {
  const types = readFileSync(new URL('../lib/index.d.ts', import.meta.url), 'utf8')
  const guide = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const cells = [...guide.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell)
  const keys = cells.flatMap((cell) => cell.match(/(?<=`)[a-z0-9_.]+(?=`)/g)).flatMap((path) => path.split('.'))
  assert.ok(keys.length > 100)
  const camel = (key) => key.replace(/_([a-z])/g, (_match, letter) => letter.toUpperCase())
  const missing = keys.filter((key) => key !== '' && !new RegExp(`\\b${camel(key)}\\??:`).test(types))
  assert.deepEqual(missing, [])
})

test('the types know every event', () => {
  const types = readFileSync(new URL('../lib/index.d.ts', import.meta.url), 'utf8')
  const guide = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8')
  const [, union] = /export interface GrantEvent {\n  event:([^:]*?)\n  provider:/.exec(types)
  const events = [...guide.matchAll(/^\| `(\w+)` \|/gm)].map(([, event]) => event)
  assert.deepEqual(union.match(/\w+/g).sort(), events.sort())
})

test('a panic becomes the error internal, thrown or rejected, and the process goes on', async () => {
  assert.throws(() => atOnce(() => native._testingPanic()), failure('internal'))
  await assert.rejects(
    call({}, () => native._testingPanicAsync()),
    failure('internal'),
  )
  assert.equal((await (await sandbox.loggedIn()).grant('alice').inspect()).generation, 1)
})

test('a caller who aborts leaves at once with the reason', async () => {
  const leave = new AbortController()
  const waiting = call({ signal: leave.signal }, (leaving) => native._testingNever(leaving))
  const reason = new Error('no longer wanted')
  leave.abort(reason)
  await assert.rejects(waiting, (error) => error === reason)
})

test('nothing is sent for a signal that aborted before', async () => {
  const grant = (await sandbox.loggedIn()).grant('alice')
  const before = (await sandbox.requests('api')).length
  const signal = AbortSignal.abort()
  await assert.rejects(grant.fetch(`${sandbox.url}/api/me`, { signal }), { name: 'AbortError' })
  await assert.rejects(grant.accessToken({ signal }), { name: 'AbortError' })
  assert.equal((await sandbox.requests('api')).length, before)
})

test('fetch honours AbortSignal', async () => {
  const grant = (await sandbox.loggedIn()).grant('alice')
  const started = Date.now()
  const signal = AbortSignal.timeout(100)
  await assert.rejects(grant.fetch(`${sandbox.url}/api/slow?ms=10000`, { signal }), { name: 'TimeoutError' })
  const request = new Request(`${sandbox.url}/api/slow?ms=10000`, { signal: AbortSignal.timeout(100) })
  await assert.rejects(grant.fetch(request), { name: 'TimeoutError' })
  assert.ok(Date.now() - started < 5000)
})

test('a caller who leaves does not stop the refresh', async () => {
  const client = await sandbox.due()
  await sandbox.fault('token', 'delay', { milliseconds: 300 })
  const before = await sandbox.refreshes()
  const grant = client.grant('alice')
  await assert.rejects(grant.accessToken({ signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' })
  const token = await grant.accessToken()
  assert.equal((await sandbox.refreshes()) - before, 1)
  assert.equal((await grant.inspect()).generation, 2)
  assert.equal((await grant.accessToken()).token, token.token)
})

test('a deadline holds while the provider is silent', async () => {
  const client = await sandbox.due()
  await sandbox.fault('token', 'delay', { milliseconds: 3000 })
  const started = Date.now()
  await assert.rejects(client.grant('alice').accessToken({ timeout: 0.2 }), failure('timeout', { retryable: true }))
  assert.ok(Date.now() - started < 1500)
})

test('no secret shows when things are printed or serialized', async () => {
  const client = await sandbox.loggedIn()
  const grant = client.grant('alice')
  const token = await grant.accessToken()
  const error = await client.grant('nobody').accessToken().catch((error) => error)
  const refused = await client.finish('http://127.0.0.1:9/callback?code=sbx.code.canary&state=x').catch((error) => error)
  const things = [client, grant, token, error, refused, await grant.inspect(), await grant.export()]
  for (const thing of [...things, { things }]) {
    for (const text of [
      inspect(thing, { depth: null, showHidden: true, getters: false }),
      JSON.stringify(thing),
      String(thing),
      `${thing.stack}`,
    ]) {
      assert.ok(!text.includes('sbx.') && !text.includes('sandbox-secret'), text)
    }
  }
  assert.match(inspect(token), /\[redacted\]/)
  assert.deepEqual(JSON.parse(JSON.stringify(error)).code, 'no_grant')
})

test('an error of a wrong argument is an EvergrantError too', async () => {
  const grant = new Client(sandbox.options()).grant('alice')
  const error = await grant.headers(Symbol('method'), sandbox.url).catch((error) => error)
  assert.ok(error instanceof EvergrantError)
  assert.equal(error.code, 'invalid_argument')
})
