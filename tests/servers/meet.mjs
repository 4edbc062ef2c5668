// Meets a server that others wrote, in Node; the steps are told in README.md.

import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import { Client } from '../../bindings-node/lib/index.mjs'

const MILLISECONDS_BETWEEN_CALLS = 100

const meeting = JSON.parse(process.argv[2])
const client = new Client(camelCase(meeting.config))
const grant = client.grant(meeting.subject)
await meet()
await client.close()

async function meet() {
  if (meeting.consent === 'device') await connect()
  else if (meeting.consent) await consent()
  const end = Date.now() + meeting.seconds * 1000
  await call()
  while (Date.now() < end) {
    await sleep(MILLISECONDS_BETWEEN_CALLS)
    await call()
  }
  if (meeting.force) {
    const { generation } = await grant.refresh({ force: true })
    tell({ generation })
    await call()
  }
}

async function consent() {
  const { url } = await client.begin(meeting.subject)
  tell({ url })
  const input = createInterface({ input: process.stdin })
  const [callback] = await once(input, 'line')
  input.close()
  const { generation } = await client.finish(callback)
  tell({ generation })
}

async function connect() {
  const start = await client.beginDevice(meeting.subject)
  tell({ url: start.verificationUriComplete })
  const { generation } = await client.waitDevice(start.state)
  tell({ generation })
}

async function call() {
  const answer = await grant.request(meeting.request)
  tell({ status: answer.status, body: answer.text() })
}

function tell(happened) {
  console.log(JSON.stringify(happened))
}

/** The configuration with its keys as Node's package has them. */
function camelCase(value) {
  if (typeof value !== 'object' || Array.isArray(value)) return value
  const renamed = (name) => name.replace(/_([a-z])/g, (_match, letter) => letter.toUpperCase())
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [renamed(name), camelCase(item)]))
}
