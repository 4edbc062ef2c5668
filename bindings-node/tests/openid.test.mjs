// What a provider says about the user and the token, and where the user logs out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'evergrant'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()

/** A client that knows the sandbox by its issuer, with a user's consent to be known. */
async function loggedIn(changes) {
  return sandbox.loggedIn({ provider: sandbox.url, scope: ['openid', 'read'], ...changes })
}

test('userinfo is about the user of the id_token, with its own names', async () => {
  const grant = (await loggedIn()).grant('alice')
  assert.deepEqual(await grant.userinfo(), { sub: 'alice' })
  const said = await grant.tokenResponse()
  assert.deepEqual([said.scope, typeof said.id_token, said.access_token], ['openid read', 'string', undefined])
  const claims = { sub: 'alice', given_name: 'Alice', homeAddress: { street_address: 'a', postCode: 1 }, updated_at: 1311280970 }
  const answer = (body) => sandbox.fault('userinfo', 'body', { body: JSON.stringify(body), content_type: 'application/json' })
  await answer(claims)
  assert.deepEqual(await grant.userinfo({ timeout: 10 }), claims)
  await answer({ ...claims, sub: 'mallory' })
  await assert.rejects(grant.userinfo(), failure('invalid_response', { reason: 'another_user', subject: 'alice' }))
})

test('introspection tells of either token, with its own names', async () => {
  const grant = (await loggedIn()).grant('alice')
  const said = await grant.introspect()
  assert.deepEqual([said.active, said.client_id, said.sub], [true, 'sandbox-client', 'alice'])
  assert.equal((await grant.introspect({ token: 'refresh_token' })).active, true)
  const hints = (await sandbox.requests('introspect')).map((entry) => new Map(entry.form).get('token_type_hint'))
  assert.deepEqual(hints, ['access_token', 'refresh_token'])
  await sandbox.control('revoke', { user: 'alice' })
  assert.deepEqual(await grant.introspect({ token: 'access_token' }), { active: false })
})

test('the logout address tells the provider who logs out and where to go then', async () => {
  const endpoints = {
    authorizationEndpoint: `${sandbox.url}/oauth2/authorize`,
    tokenEndpoint: `${sandbox.url}/oauth2/token`,
    jwksUri: `${sandbox.url}/oauth2/keys`,
    endSessionEndpoint: `${sandbox.url}/logout`,
    issuer: sandbox.url,
  }
  const client = await loggedIn({ provider: endpoints })
  const parameters = async (options) => Object.fromEntries(new URL(await client.logoutUrl(options)).searchParams)
  const { id_token_hint: hint, ...rest } = await parameters({
    subject: 'alice',
    postLogoutRedirectUri: 'https://app.example/bye?a=b',
    state: 's&t',
  })
  assert.equal(hint.split('.').length, 3)
  assert.deepEqual(rest, {
    client_id: 'sandbox-client',
    post_logout_redirect_uri: 'https://app.example/bye?a=b',
    state: 's&t',
  })
  assert.deepEqual(await parameters(), { client_id: 'sandbox-client' })
  await assert.rejects(client.logoutUrl({ state: 's' }), failure('invalid_argument'))
})

test('a provider without these endpoints is told', async () => {
  const client = await sandbox.loggedIn()
  const grant = client.grant('alice')
  for (const operation of [() => grant.userinfo(), () => grant.introspect(), () => client.logoutUrl()]) {
    await assert.rejects(operation, failure('unsupported', { message: /endpoint/ }))
  }
})

test('a caller may leave each of them', async () => {
  const client = await loggedIn()
  const grant = client.grant('alice')
  const signal = AbortSignal.abort()
  for (const operation of [
    () => grant.userinfo({ signal }),
    () => grant.introspect({ signal }),
    () => grant.missingScope(undefined, { signal }),
    () => client.logoutUrl({ signal }),
    () => client.check('alice', { signal }),
    () => client.pinUrl({ signal }),
  ]) {
    await assert.rejects(operation, { name: 'AbortError' })
  }
})

test('options of the wrong type or name are refused with the name that Node has', async () => {
  const client = new Client(sandbox.options())
  const grant = client.grant('alice')
  const refused = (message) => failure('invalid_argument', { message })
  await assert.rejects(grant.userinfo({ claims: 'x' }), refused(/`claims`.*`timeout`/))
  await assert.rejects(grant.introspect({ token: 'accessToken' }), refused(/token/))
  await assert.rejects(client.logoutUrl({ redirectUri: 'x' }), refused(/`redirectUri`.*`postLogoutRedirectUri`/))
  await assert.rejects(client.logoutUrl({ subject: 1 }), refused(/subject/))
})
