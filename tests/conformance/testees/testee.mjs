// The Node testee of the conformance cases: one JSON command a line in, one reply a line out, until the input ends.

import { createInterface } from 'node:readline'
import { inspect } from 'node:util'
import { Client } from '../../../bindings-node/lib/index.mjs'

/** Keys whose values are the application's own data, not keys of the library. */
const AS_IT_CAME = ['request', 'userinfo', 'introspect', 'token_response']
const OWN_DATA = [
  'authorization_parameters', 'reauthentication_parameters', 'token_parameters', 'refresh_parameters',
  'provider_variables', 'variables', 'parameters', 'query', 'form', 'json', 'headers', 'browser_session',
]

const clients = new Map()
const storeCalls = new Map()
const events = new Map()
const shown = []

const commands = {
  open({ config, store }, name) {
    const told = []
    const options = { ...renamed(config, camelCase), onEvent: (event) => told.push(event) }
    if (store !== null) {
      storeCalls.set(name, [])
      options.store = memoryStore(store, storeCalls.get(name))
    }
    clients.set(name, show(new Client(options)))
    events.set(name, told)
  },
  begin: ({ subject, options }, name) => clients.get(name).begin(subject, camel(options)),
  finish: ({ callback, options }, name) => clients.get(name).finish(callback, camel(options)),
  async access_token(command, name) {
    const token = show(await grant(command, name).accessToken(camel(command.options)))
    return { token: token.token, token_type: token.tokenType, expires_at: token.expiresAt }
  },
  cached: (command, name) => show(grant(command, name).cachedAccessToken()) !== undefined,
  headers: async ({ method, url, options, ...command }, name) =>
    Object.entries(await grant(command, name).headers(method, url, camel(options))),
  async request(command, name) {
    const body = command.body_base64 && Buffer.from(command.body_base64, 'base64')
    const { status, headers, body: answer } = await grant(command, name).request({ ...camel(command.request), body })
    return { status, headers, body_base64: answer.toString('base64') }
  },
  refresh: (command, name) => grant(command, name).refresh(camel(command.options)),
  revoke: (command, name) => grant(command, name).revoke(camel(command.options)),
  forget: (command, name) => grant(command, name).forget(),
  inspect: (command, name) => grant(command, name).inspect(),
  begin_device: ({ subject, options }, name) => clients.get(name).beginDevice(subject, camel(options)),
  poll_device: ({ state }, name) => clients.get(name).pollDevice(state),
  check: ({ subject, options }, name) => clients.get(name).check(subject, camel(options)),
  userinfo: (command, name) => grant(command, name).userinfo(),
  introspect: (command, name) => grant(command, name).introspect(camel(command.options)),
  token_response: (command, name) => grant(command, name).tokenResponse(),
  missing_scope: (command, name) => grant(command, name).missingScope(command.scope),
  put: ({ subject, tokens }, name) => clients.get(name).put(subject, camel(tokens)),
  list: (_command, name) => clients.get(name).list(),
  due: ({ options }, name) => clients.get(name).due(camel(options)),
  refresh_due: ({ options }, name) => clients.get(name).refreshDue(camel(options)),
  close: (_command, name) => clients.get(name).close(),
  events: (_command, name) => events.get(name),
  store_calls: (_command, name) => storeCalls.get(name),
  set_clock: ({ unix_ms }, name) => clients.get(name)._testingSetClock(unix_ms),
  parallel: ({ commands }) => Promise.all(commands.map(reply)),
  debug: () => [...clients.values(), ...shown].map(look).join('\n'),
}

async function reply(command) {
  try {
    const result = (await commands[command.do](command, command.client ?? 'main')) ?? null
    return { ok: AS_IT_CAME.includes(command.do) ? result : renamed(result, snakeCase) }
  } catch (error) {
    if (error.code === undefined) throw error
    const { serverError, message, ...details } = show(error).toJSON()
    // Names of keys, as the cases have them; a name in a path is left.
    const inSnakeCase = message.replace(/(?<!\/\.?)\b[a-z]+([A-Z][a-z]+)+\b/g, snakeCase)
    return { error: { ...renamed(details, snakeCase), message: inSnakeCase, error: serverError } }
  }
}

const grant = ({ subject, slot }, name) => show(clients.get(name).grant(subject, slot))
/** Keeps a thing for `debug`. */
const show = (thing) => shown.push(thing) && thing

function look(thing) {
  return [inspect(thing, { depth: null, showHidden: true }), JSON.stringify(thing), String(thing)].join('\n')
}

const camel = (options) => options && renamed(options, camelCase)

function camelCase(name) {
  return name.replace(/_([a-z])/g, (_match, letter) => letter.toUpperCase())
}

function snakeCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename))
  if (typeof value !== 'object' || value === null) return value
  const field = ([name, item]) => [rename(name), OWN_DATA.includes(name) ? item : renamed(item, rename)]
  return Object.fromEntries(Object.entries(value).map(field))
}

/** A token store in memory that notes its calls, lacks some methods, and fails where a case wants it. */
function memoryStore({ without = [], fail = {} }, calls) {
  const noting = (name, method) => async (...values) => {
    calls.push(name)
    const fails = fail.method === name && calls.filter((called) => called === name).length > (fail.after ?? 0)
    if (fails && fail.how === 'throw') throw new Error('the store failed on purpose')
    return fails ? 42 : method(...values)
  }
  const methods = Object.entries(storeMethods()).filter(([name]) => !without.includes(snakeCase(name)))
  return Object.fromEntries(methods.map(([name, method]) => [name, noting(snakeCase(name), method)]))
}

function storeMethods() {
  const rows = new Map()
  const pending = new Map()
  const row = (client, subject, slot) => {
    const key = JSON.stringify([client, subject, slot])
    if (!rows.has(key)) rows.set(key, { client, record: null, revision: null, until: 0, fencing: 0, intent: null })
    return rows.get(key)
  }
  return {
    load: (...key) => row(...key).record,
    save: (client, subject, slot, record) => void Object.assign(row(client, subject, slot), { record, revision: 0 }),
    compareAndSet(client, subject, slot, expected, record, revision) {
      const stands = row(client, subject, slot)
      return stands.revision === expected && Boolean(Object.assign(stands, { record, revision }))
    },
    delete: (...key) => void Object.assign(row(...key), { record: null, revision: null }),
    acquire(client, subject, slot, _owner, ttl, intent) {
      const lease = row(client, subject, slot)
      const { until, fencing, intent: earlier } = lease
      if (until > Date.now()) return { busyMs: until - Date.now() }
      Object.assign(lease, { until: Date.now() + ttl, fencing: fencing + 1, intent })
      return { fencing: fencing + 1, intent: earlier }
    },
    renew(client, subject, slot, _owner, fencing, ttl) {
      const lease = row(client, subject, slot)
      return lease.fencing === fencing && Boolean((lease.until = Date.now() + ttl))
    },
    release(client, subject, slot, _owner, fencing, intent) {
      const lease = row(client, subject, slot)
      if (lease.fencing === fencing) Object.assign(lease, { until: 0, intent })
    },
    list: (client) => [...rows.values()].filter((row) => row.client === client && row.record).map((row) => row.record),
    putPending: (state, document) => void pending.set(state, document),
    takePending(state) {
      const document = pending.get(state) ?? null
      pending.delete(state)
      return document
    },
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await reply(JSON.parse(line)))}\n`)
}
