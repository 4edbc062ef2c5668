// A listener that throws, under a handler for uncaught exceptions.

import { Client } from 'evergrant'

const url = process.argv[2]
process.on('uncaughtException', (error) => console.log(`uncaught: ${error.message}`))

const client = new Client({
  provider: { authorizationEndpoint: `${url}/oauth2/authorize`, tokenEndpoint: `${url}/oauth2/token` },
  clientId: 'sandbox-client',
  store: 'memory:',
  onEvent(event) {
    if (event.event === 'forgotten') throw new Error('from the listener')
  },
})
await client.put('alice', { accessToken: 'token' })
await client.grant('alice').forget()
await new Promise(setImmediate)
await client.close()
console.log('done')
