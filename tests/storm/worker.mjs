// Calls an API for many users, as applications do, and tells each second what came of it; see README.md.
//
//     node worker.mjs '{"config": {…}, "url": "…", "grants": 50, "tasks": 4, "rate": 25}'

import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../bindings-node/lib/index.mjs'

const work = JSON.parse(process.argv[2])
const client = new Client(camelCase(work.config))
const ok = { request: 0, headers: 0 }
let longestGap = 0
let stopped = false

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** Every second call goes through `headers` and an HTTP client of its own. */
async function task(number) {
  const order = [...Array(work.grants).keys()].sort(() => Math.random() - 0.5)
  const period = (1000 * work.tasks) / work.rate
  const waitingSince = new Map()
  for (let turn = number; ; turn += 1) {
    await sleep(period * (0.5 + Math.random()))
    if (stopped) break
    const subject = `u${order[(turn >> 1) % order.length]}`
    await call(client.grant(subject), subject, turn % 2 ? 'headers' : 'request', waitingSince)
  }
  for (const [subject, since] of waitingSince) {
    tell({ failure: 'still waiting', subject, gap: (performance.now() - since) / 1000 })
  }
}

async function call(grant, subject, way, waitingSince) {
  const since = waitingSince.get(subject) ?? performance.now()
  waitingSince.set(subject, since)
  let failure
  let message
  try {
    const { status } = way === 'request' ? await drained(await grant.fetch(work.url)) : await byHand(grant)
    if (status !== 200) failure = status
  } catch (error) {
    failure = error.code ?? 'http'
    message = error.message
  }
  if (failure !== undefined) {
    tell({ failure, way, subject, message, at: Date.now() / 1000 })
    return
  }
  waitingSince.delete(subject)
  ok[way] += 1
  longestGap = Math.max(longestGap, (performance.now() - since) / 1000)
}

/** The 401 rule for a caller with an HTTP client of its own. */
async function byHand(grant) {
  const headers = await grant.headers('GET', work.url)
  const answer = await send(headers)
  if (answer.status !== 401) return answer
  return send(await grant.headers('GET', work.url, { refused: headers.Authorization }))
}

const send = async (headers) => drained(await fetch(work.url, { headers }))

async function drained(answer) {
  await answer.arrayBuffer()
  return answer
}

/** Node's habit for the configuration keys; names that are values stay as they are. */
function camelCase(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const camel = (key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
  const keep = new Set(['authorization_parameters', 'parameters'])
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [camel(key), keep.has(key) ? inner : camelCase(inner)]),
  )
}

process.on('SIGTERM', () => {
  stopped = true
})
const telling = setInterval(tellSecond, 1000)
await Promise.all([...Array(work.tasks).keys()].map(task))
clearInterval(telling)
tellSecond()
await client.close()

function tellSecond() {
  tell({ ok: ok.request + ok.headers, headers: ok.headers, gap: longestGap, at: Date.now() / 1000 })
  ok.request = ok.headers = longestGap = 0
}
