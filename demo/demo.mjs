// Calls an API for two users who consented earlier, about 20 times a second each.
//
//     node demo.mjs PROVIDER STORE SECONDS

import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'evergrant'

const [provider, store, seconds] = process.argv.slice(2)

const oauth2 = new Client({
  provider,
  clientId: 'sandbox-client',
  clientSecret: 'sandbox-secret',
  store,
  userAgent: 'demo-node',
})
const oauth1 = new Client({
  provider: {
    protocol: 'oauth1',
    temporaryCredentialEndpoint: `${provider}/oauth1/request_token`,
    authorizationEndpoint: `${provider}/oauth1/authorize`,
    tokenEndpoint: `${provider}/oauth1/access_token`,
  },
  clientId: 'sandbox-consumer',
  clientSecret: 'sandbox-consumer-secret',
  store,
})

const users = [oauth2.grant('alice'), oauth1.grant('bob')]
const end = Date.now() + 1000 * Number(seconds)
while (Date.now() < end) {
  for (const user of users) {
    const response = await user.fetch(`${provider}/api/me`, { headers: { 'X-Program': 'node' } })
    if (!response.ok) throw new Error(`${response.url}: status ${response.status}`)
  }
  await sleep(50)
}

await Promise.all([oauth2.close(), oauth1.close()])
