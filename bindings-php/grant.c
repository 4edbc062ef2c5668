/* Grant: each method converts, makes one call of the C ABI, and converts what comes back. */
#include "php_evergrant.h"

#include "ext/standard/php_string.h"

zend_class_entry *evergrant_grant_ce;

/* What a Grant stands for, out of its properties in the order of their declaration. */
typedef struct grant_parts {
	evergrant_client_object *owner;
	const evergrant_client *client;
	const char *subject;
	const char *slot;
} grant_parts;

static grant_parts parts_of(zend_object *grant)
{
	evergrant_client_object *owner = evergrant_client_of(Z_OBJ_P(OBJ_PROP_NUM(grant, 0)));
	return (grant_parts){
		owner, owner->client, Z_STRVAL_P(OBJ_PROP_NUM(grant, 1)), Z_STRVAL_P(OBJ_PROP_NUM(grant, 2))};
}

ZEND_METHOD(Evergrant_Grant, __construct)
{
	ZEND_PARSE_PARAMETERS_NONE();
}

ZEND_METHOD(Evergrant_Grant, accessToken)
{
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(0, 1)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_token *token = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_access_token(grant.client, grant.subject, grant.slot, evergrant_text_of(json), &token, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		evergrant_token_to_object(return_value, token);
	}
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, cachedAccessToken)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_token *token = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_cached_access_token(grant.client, grant.subject, grant.slot, &token, &error);
	if (evergrant_succeeded(grant.owner, status, &error) && token) {
		evergrant_token_to_object(return_value, token);
	}
}

ZEND_METHOD(Evergrant_Grant, headers)
{
	char *method, *url;
	size_t method_length, url_length;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(2, 3)
		Z_PARAM_PATH(method, method_length)
		Z_PARAM_PATH(url, url_length)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_headers *headers = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_client_headers(
		grant.client, grant.subject, grant.slot, method, url, evergrant_text_of(json), &headers, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		evergrant_headers_to_array(return_value, headers);
	}
	evergrant_resume(grant.owner);
}

/* The request as JSON, without its body, which goes beside it; NULL after throwing. */
static zend_string *request_json(const char *method, zend_string *url, HashTable *options)
{
	zval value;
	options = zend_array_dup(options);
	zend_hash_str_del(options, ZEND_STRL("body"));
	ZVAL_STRING(&value, method);
	zend_hash_str_update(options, ZEND_STRL("method"), &value);
	ZVAL_STR_COPY(&value, url);
	zend_hash_str_update(options, ZEND_STRL("url"), &value);
	zend_string *json = evergrant_json_of(options);
	zend_array_destroy(options);
	return json;
}

static void request(zval *return_value, zend_object *object, const char *method, zend_string *url, HashTable *options)
{
	grant_parts grant = parts_of(object);
	evergrant_response *response = NULL;
	evergrant_error *error = NULL;
	zend_string *body;
	if (!evergrant_body_of(options, &body)) {
		return;
	}
	zend_string *json = request_json(method, url, options);
	if (!json) {
		return;
	}
	evergrant_status status = evergrant_client_request(grant.client, grant.subject, grant.slot, ZSTR_VAL(json),
		body ? (const uint8_t *)ZSTR_VAL(body) : NULL, body ? ZSTR_LEN(body) : 0, &response, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		evergrant_response_to_object(return_value, response);
	}
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, request)
{
	char *method;
	size_t length;
	zend_string *url;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(2, 3)
		Z_PARAM_PATH(method, length)
		Z_PARAM_PATH_STR(url)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	request(return_value, Z_OBJ_P(ZEND_THIS), method, url, options);
}

static void request_by_method(INTERNAL_FUNCTION_PARAMETERS, const char *method)
{
	zend_string *url;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_PATH_STR(url)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	request(return_value, Z_OBJ_P(ZEND_THIS), method, url, options);
}

ZEND_METHOD(Evergrant_Grant, get)
{
	request_by_method(INTERNAL_FUNCTION_PARAM_PASSTHRU, "GET");
}

ZEND_METHOD(Evergrant_Grant, post)
{
	request_by_method(INTERNAL_FUNCTION_PARAM_PASSTHRU, "POST");
}

ZEND_METHOD(Evergrant_Grant, put)
{
	request_by_method(INTERNAL_FUNCTION_PARAM_PASSTHRU, "PUT");
}

ZEND_METHOD(Evergrant_Grant, patch)
{
	request_by_method(INTERNAL_FUNCTION_PARAM_PASSTHRU, "PATCH");
}

ZEND_METHOD(Evergrant_Grant, delete)
{
	request_by_method(INTERNAL_FUNCTION_PARAM_PASSTHRU, "DELETE");
}

/* A call that takes options and gives JSON. */
typedef evergrant_status (*ask_with_options)(const evergrant_client *client, const char *subject, const char *slot,
	const char *options_json, evergrant_string **json, evergrant_error **error);

static void answer_with_options(
	INTERNAL_FUNCTION_PARAMETERS, ask_with_options ask, void (*to_array)(zval *array, evergrant_string *json))
{
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(0, 1)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *answer = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		ask(grant.client, grant.subject, grant.slot, evergrant_text_of(json), &answer, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		to_array(return_value, answer);
	}
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, refresh)
{
	answer_with_options(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_refresh, evergrant_json_to_array);
}

ZEND_METHOD(Evergrant_Grant, userinfo)
{
	answer_with_options(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_userinfo, evergrant_json_as_it_came);
}

ZEND_METHOD(Evergrant_Grant, introspect)
{
	answer_with_options(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_introspect, evergrant_json_as_it_came);
}

ZEND_METHOD(Evergrant_Grant, tokenResponse)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *response = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_token_response(grant.client, grant.subject, grant.slot, &response, &error);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		evergrant_json_as_it_came(return_value, response);
	}
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, missingScope)
{
	HashTable *list = NULL;
	zend_string *text = NULL;
	zval joined;
	ZEND_PARSE_PARAMETERS_START(0, 1)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT_OR_STR_OR_NULL(list, text)
	ZEND_PARSE_PARAMETERS_END();
	ZVAL_NULL(&joined);
	if (list) {
		php_implode(ZSTR_CHAR(' '), list, &joined);
		if (EG(exception)) {
			zval_ptr_dtor(&joined);
			RETURN_THROWS();
		}
		text = Z_STR(joined);
	}
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *missing = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_missing_scope(grant.client, grant.subject, grant.slot, evergrant_text_of(text), &missing, &error);
	zval_ptr_dtor(&joined);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		evergrant_json_to_array(return_value, missing);
	}
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, revoke)
{
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(0, 1)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_revoke(grant.client, grant.subject, grant.slot, evergrant_text_of(json), &error);
	evergrant_release_text(json);
	evergrant_succeeded(grant.owner, status, &error);
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, forget)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	evergrant_succeeded(grant.owner, evergrant_client_forget(grant.client, grant.subject, grant.slot, &error), &error);
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, inspect)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *inspection = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_inspect(grant.client, grant.subject, grant.slot, &inspection, &error);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		evergrant_json_to_array(return_value, inspection);
	}
	evergrant_resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, export)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *document = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_export(grant.client, grant.subject, grant.slot, &document, &error);
	if (evergrant_succeeded(grant.owner, status, &error)) {
		evergrant_string_to_text(return_value, document);
	}
	evergrant_resume(grant.owner);
}

void evergrant_grant_minit(void)
{
	evergrant_grant_ce->create_object = evergrant_create_sealed;
}
