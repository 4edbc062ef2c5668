// One implementation for both kinds of module, so that classes are the same in each.
import evergrant from './index.js'

export const {
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
} = evergrant
