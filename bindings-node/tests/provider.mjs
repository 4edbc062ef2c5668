// A provider that keeps what it was asked and answers as a test wants, for what the sandbox does not have.

import { createServer } from 'node:http'
import { after } from 'node:test'

/**
 * Serves on loopback until the tests of the file are done. `answer` is given a request and the base URL, and gives the
 * JSON body, or `[status, body]`, or a promise of it.
 */
export async function provider(answer) {
  const asked = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const seen = { method: request.method, path: request.url, authorization: request.headers.authorization, body }
    asked.push(seen)
    const answered = await answer(seen, url)
    const [status, said] = Array.isArray(answered) ? answered : [200, answered]
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url, asked, table: { authorizationEndpoint: `${url}/authorize`, tokenEndpoint: `${url}/token` } }
}
