import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'evergrant'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()
await sandbox.control('options', { device_interval: 1, device_code_lifetime: 30 })

function client(changes) {
  const options = sandbox.options(changes)
  const deviceAuthorizationEndpoint = `${sandbox.url}/oauth2/device_authorization`
  return new Client({ ...options, provider: { ...options.provider, deviceAuthorizationEndpoint } })
}

const decide = (start, user, decision = 'allow') =>
  sandbox.control('device', { user_code: start.userCode, user, decision })

async function polls() {
  const journal = await sandbox.requests('token')
  return journal.filter((entry) => entry.grant_type === 'urn:ietf:params:oauth:grant-type:device_code').length
}

test('a code that a user types elsewhere brings a grant', async () => {
  const device = client()
  const start = await device.beginDevice('alice', { scope: 'read', parameters: { audience: 'api' } })
  assert.equal(start.verificationUri, `${sandbox.url}/oauth2/device`)
  assert.ok(start.verificationUriComplete.includes(start.userCode))
  assert.equal(start.interval, 1)
  assert.ok(Math.abs(start.expiresAt - Date.now() - 30_000) < 5000)
  const [asked] = (await sandbox.requests('device_authorization')).slice(-1)
  assert.equal(new Map(asked.form).get('audience'), 'api')

  const early = await device.pollDevice(start.state)
  assert.equal(early.finished, null)
  assert.ok(early.pollAt > Date.now() - 1000 && early.pollAt < Date.now() + 2000)

  await decide(start, 'alice')
  const finished = await device.waitDevice(start.state)
  assert.deepEqual([finished.subject, finished.generation, finished.scope], ['alice', 1, ['read']])
  assert.equal((await device.grant('alice').fetch(`${sandbox.url}/api/me`)).status, 200)
  assert.deepEqual(await device.pollDevice(start.state), { finished, pollAt: null })
})

test('a user is sent to the same page by a link', async () => {
  const device = client()
  const { state, userCode, verificationUri } = await device.beginDevice('bob', { slot: 'tv' })
  const page = await fetch(verificationUri, {
    method: 'POST',
    body: new URLSearchParams({ user_code: userCode, user: 'bob', decision: 'allow' }),
  })
  assert.equal(page.status, 200)
  assert.equal((await device.waitDevice(state, { timeout: 10 })).slot, 'tv')
  assert.equal((await device.grant('bob', 'tv').inspect()).hasRefreshToken, true)
})

test('a poll too soon asks nobody', async () => {
  const device = client()
  const { state } = await device.beginDevice('alice')
  const before = await polls()
  const { pollAt } = await device.pollDevice(state)
  assert.equal((await device.pollDevice(state)).pollAt, pollAt)
  assert.equal(await polls(), before)
})

test('who says no is told as that', async () => {
  const device = client()
  const start = await device.beginDevice('carol')
  await decide(start, 'carol', 'deny')
  const denied = failure('consent_denied', { reason: 'access_denied', subject: 'carol' })
  await assert.rejects(device.waitDevice(start.state), denied)
  await assert.rejects(device.pollDevice(start.state), denied)
})

test('a wait ends at its time, and the user may answer later', async () => {
  const device = client()
  const start = await device.beginDevice('dora')
  const began = Date.now()
  await assert.rejects(device.waitDevice(start.state, { timeout: 0.2 }), failure('timeout'))
  assert.ok(Date.now() - began < 5000)
  await decide(start, 'dora')
  assert.equal((await device.waitDevice(start.state)).subject, 'dora')
})

test('a wait that its caller leaves ends at once, and another goes on', async () => {
  const device = client()
  const start = await device.beginDevice('emil')
  const leave = new AbortController()
  const waiting = device.waitDevice(start.state, { signal: leave.signal })
  const began = Date.now()
  const reason = new Error('no longer wanted')
  setImmediate(() => leave.abort(reason))
  await assert.rejects(waiting, (error) => error === reason)
  assert.ok(Date.now() - began < 5000)
  await decide(start, 'emil')
  assert.equal((await device.waitDevice(start.state)).subject, 'emil')
})

test('a wait that is left polls no more', async () => {
  const device = client()
  const { state } = await device.beginDevice('fred')
  await assert.rejects(device.waitDevice(state, { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' })
  const before = await polls()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.equal(await polls(), before)
})

test('a state that nobody began, and a provider without device flow, are told', async () => {
  await assert.rejects(client().pollDevice('nobody'), failure('state_mismatch', { reason: 'unknown' }))
  const without = new Client(sandbox.options())
  await assert.rejects(without.beginDevice('alice'), failure('unsupported', { message: /device_authorization_endpoint/ }))
})

test('options of the wrong type or name are refused with the name that Node has', async () => {
  const device = client()
  const refused = (message) => failure('invalid_argument', { message })
  await assert.rejects(device.beginDevice('alice', { scop: 'x' }), refused(/`scop`.*`authorizationDetails`/))
  await assert.rejects(device.beginDevice('alice', { parameters: { a: 1 } }), refused(/parameters/))
  await assert.rejects(device.beginDevice('alice', { authorizationDetails: [{}] }), refused(/type/))
  await assert.rejects(device.beginDevice(1), refused(/./))
  await assert.rejects(device.waitDevice('state', { seconds: 1 }), refused(/`seconds`.*`timeout`/))
  await assert.rejects(device.waitDevice('state', { timeout: '1' }), refused(/timeout/))
  await assert.rejects(device.waitDevice('state', { timeout: -1 }), refused(/timeout/))
  await assert.rejects(device.pollDevice(), refused(/./))
})
