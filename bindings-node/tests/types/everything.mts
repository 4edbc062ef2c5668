// Uses the whole public face; compiled, never run.

import {
  AccessToken,
  ApiResponse,
  Client,
  EvergrantError,
  Grant,
  GrantDocument,
  checkStore,
  type CheckReport,
  type ClientOptions,
  type DueGrant,
  type DueReport,
  type ErrorCode,
  type Finished,
  type GrantEvent,
  type Inspection,
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

const client = new Client(options)
new Client({ provider: 'google', clientId: 'id', store: 'sqlite:tokens.db' })
const { signal } = new AbortController()

const start: Start = await client.begin('alice', { prompt: 'consent', parameters: { a: 'b' }, timeout: 1, signal })
const finished: Finished = await client.finish(new URL(start.url), { browserSession: 'key' })
const grant: Grant = client.grant(finished.subject, finished.slot)
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
// @ts-expect-error keys are in camelCase
new Client({ provider: 'google', client_id: 'id' })
// @ts-expect-error a store needs load and save
new Client({ provider: 'google', clientId: 'id', store: { load: () => null } })
// @ts-expect-error a token cannot be changed
token.token = text
// @ts-expect-error no such option
await client.begin('alice', { loginhint: 'x' })

export { cached, names, response, like, list }
