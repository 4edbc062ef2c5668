// Generated from bindings-c by scripts/generate; not to be edited.
//
// evergrant: OAuth 1.0a and OAuth 2 for offline access. A user consents once; months later, in any process, a call
// gets a token that may be used now.
//
// How to call it
// - Every call returns an evergrant_status; EVERGRANT_OK is 0. Outputs come last and are set only on success; the error
//   that comes after them is set only on failure, is yours to free, and may be NULL if you do not want it.
// - Handles are opaque. What a call gives you is yours until you free it with the function of its type; freeing NULL is
//   fine. What an accessor returns belongs to its handle.
// - Texts are UTF-8 with a NUL at the end; bodies come with their length. NULL or text that is not UTF-8, where it may not
//   be, is EVERGRANT_INVALID_ARGUMENT and the message names the argument. An accessor of NULL gives NULL or 0.
// - Options and rarely used results are JSON texts; NULL options are none. All durations are seconds.
// - Any thread may call; one client may be in use on several at once. Nothing is set up globally, nothing starts before
//   the first use, and a process that forked goes on in the child.
// - A panic inside the library is the status EVERGRANT_INTERNAL; it never crosses into your program.


#ifndef EVERGRANT_H
#define EVERGRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


// What a call returns: `EVERGRANT_OK`, or what kind of failure it was. The numbers are never used twice; treat one that
// your header does not know as a failure.
typedef enum evergrant_status {
    // The call succeeded, and only then its outputs are set.
    EVERGRANT_OK = 0,
    // A configuration key is unknown, missing, or has the wrong type or value.
    EVERGRANT_INVALID_CONFIG = 10,
    // No catalogue entry has this name.
    EVERGRANT_UNKNOWN_PROVIDER = 11,
    // An argument of a call is of the wrong type or value, NULL, or not UTF-8.
    EVERGRANT_INVALID_ARGUMENT = 12,
    // Nothing is stored for this subject.
    EVERGRANT_NO_GRANT = 20,
    // The user has to consent (again); no request is sent until then.
    EVERGRANT_NEEDS_CONSENT = 21,
    // The user, or the provider for the user, said no.
    EVERGRANT_CONSENT_DENIED = 22,
    // The state of a callback is unknown, already used, expired, or of another browser session.
    EVERGRANT_STATE_MISMATCH = 23,
    // The provider asked for a pause, or the last attempts failed; see `evergrant_error_retry_at`.
    EVERGRANT_TEMPORARILY_UNAVAILABLE = 30,
    // The provider refuses this client registration's authentication.
    EVERGRANT_MISCONFIGURED_CLIENT = 31,
    // The provider answered with an error that has no meaning of its own here.
    EVERGRANT_PROVIDER_ERROR = 32,
    // The provider's answer cannot be read.
    EVERGRANT_INVALID_RESPONSE = 33,
    // The provider or API cannot be reached.
    EVERGRANT_TRANSPORT = 34,
    // The caller's deadline passed.
    EVERGRANT_TIMEOUT = 35,
    // The caller left, or the client is closed.
    EVERGRANT_CANCELLED = 36,
    // The token store failed.
    EVERGRANT_STORE = 40,
    // Somebody else wrote the record at the same time, again and again.
    EVERGRANT_STORE_CONFLICT = 41,
    // A stored record cannot be opened with the keys at hand.
    EVERGRANT_DECRYPTION = 42,
    // The URL is not https (http is for loopback only), or carries a password.
    EVERGRANT_INSECURE_URL = 50,
    // This provider, store or version has no way to do it.
    EVERGRANT_UNSUPPORTED = 51,
    // The application's own store or hook failed.
    EVERGRANT_CALLBACK = 52,
    // A fault of this library.
    EVERGRANT_INTERNAL = 60,
} evergrant_status;

// One registration at one provider, with its store. It may be used by several threads at once, and after `fork()` in
// the child too.
typedef struct evergrant_client evergrant_client;

// Why a call failed. What its accessors return lives until it is freed, and never contains a secret.
typedef struct evergrant_error evergrant_error;

// HTTP headers in order. Those to send carry secrets.
typedef struct evergrant_headers evergrant_headers;

// Where a function of a store puts its reply. It lives until that function returns; of several replies the last counts.
typedef struct evergrant_reply evergrant_reply;

// The API's answer, whatever its status.
typedef struct evergrant_response evergrant_response;

// Where to send the browser for consent.
typedef struct evergrant_start evergrant_start;

// Text with its length. It may be a grant's document, so its memory is wiped when it is freed.
typedef struct evergrant_string evergrant_string;

// An access token; its memory is wiped when it is freed.
typedef struct evergrant_token evergrant_token;

// A token store of your own. Set `size` to `sizeof(evergrant_store)` and a function that you do not have to NULL; `load`
// and `save` must be there, and without `compare_and_set`, `acquire` or `take_pending` an event tells which promise
// cannot be kept.
//
// The functions are called on a thread of yours that is inside a call with this client: never on another thread, and on
// several at once only if you call from several at once. Each gets your `context` first and must answer through
// `reply`, once, before it returns; a function that fails answers with `evergrant_reply_error`. They must not throw or
// `longjmp` through the library. Texts are UTF-8 and NUL-terminated, and live until the function returns. `client`,
// `subject` and `slot` together are the key of a record; a record's text holds secrets and is stored unchanged.
typedef struct evergrant_store {
    // `sizeof(evergrant_store)`; it tells the library which version of this structure it is.
    size_t size;
    // First argument of every function.
    void *context;
    // The record's text, or null when there is none.
    void (*load)(void *context, const char *client, const char *subject, const char *slot, struct evergrant_reply *reply);
    // Writes without a condition, then null.
    void (*save)(void *context,
                 const char *client,
                 const char *subject,
                 const char *slot,
                 const char *record,
                 struct evergrant_reply *reply);
    // Writes `record`, whose revision is `revision`, if the stored revision is `*expected_revision`, or if nothing is
    // stored when that is NULL; then a boolean: whether it wrote.
    void (*compare_and_set)(void *context,
                            const char *client,
                            const char *subject,
                            const char *slot,
                            const uint64_t *expected_revision,
                            const char *record,
                            uint64_t revision,
                            struct evergrant_reply *reply);
    // Deletes the record, then null.
    void (*delete_record)(void *context,
                          const char *client,
                          const char *subject,
                          const char *slot,
                          struct evergrant_reply *reply);
    // Takes the lease for `owner` if it is free or has run out, and keeps `intent` with it; then
    // `evergrant_reply_acquired` or `evergrant_reply_busy`.
    void (*acquire)(void *context,
                    const char *client,
                    const char *subject,
                    const char *slot,
                    const char *owner,
                    uint64_t ttl_ms,
                    const char *intent,
                    struct evergrant_reply *reply);
    // Lets the lease last `ttl_ms` from now if `owner` holds it under `fencing`; then a boolean: whether it is held.
    void (*renew)(void *context,
                  const char *client,
                  const char *subject,
                  const char *slot,
                  const char *owner,
                  uint64_t fencing,
                  uint64_t ttl_ms,
                  struct evergrant_reply *reply);
    // Gives the lease back if `owner` holds it under `fencing`, and leaves `intent`, which may be NULL, in place of the
    // earlier one; then null.
    void (*release)(void *context,
                    const char *client,
                    const char *subject,
                    const char *slot,
                    const char *owner,
                    uint64_t fencing,
                    const char *intent,
                    struct evergrant_reply *reply);
    // The texts of all records of a client: `evergrant_reply_list`, then `evergrant_reply_list_text` for each.
    void (*list)(void *context, const char *client, struct evergrant_reply *reply);
    // Keeps the document of an authorization under its state until `expires_at_ms` (Unix milliseconds), then null.
    void (*put_pending)(void *context,
                        const char *state,
                        const char *document,
                        int64_t expires_at_ms,
                        struct evergrant_reply *reply);
    // Removes the document of this state and gives its text to one caller only, or null when there is none.
    void (*take_pending)(void *context, const char *state, struct evergrant_reply *reply);
    // Called once, after the last other call: when the client is freed, or before `evergrant_client_open` returns an
    // error, or before `evergrant_store_check` returns. NULL when there is nothing to do.
    void (*destroy)(void *context);
} evergrant_store;

// What a client may be given beside its configuration. Set `size` to `sizeof(evergrant_environment)` and what you do
// not need to zero: `evergrant_environment environment = {.size = sizeof environment};`
typedef struct evergrant_environment {
    // `sizeof(evergrant_environment)`; it tells the library which version of this structure it is.
    size_t size;
    // Your token store, or NULL for the one that the configuration names. It is copied; what it points to is yours.
    const struct evergrant_store *store;
    // Called with each event, a JSON object, or NULL. It runs on the thread of the call during which the event
    // happened or on that of a later one, just before that call returns, and may call the client in turn.
    void (*on_event)(void *context, const char *event_json);
    // First argument of `on_event`.
    void *event_context;
    // Gives the keys of encryption at rest in place of `encryption.keys`, as a JSON list of texts, or NULL where there are
    // none to be had; or NULL. It is called once, during `evergrant_client_open`; the text is yours, and has been read when
    // that call returns.
    const char *(*keys)(void *context);
    // First argument of `keys`.
    void *keys_context;
} evergrant_environment;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Holds a token store of your own to what the library relies on, for your tests. The store is called on this thread alone,
// one call after another; its `destroy` is called before this returns. `options_json` may be NULL; its keys are `grants`
// (how many are written and listed; 10000) and `quick`. The report is an object with `ok`, `summary` (text that names each
// broken promise), `findings` (of each promise: `promise`, `verdict`, which is `passed`, `failed` or `skipped`, `expected`,
// `got`, `remark`, `milliseconds`) and `remarks`. That a promise is broken is no error.
enum evergrant_status evergrant_store_check(const struct evergrant_store *store,
                                            const char *options_json,
                                            struct evergrant_string **report_json,
                                            struct evergrant_error **error);

// Opens a client. `config_json` is an object with the keys of the user guide (`provider`, `client_id`, `store`, …);
// `environment` may be NULL. Does not connect to anything yet.
enum evergrant_status evergrant_client_open(const char *config_json,
                                            const struct evergrant_environment *environment,
                                            struct evergrant_client **client,
                                            struct evergrant_error **error);

// Ends a client's work: waits, at most 10 seconds, until refreshes on their way are stored. Later calls give
// `EVERGRANT_CANCELLED`; closing again is fine.
enum evergrant_status evergrant_client_close(const struct evergrant_client *client, struct evergrant_error **error);

// Closes a client as `evergrant_client_close` does and frees it; NULL is fine. No other thread may be in a call with it.
void evergrant_client_free(struct evergrant_client *client);

// Serves the calls of your store that wait, and delivers the events that do, without waiting for anything else. For
// programs that may be a long time without another call: a refresh behind the scenes goes on only inside calls when the
// store is yours.
enum evergrant_status evergrant_client_poll(const struct evergrant_client *client, struct evergrant_error **error);

// Stores tokens got elsewhere. `tokens_json` has the keys `access_token`, `token_secret` (OAuth 1.0a), `token_type`,
// `refresh_token`, `expires_in` (seconds), `expires_at` (Unix seconds), `scope`, `slot`; or `document`, as `evergrant export`
// or another program gave it, and `slot`. `inspection_json` may be NULL.
enum evergrant_status evergrant_client_put(const struct evergrant_client *client,
                                           const char *subject,
                                           const char *tokens_json,
                                           struct evergrant_string **inspection_json,
                                           struct evergrant_error **error);

// Gets the grants whose time for a renewal has come, as a JSON list: `subject`, `slot`, `grant_id`, `generation`, `due_for`
// (`expiry`, `keepalive`, `revocation`), `expires_at`, `keepalive_at`, `retry_at`. Nothing is decrypted for it. `options_json`
// may be NULL; its keys are `within` (seconds), `limit`, `after` (`subject` and `slot` of the last of the list before).
enum evergrant_status evergrant_client_due(const struct evergrant_client *client,
                                           const char *options_json,
                                           struct evergrant_string **due_json,
                                           struct evergrant_error **error);

// Renews the grants that are due, each once however many processes do this at the same time. `options_json` may be NULL;
// its keys are `within` (seconds), `concurrency`, `limit`. `report_json` may be NULL; it gets an object with the numbers
// `refreshed`, `renewed_elsewhere`, `in_back_off`, `skipped`, `revoked`, `cleared`, the lists `needs_consent` and `failed`, and
// `stopped`, which is null or says why the rest was left for a later call.
enum evergrant_status evergrant_client_refresh_due(const struct evergrant_client *client,
                                                   const char *options_json,
                                                   struct evergrant_string **report_json,
                                                   struct evergrant_error **error);

// Gets every grant of this client in the store, as a JSON list of what `evergrant_client_inspect` gives.
enum evergrant_status evergrant_client_list(const struct evergrant_client *client,
                                            struct evergrant_string **list_json,
                                            struct evergrant_error **error);

// For tests only: stops the client's clock at `*unix_ms` (Unix milliseconds), or gives it back the real time for NULL.
enum evergrant_status evergrant_client_testing_set_clock(const struct evergrant_client *client,
                                                         const int64_t *unix_ms,
                                                         struct evergrant_error **error);

// Begins an authorization: send the user's browser to `evergrant_start_url(*start)`. `options_json` may be NULL; its keys
// are `scope`, `incremental`, `resource`, `authorization_details`, `redirect_uri`, `prompt`, `reauthenticate`, `login_hint`,
// `parameters`, `browser_session`, `slot`, `timeout` (seconds).
enum evergrant_status evergrant_client_begin(const struct evergrant_client *client,
                                             const char *subject,
                                             const char *options_json,
                                             struct evergrant_start **start,
                                             struct evergrant_error **error);

// Ends an authorization with the callback as it came: a URL, a path with a query, or a query. `options_json` may be NULL;
// its keys are `browser_session`, `state`, `timeout`. `finished_json` may be NULL; it gets an object with `subject`, `slot`,
// `grant_id`, `generation`, `scope`, `expires_at` (Unix milliseconds).
enum evergrant_status evergrant_client_finish(const struct evergrant_client *client,
                                              const char *callback,
                                              const char *options_json,
                                              struct evergrant_string **finished_json,
                                              struct evergrant_error **error);

// Exchanges a code that came to the application another way than by a callback; that it is of `subject` is for you to know.
// `options_json` may be NULL; its keys are `redirect_uri` (of the request that brought the code), `code_verifier`, `scope`, `slot`,
// `timeout`. `finished_json` is as for `evergrant_client_finish`.
enum evergrant_status evergrant_client_exchange(const struct evergrant_client *client,
                                                const char *subject,
                                                const char *authorization_code,
                                                const char *options_json,
                                                struct evergrant_string **finished_json,
                                                struct evergrant_error **error);

// Looks how a grant stands, without asking the provider. `options_json` is as for `evergrant_client_begin`; scopes that it names
// have to be granted. `standing_json` gets an object with `status` (`valid`, `refreshable`, `need_user`), `reason`, `missing_scope`,
// and `start`, which is null or, where the user is needed, what `evergrant_client_begin` gives: `url`, `state`, `expires_at`.
enum evergrant_status evergrant_client_check(const struct evergrant_client *client,
                                             const char *subject,
                                             const char *options_json,
                                             struct evergrant_string **standing_json,
                                             struct evergrant_error **error);

// Begins to ask for consent on another device (RFC 8628). `options_json` may be NULL; its keys are `scope`, `authorization_details`,
// `parameters`, `slot`, `timeout`. `start_json` gets an object with `state`, `user_code` and `verification_uri` (to show to the user),
// `verification_uri_complete` (or null), `interval` (seconds), `expires_at`.
enum evergrant_status evergrant_client_begin_device(const struct evergrant_client *client,
                                                    const char *subject,
                                                    const char *options_json,
                                                    struct evergrant_string **start_json,
                                                    struct evergrant_error **error);

// Asks once whether the user has answered; before its time it asks nobody. `poll_json` gets an object with `finished`, which is as
// for `evergrant_client_finish`, or null and `poll_at`, when to poll again.
enum evergrant_status evergrant_client_poll_device(const struct evergrant_client *client,
                                                   const char *state,
                                                   struct evergrant_string **poll_json,
                                                   struct evergrant_error **error);

// Polls until the user has answered or the codes have expired; no longer than `*timeout` seconds, where that is not NULL.
// `finished_json` is as for `evergrant_client_finish`.
enum evergrant_status evergrant_client_wait_device(const struct evergrant_client *client,
                                                   const char *state,
                                                   const double *timeout,
                                                   struct evergrant_string **finished_json,
                                                   struct evergrant_error **error);

// Stores the grant that a user's own password brings (RFC 6749 section 4.3), where `legacy_grants` of the configuration allows it.
// `options_json` has the keys `username`, `password`, `slot`, `timeout`. `inspection_json` gets what `evergrant_client_inspect` gives.
enum evergrant_status evergrant_client_grant_by_password(const struct evergrant_client *client,
                                                         const char *subject,
                                                         const char *options_json,
                                                         struct evergrant_string **inspection_json,
                                                         struct evergrant_error **error);

// Stores the grant that a PIN brings, which the user got at `evergrant_client_pin_url`, where `legacy_grants` allows it.
// `options_json` has the keys `pin`, `slot`, `timeout`. `inspection_json` gets what `evergrant_client_inspect` gives.
enum evergrant_status evergrant_client_grant_by_pin(const struct evergrant_client *client,
                                                    const char *subject,
                                                    const char *options_json,
                                                    struct evergrant_string **inspection_json,
                                                    struct evergrant_error **error);

// Gets the address at which the provider shows a user the PIN that they copy.
enum evergrant_status evergrant_client_pin_url(const struct evergrant_client *client,
                                               struct evergrant_string **url,
                                               struct evergrant_error **error);

// Gets the address to which a user's browser is sent to end its session at the provider (OpenID Connect RP-Initiated Logout 1.0). It
// may hold the user's `id_token`, so it belongs into no log. The grant lives on. `options_json` may be NULL; its keys are `subject`,
// `slot`, `post_logout_redirect_uri`, `state`, `timeout`.
enum evergrant_status evergrant_client_logout_url(const struct evergrant_client *client,
                                                  const char *options_json,
                                                  struct evergrant_string **url,
                                                  struct evergrant_error **error);

// What the failed call returned; `EVERGRANT_OK` for NULL.
enum evergrant_status evergrant_error_status(const struct evergrant_error *error);

// The text form of the status, such as `needs_consent`; NULL for NULL.
const char *evergrant_error_code(const struct evergrant_error *error);

// What was wrong, where, and what was expected, for people; NULL for NULL.
const char *evergrant_error_message(const struct evergrant_error *error);

// A stable word that says more than the code, such as `revoked` for `needs_consent`; NULL where there is none.
const char *evergrant_error_reason(const struct evergrant_error *error);

// Whether the same call may succeed later without anybody changing anything.
bool evergrant_error_is_retryable(const struct evergrant_error *error);

// Unix time in milliseconds before which no attempt will be made; 0 where it is not known.
int64_t evergrant_error_retry_at(const struct evergrant_error *error);

// HTTP status of the provider's answer; 0 where there was none.
uint16_t evergrant_error_http_status(const struct evergrant_error *error);

// All of it as a JSON object: `code`, `message`, `retryable` and, where known, `retry_at`, `status_at`, `reason`, `provider`,
// `subject`, `status`, `error`, `error_description` (the last two are the provider's own words, RFC 6749 section 5.2).
const char *evergrant_error_json(const struct evergrant_error *error);

// Frees an error; NULL is fine.
void evergrant_error_free(struct evergrant_error *error);

// Gets a token that may be used now, refreshed where it is due. `slot` may be NULL, which is the subject's ordinary
// grant. `options_json` may be NULL; its keys are `min_valid`, `timeout` (seconds), and `resource` (RFC 8707) and `scope`
// (fewer than were granted), which name another access token of the same grant.
enum evergrant_status evergrant_client_access_token(const struct evergrant_client *client,
                                                    const char *subject,
                                                    const char *slot,
                                                    const char *options_json,
                                                    struct evergrant_token **token,
                                                    struct evergrant_error **error);

// Gets the fresh token that this process has in memory, without waiting for anything; `*token` is NULL when there is
// none.
enum evergrant_status evergrant_client_cached_access_token(const struct evergrant_client *client,
                                                           const char *subject,
                                                           const char *slot,
                                                           struct evergrant_token **token,
                                                           struct evergrant_error **error);

// Gets the headers that authorize one request, to be sent with any HTTP client. `options_json` may be NULL; its keys are
// `form` (parameters of the body that an OAuth 1.0a signature covers), `refused` (the `Authorization` value that met a 401),
// `challenge` (what came with it), `resource`, `scope`, `timeout`.
enum evergrant_status evergrant_client_headers(const struct evergrant_client *client,
                                               const char *subject,
                                               const char *slot,
                                               const char *method,
                                               const char *url,
                                               const char *options_json,
                                               struct evergrant_headers **headers,
                                               struct evergrant_error **error);

// Calls an API on the user's behalf. `request_json` has the keys `method`, `url`, `query`, `form`, `json`, `headers`,
// `resource`, `scope`, `timeout`, `max_response_bytes`; `body` is one as it stands, or NULL. Any HTTP status is a success.
enum evergrant_status evergrant_client_request(const struct evergrant_client *client,
                                               const char *subject,
                                               const char *slot,
                                               const char *request_json,
                                               const uint8_t *body,
                                               size_t body_length,
                                               struct evergrant_response **response,
                                               struct evergrant_error **error);

// Refreshes where it is due, or in any case with `force`. `options_json` may be NULL; its keys are `force`, `timeout`.
// `inspection_json` may be NULL; it gets what `evergrant_client_inspect` gives.
enum evergrant_status evergrant_client_refresh(const struct evergrant_client *client,
                                               const char *subject,
                                               const char *slot,
                                               const char *options_json,
                                               struct evergrant_string **inspection_json,
                                               struct evergrant_error **error);

// Asks the provider about the user (OpenID Connect Core section 5.3). `options_json` may be NULL; its key is `timeout`. `claims_json`
// gets the claims as they came.
enum evergrant_status evergrant_client_userinfo(const struct evergrant_client *client,
                                                const char *subject,
                                                const char *slot,
                                                const char *options_json,
                                                struct evergrant_string **claims_json,
                                                struct evergrant_error **error);

// Asks the provider about one of the grant's tokens (RFC 7662); nothing is renewed for it. `options_json` may be NULL; its keys are
// `token` (`access_token`, the default, or `refresh_token`) and `timeout`. `introspection_json` gets `active` and all else as it came.
enum evergrant_status evergrant_client_introspect(const struct evergrant_client *client,
                                                  const char *subject,
                                                  const char *slot,
                                                  const char *options_json,
                                                  struct evergrant_string **introspection_json,
                                                  struct evergrant_error **error);

// Gets what the provider said beside the tokens, as it came, from the store: a JSON object with Salesforce's `instance_url`, the
// `realmId` of Intuit's callback, the `id_token`, … It has what is personal, and no token that works at an API.
enum evergrant_status evergrant_client_token_response(const struct evergrant_client *client,
                                                      const char *subject,
                                                      const char *slot,
                                                      struct evergrant_string **response_json,
                                                      struct evergrant_error **error);

// Gets the scopes that were not granted, as a JSON list: of those in `scope`, with spaces between; where it is NULL, of the
// client's own. The provider is not asked.
enum evergrant_status evergrant_client_missing_scope(const struct evergrant_client *client,
                                                     const char *subject,
                                                     const char *slot,
                                                     const char *scope,
                                                     struct evergrant_string **missing_json,
                                                     struct evergrant_error **error);

// Revokes the grant at the provider (RFC 7009) and deletes it. `options_json` may be NULL; its keys are `force` (delete
// it here even where the provider cannot be told), `timeout`.
enum evergrant_status evergrant_client_revoke(const struct evergrant_client *client,
                                              const char *subject,
                                              const char *slot,
                                              const char *options_json,
                                              struct evergrant_error **error);

// Deletes what is stored of a grant, without telling the provider.
enum evergrant_status evergrant_client_forget(const struct evergrant_client *client,
                                              const char *subject,
                                              const char *slot,
                                              struct evergrant_error **error);

// Gets all of a grant but its secrets, as a JSON object: `provider`, `client_id`, `subject`, `slot`, `grant_id`,
// `generation`, `revision`, `status`, `reason`, `scope`, `token_type`, `expires_at`, `has_refresh_token`, …
enum evergrant_status evergrant_client_inspect(const struct evergrant_client *client,
                                               const char *subject,
                                               const char *slot,
                                               struct evergrant_string **inspection_json,
                                               struct evergrant_error **error);

// Gets a grant as a document, to go on with elsewhere: give it to `evergrant_client_put` as `document`. It is as secret as the
// tokens in it. Two stores cannot share a grant: forget it here once it is there.
enum evergrant_status evergrant_client_export(const struct evergrant_client *client,
                                              const char *subject,
                                              const char *slot,
                                              struct evergrant_string **document,
                                              struct evergrant_error **error);

// Registers a client at an issuer (RFC 7591), anew with each call. `options_json` has the keys `issuer`, `metadata` (what the client
// says about itself), `software_statement`, `initial_access_token`, `allow_private_addresses`, `timeout`. `registered_json` gets an
// object with `config` (keys of a configuration, with the secret), `client_secret_expires_at`, `registration_access_token`,
// `registration_client_uri` and `metadata`.
enum evergrant_status evergrant_register(const char *options_json,
                                         struct evergrant_string **registered_json,
                                         struct evergrant_error **error);

// Asks what an API says about itself and who gives tokens for it (RFC 9728). `options_json` has the keys `url`, `challenge` (values of
// `WWW-Authenticate`, a line each), `allow_private_addresses`, `timeout`. `resource_json` gets an object with `resource`,
// `authorization_servers`, `scopes_supported` and so on.
enum evergrant_status evergrant_protected_resource(const char *options_json,
                                                   struct evergrant_string **resource_json,
                                                   struct evergrant_error **error);

// Makes a redirect URI of the request that your application is answering. `request_json` has the keys `url` (absolute, as far as
// your server knows it), `headers` (an object) and `trust_proxy` (whether `Forwarded` and `X-Forwarded-*` are believed: only behind a
// proxy that sets or removes them all). `path` may be NULL, which is the request's own.
enum evergrant_status evergrant_redirect_uri_of(const char *request_json,
                                                const char *path,
                                                struct evergrant_string **uri,
                                                struct evergrant_error **error);

// The text, UTF-8 and NUL-terminated, until it is freed; NULL for NULL.
const char *evergrant_string_data(const struct evergrant_string *string);

// Its length in bytes, without the NUL.
size_t evergrant_string_length(const struct evergrant_string *string);

// Frees a string; NULL is fine.
void evergrant_string_free(struct evergrant_string *string);

// The authorization URL, until the handle is freed.
const char *evergrant_start_url(const struct evergrant_start *start);

// The state that the callback will carry (with OAuth 1.0a: the temporary credentials' identifier).
const char *evergrant_start_state(const struct evergrant_start *start);

// Until when the callback is taken, in Unix milliseconds.
int64_t evergrant_start_expires_at(const struct evergrant_start *start);

// Until when the browser has to be there, in Unix milliseconds, where the provider says (RFC 9126 section 2.2); else 0.
int64_t evergrant_start_open_by(const struct evergrant_start *start);

// Frees a start; NULL is fine.
void evergrant_start_free(struct evergrant_start *start);

// The token itself, a secret, until the handle is freed.
const char *evergrant_token_text(const struct evergrant_token *token);

// How it is to be used, such as `Bearer` (RFC 6749 section 7.1).
const char *evergrant_token_type(const struct evergrant_token *token);

// When it expires, in Unix milliseconds; 0 where the provider did not say.
int64_t evergrant_token_expires_at(const struct evergrant_token *token);

// Frees and wipes a token; NULL is fine.
void evergrant_token_free(struct evergrant_token *token);

// How many there are.
size_t evergrant_headers_count(const struct evergrant_headers *headers);

// The name of one; NULL where `index` is not below the count.
const char *evergrant_headers_name(const struct evergrant_headers *headers, size_t index);

// The value of one; NULL where `index` is not below the count.
const char *evergrant_headers_value(const struct evergrant_headers *headers, size_t index);

// Frees headers got from `evergrant_client_headers`, not those of a response; NULL is fine.
void evergrant_headers_free(struct evergrant_headers *headers);

// Its HTTP status.
uint16_t evergrant_response_status(const struct evergrant_response *response);

// Its headers in the order received, names in lower case; they live as long as the response.
const struct evergrant_headers *evergrant_response_headers(const struct evergrant_response *response);

// Its body, until the response is freed. Not NUL-terminated; of an empty one not a byte may be read.
const uint8_t *evergrant_response_body(const struct evergrant_response *response);

// Length of the body in bytes.
size_t evergrant_response_body_length(const struct evergrant_response *response);

// Where the answer came from, after redirects.
const char *evergrant_response_url(const struct evergrant_response *response);

// Frees a response with its headers and body; NULL is fine.
void evergrant_response_free(struct evergrant_response *response);

// Signs one OAuth 1.0a request (RFC 5849 section 3.1) for use with any HTTP client; nothing is stored or sent. `options_json` has the
// keys `client_id`, `client_secret`, `private_key`, `private_key_passphrase`, `signature_method`, `parameters_in`, `realm`, `token`,
// `token_secret`, `query`, `form`, `parameters`, `nonce`, `timestamp`, `without_version`. `body` is one that `oauth_body_hash` is to
// cover, or NULL. `signed_json` gets an object with `authorization` (the header's value, or null), `url`, `body` (or null),
// `base_string`.
enum evergrant_status evergrant_sign(const char *method,
                                     const char *url,
                                     const char *options_json,
                                     const uint8_t *body,
                                     size_t body_length,
                                     struct evergrant_string **signed_json,
                                     struct evergrant_error **error);

// The text form of a status, the same in every language, such as `needs_consent`; NULL for `EVERGRANT_OK` and for a
// number that is none. It lives as long as the program.
const char *evergrant_status_text(int32_t status);

// The version of the library, such as `0.1.0`. It lives as long as the program.
const char *evergrant_version(void);

// Replies text: UTF-8, NUL-terminated; copied. NULL is the reply null.
void evergrant_reply_text(struct evergrant_reply *reply, const char *text);

// Replies a whole number.
void evergrant_reply_integer(struct evergrant_reply *reply, int64_t number);

// Replies true or false.
void evergrant_reply_boolean(struct evergrant_reply *reply, bool truth);

// Replies null: there is nothing, or the work is done.
void evergrant_reply_null(struct evergrant_reply *reply);

// Replies that the lease was acquired under this fencing number, which is higher than any before it for this key, and
// the intent that an earlier holder left, or NULL.
void evergrant_reply_acquired(struct evergrant_reply *reply, uint64_t fencing, const char *earlier_intent);

// Replies that somebody else holds the lease for at most this time more.
void evergrant_reply_busy(struct evergrant_reply *reply, uint64_t busy_ms);

// Replies a list, empty at first.
void evergrant_reply_list(struct evergrant_reply *reply);

// Adds one text to the list that is being replied.
void evergrant_reply_list_text(struct evergrant_reply *reply, const char *text);

// Replies any JSON text, for stores that have it at hand in that form.
void evergrant_reply_json(struct evergrant_reply *reply, const char *json);

// Replies that the function failed; the message becomes part of an error `EVERGRANT_CALLBACK` and must hold no secret.
void evergrant_reply_error(struct evergrant_reply *reply, const char *message);

#if defined(EVERGRANT_TESTING)
// Fails with the status of this number, or with `EVERGRANT_INVALID_ARGUMENT` where it is none.
enum evergrant_status evergrant_testing_fail(int32_t status, struct evergrant_error **error);
#endif

#if defined(EVERGRANT_TESTING)
// Panics on the calling thread.
enum evergrant_status evergrant_testing_panic(struct evergrant_error **error);
#endif

#if defined(EVERGRANT_TESTING)
// Panics inside the work that the calling thread waits for.
enum evergrant_status evergrant_client_testing_panic(const struct evergrant_client *client,
                                                     struct evergrant_error **error);
#endif

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVERGRANT_H */
