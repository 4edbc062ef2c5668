// The npm package `oidc-provider`, unmodified, on loopback: a strict OAuth 2.0 server written by others.
//
// Every refresh token is rotated at each use, and a refresh token used twice revokes its whole grant at once: there is
// no grace. Prints one line {"base_url": …} when it listens. Besides the provider's own endpoints it serves
// GET /journal: what the token and userinfo endpoints were asked and answered, without tokens, codes or secrets; and
// GET /grants: of each grant with refresh tokens its user, how many they are, and whether one is alive; and GET /client: whose
// token it is that no user consented to. POST /rotate_keys has it sign by another key from then on.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { X509Certificate, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

import Provider, { errors } from 'oidc-provider';
import MemoryAdapter from './node_modules/oidc-provider/lib/adapters/memory_adapter.js';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'access-token-ttl': { type: 'string', default: '3600' }, // seconds
    'dpop-nonce': { type: 'boolean', default: false }, // each DPoP proof has to carry one
    // A folder with ca.pem, server.pem and server.key: https in place of http, and a second port that wants the certificate of
    // a client, client.pem or self-signed.pem.
    tls: { type: 'string' },
    'callback-url': { type: 'string', default: 'http://127.0.0.1/callback' }, // any port of it is allowed (RFC 8252 section 7.3)
  },
});

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

const client = (fields) => ({
  application_type: 'native',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  redirect_uris: [options['callback-url']],
  post_logout_redirect_uris: ['http://127.0.0.1/bye'],
  ...fields,
});

// The keys of RFC 7515 appendices A.2 and A.3 and of RFC 8037 appendix A.1 by the algorithm that they sign with: they are published, and
// protect nothing.
const clientKeys = JSON.parse(readFileSync(new URL('client_keys.json', import.meta.url)));

const publicPart = ({ kty, kid, alg, n, e, crv, x, y }) => ({ kty, kid, alg, use: 'sig', n, e, crv, x, y });

/** A client that authenticates by what it signs, and may have tokens without a user. */
const signing = (algorithm, fields) => client({
  client_id: `signs ${algorithm}`,
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials', TOKEN_EXCHANGE],
  token_endpoint_auth_signing_alg: algorithm,
  ...fields,
});

/** What the provider's own memory is kept in, but for its bound of 1,000 entries, which would forget grants. */
class Memory {
  #entries = new Map();

  get(key) {
    const entry = this.#entries.get(key);
    if (entry && entry.expiresAt <= Date.now()) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry?.value;
  }

  set(key, value, { maxAge = Infinity } = {}) {
    this.#entries.set(key, { value, expiresAt: Date.now() + maxAge });
  }

  delete(key) {
    this.#entries.delete(key);
  }

  /** Of each grant that ever had a refresh token left: its user, how many it has, whether one may still be used. */
  grants() {
    const grants = new Map();
    for (const [key, { value }] of this.#entries) {
      if (!key.startsWith('RefreshToken:')) continue;
      const grant = grants.get(value.grantId) ?? { user: value.accountId, generations: 0, alive: false };
      grants.set(value.grantId, { ...grant, generations: grant.generations + 1, alive: grant.alive || !value.consumed });
    }
    return [...grants].map(([grantId, grant]) => ({ grant_id: grantId, ...grant }));
  }
}

const memory = new Memory();
const tlsFile = (name) => readFileSync(`${options.tls}/${name}`);

/** Clients that are known by their certificates (RFC 8705). */
function clientsWithCertificates() {
  const selfSigned = new X509Certificate(tlsFile('self-signed.pem'));
  const key = { ...selfSigned.publicKey.export({ format: 'jwk' }), x5c: [selfSigned.raw.toString('base64')] };
  const bound = { tls_client_certificate_bound_access_tokens: true };
  return [
    client({
      client_id: 'tls',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: new X509Certificate(tlsFile('client.pem')).subject,
      ...bound,
    }),
    client({
      client_id: 'self-signed',
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [key] },
      ...bound,
    }),
  ];
}

const mutualTls = {
  enabled: true,
  certificateBoundAccessTokens: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  getCertificate: (context) => context.socket.getPeerX509Certificate?.()?.toString(),
  certificateAuthorized: (context) => context.socket.authorized,
  certificateSubjectMatches: (context, property, expected) =>
    property === 'tls_client_auth_subject_dn' && context.socket.getPeerX509Certificate().subject === expected,
};

const configuration = {
  adapter: (model) => new MemoryAdapter(model, memory),
  clients: [
    client({
      client_id: 'confidential',
      // Holds what must be form-encoded before it goes into a Basic header (RFC 6749 section 2.3.1).
      client_secret: 'confidential-secret: 100% + /',
      token_endpoint_auth_method: 'client_secret_basic',
    }),
    client({
      client_id: 'pushing',
      client_secret: 'pushing-secret',
      require_pushed_authorization_requests: true,
      token_endpoint_auth_method: 'client_secret_post',
    }),
    client({
      client_id: 'device',
      grant_types: [DEVICE_CODE, 'refresh_token'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'none',
    }),
    client({ client_id: 'public', token_endpoint_auth_method: 'none' }),
    client({ client_id: 'bound', token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true }),
    ...(options.tls ? clientsWithCertificates() : []),
    signing('HS256', {
      client_secret: 'a secret that signs and is never sent',
      token_endpoint_auth_method: 'client_secret_jwt',
    }),
    ...Object.entries(clientKeys).map(([algorithm, key]) => signing(algorithm, {
      jwks: { keys: [publicPart(key)] },
      token_endpoint_auth_method: 'private_key_jwt',
    })),
  ],
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'none',
    ...(options.tls ? ['tls_client_auth', 'self_signed_tls_client_auth'] : []),
  ],
  clockTolerance: 0, // by default the provider takes its tokens for 15 seconds after they expired
  cookies: { keys: [randomBytes(32).toString('hex')] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    registration: { enabled: true, initialAccessToken: 'initial-access-token' },
    resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    revocation: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => options['dpop-nonce'] },
    mTLS: options.tls ? mutualTls : { enabled: false },
  },
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: Number(options['access-token-ttl']),
    AuthorizationCode: 60,
    ClientCredentials: Number(options['access-token-ttl']),
    Grant: 24 * 3600,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 24 * 3600,
    Session: 600,
  },
};

/** The APIs that tokens are given for (RFC 8707): `https://NAME.api.example/`, with the scope `use`. */
function resourceServer(_context, resource) {
  if (!/^https:\/\/[a-z]+\.api\.example\/$/.test(resource)) throw new errors.InvalidTarget();
  return { scope: 'use', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
}

const journal = [];

/** Whom the client's own tokens are for that a user's was exchanged for. */
const onBehalfOf = new Map();

/** Token exchange (RFC 8693), which the provider leaves to its users: an access token of a user's for one of the client's own. */
function exchangeTokens(provider) {
  const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope', 'resource'];
  provider.registerGrantType(TOKEN_EXCHANGE, async (context) => {
    const { client: asking, params } = context.oidc;
    const subject = await provider.AccessToken.find(params.subject_token ?? '');
    const isAccessToken = params.subject_token_type === 'urn:ietf:params:oauth:token-type:access_token';
    if (!subject?.isValid || !isAccessToken) throw new errors.InvalidRequest('subject_token is not valid');
    const token = new provider.ClientCredentials({ client: asking });
    context.oidc.entity('ClientCredentials', token);
    const value = await token.save();
    onBehalfOf.set(token.jti, subject.accountId);
    context.body = {
      access_token: value,
      expires_in: token.expiration,
      issued_token_type: params.subject_token_type,
      token_type: token.tokenType,
    };
  }, parameters);
}

/** Keeps what the provider tells by its events, in order. */
function keepJournal(provider) {
  const note = (entry) => journal.push({ at: Date.now() / 1000, ...entry });
  const tokenRequest = ({ oidc }) => ({
    event: 'token',
    grant_type: oidc.params?.grant_type,
    client_id: oidc.client?.clientId,
    grant_id: oidc.entities.Grant?.jti ?? oidc.entities.RefreshToken?.grantId,
  });
  provider.on('grant.success', (context) => note({
    ...tokenRequest(context),
    status: 200,
    rotations: context.oidc.entities.RefreshToken?.rotations ?? 0,
  }));
  provider.on('grant.error', (context, error) => note({
    ...tokenRequest(context),
    status: error.statusCode,
    error: error.error,
    reason: error.error_detail,
  }));
  provider.on('grant.revoked', (_context, grantId) => note({ event: 'revoked', grant_id: grantId }));
  provider.use(async (context, next) => {
    if (context.path === '/journal') {
      context.body = journal;
      return;
    }
    if (context.path === '/grants') {
      context.body = memory.grants();
      return;
    }
    if (context.path === '/client') {
      const token = await provider.ClientCredentials.find((context.get('authorization').split(' ')[1] ?? ''));
      context.status = token?.isValid ? 200 : 401;
      context.body = { client: token?.clientId, sub: onBehalfOf.get(token?.jti) };
      return;
    }
    await next();
    if (context.oidc?.route === 'userinfo') {
      note({ event: 'userinfo', status: context.status, sub: context.oidc.account?.accountId });
    }
  });
}

/** Listens on loopback; gives the address. */
async function listen(server, port) {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `${options.tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
}

const credentials = options.tls && { ca: tlsFile('ca.pem'), cert: tlsFile('server.pem'), key: tlsFile('server.key') };
const server = options.tls ? createTlsServer(credentials) : createServer();
// The issuer names the port, so the provider is made when the port is known.
const baseUrl = await listen(server, Number(options.port));
const servers = [server];
if (options.tls) {
  servers.push(createTlsServer({ ...credentials, requestCert: true, rejectUnauthorized: false }));
  const mtlsUrl = await listen(servers[1], 0);
  configuration.discovery = {
    mtls_endpoint_aliases: {
      token_endpoint: `${mtlsUrl}/token`,
      revocation_endpoint: `${mtlsUrl}/token/revocation`,
      introspection_endpoint: `${mtlsUrl}/token/introspection`,
      userinfo_endpoint: `${mtlsUrl}/me`,
    },
  };
}

/** A provider with a new signing key, on the memory that there is. */
function provide() {
  const provider = new Provider(baseUrl, { ...configuration, jwks: { keys: [signingKey()] } });
  exchangeTokens(provider);
  keepJournal(provider);
  return provider.callback();
}

let handle = provide();
for (const one of servers) {
  one.on('request', (request, response) => {
    if (request.method === 'POST' && request.url === '/rotate_keys') {
      handle = provide();
      response.writeHead(204).end();
      return;
    }
    handle(request, response);
  });
}
console.log(JSON.stringify({ base_url: baseUrl }));
