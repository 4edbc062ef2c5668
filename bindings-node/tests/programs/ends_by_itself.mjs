// Leaves clients open, with listeners, stores that never answer, and a grant in use.

import { Client } from 'evergrant'
import { MemoryStore } from '../memory_store.mjs'

const url = process.argv[2]
const options = {
  provider: { authorizationEndpoint: `${url}/oauth2/authorize`, tokenEndpoint: `${url}/oauth2/token` },
  clientId: 'sandbox-client',
  clientSecret: 'sandbox-secret',
  redirectUri: 'http://127.0.0.1:9/callback',
  onEvent() {},
}

globalThis.clients = [
  new Client({ ...options, store: 'memory:' }),
  new Client({ ...options, store: new MemoryStore() }),
  new Client({ ...options, store: { load: () => new Promise(() => {}), save() {} } }),
]
await globalThis.clients[1].begin('alice')
await globalThis.clients[2].grant('alice').inspect({ signal: AbortSignal.timeout(50) }).catch(() => {})
console.log('done')
