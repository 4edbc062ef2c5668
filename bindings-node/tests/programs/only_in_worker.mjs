// Nothing but a worker loads the library, and it ends while the library's threads are at work.

import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

const url = process.argv[2]
const workerData = {
  options: {
    provider: { authorizationEndpoint: `${url}/oauth2/authorize`, tokenEndpoint: `${url}/oauth2/token` },
    clientId: 'sandbox-client',
    store: 'memory:',
  },
  call: `${url}/api/slow?ms=300`,
  ownStore: true,
}
const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData })
await new Promise((resolve) => worker.once('message', resolve))
await worker.terminate()
await setTimeout(500)
console.log('done')
