import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as esm from 'evergrant'
import { Client, EvergrantError } from 'evergrant'
import { MemoryStore } from './memory_store.mjs'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()

test('both kinds of module are one library', () => {
  const cjs = createRequire(import.meta.url)('evergrant')
  assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort())
  for (const name of Object.keys(cjs)) assert.equal(cjs[name], esm[name])
})

test('a user consents once and the application calls the API on their behalf', async () => {
  const client = new Client(sandbox.options())
  const start = await client.begin('alice', { loginHint: 'alice@example.org', parameters: { custom_name: 'Ünicode' } })
  const asked = new URL(start.url).searchParams
  assert.equal(asked.get('login_hint'), 'alice@example.org')
  assert.equal(asked.get('custom_name'), 'Ünicode')
  assert.equal(asked.get('state'), start.state)
  assert.ok(start.expiresAt > Date.now())

  const finished = await client.finish(await sandbox.consent(start.url))
  assert.equal(finished.subject, 'alice')
  assert.equal(finished.generation, 1)
  assert.deepEqual(finished.scope, ['read', 'write'])

  const grant = client.grant('alice')
  const token = await grant.accessToken()
  assert.equal(token.tokenType, 'Bearer')
  assert.ok(token.expiresAt > Date.now())
  assert.deepEqual(await grant.headers('GET', `${sandbox.url}/api/me`), { Authorization: `Bearer ${token.token}` })

  const response = await grant.fetch(`${sandbox.url}/api/me`)
  assert.equal((await response.json()).user, 'alice')
  await client.close()
  await assert.rejects(grant.refresh(), failure('cancelled'))
})

test('an OAuth 1.0a user consents and calls are signed', async () => {
  const client = await sandbox.logIn(new Client(sandbox.oauth1Options()), 'olga')
  const grant = client.grant('olga')
  const me = await grant.request({ url: `${sandbox.url}/api/me`, query: { b: 'two words', a: ['1', '2'] } })
  assert.deepEqual([me.status, me.json().user, me.json().protocol], [200, 'olga', 'oauth1'])
  const headers = await grant.headers('POST', `${sandbox.url}/api/echo`, { form: new URLSearchParams({ 'a b': 'c&d' }) })
  const posted = await fetch(`${sandbox.url}/api/echo`, {
    method: 'POST',
    headers,
    body: new URLSearchParams({ 'a b': 'c&d' }),
  })
  assert.equal(posted.status, 200)
})

test('the callback is taken as URL and as parameters too', async () => {
  const client = new Client(sandbox.options())
  for (const form of [(url) => new URL(url), (url) => new URL(url).searchParams, (url) => url.replace(/^.*\/\/[^/]*/, '')]) {
    const { url } = await client.begin('bob')
    assert.equal((await client.finish(form(await sandbox.consent(url, 'bob')))).subject, 'bob')
  }
})

test('what a request carries arrives', async () => {
  const grant = (await sandbox.loggedIn()).grant('alice')
  const echo = async (request) => (await grant.request({ url: new URL(`${sandbox.url}/api/echo`), ...request })).json()
  assert.deepEqual((await echo({ query: new URLSearchParams('a=1&a=2&b=') })).query, [['a', '1'], ['a', '2'], ['b', '']])
  assert.deepEqual((await echo({ method: 'POST', form: [['n', 1], ['n', true]] })).form, [['n', '1'], ['n', 'true']])
  const json = { someKey: { innerKey: [null, 'ü'] }, snake_key: 1 }
  assert.deepEqual((await echo({ method: 'PUT', json })).json, json)
  const bytes = new TextEncoder().encode('bytes')
  const within = new TextEncoder().encode('xxbytesxx').subarray(2, 7)
  for (const body of ['bytes', Buffer.from('bytes'), bytes, bytes.buffer, within, new DataView(bytes.buffer)]) {
    assert.equal((await echo({ method: 'POST', body })).body_base64, Buffer.from('bytes').toString('base64'))
  }
  const { headers } = await echo({ headers: new Headers({ 'X-Program': 'node' }) })
  assert.ok(JSON.stringify(headers).includes('"x-program"'))
  await assert.rejects(echo({ method: 'POST', form: {}, json: {} }), failure('invalid_argument'))
})

test('an answer of any status is an answer', async () => {
  const grant = (await sandbox.loggedIn()).grant('alice')
  const missing = await grant.request({ url: `${sandbox.url}/api/status/404` })
  assert.deepEqual([missing.status, missing.ok], [404, false])
  const big = await grant.request({ url: `${sandbox.url}/api/bytes/100000` })
  assert.deepEqual([big.ok, big.body.length], [true, 100_000])
  await assert.rejects(
    grant.request({ url: `${sandbox.url}/api/bytes/100000`, maxResponseBytes: 1000 }),
    failure('invalid_response'),
  )
})

test('fetch has the signature and the response of fetch', async () => {
  const grant = (await sandbox.loggedIn()).grant('alice')
  const echo = `${sandbox.url}/api/echo`
  const parts = new FormData()
  parts.set('file', new Blob(['content']), 'name.txt')
  const calls = [
    [[echo], { method: 'GET', size: 0 }],
    [[new URL(echo), { method: 'DELETE' }], { method: 'DELETE', size: 0 }],
    [[new Request(echo, { method: 'POST', body: 'text' })], { method: 'POST', size: 4 }],
    [[echo, { method: 'POST', body: new URLSearchParams({ a: 'b' }) }], { method: 'POST', size: 3, form: [['a', 'b']] }],
    [[echo, { method: 'POST', body: new Blob(['12345']).stream(), duplex: 'half' }], { method: 'POST', size: 5 }],
  ]
  for (const [input, expected] of calls) {
    const response = await grant.fetch(...input)
    assert.ok(response instanceof Response)
    assert.equal(response.url, echo)
    assert.match(response.headers.get('content-type'), /^application\/json/)
    const seen = await response.json()
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(seen[key], value)
  }
  const multipart = await (await grant.fetch(echo, { method: 'POST', body: parts })).json()
  assert.match(Buffer.from(multipart.body_base64, 'base64').toString(), /filename="name.txt"/)
  const empty = await grant.fetch(`${sandbox.url}/api/status/204`)
  assert.deepEqual([empty.status, empty.body], [204, null])
  await assert.rejects(grant.fetch('not a url'), TypeError)
  await assert.rejects(grant.fetch(echo, { redirect: 'manual' }), failure('unsupported'))
  await assert.rejects(grant.fetch('http://example.org/'), failure('insecure_url'))
})

test('an OAuth 1.0a signature covers the form that fetch sends', async () => {
  const grant = (await sandbox.logIn(new Client(sandbox.oauth1Options()))).grant('alice')
  const body = new URLSearchParams({ 'a b': 'c&d', e: '' })
  const response = await grant.fetch(`${sandbox.url}/api/echo?q=1`, { method: 'POST', body })
  assert.equal(response.status, 200)
  assert.deepEqual((await response.json()).form, [...body])
})

test('tokens got elsewhere are usable in one step', async () => {
  const old = (await (await sandbox.loggedIn()).grant('alice').accessToken()).token
  const client = new Client(sandbox.options())
  const inspection = await client.put('carol', { accessToken: old, expiresIn: 600, scope: 'read', slot: 'bot' })
  assert.deepEqual([inspection.hasRefreshToken, inspection.slot, inspection.scope], [false, 'bot', ['read']])
  assert.equal((await client.grant('carol', 'bot').fetch(`${sandbox.url}/api/me`)).status, 200)
  await assert.rejects(client.grant('carol').accessToken(), failure('no_grant', { subject: 'carol', retryable: false }))
})

test('a grant that was exported goes on elsewhere', async () => {
  const grant = (await sandbox.loggedIn()).grant('alice')
  const exported = await grant.export()
  const client = new Client(sandbox.options())
  await client.put('carol', { document: exported.text })
  assert.equal((await client.grant('carol').accessToken()).token, (await grant.accessToken()).token)
  await assert.rejects(client.grant('nobody').export(), failure('no_grant', { subject: 'nobody', retryable: false }))
})

test('a grant is listed, inspected, refreshed, revoked and forgotten', async () => {
  const client = await sandbox.loggedIn()
  await sandbox.logIn(client, 'bob')
  const grant = client.grant('alice')
  assert.deepEqual((await client.list()).map((found) => found.subject), ['alice', 'bob'])
  const before = await grant.inspect()
  assert.deepEqual([before.provider, before.clientId, before.status], ['sandbox', 'sandbox-client', 'active'])
  const after = await grant.refresh({ force: true })
  assert.equal(after.generation, before.generation + 1)
  assert.equal(await grant.revoke(), undefined)
  await assert.rejects(grant.inspect(), failure('no_grant'))
  assert.equal(await client.grant('bob').forget(), undefined)
  assert.deepEqual(await client.list(), [])
})

test('what is due is listed and renewed, and who has to consent is named', async () => {
  const client = await sandbox.loggedIn()
  await client.put('bob', { refreshToken: 'unknown' })
  const [bob, ...others] = await client.due()
  assert.deepEqual([bob.subject, bob.dueFor, bob.generation, others], ['bob', 'expiry', 1, []])
  assert.deepEqual(await client.due({ after: { subject: 'bob' } }), [])
  const report = await client.refreshDue({ concurrency: 2 })
  assert.deepEqual([report.refreshed, report.needsConsent], [0, [{ subject: 'bob', slot: '' }]])
  await assert.rejects(client.refreshDue({ concurrency: 0 }), failure('invalid_argument'))
})

test('options of the wrong type or name are refused with the name that Node has', async () => {
  const client = new Client(sandbox.options())
  await assert.rejects(client.begin('alice', { loginhint: 'x' }), failure('invalid_argument', { message: /loginHint/ }))
  await assert.rejects(client.begin('alice', { timeout: 'soon' }), failure('invalid_argument', { message: /timeout/ }))
  await assert.rejects(client.begin(42), failure('invalid_argument'))
  await assert.rejects(client.grant('alice').headers(null, sandbox.url), failure('invalid_argument'))
  assert.throws(() => client.grant(), failure('invalid_argument'))
  assert.throws(() => new Client(), failure('invalid_config', { message: /clientId|provider/ }))
  assert.throws(() => new Client(sandbox.options({ redirectUrl: '' })), failure('invalid_config', { message: /redirectUri/ }))
  assert.throws(() => new Client(sandbox.options({ provider: 'nobody' })), failure('unknown_provider'))
  assert.throws(() => new Client(sandbox.options({ onEvent: 1 })), failure('invalid_config', { message: /onEvent/ }))
  assert.throws(() => new Client(sandbox.options({ store: 7 })), failure('invalid_config', { message: /store/ }))
})

test('an error carries what the provider said', async () => {
  const client = new Client(sandbox.options())
  const callback = await sandbox.consent((await client.begin('alice')).url)
  await sandbox.fault('token', 'status', {
    status: 400,
    body: '{"error":"invalid_scope","error_description":"too much"}',
    content_type: 'application/json',
  })
  const error = await client.finish(callback).catch((error) => error)
  assert.ok(error instanceof EvergrantError && error instanceof Error)
  assert.deepEqual(
    [error.code, error.provider, error.subject, error.status, error.serverError, error.errorDescription],
    ['provider_error', 'sandbox', 'alice', 400, 'invalid_scope', 'too much'],
  )
  assert.match(error.stack, /operations\.test/)
})

test('a listener hears the events in order', async () => {
  const events = []
  const client = await sandbox.loggedIn({ onEvent: (event) => events.push(event) })
  await client.grant('alice').refresh()
  await client.grant('alice').forget()
  await client.close()
  await new Promise(setImmediate)
  assert.deepEqual(events.map((event) => event.event), ['granted', 'refreshed', 'forgotten'])
  assert.deepEqual([events[1].subject, events[1].generation, typeof events[1].grantId], ['alice', 2, 'string'])
})

test('a fresh token is handed out again without a promise of its own', async () => {
  const client = await sandbox.loggedIn()
  const grant = client.grant('alice')
  const first = await grant.accessToken()
  assert.equal(grant.accessToken(), grant.accessToken())
  assert.equal(await grant.accessToken(), first)
  assert.equal(grant.cachedAccessToken().token, first.token)

  const other = client.grant('alice')
  await other.refresh()
  assert.notEqual((await grant.accessToken()).token, first.token)

  client._testingSetClock(Date.now() + 3_595_000)
  assert.equal(grant.cachedAccessToken(), undefined)
  client._testingSetClock(null)
  await grant.accessToken()
  await other.forget()
  await assert.rejects(grant.accessToken(), failure('no_grant'))
})

test('a token is asked for anew when its caller wants it valid for longer', async () => {
  const grant = (await sandbox.loggedIn()).grant('alice')
  const first = await grant.accessToken()
  const longer = await grant.accessToken({ minValid: 7200 })
  assert.notEqual(longer.token, first.token)
})

test('callers who ask at once share one renewal', async () => {
  const client = await sandbox.due({ store: new MemoryStore() })
  const before = await sandbox.refreshes()
  const tokens = await Promise.all(Array.from({ length: 200 }, () => client.grant('alice').accessToken()))
  assert.equal(new Set(tokens.map((token) => token.token)).size, 1)
  assert.equal((await sandbox.refreshes()) - before, 1)
})

test('keys may come from a function', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'evergrant-'))
  const store = `sqlite:${join(folder, 'tokens.db')}`
  const key = 'ab'.repeat(32)
  const client = new Client(sandbox.options({ store, encryption: { keys: () => [key], next: () => 'cd'.repeat(32) } }))
  await client.put('alice', { accessToken: 'canary', expiresIn: 3600 })
  for (const file of await readdir(folder)) assert.ok(!(await readFile(join(folder, file))).includes('canary'), file)
  const same = new Client(sandbox.options({ store, encryption: { keys: [key] } }))
  assert.equal((await same.grant('alice').accessToken()).token, 'canary')
  await assert.rejects(new Client(sandbox.options({ store })).grant('alice').accessToken(), failure('decryption'))
  assert.throws(() => new Client(sandbox.options({ encryption: { keys: async () => [key] } })), failure('invalid_config'))
  await rm(folder, { recursive: true })
})
