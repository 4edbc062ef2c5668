'use strict'

const { AccessToken } = require('./access_token.js')
const { checkStore } = require('./check.js')
const { Client } = require('./client.js')
const { EvergrantError } = require('./error.js')
const { Grant } = require('./grant.js')
const { GrantDocument } = require('./grant_document.js')
const { protectedResource, redirectUriOf, register } = require('./lookup.js')
const { ApiResponse } = require('./response.js')
const { sign } = require('./sign.js')

module.exports = {
  AccessToken,
  ApiResponse,
  checkStore,
  Client,
  EvergrantError,
  Grant,
  GrantDocument,
  protectedResource,
  redirectUriOf,
  register,
  sign,
}
