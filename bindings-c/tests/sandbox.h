/* The sandbox provider whose address is in the environment variable EVERGRANT_SANDBOX. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "evergrant.h"

/* A configuration for it, for the caller to free. `store` is the value of the key `store`. */
char *sandbox_config(const char *store);

/* Posts JSON to the sandbox's control and returns the body of the answer, for the caller to free. */
char *sandbox_control(const char *path, const char *json);

/* Calls the protected API with this token; gives the HTTP status. */
int sandbox_status_with_token(const char *token);

/* How many requests the token endpoint has had. */
int sandbox_token_requests(void);

/* The callback URL that the browser would be sent to once the user consented, for the caller to free. */
char *sandbox_consent(const char *url, const char *user);

/* Has a user of this name consent, from `begin` to `finish`. */
void sandbox_log_in(evergrant_client *client, const char *subject);

#endif
