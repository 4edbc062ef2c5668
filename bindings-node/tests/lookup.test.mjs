// What is asked before there is a client: a registration (RFC 7591), and what an API says about itself (RFC 9728).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, protectedResource, redirectUriOf, register } from 'evergrant'
import { provider } from './provider.mjs'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()

/** An issuer that registers clients with what `registered` gives. */
const registering = (registered) =>
  provider(({ path, body }, url) =>
    path === '/register'
      ? registered(body && JSON.parse(body), url)
      : { issuer: url, registration_endpoint: `${url}/register`, authorization_endpoint: `${url}/a`, token_endpoint: `${url}/t` },
  )

test('a registration gives a configuration that is ready for use', async () => {
  const server = await registering((asked, url) => [
    201,
    {
      ...asked,
      client_id: 's6BhdRkqt3',
      client_secret: 'cf136dc3c1fc93f31185e5885805d',
      client_secret_expires_at: 2_893_276_800,
      token_endpoint_auth_method: 'client_secret_post',
      registration_access_token: 'rat',
      registration_client_uri: `${url}/register/s6BhdRkqt3`,
    },
  ])
  const registered = await register({
    issuer: server.url,
    metadata: { redirect_uris: ['http://127.0.0.1/callback'], scope: 'read write' },
    initialAccessToken: 'iat',
    softwareStatement: 'e30.e30.x',
  })
  const { path, method, authorization, body } = server.asked.at(-1)
  assert.deepEqual([path, method, authorization], ['/register', 'POST', 'Bearer iat'])
  assert.equal(JSON.parse(body).software_statement, 'e30.e30.x')
  assert.deepEqual(registered.config, {
    provider: server.url,
    clientId: 's6BhdRkqt3',
    clientSecret: 'cf136dc3c1fc93f31185e5885805d',
    clientAuthentication: 'client_secret_post',
    redirectUri: 'http://127.0.0.1/callback',
    scope: ['read', 'write'],
  })
  assert.equal(registered.clientSecretExpiresAt, 2_893_276_800_000)
  assert.deepEqual(
    [registered.registrationAccessToken, registered.registrationClientUri],
    ['rat', `${server.url}/register/s6BhdRkqt3`],
  )
  const { url } = await new Client({ ...registered.config, store: 'memory:' }).begin('alice')
  assert.equal(new URL(url).searchParams.get('client_id'), 's6BhdRkqt3')
})

test('a registration that is refused says why and shows no token', async () => {
  const server = await registering(() => [400, { error: 'invalid_redirect_uri', error_description: 'not canary' }])
  const error = await register({ issuer: server.url, initialAccessToken: 'canary' }).catch((error) => error)
  assert.deepEqual([error.code, error.status, error.serverError], ['provider_error', 400, 'invalid_redirect_uri'])
  assert.ok(!JSON.stringify(error).includes('canary'))
  await assert.rejects(register({ issuer: sandbox.url }), failure('unsupported', { message: /registration_endpoint/ }))
})

test('an API says who gives tokens for it', async () => {
  const server = await provider((_request, url) => ({
    resource: `${url}/api`,
    authorization_servers: ['https://as.example'],
    scopes_supported: ['read'],
    dpop_bound_access_tokens_required: true,
  }))
  const expected = {
    resource: `${server.url}/api`,
    authorizationServers: ['https://as.example'],
    scopesSupported: ['read'],
    bearerMethodsSupported: [],
    authorizationDetailsTypesSupported: [],
    dpopBoundAccessTokensRequired: true,
    tlsClientCertificateBoundAccessTokens: false,
    resourceName: null,
    resourceDocumentation: null,
  }
  assert.deepEqual(await protectedResource({ url: `${server.url}/api` }), expected)
  assert.equal(server.asked[0].path, '/.well-known/oauth-protected-resource/api')
  const challenge = `Bearer resource_metadata="${server.url}/elsewhere"`
  assert.deepEqual(await protectedResource({ url: `${server.url}/api/me`, challenge }), expected)
  assert.equal(server.asked[1].path, '/elsewhere')
})

test('nothing goes into private networks unless that is allowed', async () => {
  await assert.rejects(register({ issuer: 'https://10.0.0.1' }), failure('insecure_url'))
  await assert.rejects(protectedResource({ url: 'https://10.0.0.1/api' }), failure('insecure_url'))
})

test('a caller may leave while nobody answers', async () => {
  const server = await provider(() => new Promise(() => {}))
  for (const lookup of [
    (signal) => register({ issuer: server.url, signal }),
    (signal) => protectedResource({ url: server.url, signal }),
  ]) {
    const before = server.asked.length
    await assert.rejects(lookup(AbortSignal.timeout(200)), { name: 'TimeoutError' })
    assert.equal(server.asked.length, before + 1)
  }
})

test('options of the wrong type or name are refused with the name that Node has', async () => {
  const refused = (message) => failure('invalid_argument', { message })
  await assert.rejects(register({ issuer: sandbox.url, token: 'x' }), refused(/`token`.*`initialAccessToken`/))
  await assert.rejects(register({ issuer: sandbox.url, metadata: 'x' }), refused(/metadata/))
  await assert.rejects(register(), { name: 'EvergrantError', message: /issuer/ })
  await assert.rejects(protectedResource({ url: sandbox.url, challenges: 'x' }), refused(/`challenge`/))
  await assert.rejects(protectedResource({ url: 7 }), refused(/url/))
})

test('a redirect URI is that of the proxy only where it is trusted', () => {
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': ['app.example'] }
  const request = { url: new URL('http://127.0.0.1:8080/start?x=1'), headers }
  assert.equal(redirectUriOf({ ...request, trustProxy: true }, '/callback'), 'https://app.example/callback')
  assert.equal(redirectUriOf(request), 'http://127.0.0.1:8080/start')
  assert.throws(() => redirectUriOf({ url: '/start' }), failure('invalid_argument'))
})
