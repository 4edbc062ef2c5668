/* Around each call of the C ABI: options in, errors out, and what PHP code did inside the call. */
#include "php_evergrant.h"

#include "zend_exceptions.h"

void evergrant_release_thrown(zend_object **thrown)
{
	if (*thrown) {
		OBJ_RELEASE(*thrown);
		*thrown = NULL;
	}
}

bool evergrant_succeeded(evergrant_client_object *self, evergrant_status status, evergrant_error **error)
{
	zend_object *previous = self->thrown_by_store;
	self->thrown_by_store = NULL;
	if (status == EVERGRANT_OK || self->fatal || self->exiting) {
		evergrant_release_thrown(&previous);
		evergrant_error_free(*error);
		return status == EVERGRANT_OK;
	}
	evergrant_throw(*error, previous);
	return false;
}

/* Lets what PHP code began inside the call, and the library must not see, take its course: exit(), a fatal error, what the
 * listener threw. */
void evergrant_resume(evergrant_client_object *self)
{
	zend_object *thrown = self->thrown_by_listener;
	self->thrown_by_listener = NULL;
	if (self->fatal) {
		self->fatal = false;
		zend_bailout();
	}
	if (self->exiting) {
		self->exiting = false;
		evergrant_release_thrown(&thrown);
		zend_throw_unwind_exit();
	} else if (thrown) {
		zval exception;
		ZVAL_OBJ(&exception, thrown);
		zend_throw_exception_object(&exception);
	}
}

bool evergrant_options_of(HashTable *options, zend_string **json)
{
	*json = evergrant_json_of(options);
	return !EG(exception);
}

bool evergrant_body_of(HashTable *options, zend_string **body)
{
	zval *given = zend_hash_str_find(options, ZEND_STRL("body"));
	*body = given && Z_TYPE_P(given) == IS_STRING ? Z_STR_P(given) : NULL;
	if (given && !*body && Z_TYPE_P(given) != IS_NULL) {
		evergrant_throw_invalid_argument("options: body: is no text; expected text");
		return false;
	}
	return true;
}

const char *evergrant_text_of(zend_string *json)
{
	return json ? ZSTR_VAL(json) : NULL;
}

void evergrant_release_text(zend_string *json)
{
	if (json) {
		zend_string_release(json);
	}
}
