// Keys of data that is not the library's own cross as they are, whichever case they have.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, register, sign } from 'evergrant'
import { provider } from './provider.mjs'
import { Sandbox } from './sandbox.mjs'

const sandbox = new Sandbox()

/** One key of each kind, also of those that are keys of the library elsewhere. */
const DATA = { plain: 1, snake_key: { inner_key: 2 }, camelKey: { innerKey: [{ deep_key: 3, deepKey: 4 }] }, clientId: 5, redirect_uri: 6 }
const TEXTS = { plain: 'a', snake_key: 'b', camelKey: 'c', UPPER: 'd', client_id2: 'e' }

const client = (changes) => new Client(sandbox.options(changes))
const parameters = async (opened, options) => Object.fromEntries(new URL((await opened.begin('alice', options)).url).searchParams)

function assertHolds(found, expected) {
  for (const [name, value] of Object.entries(expected)) assert.equal(found[name], value, name)
}

test('parameters of an authorization request', async () => {
  assertHolds(await parameters(client(), { parameters: TEXTS }), TEXTS)
})

test("authorization details, which a provider's own types name", async () => {
  const details = [{ type: 'payment', ...DATA }, { type: 'account_information', locations: ['https://a.example'] }]
  const asked = await parameters(client(), { authorizationDetails: details })
  assert.deepEqual(JSON.parse(asked.authorization_details), details)

  const options = sandbox.options()
  options.provider.deviceAuthorizationEndpoint = `${sandbox.url}/oauth2/device_authorization`
  await new Client(options).beginDevice('alice', { authorizationDetails: details, parameters: TEXTS })
  const form = Object.fromEntries((await sandbox.requests('device_authorization')).at(-1).form)
  assert.deepEqual(JSON.parse(form.authorization_details), details)
  assertHolds(form, TEXTS)
})

for (const [key, options] of Object.entries({
  authorizationParameters: {},
  reauthenticationParameters: { reauthenticate: true },
  incrementalParameters: { incremental: true },
})) {
  test(`${key} of a provider's entry`, async () => {
    const plain = sandbox.options()
    const opened = client({ provider: { ...plain.provider, [key]: TEXTS } })
    await sandbox.logIn(opened)
    assertHolds(await parameters(opened, options), TEXTS)
  })
}

test('slots that the answer to a code brings', async () => {
  const other = { access_token: 'of another', token_type: 'Bearer' }
  const server = await provider(() => ({ access_token: 'at', token_type: 'Bearer', expires_in: 60, other }))
  const slots = { userToken: 'other' }
  const opened = new Client({
    provider: { ...server.table, slots },
    clientId: 'c',
    redirectUri: 'http://127.0.0.1:9/',
    store: 'memory:',
  })
  const { state } = await opened.begin('alice')
  await opened.finish(`?code=x&state=${state}`)
  assert.equal((await opened.grant('alice', 'userToken').accessToken()).token, 'of another')
})

test('claims of an assertion', async () => {
  const server = await provider(() => ({ access_token: 'at', token_type: 'Bearer', expires_in: 60 }))
  // The key of RFC 8037 appendix A.1.
  const privateKey = JSON.stringify({
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  })
  const assertion = { claims: DATA, subject: 'alice' }
  const opened = new Client({ provider: server.table, clientId: 'c', store: 'memory:', grant: 'jwt_bearer', privateKey, assertion })
  await opened.grant('service').accessToken()
  const [, payload] = new URLSearchParams(server.asked[0].body).get('assertion').split('.')
  const { iss, sub, aud, exp, iat, jti, ...claims } = JSON.parse(Buffer.from(payload, 'base64url'))
  assert.deepEqual([sub, claims], ['alice', DATA])
})

test('metadata of a client, sent and taken', async () => {
  // RFC 7591 section 2.2 has names of this kind.
  const metadata = { 'client_name#ja-Jpan-JP': 'クライアント', redirect_uris: ['http://127.0.0.1/'], grant_types: ['implicit'], ...DATA }
  const server = await provider(({ path, body }, url) =>
    path === '/register'
      ? [201, { ...JSON.parse(body), client_id: 'c' }]
      : { issuer: url, registration_endpoint: `${url}/register` },
  )
  const registered = await register({ issuer: server.url, metadata })
  assert.deepEqual(JSON.parse(server.asked.at(-1).body), metadata)
  const { client_id: _ours, ...taken } = registered.metadata
  assert.deepEqual(taken, metadata)
})

test('parameters of a signed request', () => {
  const signed = sign('POST', 'https://a.example/', { clientId: 'c', query: TEXTS, form: TEXTS, parameters: { oauth_callback: 'oob', xKey: '1' } })
  const base = decodeURIComponent(signed.baseString.split('&')[2])
  for (const [name, value] of Object.entries(TEXTS)) assert.equal(base.split(`${name}=${value}`).length, 3, name)
  assert.ok(base.includes('xKey=1') && base.includes('oauth_callback=oob'))
})
