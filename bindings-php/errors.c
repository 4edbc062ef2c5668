/* The exceptions that operations throw. */
#include "php_evergrant.h"

#include "zend_exceptions.h"

/* The properties of Evergrant\Error, and the keys of the error's JSON object that they come from. */
static const struct {
	const char *property;
	const char *key;
} PROPERTIES[] = {
	{"errorCode", "code"},
	{"retryable", "retryable"},
	{"retryAt", "retry_at"},
	{"statusAt", "status_at"},
	{"reason", "reason"},
	{"provider", "provider"},
	{"subject", "subject"},
	{"status", "status"},
	{"error", "error"},
	{"errorDescription", "error_description"},
};

static void set_properties(zend_class_entry *base, zend_object *exception, const char *json)
{
	zval details, null;
	ZVAL_NULL(&null);
	evergrant_json_text_to_array(&details, json, strlen(json));
	for (size_t index = 0; index < sizeof PROPERTIES / sizeof *PROPERTIES; index++) {
		const char *property = PROPERTIES[index].property, *key = PROPERTIES[index].key;
		zval *value = zend_hash_str_find(Z_ARRVAL(details), key, strlen(key));
		zend_update_property(base, exception, property, strlen(property), value ? value : &null);
	}
	zval_ptr_dtor(&details);
}

static void throw_error(evergrant_status status, const char *message, const char *json, zend_object *previous)
{
	zend_class_entry *ce = evergrant_error_class(status);
	zval exception;
	object_init_ex(&exception, ce);
	zend_object *object = Z_OBJ(exception);
	zend_update_property_string(zend_ce_exception, object, ZEND_STRL("message"), message);
	zend_update_property_long(zend_ce_exception, object, ZEND_STRL("code"), status);
	set_properties(ce->parent, object, json);
	if (previous) {
		zend_exception_set_previous(object, previous);
	}
	zend_throw_exception_object(&exception);
}

void evergrant_throw(evergrant_error *error, zend_object *previous)
{
	throw_error(evergrant_error_status(error), evergrant_error_message(error), evergrant_error_json(error), previous);
	evergrant_error_free(error);
}

void evergrant_throw_invalid_argument(const char *message)
{
	throw_error(EVERGRANT_INVALID_ARGUMENT, message,
		"{\"code\": \"invalid_argument\", \"retryable\": false}", NULL);
}
