/* Options and results as JSON, through PHP's own ext/json. */
#include "php_evergrant.h"

#include "ext/json/php_json.h"
#include "zend_smart_str.h"

double evergrant_seconds(int64_t unix_ms)
{
	return (double)unix_ms / 1000.0;
}

zend_string *evergrant_json_encode(zval *value)
{
	smart_str text = {0};
	/* Of a key that is not UTF-8 only the error code tells. */
	if (php_json_encode(&text, value, PHP_JSON_UNESCAPED_SLASHES) == FAILURE || JSON_G(error_code)) {
		smart_str_free(&text);
		return NULL;
	}
	smart_str_0(&text);
	return text.s;
}

zend_string *evergrant_json_of(HashTable *array)
{
	zval value;
	if (zend_hash_num_elements(array) == 0) {
		return NULL;
	}
	ZVAL_ARR(&value, array);
	zend_string *json = evergrant_json_encode(&value);
	/* A jsonSerialize() may have thrown already. */
	if (!json && !EG(exception)) {
		evergrant_throw_invalid_argument("options: cannot be JSON; expected UTF-8 text, numbers, booleans and arrays");
	}
	return json;
}

static void times_to_seconds(HashTable *array)
{
	zend_string *key;
	zval *value;
	ZEND_HASH_FOREACH_STR_KEY_VAL(array, key, value) {
		if (Z_TYPE_P(value) == IS_ARRAY) {
			SEPARATE_ARRAY(value);
			times_to_seconds(Z_ARRVAL_P(value));
		} else if (key && Z_TYPE_P(value) == IS_LONG &&
				(zend_string_equals_literal(key, "at") || zend_string_equals_literal(key, "open_by") ||
					(ZSTR_LEN(key) > 3 && !strcmp(ZSTR_VAL(key) + ZSTR_LEN(key) - 3, "_at")))) {
			ZVAL_DOUBLE(value, evergrant_seconds(Z_LVAL_P(value)));
		}
	} ZEND_HASH_FOREACH_END();
}

void evergrant_json_text_to_array(zval *array, const char *text, size_t length)
{
	php_json_decode_ex(array, text, length, PHP_JSON_OBJECT_AS_ARRAY, PHP_JSON_PARSER_DEFAULT_DEPTH);
	if (Z_TYPE_P(array) == IS_ARRAY) {
		SEPARATE_ARRAY(array);
		times_to_seconds(Z_ARRVAL_P(array));
	}
}

void evergrant_json_to_array(zval *array, evergrant_string *json)
{
	evergrant_json_text_to_array(array, evergrant_string_data(json), evergrant_string_length(json));
	evergrant_string_free(json);
}

void evergrant_json_as_it_came(zval *array, evergrant_string *json)
{
	php_json_decode_ex(array, evergrant_string_data(json), evergrant_string_length(json), PHP_JSON_OBJECT_AS_ARRAY,
		PHP_JSON_PARSER_DEFAULT_DEPTH);
	evergrant_string_free(json);
}
