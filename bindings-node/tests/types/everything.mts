// Uses the whole public face; compiled, never run.

import {
  AccessToken,
  ApiResponse,
  Client,
  EvergrantError,
  Grant,
  GrantDocument,
  checkStore,
  protectedResource,
  redirectUriOf,
  register,
  sign,
  type CheckReport,
  type Claims,
  type ClientOptions,
  type DevicePoll,
  type DeviceStart,
  type DueGrant,
  type DueReport,
  type ErrorCode,
  type Finished,
  type GrantEvent,
  type Inspection,
  type Introspection,
  type ProtectedResource,
  type ProviderTable,
  type Registered,
  type SignedRequest,
  type Standing,
  type Start,
  type TokenStore,
} from 'evergrant'

class Store implements TokenStore {
  async load(client: string, subject: string, slot: string): Promise<string | null> {
    return client + subject + slot
  }
  save(_client: string, _subject: string, _slot: string, _record: string): void {}
  async compareAndSet(_c: string, _s: string, _l: string, expected: number | null, _r: string, revision: number) {
    return expected !== null && expected < revision
  }
  async acquire(_c: string, _s: string, _l: string, _owner: string, ttlMs: number, intent: string) {
    return ttlMs > 0 ? { fencing: 1, intent } : { busyMs: 10 }
  }
  async renew(_c: string, _s: string, _l: string, _owner: string, fencing: number, ttlMs: number) {
    return fencing > ttlMs
  }
  async release(_c: string, _s: string, _l: string, _o: string, _fencing: number, _keepIntent: string | null) {}
  async delete(_client: string, _subject: string, _slot: string) {}
  list = async (_client: string): Promise<string[]> => []
  async putPending(_state: string, _document: string, _expiresAtMs: number) {}
  async takePending(_state: string): Promise<string | null> {
    return null
  }
}

const options: ClientOptions = {
  provider: {
    authorizationEndpoint: 'https://example.org/authorize',
    tokenEndpoint: 'https://example.org/token',
    protocol: 'oauth2',
    rotation: { grace: 10, killsOnReuse: true },
  },
  clientId: 'id',
  clientSecret: { env: 'SECRET' },
  clientAuthentication: 'client_secret_post',
  redirectUri: 'https://example.org/callback',
  scope: ['a'],
  encryption: { keys: () => ['text', { file: 'path' }], next: { env: 'NAME' } },
  offline: true,
  store: new Store(),
  detached: 'auto',
  windows: { soft: 60 },
  timeouts: { total: 5 },
  apiHosts: ['api.example.org'],
  clientCertificate: { file: 'certificate.pem' },
  clientCertificateKey: { file: 'key.pem' },
  tlsClientCertificateBoundAccessTokens: true,
  dpop: 'auto',
  onEvent: (event: GrantEvent) => console.log(event.event, event.grantId?.length, event.detail),
}

const table: ProviderTable = {
  authorizationEndpoint: 'https://example.org/authorize',
  tokenEndpoint: 'https://example.org/token',
  jwksUri: 'https://example.org/keys',
  endSessionEndpoint: 'https://example.org/logout',
  idTokenIssuers: ['https://example.org/{tid}'],
  idTokenAlgorithms: ['RS256'],
  pushedAuthorizationRequestEndpoint: 'https://example.org/par',
  requirePushedAuthorizationRequests: true,
  requireSignedRequestObject: false,
  authorizationResponseIssParameterSupported: true,
  exchange: { grantType: 'exchange', tokenParameter: 'token', method: 'GET', clientAuthentication: 'none' },
  renewal: { endpoint: 'https://example.org/renew', grantType: 'renew', tokenParameter: 'token' },
  slots: { user: 'authed_user' },
  assertionAudience: 'token_endpoint',
  scopeInAssertion: true,
  stateIn: 'redirect_uri',
  names: { callback: { code: 'auth_code' } },
  redirectByName: true,
  dpopSigningAlgValuesSupported: ['ES256'],
  incrementalParameters: { include_granted_scopes: 'true' },
  revokingTakesAll: true,
  response: { status: { field: 'status', success: 0 } },
}

const client = new Client(options)
new Client({ provider: 'google', clientId: 'id', store: 'sqlite:tokens.db' })
new Client({ googleCredentials: { file: 'client_secrets.json' }, redirectIndex: 1 })
new Client({
  provider: table,
  clientId: 'id',
  clientAuthentication: 'private_key_jwt',
  privateKey: { file: 'key.pem' },
  privateKeyId: '2026-11',
  signingAlgorithm: 'PS256',
  grant: 'jwt_bearer',
  assertion: { audience: 'issuer', issuer: 'a', subject: '{subject}', claims: { any: [1] } },
  legacyGrants: ['password', 'pin'],
  par: 'always',
  requestObject: true,
  resource: ['https://api.example.org/'],
  allowPrivateAddresses: true,
  clockSkew: 60,
  store: { address: { env: 'TOKENS_URL' }, grantsTable: 'tokens', columns: { subject: 'account' }, poolSize: 2, create: false },
})
new Client({
  provider: 'https://example.org',
  clientId: 'id',
  grant: 'token_exchange',
  tokenExchange: { subjectToken: { file: 'token' }, subjectTokenType: 'jwt', requestedTokenType: 'access_token' },
})
const { signal } = new AbortController()

const start: Start = await client.begin('alice', { prompt: 'consent', parameters: { a: 'b' }, timeout: 1, signal })
const finished: Finished = await client.finish(new URL(start.url), { browserSession: 'key' })
const missing: string[] | undefined = finished.missingScope
const opened: number = start.openBy ?? start.expiresAt
await client.begin('alice', { incremental: true, resource: ['https://a.example'], authorizationDetails: [{ type: 'x', a: 1 }] })
await client.finish('code', { state: start.state })
await client.exchange('alice', 'code', { redirectUri: 'postmessage', codeVerifier: 'text', scope: ['a'], timeout: 1, signal })
const standing: Standing = await client.check('alice', { scope: ['a'], signal })
standing.status === 'need_user' && standing.start?.url && standing.reason?.length
const device: DeviceStart = await client.beginDevice('alice', { scope: 'a', parameters: { a: 'b' }, slot: 'tv', signal })
device.userCode + device.verificationUri + device.verificationUriComplete?.length + device.interval + device.expiresAt
const polled: DevicePoll = await client.pollDevice(device.state, { signal })
const waited: Finished = polled.finished ?? (await client.waitDevice(device.state, { timeout: 60, signal }))
const byPassword: Inspection = await client.grantByPassword('alice', { username: 'a', password: 'b', slot: '', timeout: 1 })
await client.grantByPin('alice', { pin: '1234', signal })
const pages: string[] = [await client.pinUrl(), await client.logoutUrl({ subject: 'alice', postLogoutRedirectUri: 'x', state: 'y' })]
const grant: Grant = client.grant(finished.subject, finished.slot)
const claims: Claims = await grant.userinfo({ timeout: 1, signal })
const introspection: Introspection = await grant.introspect({ token: 'refresh_token', signal })
introspection.active && claims.sub?.length && typeof claims.email === 'string'
const lacking: string[] = await grant.missingScope(['a'], { signal })
const token: AccessToken = await grant.accessToken({ minValid: 60, signal })
const text: string = token.token + token.tokenType + (token.expiresAt ?? 0)
const cached: AccessToken | undefined = grant.cachedAccessToken()
const headers: Record<string, string> = await grant.headers('POST', 'https://example.org', { form: [['a', 1]] })
await fetch('https://example.org', { headers })
const answer: ApiResponse = await grant.request({
  method: 'POST',
  url: new URL('https://example.org'),
  query: new URLSearchParams('a=b'),
  json: { a: 1 },
  headers: new Headers({ accept: 'text/plain' }),
  timeout: 3,
  maxResponseBytes: 1000,
})
const names: string[] = answer.headers.map(([name]) => name)
answer.body.readUInt8(0) + answer.status
answer.json().anything
answer.ok && answer.text() && answer.url
const response: Response = await grant.fetch('https://example.org', { method: 'POST', body: new FormData(), signal })
const like: typeof fetch = grant.fetch.bind(grant)
const inspection: Inspection = await grant.refresh({ force: true })
inspection.trail[0]?.what
await grant.revoke({ force: true, timeout: 3 })
await grant.forget()
await grant.inspect({ signal })
const exported: GrantDocument = await grant.export({ signal })
await client.put('alice', { document: exported.text })
await client.put('alice', { refreshToken: 'text', dpopKey: 'text', expiresIn: 10, scope: 'a b' })
const list: Inspection[] = await client.list()
const due: DueGrant[] = await client.due({ within: 600, limit: 10, after: { subject: 'alice' }, signal })
const report: DueReport = await client.refreshDue({ within: 600, concurrency: 4, limit: 10, signal })
due[0]?.dueFor === 'keepalive' && report.refreshed + report.needsConsent.length
await client.close()
client._testingSetClock(null)

const checked: CheckReport = await checkStore({ load: () => null, save: () => {} }, { grants: 10, quick: true, signal })
checked.ok && checked.findings.map(({ promise, verdict, remark }) => [promise, verdict, remark])

const registered: Registered = await register({
  issuer: 'https://example.org',
  metadata: { redirect_uris: ['https://example.org/callback'] },
  initialAccessToken: { env: 'TOKEN' },
  softwareStatement: 'text',
  signal,
})
new Client({ ...registered.config, store: 'sqlite:tokens.db' })
const api: ProtectedResource = await protectedResource({ url: 'https://api.example.org', challenge: 'Bearer', signal })
new Client({ provider: api.authorizationServers[0] ?? '', clientId: 'id', resource: [api.resource] })
const redirectUri: string = redirectUriOf({ url: 'https://example.org', headers: { host: undefined }, trustProxy: true }, '/callback')
const said: Record<string, unknown> = await client.grant('alice').tokenResponse({ signal })
const signed: SignedRequest = sign('POST', new URL('https://example.org'), {
  clientId: 'key',
  clientSecret: { env: 'SECRET' },
  token: 'token',
  tokenSecret: 'secret',
  form: new URLSearchParams('a=b'),
  parameters: { oauth_callback: 'oob' },
  timestamp: 1,
  nonce: 'nonce',
})
await fetch(signed.url, { headers: { Authorization: signed.authorization ?? '' }, body: signed.body })

try {
  await grant.accessToken()
} catch (error) {
  if (error instanceof EvergrantError) {
    const code: ErrorCode = error.code
    const more = [error.retryable, error.retryAt, error.reason, error.provider, error.subject, error.status]
    console.log(code, more, error.serverError, error.errorDescription, error.toJSON(), error.message)
  }
}

// What must not compile.
// @ts-expect-error a grant is made by a client
new Grant()
// @ts-expect-error the client identifier is missing
new Client({ provider: 'google' })
// @ts-expect-error neither a registration nor a file that says it
new Client({ clientId: 'id' })
// @ts-expect-error no such way of coming by grants
new Client({ provider: 'google', clientId: 'id', grant: 'password' })
// @ts-expect-error a password is asked for
await client.grantByPassword('alice', { username: 'alice' })
// @ts-expect-error a detail has its type
await client.beginDevice('alice', { authorizationDetails: [{}] })
// @ts-expect-error nothing else is to be said about
await grant.introspect({ token: 'id_token' })
// @ts-expect-error who signs is missing
sign('GET', 'https://example.org', {})
// @ts-expect-error keys are in camelCase
new Client({ provider: 'google', client_id: 'id' })
// @ts-expect-error a store needs load and save
new Client({ provider: 'google', clientId: 'id', store: { load: () => null } })
// @ts-expect-error a token cannot be changed
token.token = text
// @ts-expect-error no such option
await client.begin('alice', { loginhint: 'x' })

export { byPassword, cached, lacking, like, list, missing, names, opened, pages, response, waited }
