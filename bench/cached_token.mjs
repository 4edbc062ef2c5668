// A cached access token, as an application asks for it before each API call: Evergrant and google-auth-library.
//
// Both run in interleaved rounds of one run. Printed are medians of CPU time and their ratio; trust the ratio, not the
// figures.
//
//     scripts/setup bench && node bindings-node/build.mjs --release && node bench/cached_token.mjs

import assert from 'node:assert/strict'
import { OAuth2Client } from 'google-auth-library'
import { Client } from '../bindings-node/lib/index.mjs'

const ROUNDS = 15
const CALLS = 300_000
const TOKEN = 'ya29.a0AfH6SMBx-a-token-of-usual-length-'.padEnd(160, 'x')

async function evergrant() {
  const client = new Client({ provider: 'google', clientId: 'id', clientSecret: 'secret', store: 'memory:' })
  await client.put('alice', { accessToken: TOKEN, refreshToken: 'refresh', expiresIn: 3600 })
  const grant = client.grant('alice')
  return () => grant.accessToken()
}

async function googleAuthLibrary() {
  const client = new OAuth2Client({ clientId: 'id', clientSecret: 'secret' })
  client.setCredentials({ access_token: TOKEN, refresh_token: 'refresh', expiry_date: Date.now() + 3_600_000 })
  return () => client.getAccessToken()
}

/** Nanoseconds of CPU time for each call. */
async function timed(call) {
  const before = process.cpuUsage()
  for (let made = 0; made < CALLS; made++) await call()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / CALLS
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

const contestants = { evergrant: await evergrant(), 'google-auth-library': await googleAuthLibrary() }
const times = {}
for (const [name, call] of Object.entries(contestants)) {
  assert.equal((await call()).token, TOKEN)
  await timed(call)
  times[name] = []
}
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, call] of Object.entries(contestants)) times[name].push(await timed(call))
}

console.log(`cached token in Node: CPU time of one accessToken(), median of ${ROUNDS} interleaved rounds`)
const peer = median(times['google-auth-library'])
for (const [name, samples] of Object.entries(times)) {
  const nanoseconds = median(samples).toFixed(0).padStart(6)
  console.log(`  ${name.padEnd(20)} ${nanoseconds} ns   ${(median(samples) / peer).toFixed(2)} × google-auth-library`)
}
