/* What calls give back, as objects: Start, AccessToken, Response. */
#include "php_evergrant.h"

#include "ext/json/php_json.h"

zend_class_entry *evergrant_start_ce;
zend_class_entry *evergrant_access_token_ce;
zend_class_entry *evergrant_response_ce;

void evergrant_start_to_object(zval *object, evergrant_start *start)
{
	object_init_ex(object, evergrant_start_ce);
	zend_object *target = Z_OBJ_P(object);
	zend_update_property_string(evergrant_start_ce, target, ZEND_STRL("url"), evergrant_start_url(start));
	zend_update_property_string(evergrant_start_ce, target, ZEND_STRL("state"), evergrant_start_state(start));
	zend_update_property_double(
		evergrant_start_ce, target, ZEND_STRL("expiresAt"), evergrant_seconds(evergrant_start_expires_at(start)));
	if (evergrant_start_open_by(start)) {
		zend_update_property_double(
			evergrant_start_ce, target, ZEND_STRL("openBy"), evergrant_seconds(evergrant_start_open_by(start)));
	} else {
		zend_update_property_null(evergrant_start_ce, target, ZEND_STRL("openBy"));
	}
	evergrant_start_free(start);
}

/* An AccessToken keeps the token in the library's handle: no dump, cast or serialization of PHP reaches it. */
typedef struct access_token_object {
	evergrant_token *token;
	zend_object std;
} access_token_object;

static zend_object_handlers access_token_handlers;

static access_token_object *access_token_of(zend_object *object)
{
	return (access_token_object *)((char *)object - XtOffsetOf(access_token_object, std));
}

static zend_object *access_token_create(zend_class_entry *ce)
{
	access_token_object *self = zend_object_alloc(sizeof *self, ce);
	self->token = NULL;
	zend_object_std_init(&self->std, ce);
	object_properties_init(&self->std, ce);
	self->std.handlers = &access_token_handlers;
	return &self->std;
}

static void access_token_free(zend_object *object)
{
	evergrant_token_free(access_token_of(object)->token);
	zend_object_std_dtor(object);
}

void evergrant_token_to_object(zval *object, evergrant_token *token)
{
	zval expires_at;
	int64_t unix_ms = evergrant_token_expires_at(token);
	if (unix_ms) {
		ZVAL_DOUBLE(&expires_at, evergrant_seconds(unix_ms));
	} else {
		ZVAL_NULL(&expires_at);
	}
	object_init_ex(object, evergrant_access_token_ce);
	access_token_of(Z_OBJ_P(object))->token = token;
	zend_update_property_string(
		evergrant_access_token_ce, Z_OBJ_P(object), ZEND_STRL("tokenType"), evergrant_token_type(token));
	zend_update_property(evergrant_access_token_ce, Z_OBJ_P(object), ZEND_STRL("expiresAt"), &expires_at);
}

ZEND_METHOD(Evergrant_AccessToken, __construct)
{
	ZEND_PARSE_PARAMETERS_NONE();
}

ZEND_METHOD(Evergrant_AccessToken, token)
{
	ZEND_PARSE_PARAMETERS_NONE();
	RETURN_STRING(evergrant_token_text(access_token_of(Z_OBJ_P(ZEND_THIS))->token));
}

ZEND_METHOD(Evergrant_Start, __construct)
{
	ZEND_PARSE_PARAMETERS_NONE();
}

void evergrant_string_to_text(zval *text, evergrant_string *string)
{
	ZVAL_STRINGL(text, evergrant_string_data(string), evergrant_string_length(string));
	evergrant_string_free(string);
}

void evergrant_headers_to_array(zval *array, evergrant_headers *headers)
{
	array_init(array);
	for (size_t index = 0; index < evergrant_headers_count(headers); index++) {
		add_assoc_string(array, evergrant_headers_name(headers, index), evergrant_headers_value(headers, index));
	}
	evergrant_headers_free(headers);
}

/* Values by name, in lists, as PSR-7 has them. */
static void header_lists(zval *array, const evergrant_headers *headers)
{
	array_init(array);
	for (size_t index = 0; index < evergrant_headers_count(headers); index++) {
		const char *name = evergrant_headers_name(headers, index);
		zval *values = zend_symtable_str_find(Z_ARRVAL_P(array), name, strlen(name));
		if (!values) {
			zval list;
			array_init(&list);
			values = zend_symtable_str_update(Z_ARRVAL_P(array), name, strlen(name), &list);
		}
		add_next_index_string(values, evergrant_headers_value(headers, index));
	}
}

void evergrant_response_to_object(zval *object, evergrant_response *response)
{
	zval headers;
	header_lists(&headers, evergrant_response_headers(response));
	object_init_ex(object, evergrant_response_ce);
	zend_object *target = Z_OBJ_P(object);
	zend_update_property_long(evergrant_response_ce, target, ZEND_STRL("status"), evergrant_response_status(response));
	zend_update_property(evergrant_response_ce, target, ZEND_STRL("headers"), &headers);
	zend_update_property_stringl(evergrant_response_ce, target, ZEND_STRL("body"),
		(const char *)evergrant_response_body(response), evergrant_response_body_length(response));
	zend_update_property_string(evergrant_response_ce, target, ZEND_STRL("url"), evergrant_response_url(response));
	zval_ptr_dtor(&headers);
	evergrant_response_free(response);
}

ZEND_METHOD(Evergrant_Response, __construct)
{
	ZEND_PARSE_PARAMETERS_NONE();
}

ZEND_METHOD(Evergrant_Response, json)
{
	ZEND_PARSE_PARAMETERS_NONE();
	zval buffer, *body = zend_read_property(
		evergrant_response_ce, Z_OBJ_P(ZEND_THIS), ZEND_STRL("body"), true, &buffer);
	php_json_decode_ex(return_value, Z_STRVAL_P(body), Z_STRLEN_P(body),
		PHP_JSON_OBJECT_AS_ARRAY | PHP_JSON_THROW_ON_ERROR, PHP_JSON_PARSER_DEFAULT_DEPTH);
}

/* With a creator of its own a final class cannot be made by reflection without its constructor: no property is ever unset. */
zend_object *evergrant_create_sealed(zend_class_entry *ce)
{
	zend_object *object = zend_objects_new(ce);
	object_properties_init(object, ce);
	return object;
}

void evergrant_results_minit(void)
{
	evergrant_start_ce->create_object = evergrant_create_sealed;
	evergrant_response_ce->create_object = evergrant_create_sealed;
	evergrant_access_token_ce->create_object = access_token_create;
	memcpy(&access_token_handlers, &std_object_handlers, sizeof access_token_handlers);
	access_token_handlers.offset = XtOffsetOf(access_token_object, std);
	access_token_handlers.free_obj = access_token_free;
	access_token_handlers.clone_obj = NULL;
}
