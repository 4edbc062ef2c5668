import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sign } from 'evergrant'
import { Sandbox, failure } from './sandbox.mjs'

const sandbox = new Sandbox()

const printer = {
  clientId: 'dpf43f3p2l4k3l03',
  clientSecret: 'kd94hf93k423kf44',
  token: 'nnch734d00sl2jdk',
  tokenSecret: 'pfkkdhi9sl3r4s00',
}

test('rfc5849_section_1_2 a signature is that of the example', () => {
  const signed = sign('GET', new URL('http://photos.example.net/photos?file=vacation.jpg&size=original'), {
    ...printer,
    realm: 'Photos',
    timestamp: 137131202,
    nonce: 'chapoH',
    withoutVersion: true,
  })
  assert.match(signed.authorization, /^OAuth realm="Photos", /)
  assert.match(signed.authorization, /oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"/)
  assert.deepEqual([signed.url, signed.body], ['http://photos.example.net/photos?file=vacation.jpg&size=original', null])
})

test('rfc5849_section_3_4_1_1 a base string is that of the example', () => {
  const signed = sign('POST', 'http://example.com/request', {
    clientId: '9djdj82h48djs9d2',
    clientSecret: 'j49sk3j29djd',
    token: 'kkk9d7dh3k39sjv7',
    tokenSecret: 'dh893hdasih9',
    query: [['b5', '=%3D'], ['a3', 'a'], ['c@', ''], ['a2', 'r b']],
    form: new URLSearchParams([['c2', ''], ['a3', '2 q']]),
    timestamp: 137131201,
    nonce: '7d8f3e4a',
    withoutVersion: true,
  })
  assert.equal(
    signed.baseString,
    'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D' +
      '%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1' +
      '%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7',
  )
})

test('a body of another type is covered by its hash, as text or bytes', () => {
  const stamp = { timestamp: 1236874236, nonce: '10369470270925' }
  const options = { clientId: 'consumer', token: 'token', ...stamp }
  const bytes = new TextEncoder().encode('Hello World!')
  for (const body of ['Hello World!', bytes, bytes.buffer, Buffer.from(bytes)]) {
    const signed = sign('POST', 'http://www.example.com/resource', { ...options, body })
    assert.match(signed.baseString, /oauth_body_hash%3DLve95gjOVATpfV8EL5X4nxwjKHE%253D/)
  }
})

test('what is signed for another HTTP client is taken', async () => {
  const client = { clientId: 'sandbox-consumer', clientSecret: 'sandbox-consumer-secret' }
  const signed = sign('POST', `${sandbox.url}/oauth1/request_token`, { ...client, parameters: { oauth_callback: 'oob' } })
  const answer = await fetch(signed.url, { method: 'POST', headers: { Authorization: signed.authorization } })
  assert.equal(answer.status, 200)
  assert.ok(new URLSearchParams(await answer.text()).get('oauth_token'))
})

test('the parameters go where they are wanted', () => {
  const inQuery = sign('GET', 'https://a.example/x?b=c', { ...printer, parametersIn: 'query' })
  assert.equal(inQuery.authorization, null)
  assert.equal(new URL(inQuery.url).searchParams.get('oauth_token'), printer.token)
  const inBody = sign('POST', 'https://a.example/x', { ...printer, form: { myKey: 'a b' }, parametersIn: 'body' })
  assert.equal(new URLSearchParams(inBody.body).get('myKey'), 'a b')
  assert.equal(new URLSearchParams(inBody.body).get('oauth_token'), printer.token)
})

test('what is wrong is named, and no secret with it', () => {
  const refused = (message) => failure('invalid_argument', { message })
  const url = 'https://a.example/'
  assert.throws(() => sign('GET', url), refused(/client_id/))
  assert.throws(() => sign('GET', 'nowhere', printer), refused(/url/))
  assert.throws(() => sign('GET', url, { ...printer, consumerKey: 'x' }), refused(/`consumerKey`.*`clientId`/))
  assert.throws(() => sign('GET', url, { ...printer, timestamp: 'now' }), refused(/timestamp/))
  assert.throws(() => sign('GET', url, { ...printer, signatureMethod: 'MD5' }), refused(/signatureMethod/))
  assert.throws(() => sign('POST', url, { ...printer, form: {}, body: 'x' }), refused(/form and body/))
  assert.throws(() => sign('POST', url, { ...printer, body: 7 }), failure('invalid_argument'))
  assert.throws(() => sign(null, url, printer), failure('invalid_argument'))
  const wrong = { ...printer, tokenSecret: 5318008 }
  assert.throws(() => sign('GET', url, wrong), (error) => !error.message.includes('5318008') && /tokenSecret/.test(error.message))
})
