/* The PHP extension evergrant: carries values between PHP and the C ABI of evergrant.h, and decides nothing. */
#ifndef PHP_EVERGRANT_H
#define PHP_EVERGRANT_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "php.h"

#include "evergrant.h"

extern zend_module_entry evergrant_module_entry;
#define phpext_evergrant_ptr &evergrant_module_entry

extern zend_class_entry *evergrant_client_ce;
extern zend_class_entry *evergrant_grant_ce;
extern zend_class_entry *evergrant_start_ce;
extern zend_class_entry *evergrant_access_token_ce;
extern zend_class_entry *evergrant_response_ce;

/* A Client: the handle, and what PHP code it may call. */
typedef struct evergrant_client_object {
	evergrant_client *client;
	zval store;
	zval listener;
	/* What the store and the listener threw during a call; it is thrown on when the call has come back through the library. */
	zend_object *thrown_by_store;
	zend_object *thrown_by_listener;
	/* PHP code must not run any more: exit() was called, a fatal error happened, or the request ends. */
	bool exiting;
	bool fatal;
	bool request_ends;
	zend_object std;
} evergrant_client_object;

static inline evergrant_client_object *evergrant_client_of(zend_object *object)
{
	return (evergrant_client_object *)((char *)object - XtOffsetOf(evergrant_client_object, std));
}

/* client.c, grant.c */
void evergrant_client_minit(void);
void evergrant_grant_minit(void);

/* call.c */

/* Whether a call succeeded; throws what it failed with. */
bool evergrant_succeeded(evergrant_client_object *self, evergrant_status status, evergrant_error **error);
/* Lets what PHP code began inside the call, and the library must not see, take its course: exit(), a fatal error, what the
 * listener threw. */
void evergrant_resume(evergrant_client_object *self);
void evergrant_release_thrown(zend_object **thrown);
/* Options as JSON, NULL where there are none; false after throwing. */
bool evergrant_options_of(HashTable *options, zend_string **json);
/* The option body, which goes beside the JSON, NULL where there is none; false after throwing. */
bool evergrant_body_of(HashTable *options, zend_string **body);
const char *evergrant_text_of(zend_string *json);
void evergrant_release_text(zend_string *json);

/* callbacks.c: calls from the library into PHP. */

/* The table of a store written in PHP, with the methods that its class has. */
evergrant_store evergrant_store_of(evergrant_client_object *client);
void evergrant_on_event(void *client, const char *event_json);

/* evergrant.c */

/* The exception class of a status. */
zend_class_entry *evergrant_error_class(evergrant_status status);

/* errors.c */
/* Throws what a failed call gave, with what the store threw as its previous exception; frees the error. */
void evergrant_throw(evergrant_error *error, zend_object *previous);
void evergrant_throw_invalid_argument(const char *message);

/* results.c */
zend_object *evergrant_create_sealed(zend_class_entry *ce);
void evergrant_results_minit(void);
void evergrant_start_to_object(zval *object, evergrant_start *start);
void evergrant_token_to_object(zval *object, evergrant_token *token);
void evergrant_response_to_object(zval *object, evergrant_response *response);
void evergrant_string_to_text(zval *text, evergrant_string *string);
void evergrant_headers_to_array(zval *array, evergrant_headers *headers);

/* json.c */

/* A value as JSON text; NULL where it cannot be. */
zend_string *evergrant_json_encode(zval *value);
/* A PHP array as JSON text; NULL for an empty one, which the library takes as no options, and after throwing. */
zend_string *evergrant_json_of(HashTable *array);
/* A JSON object or list as a PHP array; times (keys that end in _at) become Unix seconds. Frees the text. */
void evergrant_json_to_array(zval *array, evergrant_string *json);
/* The same for what is not the library's own: its times stay as they are. Frees the text. */
void evergrant_json_as_it_came(zval *array, evergrant_string *json);
void evergrant_json_text_to_array(zval *array, const char *text, size_t length);
/* Unix milliseconds as Unix seconds. */
double evergrant_seconds(int64_t unix_ms);

#endif
