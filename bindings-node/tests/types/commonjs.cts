// The same types from CommonJS; compiled, never run.

import evergrant = require('evergrant')

const client = new evergrant.Client({ provider: 'google', clientId: 'id' })
const grant: evergrant.Grant = client.grant('alice')
export const token: Promise<evergrant.AccessToken> = grant.accessToken()
