// Consent and its like beside `begin` and `finish`: codes from elsewhere, how a grant stands, passwords and PINs.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Client } from 'evergrant'
import { provider } from './provider.mjs'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()

/** A code for a user, that another program asked for. */
async function codeFor(user) {
  const redirectUri = 'http://127.0.0.1:9/callback'
  const asked = new URLSearchParams({ response_type: 'code', client_id: 'sandbox-client', redirect_uri: redirectUri })
  const callback = await sandbox.consent(`${sandbox.url}/oauth2/authorize?${asked}&scope=read`, user)
  return { code: new URL(callback).searchParams.get('code'), redirectUri }
}

test('a code that came another way is exchanged once', async () => {
  const client = new Client(sandbox.options())
  const { code, redirectUri } = await codeFor('alice')
  const finished = await client.exchange('alice', code, { redirectUri, scope: ['read'], slot: 'app' })
  assert.deepEqual([finished.subject, finished.slot, finished.scope], ['alice', 'app', ['read']])
  assert.equal((await client.grant('alice', 'app').fetch(`${sandbox.url}/api/me`)).status, 200)
  const again = client.exchange('alice', code, { redirectUri })
  await assert.rejects(again, failure('provider_error', { serverError: 'invalid_grant' }))
})

test('what was asked for and not granted is told', async () => {
  const client = new Client(sandbox.options())
  const { code, redirectUri } = await codeFor('bob')
  const finished = await client.exchange('bob', code, { redirectUri })
  assert.deepEqual(finished.missingScope, ['write'])
  const grant = client.grant('bob')
  assert.deepEqual(await grant.missingScope(), ['write'])
  assert.deepEqual(await grant.missingScope('read admin'), ['admin'])
  assert.deepEqual(await grant.missingScope(['read']), [])
  await assert.rejects(grant.missingScope(7), failure('invalid_argument', { message: /scope/ }))
  await assert.rejects(client.grant('nobody').missingScope(), failure('no_grant'))
})

test('a grant is valid, refreshable, or needs the user, who is told where to go', async () => {
  const client = new Client(sandbox.options())
  const missing = await client.check('alice', { loginHint: 'alice@example.org' })
  assert.deepEqual([missing.status, missing.reason], ['need_user', 'no_grant'])
  assert.equal(new URL(missing.start.url).searchParams.get('login_hint'), 'alice@example.org')
  await client.finish(await sandbox.consent(missing.start.url))

  const valid = { status: 'valid', reason: null, missingScope: [], start: null }
  assert.deepEqual(await client.check('alice'), valid)
  assert.deepEqual(await client.check('alice', { scope: ['read'] }), valid)
  const more = await client.check('alice', { scope: ['read', 'admin'] })
  assert.deepEqual([more.status, more.reason, more.missingScope], ['need_user', 'missing_scope', ['admin']])
  assert.ok(more.start.expiresAt > Date.now())

  client._testingSetClock(Date.now() + 3_600_000)
  assert.deepEqual(await client.check('alice'), { ...valid, status: 'refreshable' })
})

test('a pushed request is to be opened soon', async () => {
  const options = sandbox.options({ par: 'always' })
  options.provider.pushedAuthorizationRequestEndpoint = `${sandbox.url}/oauth2/par`
  const client = new Client(options)
  const start = await client.begin('alice')
  assert.ok(start.openBy > Date.now() && start.openBy < start.expiresAt)
  assert.equal((await client.finish(await sandbox.consent(start.url))).subject, 'alice')
  assert.ok(!('openBy' in (await new Client(sandbox.options()).begin('alice'))))
})

test('a pasted code does where it is known which one is waited for', async () => {
  const client = new Client(sandbox.options())
  const { url, state } = await client.begin('alice')
  const code = new URL(await sandbox.consent(url)).searchParams.get('code')
  await assert.rejects(client.finish(code), failure('invalid_argument'))
  assert.equal((await client.finish(code, { state })).subject, 'alice')
})

test('a password or a PIN brings a grant only where the configuration allows it, and that is told', async () => {
  const server = await provider(() => ({ access_token: 'at', refresh_token: 'rt', token_type: 'Bearer', expires_in: 3600 }))
  const events = []
  const open = (legacyGrants) =>
    new Client({ provider: server.table, clientId: 'c', store: 'memory:', legacyGrants, onEvent: (event) => events.push(event) })
  const password = { username: 'johndoe', password: 'A3ddj3w' }

  for (const client of [open([]), open(['pin'])]) {
    const error = await client.grantByPassword('alice', password).catch((error) => error)
    assert.equal(error.code, 'unsupported')
    assert.ok(/legacy_grants/.test(error.message) && !JSON.stringify(error).includes('A3ddj3w'), error.message)
  }
  await assert.rejects(open(['password']).grantByPin('alice', { pin: '1234' }), failure('unsupported'))
  await assert.rejects(open(['password']).pinUrl(), failure('unsupported'))
  assert.deepEqual([server.asked, events], [[], []])

  const client = open(['password', 'pin'])
  assert.equal((await client.grantByPassword('alice', password)).hasRefreshToken, true)
  assert.equal((await client.grantByPin('bob', { pin: '1234', slot: 'x' })).slot, 'x')
  const sent = server.asked.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
  assert.deepEqual([sent[0].grant_type, sent[0].username, sent[0].password], ['password', 'johndoe', 'A3ddj3w'])
  assert.deepEqual([sent[1].grant_type, sent[1].pin], ['pin', '1234'])
  assert.equal((await client.grant('alice').accessToken()).token, 'at')
  const page = new URL(await client.pinUrl())
  assert.deepEqual([page.pathname, page.searchParams.get('response_type')], ['/authorize', 'pin'])
  await client.close()
  await new Promise(setImmediate)
  assert.deepEqual(events.slice(0, 2).map(({ event, subject, detail }) => [event, subject, detail]), [
    ['legacy_grant', 'alice', 'password'],
    ['granted', 'alice', undefined],
  ])
  assert.ok(!JSON.stringify(events).includes('A3ddj3w'))
})

test('a client that is known by itself needs no consent', async () => {
  const client = new Client(sandbox.options({ grant: 'client_credentials' }))
  assert.equal((await client.grant('service').fetch(`${sandbox.url}/api/me`)).status, 200)
})

test('the address of a store may stand in a table', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'evergrant-'))
  after(() => rm(folder, { recursive: true }))
  const store = { address: `sqlite:${join(folder, 'tokens.db')}`, grantsTable: 'tokens' }
  await sandbox.loggedIn({ store })
  assert.equal((await new Client(sandbox.options({ store })).grant('alice').inspect()).generation, 1)
  const elsewhere = new Client(sandbox.options({ store: { ...store, grantsTable: 'others' } }))
  await assert.rejects(elsewhere.grant('alice').inspect(), failure('store', { message: /others/ }))
  const wrong = { store: { address: 'memory:', grantTable: 'tokens' } }
  assert.throws(() => new Client(sandbox.options(wrong)), failure('invalid_config', { message: /`grantTable`.*`grantsTable`/ }))
})

test('options of the wrong type or name are refused with the name that Node has', async () => {
  const client = new Client(sandbox.options({ legacyGrants: ['password', 'pin'] }))
  const refused = (message) => failure('invalid_argument', { message })
  await assert.rejects(client.exchange('alice', 'code', { redirectUrl: 'x' }), refused(/`redirectUrl`.*`redirectUri`/))
  await assert.rejects(client.exchange('alice'), refused(/./))
  await assert.rejects(client.check('alice', { loginhint: 'x' }), refused(/`loginHint`/))
  await assert.rejects(client.check('alice', { scope: 1 }), refused(/scope/))
  await assert.rejects(client.grantByPassword('alice', { user: 'x' }), refused(/`username`/))
  const error = await client.grantByPassword('alice', { username: 'x', password: 5318008 }).catch((error) => error)
  assert.ok(error.code === 'invalid_argument' && /password/.test(error.message) && !/5318008/.test(error.message), error)
  await assert.rejects(client.grantByPin('alice', { pin: 1234 }), refused(/pin/))
  assert.throws(() => new Client(sandbox.options({ legacyGrants: ['Password'] })), failure('invalid_config', { message: /legacyGrants/ }))
})
