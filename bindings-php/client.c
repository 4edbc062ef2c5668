/* Client and Grant: each method converts, makes one call of the C ABI, and converts what comes back. */
#include "php_evergrant.h"

#include "zend_exceptions.h"

zend_class_entry *evergrant_client_ce;
zend_class_entry *evergrant_grant_ce;

static zend_object_handlers client_handlers;

/* --- The life of a Client ----------------------------------------------------------------------------------------- */

static zend_object *client_create(zend_class_entry *ce)
{
	evergrant_client_object *self = zend_object_alloc(sizeof *self, ce);
	memset(self, 0, XtOffsetOf(evergrant_client_object, std));
	ZVAL_UNDEF(&self->store);
	ZVAL_UNDEF(&self->listener);
	zend_object_std_init(&self->std, ce);
	object_properties_init(&self->std, ce);
	self->std.handlers = &client_handlers;
	return &self->std;
}

static void release_thrown(zend_object **thrown)
{
	if (*thrown) {
		OBJ_RELEASE(*thrown);
		*thrown = NULL;
	}
}

/* Closes the client while its store can still be called: refreshes on their way are stored. */
static void client_destroy(zend_object *object)
{
	evergrant_client_object *self = evergrant_client_of(object);
	zend_object *standing = EG(exception);
	EG(exception) = NULL;
	evergrant_client_close(self->client, NULL);
	release_thrown(&self->thrown_by_store);
	release_thrown(&self->thrown_by_listener);
	self->exiting = false;
	EG(exception) = standing;
	if (self->fatal) {
		self->fatal = false;
		zend_bailout();
	}
}

static void client_free(zend_object *object)
{
	evergrant_client_object *self = evergrant_client_of(object);
	self->request_ends = true;
	evergrant_client_free(self->client);
	release_thrown(&self->thrown_by_store);
	release_thrown(&self->thrown_by_listener);
	zval_ptr_dtor(&self->store);
	zval_ptr_dtor(&self->listener);
	zend_object_std_dtor(object);
}

static HashTable *client_get_gc(zend_object *object, zval **table, int *count)
{
	evergrant_client_object *self = evergrant_client_of(object);
	zend_get_gc_buffer *buffer = zend_get_gc_buffer_create();
	zend_get_gc_buffer_add_zval(buffer, &self->store);
	zend_get_gc_buffer_add_zval(buffer, &self->listener);
	zend_get_gc_buffer_use(buffer, table, count);
	return zend_std_get_properties(object);
}

void evergrant_client_minit(void)
{
	evergrant_grant_ce->create_object = evergrant_create_sealed;
	evergrant_client_ce->create_object = client_create;
	memcpy(&client_handlers, &std_object_handlers, sizeof client_handlers);
	client_handlers.offset = XtOffsetOf(evergrant_client_object, std);
	client_handlers.dtor_obj = client_destroy;
	client_handlers.free_obj = client_free;
	client_handlers.get_gc = client_get_gc;
	client_handlers.clone_obj = NULL;
}

/* --- Around each call --------------------------------------------------------------------------------------------- */

/* Whether a call succeeded; throws what it failed with. */
static bool succeeded(evergrant_client_object *self, evergrant_status status, evergrant_error **error)
{
	zend_object *previous = self->thrown_by_store;
	self->thrown_by_store = NULL;
	if (status == EVERGRANT_OK || self->fatal || self->exiting) {
		release_thrown(&previous);
		evergrant_error_free(*error);
		return status == EVERGRANT_OK;
	}
	evergrant_throw(*error, previous);
	return false;
}

/* Lets what PHP code began inside the call, and the library must not see, take its course: exit(), a fatal error, what the
 * listener threw. */
static void resume(evergrant_client_object *self)
{
	zend_object *thrown = self->thrown_by_listener;
	self->thrown_by_listener = NULL;
	if (self->fatal) {
		self->fatal = false;
		zend_bailout();
	}
	if (self->exiting) {
		self->exiting = false;
		release_thrown(&thrown);
		zend_throw_unwind_exit();
	} else if (thrown) {
		zval exception;
		ZVAL_OBJ(&exception, thrown);
		zend_throw_exception_object(&exception);
	}
}

/* Options as JSON; false after throwing. */
static bool options_of(HashTable *options, zend_string **json)
{
	*json = evergrant_json_of(options);
	return !EG(exception);
}

static const char *text_of(zend_string *json)
{
	return json ? ZSTR_VAL(json) : NULL;
}

static void release_text(zend_string *json)
{
	if (json) {
		zend_string_release(json);
	}
}

/* --- Client ------------------------------------------------------------------------------------------------------- */

/* Keys that a function gives are asked for here and now; false after it has thrown. */
static bool ask_for_keys(HashTable *config)
{
	zval *encryption = zend_hash_str_find(config, ZEND_STRL("encryption")), *given;
	if (!encryption || Z_TYPE_P(encryption) != IS_ARRAY) {
		return true;
	}
	SEPARATE_ARRAY(encryption);
	ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(encryption), given) {
		zval keys;
		/* A key is text that may be the name of a function by chance. */
		if (Z_TYPE_P(given) != IS_OBJECT || !zend_is_callable(given, 0, NULL)) {
			continue;
		}
		if (call_user_function(NULL, NULL, given, &keys, 0, NULL) == FAILURE || EG(exception)) {
			return false;
		}
		zval_ptr_dtor(given);
		ZVAL_COPY_VALUE(given, &keys);
	} ZEND_HASH_FOREACH_END();
	return true;
}

/* Takes the store, where it is an object, and the listener out of the configuration; false after throwing. */
static bool take_objects(evergrant_client_object *self, HashTable *config)
{
	zval *store = zend_hash_str_find(config, ZEND_STRL("store"));
	zval *listener = zend_hash_str_find(config, ZEND_STRL("on_event"));
	if (store && Z_TYPE_P(store) == IS_OBJECT) {
		ZVAL_COPY(&self->store, store);
		zend_hash_str_del(config, ZEND_STRL("store"));
	}
	if (listener) {
		if (!zend_is_callable(listener, 0, NULL)) {
			evergrant_throw_invalid_argument("on_event: is not callable; expected a callable");
			return false;
		}
		ZVAL_COPY(&self->listener, listener);
		zend_hash_str_del(config, ZEND_STRL("on_event"));
	}
	return true;
}

static void open_client(evergrant_client_object *self, const char *config_json)
{
	evergrant_store store;
	evergrant_environment environment = {.size = sizeof environment, .event_context = self};
	evergrant_error *error = NULL;
	if (!Z_ISUNDEF(self->store)) {
		store = evergrant_store_of(self);
		environment.store = &store;
	}
	if (!Z_ISUNDEF(self->listener)) {
		environment.on_event = evergrant_on_event;
	}
	succeeded(self, evergrant_client_open(config_json, &environment, &self->client, &error), &error);
	resume(self);
}

ZEND_METHOD(Evergrant_Client, __construct)
{
	HashTable *config;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_ARRAY_HT(config)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	if (self->client) {
		zend_throw_error(NULL, "A Client is constructed once");
		RETURN_THROWS();
	}
	config = zend_array_dup(config);
	zend_string *json = NULL;
	if (take_objects(self, config) && ask_for_keys(config) && options_of(config, &json)) {
		open_client(self, json ? ZSTR_VAL(json) : "{}");
	}
	release_text(json);
	zend_array_destroy(config);
}

ZEND_METHOD(Evergrant_Client, begin)
{
	char *subject;
	size_t length;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_PATH(subject, length)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_start *start = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_client_begin(self->client, subject, text_of(json), &start, &error);
	release_text(json);
	if (succeeded(self, status, &error)) {
		evergrant_start_to_object(return_value, start);
	}
	resume(self);
}

ZEND_METHOD(Evergrant_Client, finish)
{
	char *callback;
	size_t length;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_PATH(callback, length)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *finished = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_client_finish(self->client, callback, text_of(json), &finished, &error);
	release_text(json);
	if (succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, finished);
	}
	resume(self);
}

ZEND_METHOD(Evergrant_Client, grant)
{
	char *subject, *slot = "";
	size_t subject_length, slot_length = 0;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_PATH(subject, subject_length)
		Z_PARAM_OPTIONAL
		Z_PARAM_PATH(slot, slot_length)
	ZEND_PARSE_PARAMETERS_END();
	object_init_ex(return_value, evergrant_grant_ce);
	zend_object *grant = Z_OBJ_P(return_value);
	zend_update_property(evergrant_grant_ce, grant, ZEND_STRL("client"), ZEND_THIS);
	zend_update_property_stringl(evergrant_grant_ce, grant, ZEND_STRL("subject"), subject, subject_length);
	zend_update_property_stringl(evergrant_grant_ce, grant, ZEND_STRL("slot"), slot, slot_length);
}

ZEND_METHOD(Evergrant_Client, put)
{
	char *subject;
	size_t length;
	HashTable *tokens;
	ZEND_PARSE_PARAMETERS_START(2, 2)
		Z_PARAM_PATH(subject, length)
		Z_PARAM_ARRAY_HT(tokens)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *inspection = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!options_of(tokens, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_put(self->client, subject, json ? ZSTR_VAL(json) : "{}", &inspection, &error);
	release_text(json);
	if (succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, inspection);
	}
	resume(self);
}

ZEND_METHOD(Evergrant_Client, list)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *list = NULL;
	evergrant_error *error = NULL;
	if (succeeded(self, evergrant_client_list(self->client, &list, &error), &error)) {
		evergrant_json_to_array(return_value, list);
	}
	resume(self);
}

/* A call that takes options and gives JSON. */
typedef evergrant_status (*ask_with_options)(
	const evergrant_client *client, const char *options_json, evergrant_string **json, evergrant_error **error);

static void answer_with_options(INTERNAL_FUNCTION_PARAMETERS, ask_with_options ask)
{
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(0, 1)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *answer = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = ask(self->client, text_of(json), &answer, &error);
	release_text(json);
	if (succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, answer);
	}
	resume(self);
}

ZEND_METHOD(Evergrant_Client, due)
{
	answer_with_options(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_due);
}

ZEND_METHOD(Evergrant_Client, refreshDue)
{
	answer_with_options(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_refresh_due);
}

ZEND_METHOD(Evergrant_Client, close)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	succeeded(self, evergrant_client_close(self->client, &error), &error);
	resume(self);
}

ZEND_METHOD(Evergrant_Client, poll)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	succeeded(self, evergrant_client_poll(self->client, &error), &error);
	resume(self);
}

ZEND_METHOD(Evergrant_Client, _testingSetClock)
{
	zend_long unix_millis;
	bool real;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_LONG_OR_NULL(unix_millis, real)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	int64_t stopped = unix_millis;
	succeeded(self, evergrant_client_testing_set_clock(self->client, real ? NULL : &stopped, &error), &error);
}

/* --- Grant -------------------------------------------------------------------------------------------------------- */

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
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_access_token(grant.client, grant.subject, grant.slot, text_of(json), &token, &error);
	release_text(json);
	if (succeeded(grant.owner, status, &error)) {
		evergrant_token_to_object(return_value, token);
	}
	resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, cachedAccessToken)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_token *token = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_cached_access_token(grant.client, grant.subject, grant.slot, &token, &error);
	if (succeeded(grant.owner, status, &error) && token) {
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
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_client_headers(
		grant.client, grant.subject, grant.slot, method, url, text_of(json), &headers, &error);
	release_text(json);
	if (succeeded(grant.owner, status, &error)) {
		evergrant_headers_to_array(return_value, headers);
	}
	resume(grant.owner);
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
	zval *body = zend_hash_str_find(options, ZEND_STRL("body"));
	if (body && Z_TYPE_P(body) != IS_STRING && Z_TYPE_P(body) != IS_NULL) {
		evergrant_throw_invalid_argument("options: body: is no text; expected text");
		return;
	}
	bool has_body = body && Z_TYPE_P(body) == IS_STRING;
	zend_string *json = request_json(method, url, options);
	if (!json) {
		return;
	}
	evergrant_status status = evergrant_client_request(grant.client, grant.subject, grant.slot, ZSTR_VAL(json),
		has_body ? (const uint8_t *)Z_STRVAL_P(body) : NULL, has_body ? Z_STRLEN_P(body) : 0, &response, &error);
	release_text(json);
	if (succeeded(grant.owner, status, &error)) {
		evergrant_response_to_object(return_value, response);
	}
	resume(grant.owner);
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

ZEND_METHOD(Evergrant_Grant, refresh)
{
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(0, 1)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *inspection = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_refresh(grant.client, grant.subject, grant.slot, text_of(json), &inspection, &error);
	release_text(json);
	if (succeeded(grant.owner, status, &error)) {
		evergrant_json_to_array(return_value, inspection);
	}
	resume(grant.owner);
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
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_revoke(grant.client, grant.subject, grant.slot, text_of(json), &error);
	release_text(json);
	succeeded(grant.owner, status, &error);
	resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, forget)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	succeeded(grant.owner, evergrant_client_forget(grant.client, grant.subject, grant.slot, &error), &error);
	resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, inspect)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *inspection = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_inspect(grant.client, grant.subject, grant.slot, &inspection, &error);
	if (succeeded(grant.owner, status, &error)) {
		evergrant_json_to_array(return_value, inspection);
	}
	resume(grant.owner);
}

ZEND_METHOD(Evergrant_Grant, export)
{
	ZEND_PARSE_PARAMETERS_NONE();
	grant_parts grant = parts_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *document = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_export(grant.client, grant.subject, grant.slot, &document, &error);
	if (succeeded(grant.owner, status, &error)) {
		RETVAL_STRINGL(evergrant_string_data(document), evergrant_string_length(document));
		evergrant_string_free(document);
	}
	resume(grant.owner);
}

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
	if (!options_of(options, &json)) {
		RETURN_THROWS();
	}
	object_init_ex(&client, evergrant_client_ce);
	evergrant_client_object *self = evergrant_client_of(Z_OBJ(client));
	ZVAL_COPY(&self->store, store);
	evergrant_store table = evergrant_store_of(self);
	evergrant_string *report = NULL;
	evergrant_error *error = NULL;
	evergrant_status status = evergrant_store_check(&table, text_of(json), &report, &error);
	release_text(json);
	if (succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, report);
	}
	resume(self);
	zval_ptr_dtor(&client);
}

/* --- Failing and panicking on purpose ----------------------------------------------------------------------------- */

#ifdef EVERGRANT_TESTING
ZEND_METHOD(Evergrant_Client, _testingPanic)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	succeeded(self, evergrant_client_testing_panic(self->client, &error), &error);
}

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
