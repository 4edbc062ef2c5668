/**
 * OAuth 1.0a and OAuth 2 for offline access: an application calls an API on a user's behalf when the user is not there.
 *
 * Durations are seconds; times are Unix milliseconds. Every operation rejects with an {@link EvergrantError}; with a
 * `signal` that aborts, with the signal's reason. A refresh under way goes on when its caller leaves.
 */

/** A client registration at one provider, with its grants in one store. */
export declare class Client {
  /**
   * Opens the store; sends nothing.
   *
   * @throws {EvergrantError} `invalid_config`, `unknown_provider`, `store`, …
   */
  constructor(options: ClientOptions)

  /** Begins to ask `subject` for consent: redirect the browser to `url`. Any process may `finish` it. */
  begin(subject: string, options?: BeginOptions): Promise<Start>

  /** Ends an authorization with the callback as it came: full URL, path with query, or query. */
  finish(callback: string | URL | URLSearchParams, options?: FinishOptions): Promise<Finished>

  /**
   * Exchanges a code that came another way than by a callback: from your own page or program, which asked the provider
   * itself. That the code is of `subject` is for you to know. A code is sent once.
   */
  exchange(subject: string, code: string, options?: ExchangeOptions): Promise<Finished>

  /**
   * How the grant of `subject` stands; the provider is not asked. Scopes that the options name have to be granted. Where
   * the user is needed, `start` is what `begin` gives for these options.
   */
  check(subject: string, options?: BeginOptions): Promise<Standing>

  /**
   * Begins to ask `subject` for consent on another device (RFC 8628): show `userCode` and `verificationUri`. Any process may
   * go on with it.
   */
  beginDevice(subject: string, options?: DeviceOptions): Promise<DeviceStart>

  /**
   * Asks once whether the user has consented; sooner than the provider allows it asks nobody. Rejects with
   * `consent_denied`, and with `state_mismatch` where the codes have expired.
   */
  pollDevice(state: string, options?: Abortable): Promise<DevicePoll>

  /** Polls until the user has answered or the codes expire. Who leaves may wait again. */
  waitDevice(state: string, options?: WaitOptions): Promise<Finished>

  /**
   * Stores the grant that a user's own password brings (RFC 6749 section 4.3), where `legacyGrants` allows it. RFC 9700
   * section 2.4 forbids it. The password is sent once and kept nowhere.
   */
  grantByPassword(subject: string, options: PasswordOptions): Promise<Inspection>

  /** Stores the grant that a PIN brings, where `legacyGrants` allows it; the user got the PIN at `pinUrl`. */
  grantByPin(subject: string, options: PinOptions): Promise<Inspection>

  /** Where the provider shows a user the PIN that they copy. */
  pinUrl(options?: Abortable): Promise<string>

  /**
   * Where to send a user's browser to end its session at the provider (OpenID Connect RP-Initiated Logout 1.0). The grant
   * lives on. The URL may hold the user's `id_token`: it belongs into no log.
   */
  logoutUrl(options?: LogoutOptions): Promise<string>

  /** A handle on the grant of a subject; no I/O. Keep it: it holds the fresh token. */
  grant(subject: string, slot?: string): Grant

  /** Stores tokens that were got elsewhere, in place of what stands. */
  put(subject: string, tokens: PutTokens): Promise<Inspection>

  /** All grants of this client registration, without secrets. */
  list(options?: Abortable): Promise<Inspection[]>

  /** The grants whose time for a renewal has come, without secrets; nothing is decrypted for it. */
  due(options?: DueOptions): Promise<DueGrant[]>

  /** Renews the grants that are due, each once however many processes do this at the same time. */
  refreshDue(options?: RefreshDueOptions): Promise<DueReport>

  /** Waits for what is under way, at most 10 s; later calls reject with `cancelled`. */
  close(): Promise<void>

  /** For tests only: stops the library's clock at a time in Unix milliseconds; `null` lets it run again. */
  _testingSetClock(unixMillis: number | null): void
}

/** What one subject allowed one client registration. Made by {@link Client.grant}. */
export declare class Grant {
  private constructor()

  /** The application's own name for the user. */
  readonly subject: string

  /** Which of several refresh tokens of one consent; usually empty. */
  readonly slot: string

  /** A token to send; renewed first where that is needed. */
  accessToken(options?: TokenOptions): Promise<AccessToken>

  /** The fresh token that this process has at hand; no I/O. */
  cachedAccessToken(): AccessToken | undefined

  /**
   * The headers to send with any HTTP client. An OAuth 1.0a signature is good for one request.
   *
   * @example await axios.get(url, { headers: await grant.headers('GET', url) })
   */
  headers(method: string, url: string | URL, options?: HeaderOptions): Promise<Record<string, string>>

  /** Calls an API. On a 401 the token is renewed once and the request sent again. */
  request(request: ApiRequest): Promise<ApiResponse>

  /**
   * `fetch` on the user's behalf, with a standard `Response`. Redirects are followed; the body is read before it is sent
   * and the answer is whole when the promise resolves.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>

  /** Renews now, whatever the token's age. Processes that ask at once share one renewal. */
  refresh(options?: ForceOptions): Promise<Inspection>

  /**
   * What the provider says about the user (OpenID Connect Core section 5.3): the claims as they came. Where the consent
   * brought an `id_token`, they are about its user, or it is `invalid_response`.
   */
  userinfo(options?: CallOptions): Promise<Claims>

  /** What the provider says about one of the grant's tokens (RFC 7662), as it came. Nothing is renewed for it. */
  introspect(options?: IntrospectOptions): Promise<Introspection>

  /**
   * What the provider said beside the tokens, as it came, from the store: Salesforce's `instance_url`, the `realmId` of Intuit's
   * callback, the `id_token`. It has what is personal, and no token that works at an API.
   */
  tokenResponse(options?: Abortable): Promise<Record<string, unknown>>

  /** Which of these scopes were not granted; of the client's own where none are named. The provider is not asked. */
  missingScope(scope?: string | string[], options?: Abortable): Promise<string[]>

  /** Revokes the grant at the provider (RFC 7009) and deletes it; with `force`, deletes it whatever the provider says. */
  revoke(options?: ForceOptions): Promise<void>

  /** Deletes the grant here; the provider is not told. */
  forget(options?: Abortable): Promise<void>

  /** All that is known of the grant but its secrets, from the store. */
  inspect(options?: Abortable): Promise<Inspection>

  /**
   * The grant as a document, to go on with elsewhere. Two stores cannot share a grant: forget it here once it is there.
   *
   * @example await elsewhere.put('alice', { document: (await grant.export()).text })
   */
  export(options?: Abortable): Promise<GrantDocument>
}

/** A grant as a document, as secret as the tokens in it. Printing or serializing it does not show them. */
export declare class GrantDocument {
  private constructor()

  /** The document itself; `put` takes it as `document`. */
  get text(): string
}

/** An access token. Printing or serializing it does not show the token. */
export declare class AccessToken {
  private constructor()

  /** The token itself. */
  get token(): string

  /** `Bearer`, `OAuth` (OAuth 1.0a), or what the provider said. */
  readonly tokenType: string

  /** Until when it is valid; `null` where it does not expire or nobody knows. */
  readonly expiresAt: number | null
}

/** An API's answer, whatever its status. */
export declare class ApiResponse {
  private constructor()

  readonly status: number
  /** Whether the status is 200 to 299. */
  get ok(): boolean
  /** In the order received, names in lower case; `new Headers(response.headers)` takes them. */
  readonly headers: [name: string, value: string][]
  /** Where the answer came from, after redirects. */
  readonly url: string
  readonly body: Buffer
  /** The body as UTF-8. */
  text(): string
  /** The body as JSON. */
  json(): any
}

/** A failed operation. It never shows a secret. */
export declare class EvergrantError extends Error {
  private constructor()

  readonly name: 'EvergrantError'
  /** What kind of failure; stable. */
  readonly code: ErrorCode
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean
  /** No attempt will be made before this time, where it is known. */
  readonly retryAt?: number
  /** Since when the grant is so, where it is known. */
  readonly statusAt?: number
  /** A stable word that says more than the code, such as `revoked`. */
  readonly reason?: string
  readonly provider?: string
  readonly subject?: string
  /** HTTP status of the provider's answer. */
  readonly status?: number
  /** The provider's own `error` (RFC 6749 section 5.2). */
  readonly serverError?: string
  /** The provider's own `error_description`. */
  readonly errorDescription?: string
  toJSON(): Record<string, unknown>
}

export type ErrorCode =
  | 'invalid_config'
  | 'unknown_provider'
  | 'invalid_argument'
  | 'no_grant'
  | 'needs_consent'
  | 'consent_denied'
  | 'state_mismatch'
  | 'temporarily_unavailable'
  | 'misconfigured_client'
  | 'provider_error'
  | 'invalid_response'
  | 'transport'
  | 'timeout'
  | 'cancelled'
  | 'store'
  | 'store_conflict'
  | 'decryption'
  | 'insecure_url'
  | 'unsupported'
  | 'callback'
  | 'internal'

/** A secret as text, from an environment variable, or from a file. */
export type SecretSource = string | { env: string } | { file: string }

/** The keys of the configuration (docs/configuration.md), in camelCase. */
export type ClientOptions = CommonOptions & (NamedRegistration | GoogleRegistration)

/** Which client registration at which provider. */
export interface NamedRegistration {
  /** A name of the catalogue, an issuer URL, or a provider of your own. */
  provider: string | ProviderTable
  clientId: string
  googleCredentials?: SecretSource
}

/** One of Google's files says it. */
export interface GoogleRegistration {
  /** `google` when absent. */
  provider?: string | ProviderTable
  clientId?: string
  /**
   * `client_secrets.json`, the key of a service account, or the credentials of a user: its text or path; `default` for
   * those that Google's own libraries use.
   */
  googleCredentials: SecretSource
}

/** What stands beside that. */
export interface CommonOptions {
  /** Files with provider entries of your own. */
  providerFiles?: string[]
  /** What the endpoints of the provider's entry leave open. */
  providerVariables?: Record<string, string>
  /** Which of the redirect URIs of a `client_secrets.json`, counted from 0. */
  redirectIndex?: number
  clientSecret?: SecretSource
  clientAuthentication?: ClientAuthentication
  /** PEM or JWK with the key that signs assertions (RFC 7523); OAuth 1.0a: PEM with the RSA key that signs. */
  privateKey?: SecretSource
  privateKeyPassphrase?: SecretSource
  /** The name that the provider knows the key by (`kid`). */
  privateKeyId?: string
  /** Of assertions, such as `PS256`; what the key usually signs with when absent. */
  signingAlgorithm?: string
  assertion?: AssertionOptions
  /** How grants come about. */
  grant?: 'authorization_code' | 'client_credentials' | 'jwt_bearer' | 'token_exchange'
  /** With `grant: 'token_exchange'`. */
  tokenExchange?: TokenExchangeOptions
  /** Grants that show users' secrets to the application. */
  legacyGrants?: ('password' | 'pin')[]
  signatureMethod?: SignatureMethod
  parametersIn?: ParametersIn
  realm?: string
  /** PEM with the certificate of mutual TLS (RFC 8705); its key may be in it. */
  clientCertificate?: SecretSource
  clientCertificateKey?: SecretSource
  /** Whether APIs are shown the certificate, too. */
  tlsClientCertificateBoundAccessTokens?: boolean
  /** Whether tokens are bound to a key of the grant's own (RFC 9449). */
  dpop?: boolean | 'auto'
  redirectUri?: string
  scope?: string | string[]
  /** Ask for whatever this provider needs to give a refresh token. */
  offline?: boolean
  /** Whether authorization requests are pushed to the provider (RFC 9126); `auto`: where it demands that. */
  par?: 'auto' | 'always' | 'off'
  /** Whether authorization requests are signed with `privateKey` (RFC 9101), also where nobody demands it. */
  requestObject?: boolean
  /** What the tokens are to be for (RFC 8707): absolute URIs. */
  resource?: string[]
  /** Whether a provider that is given by its issuer, and its endpoints, may be in private networks. */
  allowPrivateAddresses?: boolean
  /** `sqlite:PATH`, `memory:`, a table, or a store of your own; `grants.db` in `stateDir` when absent. */
  store?: string | StoreTable | TokenStore
  /** The keys that stored records are sealed with. */
  encryption?: Encryption
  detached?: 'auto' | 'off' | 'require'
  stateDir?: string
  /** When a token counts as due, in seconds before its expiry. */
  windows?: { soft?: number; hard?: number }
  /** Limits of network steps, in seconds. */
  timeouts?: { connect?: number; request?: number; total?: number }
  /** Hosts of the API, such as `api.example.org` or `*.example.org`: tokens go to no other. */
  apiHosts?: string[]
  maxResponseBytes?: number
  /** By how many seconds the provider's clock may differ from this one where times of an `id_token` are compared. */
  clockSkew?: number
  userAgent?: string
  /**
   * Hears what happens to grants and stores; it keeps neither the process nor the client alive. What it throws is an
   * uncaught exception.
   */
  onEvent?: (event: GrantEvent) => void
}

/** What assertions say. */
export interface AssertionOptions {
  /** To whom they are addressed: `issuer`, `token_endpoint`, a URI or a host name. */
  audience?: string
  /** With `grant: 'jwt_bearer'`: who signs; `clientId` when absent. */
  issuer?: string
  /** With `grant: 'jwt_bearer'`: for whom a token is wanted; `{subject}` in it stands for the grant's. */
  subject?: string
  /** With `grant: 'jwt_bearer'`: further claims, sent as they are. */
  claims?: Record<string, unknown>
}

/** What is exchanged for a token (RFC 8693). Types are URIs, or the last part of those of section 3, such as `jwt`. */
export interface TokenExchangeOptions {
  /** A file is read anew for each request. */
  subjectToken: SecretSource
  subjectTokenType?: string
  actorToken?: SecretSource
  actorTokenType?: string
  requestedTokenType?: string
  audience?: string
}

/** Where the store is, and how its tables are called (docs/stores.md). */
export interface StoreTable {
  address: SecretSource
  grantsTable?: string
  pendingTable?: string
  schemaTable?: string
  /** Columns of the table of grants that have other names, by their usual one. */
  columns?: Record<string, string>
  /** Connections of a process, at most. */
  poolSize?: number
  /** Whether tables are made where there are none. */
  create?: boolean
}

/** Encryption at rest; a function is asked once, when the client is made, and returns keys, no promise. */
export interface Encryption {
  /** The newest first: it seals. Those behind it are older and only open. */
  keys?: Key[] | (() => Key[])
  /** The key that will be put first. */
  next?: Key | (() => Key)
}

/** 32 random bytes as base64, base64url or hex. */
export type Key = SecretSource

/** OAuth 1.0a. */
export type SignatureMethod =
  | 'HMAC-SHA1'
  | 'HMAC-SHA256'
  | 'HMAC-SHA512'
  | 'RSA-SHA1'
  | 'RSA-SHA256'
  | 'RSA-SHA512'
  | 'PLAINTEXT'

/** OAuth 1.0a: where the protocol parameters go. */
export type ParametersIn = 'header' | 'body' | 'query'

export type ClientAuthentication =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'client_secret_jwt'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'self_signed_tls_client_auth'
  | 'none'

/** A provider that is not in the catalogue. */
export interface ProviderTable {
  name?: string
  title?: string
  status?: 'active' | 'retired'
  replacedBy?: string
  protocol?: 'oauth1' | 'oauth2'
  /** Compared with `iss` of a callback (RFC 9207) and of an `id_token`. */
  issuer?: string
  authorizationEndpoint: string
  tokenEndpoint: string
  /** OAuth 1 (RFC 5849 section 2.1). */
  temporaryCredentialEndpoint?: string
  version?: '1.0' | '1.0a'
  tokenRequestMethod?: 'GET' | 'POST'
  signatureMethod?: SignatureMethod
  parametersIn?: ParametersIn
  realm?: string
  /** Where refreshes go, if not to the token endpoint. */
  refreshEndpoint?: string
  revocationEndpoint?: string
  introspectionEndpoint?: string
  userinfoEndpoint?: string
  /** Other spellings of the issuer in an `id_token`; `{claim}` in one stands for what that claim says. */
  idTokenIssuers?: string[]
  /** By what it may sign an `id_token`, such as `['RS256']`. */
  idTokenAlgorithms?: string[]
  jwksUri?: string
  endSessionEndpoint?: string
  deviceAuthorizationEndpoint?: string
  pushedAuthorizationRequestEndpoint?: string
  requirePushedAuthorizationRequests?: boolean
  /** Whether it takes no authorization requests but signed ones (RFC 9101). */
  requireSignedRequestObject?: boolean
  /** Whether every callback names the issuer (RFC 9207). */
  authorizationResponseIssParameterSupported?: boolean
  /** What stands in endpoints as `{name}`, each with a sentence that says what it is. */
  variables?: Record<string, string>
  /** How the access token of a code becomes one that lives longer. */
  exchange?: AccessTokenGrant
  /** How an access token renews itself, where there are no refresh tokens. */
  renewal?: AccessTokenGrant
  /** Tokens that the answer to a code brings besides: by the slot that they get, the name of the object with them. */
  slots?: Record<string, string>
  clientAuthentication?: ClientAuthentication
  refreshAuthentication?: ClientAuthentication
  /** To whom assertions are addressed: `issuer`, `token_endpoint`, a URI or a host name. */
  assertionAudience?: string
  /** Whether it looks for scopes in the assertion of a service account. */
  scopeInAssertion?: boolean
  tokenRequestFormat?: 'form' | 'json'
  clientIdParameter?: string
  scopeParameter?: string
  stateIn?: 'parameter' | 'redirect_uri'
  scopeSeparator?: string
  /** What it calls parameters, by what the standards call them; an empty name leaves the parameter out. */
  names?: {
    authorization?: Record<string, string>
    callback?: Record<string, string>
    token?: Record<string, string>
  }
  /** Whether it takes names in the place of redirect URIs. */
  redirectByName?: boolean
  pkce?: 'S256' | 'off'
  dpopSigningAlgValuesSupported?: string[]
  authorizationParameters?: Record<string, string>
  reauthenticationParameters?: Record<string, string>
  /** What lets a consent cover what was granted before. */
  incrementalParameters?: Record<string, string>
  tokenParameters?: Record<string, string>
  refreshParameters?: Record<string, string>
  /** Parameters of the callback that API calls need later. */
  callbackParameters?: string[]
  authorizationScheme?: string
  tokenIn?: 'header' | 'query'
  tokenParameter?: string
  /** What this provider needs to give a refresh token. */
  offline?: { parameters?: Record<string, string>; scope?: string[] }
  /** What it does with used refresh tokens. */
  rotation?: {
    rotates?: boolean
    grace?: number
    killsOnReuse?: boolean
    idleDays?: number
    lifetimeDays?: number
    earliestRefresh?: number
    leavesOut?: string[]
  }
  /** Whether revoking one token ends everything that its user allowed this client. */
  revokingTakesAll?: boolean
  /** Where the token endpoint's answers have what. */
  response?: ResponseShape
  /** Words that it says instead of `invalid_grant`. */
  invalidGrantErrors?: string[]
  documentation?: string
  checked?: string
  source?: string
}

/** A token request in which an access token is spent for another one. */
export interface AccessTokenGrant {
  /** The token endpoint when absent. */
  endpoint?: string
  /** `GET` puts secrets into a URL. */
  method?: 'POST' | 'GET'
  grantType: string
  tokenParameter: string
  clientAuthentication?: ClientAuthentication
}

/** Names of fields in the token endpoint's answers, and what they mean; the standard's where absent. */
export interface ResponseShape {
  /** The object that holds the fields. */
  within?: string
  accessToken?: string
  refreshToken?: string
  expiresIn?: string
  expiresAt?: string
  expiresInUnit?: LifetimeUnit
  /** Seconds, where the answer says nothing. */
  defaultExpiresIn?: number
  refreshTokenExpiresIn?: string
  refreshTokenExpiresInUnit?: LifetimeUnit
  scope?: string
  scopeSeparator?: string
  tokenType?: string
  /** A number in the answer that says whether it is a success. */
  status?: { field: string; success: number }
}

export type LifetimeUnit = 'seconds' | 'milliseconds' | 'hours'

/** An operation that its caller may leave. */
export interface Abortable {
  signal?: AbortSignal
}

/** An operation with a deadline. */
export interface CallOptions extends Abortable {
  /** Seconds until the call gives up; `timeouts.total` when absent. */
  timeout?: number
}

export interface BeginOptions extends CallOptions {
  scope?: string | string[]
  /** Keep what was granted before: the consent is asked for both. */
  incremental?: boolean
  /** What tokens are to be had for beside the client's own `resource` (RFC 8707): absolute URIs. */
  resource?: string[]
  authorizationDetails?: AuthorizationDetail[]
  redirectUri?: string
  prompt?: string
  /** Whether the user is to prove once more who they are. */
  reauthenticate?: boolean
  loginHint?: string
  /** Further parameters of the authorization request. */
  parameters?: Record<string, string>
  /** Something that only this browser's session knows; `finish` must be given the same. */
  browserSession?: string
  slot?: string
}

export interface FinishOptions extends CallOptions {
  browserSession?: string
  /** What `begin` gave, where you know which callback you wait for. With it a bare code does for a callback. */
  state?: string
}

/** What is to be allowed in detail (RFC 9396), sent as it is. */
export interface AuthorizationDetail {
  type: string
  [key: string]: unknown
}

export interface ExchangeOptions extends CallOptions {
  /** That of the request that brought the code; none where it had none. */
  redirectUri?: string
  /** The verifier of its challenge (RFC 7636). */
  codeVerifier?: string
  /** What was asked for; the client's scopes when absent. */
  scope?: string | string[]
  slot?: string
}

export interface DeviceOptions extends CallOptions {
  scope?: string | string[]
  authorizationDetails?: AuthorizationDetail[]
  /** Further parameters of the device authorization request. */
  parameters?: Record<string, string>
  slot?: string
}

export interface WaitOptions extends Abortable {
  /** Seconds until the call gives up with `timeout`; until the codes expire when absent. */
  timeout?: number
}

export interface PasswordOptions extends CallOptions {
  username: string
  password: string
  slot?: string
}

export interface PinOptions extends CallOptions {
  pin: string
  slot?: string
}

export interface LogoutOptions extends CallOptions {
  /** Whose session; the `id_token` of their grant tells the provider. */
  subject?: string
  slot?: string
  /** Where the provider sends the browser afterwards; registered there. */
  postLogoutRedirectUri?: string
  /** What comes back with that. */
  state?: string
}

export interface IntrospectOptions extends CallOptions {
  /** `access_token` when absent. */
  token?: 'access_token' | 'refresh_token'
}

/** Which of a grant's access tokens is meant; each is renewed by itself. Without both it is the grant's own. */
export interface TokenChoice {
  /** For which resource the token is to be (RFC 8707): an absolute URI. */
  resource?: string
  /** Fewer scopes than were granted. */
  scope?: string | string[]
}

export interface TokenOptions extends CallOptions, TokenChoice {
  /** Seconds for which the token should still be valid. */
  minValid?: number
}

export interface HeaderOptions extends CallOptions, TokenChoice {
  /** Parameters of a form body; an OAuth 1.0a signature covers them. */
  form?: Parameters
  /** The `Authorization` value, or the token, that met a 401: headers for sending the request once more. */
  refused?: string
  /** What came with that 401, a line each: `WWW-Authenticate`, and the body. It says whether another token may help. */
  challenge?: string
  /** What `DPoP-Nonce` said beside it (RFC 9449). */
  dpopNonce?: string
}

export interface ForceOptions extends CallOptions {
  /** Try even where that is known to be of no use. */
  force?: boolean
}

export interface DueOptions extends Abortable {
  /** Also what ends within so many seconds. */
  within?: number
  /** How many at most; fewer mean that there are no more. */
  limit?: number
  /** The last of the list before. */
  after?: { subject: string; slot?: string }
}

export interface RefreshDueOptions extends Abortable {
  /** Also what ends within so many seconds. */
  within?: number
  /** Renewals at once. */
  concurrency?: number
  /** How many at most. */
  limit?: number
}

export interface PutTokens extends Abortable {
  /** What `evergrant export` gave, or what another program keeps (docs/moving.md), in place of all that follows but the slot. */
  document?: string
  accessToken?: string
  /** OAuth 1.0a. */
  tokenSecret?: string
  tokenType?: string
  refreshToken?: string
  /** The key that tokens of the type `DPoP` are bound to: a private key on P-256 in PEM (PKCS #8). */
  dpopKey?: string
  /** Seconds. */
  expiresIn?: number
  /** Unix **seconds**, as token responses have it. */
  expiresAt?: number
  scope?: string | string[]
  slot?: string
}

type Value = string | number | boolean

/** Names and values, duplicates kept: an object, or anything that iterates over pairs. */
export type Parameters = Record<string, Value | Value[]> | Iterable<readonly [string, Value]>

/** One API request, with at most one of `form`, `json` and `body`. */
export interface ApiRequest extends CallOptions, TokenChoice {
  /** `GET` when absent. */
  method?: string
  /** https, or http to a loopback address. */
  url: string | URL
  /** Added to the URL's query. */
  query?: Parameters
  form?: Parameters
  json?: unknown
  body?: string | ArrayBuffer | ArrayBufferView
  /** `Authorization` is the library's. */
  headers?: Parameters
  maxResponseBytes?: number
}

export interface Start {
  url: string
  state: string
  expiresAt: number
  /** Until when the browser has to be there, where the provider says (RFC 9126). */
  openBy?: number
}

/** How a grant stands. */
export interface Standing {
  /** There is a token, there will be one as soon as it is asked for, or the user has to consent. */
  status: 'valid' | 'refreshable' | 'need_user'
  /** Why the user is needed: `no_grant`, `missing_scope`, `hold`, `revoking`, or a reason of `needs_consent`. */
  reason: string | null
  /** What was wanted and is not granted. */
  missingScope: string[]
  /** Where to send the user who is needed. */
  start: Start | null
}

/** Consent asked for on another device. */
export interface DeviceStart {
  /** Names this flow in `pollDevice` and `waitDevice`. */
  state: string
  /** What the user types. */
  userCode: string
  /** Where. */
  verificationUri: string
  /** The same address with the code in it, for a link or a QR code. */
  verificationUriComplete: string | null
  /** Seconds between polls. */
  interval: number
  expiresAt: number
}

export interface DevicePoll {
  /** The consent, once it is given. */
  finished: Finished | null
  /** Else: when to poll again. */
  pollAt: number | null
}

export interface Finished {
  subject: string
  slot: string
  grantId: string
  generation: number
  scope: string[]
  expiresAt: number | null
  /** What was asked for and not granted; absent where that is nothing. */
  missingScope?: string[]
}

/** Claims as the provider has them; times in them are its own, Unix seconds. */
export interface Claims {
  sub?: string
  [claim: string]: unknown
}

/** What a provider says about a token (RFC 7662 section 2.2), with its own names. */
export interface Introspection {
  active: boolean
  [field: string]: unknown
}

/** All that is known of a grant but its secrets. */
export interface Inspection {
  provider: string
  clientId: string
  subject: string
  slot: string
  grantId: string
  /** + 1 with each committed renewal. */
  generation: number
  /** + 1 with each write of the record. */
  revision: number
  status: 'active' | 'needs_consent' | 'revoking'
  reason: string | null
  statusAt: number
  scope: string[]
  tokenType: string | null
  obtainedAt: number | null
  expiresAt: number | null
  hasRefreshToken: boolean
  refreshExpiresAt: number | null
  retryAt: number | null
  lastFailure: string | null
  hold: string | null
  keepaliveAt: number | null
  createdAt: number
  updatedAt: number
  trail: { at: number; generation: number; what: string; by: string }[]
}

/** A grant whose time for a renewal has come. */
export interface DueGrant {
  subject: string
  slot: string
  grantId: string
  generation: number
  dueFor: 'expiry' | 'keepalive' | 'revocation'
  expiresAt: number | null
  keepaliveAt: number | null
  retryAt: number | null
}

/** What became of due grants. */
export interface DueReport {
  /** Renewed by this call. */
  refreshed: number
  /** Renewed by somebody else between the choice and their turn. */
  renewedElsewhere: number
  /** Not to be tried now: earlier attempts failed not long ago. */
  inBackOff: number
  /** Deleted, or no more to be renewed, between the choice and their turn. */
  skipped: number
  /** Begun revocations that are done now. */
  revoked: number
  /** Remains of deleted grants that are not needed any more. */
  cleared: number
  /** Whose user has to consent again, whoever found that out and when. */
  needsConsent: { subject: string; slot: string }[]
  failed: { subject: string; slot: string; code: ErrorCode; message: string; retryAt: number | null }[]
  /** Why the rest was left for a later call. */
  stopped: { code: ErrorCode; message: string; retryAt: number | null } | null
}

/** Something that happened to a grant or a store. */
export interface GrantEvent {
  event:
    | 'granted'
    | 'refreshed'
    | 'waited'
    | 'taken_over'
    | 'refresh_failed'
    | 'needs_consent'
    | 'store_trouble'
    | 'uncommitted'
    | 'helper_unavailable'
    | 'spilled'
    | 'spill_committed'
    | 'store_rolled_back'
    | 'revoked'
    | 'forgotten'
    | 'legacy_grant'
  provider: string
  subject: string
  slot: string
  grantId?: string
  generation?: number
  detail?: string
}

type Awaitable<T> = T | PromiseLike<T>

/**
 * A token store of your own. Records and documents are opaque text: keep them unchanged. `load` and `save` must be
 * there; what the library cannot promise without another is said in an event. A client holds its store: one whose store
 * refers to the client is never collected.
 */
export interface TokenStore {
  load(client: string, subject: string, slot: string): Awaitable<string | null>
  /** Writes without a condition. */
  save(client: string, subject: string, slot: string, record: string): Awaitable<void>
  /** Writes only where this revision stands (`null`: nothing stands), atomically; gives whether it wrote. */
  compareAndSet?(
    client: string,
    subject: string,
    slot: string,
    expectedRevision: number | null,
    record: string,
    revision: number,
  ): Awaitable<boolean>
  delete?(client: string, subject: string, slot: string): Awaitable<void>
  /**
   * Takes the lease where no live one stands, atomically: keeps `intent`, gives the one that stood there before and a
   * number that grows with each acquisition.
   */
  acquire?(
    client: string,
    subject: string,
    slot: string,
    owner: string,
    ttlMs: number,
    intent: string,
  ): Awaitable<{ fencing: number; intent: string | null } | { busyMs: number }>
  /** Gives whether the lease is still held. */
  renew?(
    client: string,
    subject: string,
    slot: string,
    owner: string,
    fencing: number,
    ttlMs: number,
  ): Awaitable<boolean>
  /** Ends the lease; `keepIntent` stands in place of its intent. */
  release?(
    client: string,
    subject: string,
    slot: string,
    owner: string,
    fencing: number,
    keepIntent: string | null,
  ): Awaitable<void>
  list?(client: string): Awaitable<string[]>
  putPending?(state: string, document: string, expiresAtMs: number): Awaitable<void>
  /** Gives the document to one caller only. */
  takePending?(state: string): Awaitable<string | null>
}

/**
 * Holds a store of your own to what the library relies on, for your tests. It writes under a client key of its own,
 * `evergrant-check:…`, and removes it where the store has `delete`.
 *
 * @example assert.ok((await checkStore(new MyStore())).ok)
 */
export declare function checkStore(store: TokenStore, options?: CheckOptions): Promise<CheckReport>

export interface CheckOptions extends Abortable {
  /** A second object over the same data, as another process would have it. */
  beside?: TokenStore
  /** How many grants are written and listed; 10,000 when absent, 100 with `quick`. */
  grants?: number
  /** Fewer rounds of calls at once: finds less, and takes seconds on any store. */
  quick?: boolean
}

export interface CheckReport {
  /** Whether no promise was broken. */
  ok: boolean
  /** The outcome in words: how many promises are kept, and each broken one. */
  summary: string
  findings: CheckFinding[]
  remarks: string[]
}

/** What was found of one promise. */
export interface CheckFinding {
  /** Its name, which says what is promised. */
  promise: string
  verdict: 'passed' | 'failed' | 'skipped'
  /** Of a broken one: what should have come. */
  expected?: string
  /** Of a broken one: what came. */
  got?: string
  /** Of a skipped one: the method that is missing, and what is not promised without it. Of others: what was measured. */
  remark?: string
  milliseconds: number
}

/**
 * Registers a client at a provider that registers clients by itself (RFC 7591). It is registered once for each call.
 *
 * @example const { config } = await register({ issuer, metadata: { redirect_uris: [redirectUri] } })
 */
export declare function register(options: RegisterOptions): Promise<Registered>

export interface RegisterOptions extends CallOptions {
  /** The `provider` of the configuration. */
  issuer: string
  /** What the client says about itself (RFC 7591 section 2), sent as it is: `redirect_uris`, `client_name`, `scope`, … */
  metadata?: Record<string, unknown>
  /** A signed JWT of somebody whom the provider trusts. */
  softwareStatement?: string
  /** The token that the registration endpoint wants. */
  initialAccessToken?: SecretSource
  /** Whether the issuer and its endpoints may be in private networks. */
  allowPrivateAddresses?: boolean
}

/** A registered client. It holds secrets: keep it as you keep them. */
export interface Registered {
  /** Keys of a configuration, ready for `new Client`. */
  config: {
    provider: string
    clientId: string
    clientSecret?: string
    clientAuthentication?: ClientAuthentication
    redirectUri?: string
    scope?: string[]
    allowPrivateAddresses?: boolean
  }
  /** `null` where the secret does not expire. */
  clientSecretExpiresAt: number | null
  /** What changes the registration (RFC 7592). */
  registrationAccessToken: string | null
  /** Where. */
  registrationClientUri: string | null
  /** The metadata as the provider took it, with its own names, without secrets. */
  metadata: Record<string, unknown>
}

/** What an API says about itself, and who gives tokens for it (RFC 9728). */
export declare function protectedResource(options: ResourceOptions): Promise<ProtectedResource>

export interface ResourceOptions extends CallOptions {
  /** The identifier of the API, or the address of a request that it answered with 401. */
  url: string
  /** The values of `WWW-Authenticate` of that answer, a line each. */
  challenge?: string
  /** Whether the document may be in private networks. */
  allowPrivateAddresses?: boolean
}

export interface ProtectedResource {
  /** What tokens are asked for (RFC 8707): a `resource` of the configuration. */
  resource: string
  /** Issuers whose tokens it takes: each a `provider` of the configuration. */
  authorizationServers: string[]
  scopesSupported: string[]
  bearerMethodsSupported: string[]
  authorizationDetailsTypesSupported: string[]
  dpopBoundAccessTokensRequired: boolean
  tlsClientCertificateBoundAccessTokens: boolean
  resourceName: string | null
  resourceDocumentation: string | null
}

/**
 * A redirect URI of the request that the application is answering, at `path`, or the request's own.
 *
 * @throws {EvergrantError} `invalid_argument`
 */
export declare function redirectUriOf(request: IncomingRequest, path?: string): string

/** A request that came to the application. */
export interface IncomingRequest {
  /** Absolute, as far as the application's server knows it. */
  url: string | URL
  headers?: Record<string, string | string[] | undefined>
  /** Whether `Forwarded` and `X-Forwarded-*` are believed: only behind a proxy that sets or removes them all. */
  trustProxy?: boolean
}

/**
 * Signs one OAuth 1.0a request (RFC 5849 section 3.1) for use with any HTTP client; nothing is stored or sent.
 *
 * @throws {EvergrantError} `invalid_argument`, `invalid_config`
 * @example const { authorization } = sign('GET', url, { clientId: 'key', clientSecret: 'secret' })
 */
export declare function sign(method: string, url: string | URL, options: SignOptions): SignedRequest

/** Who signs, and what of the request besides method and URL: at most one of `form` and `body`. */
export interface SignOptions {
  /** The consumer key. */
  clientId: string
  clientSecret?: SecretSource
  /** PEM with the RSA key, for the RSA methods. */
  privateKey?: SecretSource
  privateKeyPassphrase?: SecretSource
  /** `HMAC-SHA1` when absent. */
  signatureMethod?: SignatureMethod
  /** `header` when absent. */
  parametersIn?: ParametersIn
  realm?: string
  /** Token or temporary credentials. */
  token?: string
  tokenSecret?: string
  /** Added to the URL's query. */
  query?: Parameters
  form?: Parameters
  /** A body of another type, which `oauth_body_hash` is to cover. */
  body?: string | ArrayBuffer | ArrayBufferView
  /** Further protocol parameters, such as `oauth_callback`. */
  parameters?: Parameters
  /** A random one when absent. */
  nonce?: string
  /** Unix **seconds**; now when absent. */
  timestamp?: number
  /** Leaves `oauth_version` out. */
  withoutVersion?: boolean
}

/** What to send. */
export interface SignedRequest {
  /** Value of the `Authorization` header, where that carries the protocol parameters. */
  authorization: string | null
  /** Where to send it, with its whole query. */
  url: string
  /** The whole form body, where that carries the protocol parameters. */
  body: string | null
  /** What was signed (RFC 5849 section 3.4.1), to compare where a server refuses the signature. */
  baseString: string
}
