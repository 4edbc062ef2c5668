/* Client: each method converts, makes one call of the C ABI, and converts what comes back. */
#include "php_evergrant.h"

zend_class_entry *evergrant_client_ce;

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

/* Closes the client while its store can still be called: refreshes on their way are stored. */
static void client_destroy(zend_object *object)
{
	evergrant_client_object *self = evergrant_client_of(object);
	zend_object *standing = EG(exception);
	EG(exception) = NULL;
	evergrant_client_close(self->client, NULL);
	evergrant_release_thrown(&self->thrown_by_store);
	evergrant_release_thrown(&self->thrown_by_listener);
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
	evergrant_release_thrown(&self->thrown_by_store);
	evergrant_release_thrown(&self->thrown_by_listener);
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
	evergrant_client_ce->create_object = client_create;
	memcpy(&client_handlers, &std_object_handlers, sizeof client_handlers);
	client_handlers.offset = XtOffsetOf(evergrant_client_object, std);
	client_handlers.dtor_obj = client_destroy;
	client_handlers.free_obj = client_free;
	client_handlers.get_gc = client_get_gc;
	client_handlers.clone_obj = NULL;
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
	evergrant_succeeded(self, evergrant_client_open(config_json, &environment, &self->client, &error), &error);
	evergrant_resume(self);
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
	if (take_objects(self, config) && ask_for_keys(config) && evergrant_options_of(config, &json)) {
		open_client(self, json ? ZSTR_VAL(json) : "{}");
	}
	evergrant_release_text(json);
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
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_client_begin(self->client, subject, evergrant_text_of(json), &start, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_start_to_object(return_value, start);
	}
	evergrant_resume(self);
}

/* A call that takes a text and options, and gives JSON. */
typedef evergrant_status (*ask_with_text)(const evergrant_client *client, const char *text, const char *options_json,
	evergrant_string **json, evergrant_error **error);

static void answer_with_text(INTERNAL_FUNCTION_PARAMETERS, ask_with_text ask)
{
	char *text;
	size_t length;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_PATH(text, length)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *answer = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = ask(self->client, text, evergrant_text_of(json), &answer, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, answer);
	}
	evergrant_resume(self);
}

ZEND_METHOD(Evergrant_Client, finish)
{
	answer_with_text(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_finish);
}

ZEND_METHOD(Evergrant_Client, exchange)
{
	char *subject, *code;
	size_t subject_length, code_length;
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(2, 3)
		Z_PARAM_PATH(subject, subject_length)
		Z_PARAM_PATH(code, code_length)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *finished = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_exchange(self->client, subject, code, evergrant_text_of(json), &finished, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, finished);
	}
	evergrant_resume(self);
}

ZEND_METHOD(Evergrant_Client, check)
{
	answer_with_text(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_check);
}

ZEND_METHOD(Evergrant_Client, beginDevice)
{
	answer_with_text(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_begin_device);
}

ZEND_METHOD(Evergrant_Client, pollDevice)
{
	char *state;
	size_t length;
	ZEND_PARSE_PARAMETERS_START(1, 1)
		Z_PARAM_PATH(state, length)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *poll = NULL;
	evergrant_error *error = NULL;
	if (evergrant_succeeded(self, evergrant_client_poll_device(self->client, state, &poll, &error), &error)) {
		evergrant_json_to_array(return_value, poll);
	}
	evergrant_resume(self);
}

ZEND_METHOD(Evergrant_Client, waitDevice)
{
	char *state;
	size_t length;
	double timeout;
	bool without = true;
	ZEND_PARSE_PARAMETERS_START(1, 2)
		Z_PARAM_PATH(state, length)
		Z_PARAM_OPTIONAL
		Z_PARAM_DOUBLE_OR_NULL(timeout, without)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *finished = NULL;
	evergrant_error *error = NULL;
	evergrant_status status =
		evergrant_client_wait_device(self->client, state, without ? NULL : &timeout, &finished, &error);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, finished);
	}
	evergrant_resume(self);
}

ZEND_METHOD(Evergrant_Client, grantByPassword)
{
	answer_with_text(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_grant_by_password);
}

ZEND_METHOD(Evergrant_Client, grantByPin)
{
	answer_with_text(INTERNAL_FUNCTION_PARAM_PASSTHRU, evergrant_client_grant_by_pin);
}

ZEND_METHOD(Evergrant_Client, pinUrl)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *url = NULL;
	evergrant_error *error = NULL;
	if (evergrant_succeeded(self, evergrant_client_pin_url(self->client, &url, &error), &error)) {
		evergrant_string_to_text(return_value, url);
	}
	evergrant_resume(self);
}

ZEND_METHOD(Evergrant_Client, logoutUrl)
{
	HashTable *options = (HashTable *)&zend_empty_array;
	ZEND_PARSE_PARAMETERS_START(0, 1)
		Z_PARAM_OPTIONAL
		Z_PARAM_ARRAY_HT(options)
	ZEND_PARSE_PARAMETERS_END();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *url = NULL;
	evergrant_error *error = NULL;
	zend_string *json;
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = evergrant_client_logout_url(self->client, evergrant_text_of(json), &url, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_string_to_text(return_value, url);
	}
	evergrant_resume(self);
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
	if (!evergrant_options_of(tokens, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status =
		evergrant_client_put(self->client, subject, json ? ZSTR_VAL(json) : "{}", &inspection, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, inspection);
	}
	evergrant_resume(self);
}

ZEND_METHOD(Evergrant_Client, list)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_string *list = NULL;
	evergrant_error *error = NULL;
	if (evergrant_succeeded(self, evergrant_client_list(self->client, &list, &error), &error)) {
		evergrant_json_to_array(return_value, list);
	}
	evergrant_resume(self);
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
	if (!evergrant_options_of(options, &json)) {
		RETURN_THROWS();
	}
	evergrant_status status = ask(self->client, evergrant_text_of(json), &answer, &error);
	evergrant_release_text(json);
	if (evergrant_succeeded(self, status, &error)) {
		evergrant_json_to_array(return_value, answer);
	}
	evergrant_resume(self);
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
	evergrant_succeeded(self, evergrant_client_close(self->client, &error), &error);
	evergrant_resume(self);
}

ZEND_METHOD(Evergrant_Client, poll)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	evergrant_succeeded(self, evergrant_client_poll(self->client, &error), &error);
	evergrant_resume(self);
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
	evergrant_succeeded(self, evergrant_client_testing_set_clock(self->client, real ? NULL : &stopped, &error), &error);
}

#ifdef EVERGRANT_TESTING
ZEND_METHOD(Evergrant_Client, _testingPanic)
{
	ZEND_PARSE_PARAMETERS_NONE();
	evergrant_client_object *self = evergrant_client_of(Z_OBJ_P(ZEND_THIS));
	evergrant_error *error = NULL;
	evergrant_succeeded(self, evergrant_client_testing_panic(self->client, &error), &error);
}
#endif
