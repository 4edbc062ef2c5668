// A sandbox provider in this process, told what to do over HTTP (sandbox/README.md), and clients for it.

import { createRequire } from 'node:module'
import { Client } from 'evergrant'

const native = createRequire(import.meta.url)('../evergrant.node')

export class Sandbox {
  #running = new native._TestingSandbox()

  url = this.#running.baseUrl

  async control(path, order, method = order === undefined ? 'GET' : 'POST') {
    const response = await fetch(`${this.url}/sandbox/${path}`, { method, body: order && JSON.stringify(order) })
    return response.json()
  }

  async consent(url, user = 'alice', decision = 'allow') {
    return (await this.control('consent', { url, user, decision })).redirect
  }

  async fault(on, kind, more = {}) {
    await this.control('faults', { on, kind, ...more })
  }

  async requests(kind) {
    return (await this.control('journal')).filter((entry) => entry.kind === kind)
  }

  async refreshes() {
    return (await this.requests('token')).filter((entry) => entry.grant_type === 'refresh_token').length
  }

  options(changes) {
    return {
      provider: {
        name: 'sandbox',
        authorizationEndpoint: `${this.url}/oauth2/authorize`,
        tokenEndpoint: `${this.url}/oauth2/token`,
        revocationEndpoint: `${this.url}/oauth2/revoke`,
      },
      clientId: 'sandbox-client',
      clientSecret: 'sandbox-secret',
      redirectUri: 'http://127.0.0.1:9/callback',
      scope: ['read', 'write'],
      store: 'memory:',
      ...changes,
    }
  }

  oauth1Options(changes) {
    return {
      provider: {
        name: 'sandbox-oauth1',
        protocol: 'oauth1',
        temporaryCredentialEndpoint: `${this.url}/oauth1/request_token`,
        authorizationEndpoint: `${this.url}/oauth1/authorize`,
        tokenEndpoint: `${this.url}/oauth1/access_token`,
      },
      clientId: 'sandbox-consumer',
      clientSecret: 'sandbox-consumer-secret',
      redirectUri: 'http://127.0.0.1:9/callback',
      store: 'memory:',
      ...changes,
    }
  }

  /** A client with the consent of a user. */
  async loggedIn(changes, user = 'alice') {
    return this.logIn(new Client(this.options(changes)), user)
  }

  async logIn(client, user = 'alice') {
    const { url } = await client.begin(user)
    await client.finish(await this.consent(url, user))
    return client
  }

  /** As `loggedIn`, with a token that is due. */
  async due(changes) {
    const client = await this.loggedIn(changes)
    client._testingSetClock(Date.now() + 3_600_000)
    return client
  }
}

/** For assert.rejects and assert.throws. */
export function failure(code, more = {}) {
  return { name: 'EvergrantError', code, ...more }
}
