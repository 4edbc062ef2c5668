/* What needs no client. */
#include "php_evergrant.h"

/* --- A store held to its promises ----------------------------------------------------------------------------------- */

/* A Client that is never opened is what PHP code needs around its calls. */
ZEND_FUNCTION(Evergrant_check_store)
{
	zval *store, client;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_OBJECT(store)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	object_init_ex(&client, evergrant_client_ce);
	evergrant_client_object *self = evergrant_client_of(Z_OBJ(client));
	ZVAL_COPY(&self->store, store);
	evergrant_store table = evergrant_store_of(self);
	evergrant_string *report = NULL;
	evergrant_error *error = NULL;
	evergrant_status status = evergrant_store_check(&table, evergrant_text_of(json), &report, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, report);
	}
	evergrant_resume(self);
	zval_ptr_dtor(&client);
}

/* --- What can be asked before there is a client --------------------------------------------------------------------- */

typedef evergrant_status (*look_up)(const char *options_json, evergrant_string **json, evergrant_error **error);

static void answer_look_up(INTERNAL_FUNCTION_PARAMETERS, look_up ask)
{
	HashTable *options;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_string *answer = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = ask(evergrant_text_of(json), &answer, &error);
	evergrant_release_text(json);
	if (status != EVERGRANT_OK) {
		evergrant_throw(error, NULL);
		RETURN_THROWS();
	}
	evergrant_json_as_it_came(return_value, answer);
}

ZEND_FUNCTION(Evergrant_register)
{
	answer_look_up(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_register);
	if (EG(exception)) {
		return;
	}
	/* The one time that is the library's own: what the provider says beside it stays as it came. */
	zval *expires_at = zend_hash_str_find(Z_ARRVAL_P(return_value), ZEND_STRL("client_secret_expires_at"));
	if (expires_at && Z_TYPE_P(expires_at) == IS_LONG) {
		ZVAL_DOUBLE(expires_at, evergrant_seconds(Z_LVAL_P(expires_at)));
	}
}

ZEND_FUNCTION(Evergrant_protected_resource)
{
	answer_look_up(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_protected_resource);
}

ZEND_FUNCTION(Evergrant_redirect_uri_of)
{
	HashTable *request;
	char *path = NULL;
	size_t length;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_ARRAY_HT(request)
		Z_PARAM_OPTIONAL
		Z_PARAM_PATH_OR_NULL(path, length)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_string *uri = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(request, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_redirect_uri_of(evergrant_text_of(json), path, &uri, &error);
	evergrant_release_text(json);
	if (status != EVERGRANT_OK) {
		evergrant_throw(error, NULL);
		RETURN_THROWS();
	}
	evergrant_string_to_text(return_value, uri);
}

/* --- A signature for any HTTP client -------------------------------------------------------------------------------- */

ZEND_FUNCTION(Evergrant_sign)
{
	char *method, *url;
	size_t method_length, url_length;
	HashTable *options;
	ZEND_PARSE_PARAMETERS_START(3, 3)
		Z_PARAM_PATH(method, method_length)
		Z_PARAM_PATH(url, url_length)
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	zend_string *body, *json;
	evergrant_string *signed_request = NULL;
	evergrant_error *error = NULL;
	if (!evergrant_body_of(options, &body)) {
		RETURN_THROWS();
	}
	options = zend_array_dup(options);
	zend_hash_str_del(options, ZEND_STRL("body"));
	bool given = evergrant_options_of(options, &json);
	zend_array_destroy(options);
	if (!given) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_sign(method, url, evergrant_text_of(json),
		body ? (const uint8_t *)ZSTR_VAL(body) : NULL, body ? ZSTR_LEN(body) : 0, &signed_request, &error);
	evergrant_release_text(json);
	if (status != EVERGRANT_OK) {
		evergrant_throw(error, NULL);
		RETURN_THROWS();
	}
	evergrant_json_as_it_came(return_value, signed_request);
}

/* --- Failing and panicking on purpose ----------------------------------------------------------------------------- */

#ifdef EVERGRANT_TESTING
ZEND_FUNCTION(Evergrant__testing_fail)
{
	zend_long status;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_LONG(status)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_error *error = NULL;
	evergrant_testing_fail((int32_t)status, &error);
	evergrant_throw(error, NULL);
}

ZEND_FUNCTION(Evergrant__testing_panic)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_error *error = NULL;
	evergrant_testing_panic(&error);
	evergrant_throw(error, NULL);
}
#endif
