'use strict'

/** An API's answer to `grant.request`; see index.d.ts. */
class ApiResponse {
  constructor({ head, body }) {
    const { status, headers, url } = JSON.parse(head)
    this.status = status
    this.headers = headers
    this.url = url
    this.body = body
  }

  get ok() {
    return this.status >= 200 && this.status <= 299
  }

  text() {
    return new TextDecoder().decode(this.body)
  }

  json() {
    return JSON.parse(this.text())
  }
}

/** Statuses whose standard Response must have no body (fetch standard, "null body status"). */
const NULL_BODY = [101, 103, 204, 205, 304]

/** The same answer as a standard Response. */
function standardResponse({ status, headers, url, body }) {
  const response = new Response(NULL_BODY.includes(status) ? null : body, { status, headers })
  Object.defineProperty(response, 'url', { value: url })
  return response
}

module.exports = { ApiResponse, standardResponse }
