/* Calls from the library into PHP: the methods of a store, and the listener. They run on the request's thread, inside a call
 * of a Client. Nothing that PHP does there may unwind through the library: exceptions are set aside, and a fatal error is
 * caught and goes on when the call has come back. */
#include "php_evergrant.h"

#include "zend_exceptions.h"

static bool may_run(const evergrant_client_object *self)
{
	return !self->exiting && !self->fatal && !self->request_ends;
}

/* Takes the exception that stands; keeps the first of its kind. */
static void set_aside(evergrant_client_object *self, zend_object **place)
{
	zend_object *thrown = EG(exception);
	if (zend_is_unwind_exit(thrown) || zend_is_graceful_exit(thrown)) {
		self->exiting = true;
	} else if (!*place) {
		*place = thrown;
		GC_ADDREF(thrown);
	}
	zend_clear_exception();
}

/* Calls a method, or a callable where `object` is NULL; false when it did not return. Frees the arguments. */
static bool call_php(evergrant_client_object *self, zval *object, zval *callable, zval *result, uint32_t count,
	zval *arguments, zend_object **thrown)
{
	ZVAL_UNDEF(result);
	zend_try {
		call_user_function(NULL, object, callable, result, count, arguments);
	} zend_catch {
		self->fatal = true;
	} zend_end_try();
	if (self->fatal) {
		/* The request's memory is about to go as a whole. */
		return false;
	}
	for (uint32_t index = 0; index < count; index++) {
		zval_ptr_dtor(&arguments[index]);
	}
	if (EG(exception)) {
		set_aside(self, thrown);
		return false;
	}
	return true;
}

static void reply_json(evergrant_reply *reply, zval *value)
{
	zend_string *json = evergrant_json_encode(value);
	if (json) {
		evergrant_reply_json(reply, ZSTR_VAL(json));
		zend_string_release(json);
	} else {
		evergrant_reply_error(reply, "replied an array that cannot be JSON");
	}
}

static void reply_with(evergrant_reply *reply, zval *value)
{
	switch (Z_TYPE_P(value)) {
		case IS_NULL:
			evergrant_reply_null(reply);
			break;
		case IS_FALSE:
		case IS_TRUE:
			evergrant_reply_boolean(reply, Z_TYPE_P(value) == IS_TRUE);
			break;
		case IS_LONG:
			evergrant_reply_integer(reply, Z_LVAL_P(value));
			break;
		case IS_STRING:
			if (zend_str_has_nul_byte(Z_STR_P(value))) {
				evergrant_reply_error(reply, "replied text with a NUL character");
			} else {
				evergrant_reply_text(reply, Z_STRVAL_P(value));
			}
			break;
		case IS_DOUBLE:
		case IS_ARRAY:
			reply_json(reply, value);
			break;
		default:
			evergrant_reply_error(reply, "replied an object");
	}
}

/* Tells the library the message of what the store threw. */
static void reply_thrown(evergrant_reply *reply, zend_object *thrown)
{
	zend_class_entry *base = zend_get_exception_base(thrown);
	zval buffer, *message = zend_read_property(base, thrown, ZEND_STRL("message"), true, &buffer);
	bool told = Z_TYPE_P(message) == IS_STRING && Z_STRLEN_P(message) > 0;
	evergrant_reply_error(reply, told ? Z_STRVAL_P(message) : ZSTR_VAL(thrown->ce->name));
}

static void call_store(void *context, const char *method, uint32_t count, zval *arguments, evergrant_reply *reply)
{
	evergrant_client_object *self = context;
	zval name, result;
	zend_object *thrown = NULL;
	if (!may_run(self)) {
		evergrant_reply_error(reply, "cannot be called: the script ends");
		return;
	}
	ZVAL_STRING(&name, method);
	if (call_php(self, &self->store, &name, &result, count, arguments, &thrown)) {
		reply_with(reply, &result);
		zval_ptr_dtor(&result);
	} else if (thrown) {
		reply_thrown(reply, thrown);
	} else {
		evergrant_reply_error(reply, "ended the script");
	}
	zval_ptr_dtor(&name);
	if (thrown && !self->thrown_by_store) {
		self->thrown_by_store = thrown;
	} else if (thrown) {
		OBJ_RELEASE(thrown);
	}
}

/* The three arguments that most methods begin with. */
static void set_key(zval *arguments, const char *client, const char *subject, const char *slot)
{
	ZVAL_STRING(&arguments[0], client);
	ZVAL_STRING(&arguments[1], subject);
	ZVAL_STRING(&arguments[2], slot);
}

static void set_optional_text(zval *argument, const char *text)
{
	if (text) {
		ZVAL_STRING(argument, text);
	} else {
		ZVAL_NULL(argument);
	}
}

static void load(void *context, const char *client, const char *subject, const char *slot, evergrant_reply *reply)
{
	zval arguments[3];
	set_key(arguments, client, subject, slot);
	call_store(context, "load", 3, arguments, reply);
}

static void save(void *context, const char *client, const char *subject, const char *slot, const char *record,
	evergrant_reply *reply)
{
	zval arguments[4];
	set_key(arguments, client, subject, slot);
	ZVAL_STRING(&arguments[3], record);
	call_store(context, "save", 4, arguments, reply);
}

static void compare_and_set(void *context, const char *client, const char *subject, const char *slot,
	const uint64_t *expected_revision, const char *record, uint64_t revision, evergrant_reply *reply)
{
	zval arguments[6];
	set_key(arguments, client, subject, slot);
	if (expected_revision) {
		ZVAL_LONG(&arguments[3], (zend_long)*expected_revision);
	} else {
		ZVAL_NULL(&arguments[3]);
	}
	ZVAL_STRING(&arguments[4], record);
	ZVAL_LONG(&arguments[5], (zend_long)revision);
	call_store(context, "compareAndSet", 6, arguments, reply);
}

static void delete_record(void *context, const char *client, const char *subject, const char *slot,
	evergrant_reply *reply)
{
	zval arguments[3];
	set_key(arguments, client, subject, slot);
	call_store(context, "delete", 3, arguments, reply);
}

static void acquire(void *context, const char *client, const char *subject, const char *slot, const char *owner,
	uint64_t ttl_ms, const char *intent, evergrant_reply *reply)
{
	zval arguments[6];
	set_key(arguments, client, subject, slot);
	ZVAL_STRING(&arguments[3], owner);
	ZVAL_LONG(&arguments[4], (zend_long)ttl_ms);
	ZVAL_STRING(&arguments[5], intent);
	call_store(context, "acquire", 6, arguments, reply);
}

static void renew(void *context, const char *client, const char *subject, const char *slot, const char *owner,
	uint64_t fencing, uint64_t ttl_ms, evergrant_reply *reply)
{
	zval arguments[6];
	set_key(arguments, client, subject, slot);
	ZVAL_STRING(&arguments[3], owner);
	ZVAL_LONG(&arguments[4], (zend_long)fencing);
	ZVAL_LONG(&arguments[5], (zend_long)ttl_ms);
	call_store(context, "renew", 6, arguments, reply);
}

static void release(void *context, const char *client, const char *subject, const char *slot, const char *owner,
	uint64_t fencing, const char *intent, evergrant_reply *reply)
{
	zval arguments[6];
	set_key(arguments, client, subject, slot);
	ZVAL_STRING(&arguments[3], owner);
	ZVAL_LONG(&arguments[4], (zend_long)fencing);
	set_optional_text(&arguments[5], intent);
	call_store(context, "release", 6, arguments, reply);
}

static void list(void *context, const char *client, evergrant_reply *reply)
{
	zval argument;
	ZVAL_STRING(&argument, client);
	call_store(context, "list", 1, &argument, reply);
}

static void put_pending(void *context, const char *state, const char *document, int64_t expires_at_ms,
	evergrant_reply *reply)
{
	zval arguments[3];
	ZVAL_STRING(&arguments[0], state);
	ZVAL_STRING(&arguments[1], document);
	ZVAL_LONG(&arguments[2], (zend_long)expires_at_ms);
	call_store(context, "putPending", 3, arguments, reply);
}

static void take_pending(void *context, const char *state, evergrant_reply *reply)
{
	zval argument;
	ZVAL_STRING(&argument, state);
	call_store(context, "takePending", 1, &argument, reply);
}

evergrant_store evergrant_store_of(evergrant_client_object *client)
{
	/* Names of methods are in lower case in a class's table. */
	HashTable *methods = &Z_OBJCE(client->store)->function_table;
#define IF_THERE(name, function) (zend_hash_str_exists(methods, ZEND_STRL(name)) ? (function) : NULL)
	return (evergrant_store){
		.size = sizeof(evergrant_store),
		.context = client,
		.load = IF_THERE("load", load),
		.save = IF_THERE("save", save),
		.compare_and_set = IF_THERE("compareandset", compare_and_set),
		.delete_record = IF_THERE("delete", delete_record),
		.acquire = IF_THERE("acquire", acquire),
		.renew = IF_THERE("renew", renew),
		.release = IF_THERE("release", release),
		.list = IF_THERE("list", list),
		.put_pending = IF_THERE("putpending", put_pending),
		.take_pending = IF_THERE("takepending", take_pending),
	};
#undef IF_THERE
}

void evergrant_on_event(void *client, const char *event_json)
{
	evergrant_client_object *self = client;
	zval event, result;
	if (!may_run(self)) {
		return;
	}
	evergrant_json_text_to_array(&event, event_json, strlen(event_json));
	if (call_php(self, NULL, &self->listener, &result, 1, &event, &self->thrown_by_listener)) {
		zval_ptr_dtor(&result);
	}
}
