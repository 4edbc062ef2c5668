/* The module: its classes and what phpinfo() says. Nothing else is set up here: the library starts at first use. */
#include "php_evergrant.h"

#include "ext/standard/info.h"
#include "zend_exceptions.h"
#include "zend_attributes.h"
#include "evergrant_arginfo.h"

static struct {
	evergrant_status status;
	zend_class_entry *(*register_class)(zend_class_entry *parent);
	zend_class_entry *ce;
} ERROR_CLASSES[] = {
	{EVERGRANT_INVALID_CONFIG, register_class_Evergrant_InvalidConfigError, NULL},
	{EVERGRANT_UNKNOWN_PROVIDER, register_class_Evergrant_UnknownProviderError, NULL},
	{EVERGRANT_INVALID_ARGUMENT, register_class_Evergrant_InvalidArgumentError, NULL},
	{EVERGRANT_NO_GRANT, register_class_Evergrant_NoGrantError, NULL},
	{EVERGRANT_NEEDS_CONSENT, register_class_Evergrant_NeedsConsentError, NULL},
	{EVERGRANT_CONSENT_DENIED, register_class_Evergrant_ConsentDeniedError, NULL},
	{EVERGRANT_STATE_MISMATCH, register_class_Evergrant_StateMismatchError, NULL},
	{EVERGRANT_TEMPORARILY_UNAVAILABLE, register_class_Evergrant_TemporarilyUnavailableError, NULL},
	{EVERGRANT_MISCONFIGURED_CLIENT, register_class_Evergrant_MisconfiguredClientError, NULL},
	{EVERGRANT_PROVIDER_ERROR, register_class_Evergrant_ProviderError, NULL},
	{EVERGRANT_INVALID_RESPONSE, register_class_Evergrant_InvalidResponseError, NULL},
	{EVERGRANT_TRANSPORT, register_class_Evergrant_TransportError, NULL},
	{EVERGRANT_TIMEOUT, register_class_Evergrant_TimeoutError, NULL},
	{EVERGRANT_CANCELLED, register_class_Evergrant_CancelledError, NULL},
	{EVERGRANT_STORE, register_class_Evergrant_StoreError, NULL},
	{EVERGRANT_STORE_CONFLICT, register_class_Evergrant_StoreConflictError, NULL},
	{EVERGRANT_DECRYPTION, register_class_Evergrant_DecryptionError, NULL},
	{EVERGRANT_INSECURE_URL, register_class_Evergrant_InsecureUrlError, NULL},
	{EVERGRANT_UNSUPPORTED, register_class_Evergrant_UnsupportedError, NULL},
	{EVERGRANT_CALLBACK, register_class_Evergrant_CallbackError, NULL},
	{EVERGRANT_INTERNAL, register_class_Evergrant_InternalError, NULL},
};

static const size_t ERROR_CLASS_COUNT = sizeof ERROR_CLASSES / sizeof *ERROR_CLASSES;

zend_class_entry *evergrant_error_class(evergrant_status status)
{
	for (size_t index = 0; index < ERROR_CLASS_COUNT; index++) {
		if (ERROR_CLASSES[index].status == status) {
			return ERROR_CLASSES[index].ce;
		}
	}
	/* A status of a later library. */
	return evergrant_error_class(EVERGRANT_INTERNAL);
}

static void register_error_classes(void)
{
	zend_class_entry *base = register_class_Evergrant_Error(zend_ce_exception);
	for (size_t index = 0; index < ERROR_CLASS_COUNT; index++) {
		ERROR_CLASSES[index].ce = ERROR_CLASSES[index].register_class(base);
	}
}

/* What #[\SensitiveParameter] says in the stub, which PHP's generator writes wrongly for a function in a namespace. */
static void hide_from_traces(const char *function, uint32_t parameter)
{
	zend_add_parameter_attribute(zend_hash_str_find_ptr(CG(function_table), function, strlen(function)), parameter,
		ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);
}

PHP_MINIT_FUNCTION(evergrant)
{
	zend_class_entry *token_store_ce = register_class_Evergrant_TokenStore();
	register_class_Evergrant_SharedTokenStore(token_store_ce);
	evergrant_client_ce = register_class_Evergrant_Client();
	evergrant_grant_ce = register_class_Evergrant_Grant();
	evergrant_start_ce = register_class_Evergrant_Start();
	evergrant_access_token_ce = register_class_Evergrant_AccessToken();
	evergrant_response_ce = register_class_Evergrant_Response();
	register_error_classes();
	hide_from_traces("evergrant\\register", 0);
	hide_from_traces("evergrant\\sign", 2);
	evergrant_client_minit();
	evergrant_grant_minit();
	evergrant_results_minit();
	return SUCCESS;
}

PHP_MINFO_FUNCTION(evergrant)
{
	php_info_print_table_start();
	php_info_print_table_row(2, "evergrant support", "enabled");
	php_info_print_table_row(2, "libevergrant", evergrant_version());
	php_info_print_table_end();
}

static const zend_module_dep DEPENDENCIES[] = {
	ZEND_MOD_REQUIRED("json")
	ZEND_MOD_END
};

zend_module_entry evergrant_module_entry = {
	STANDARD_MODULE_HEADER_EX,
	NULL,
	DEPENDENCIES,
	"evergrant",
	ext_functions,
	PHP_MINIT(evergrant),
	NULL,
	NULL,
	NULL,
	PHP_MINFO(evergrant),
	PHP_EVERGRANT_VERSION,
	STANDARD_MODULE_PROPERTIES
};

#ifdef COMPILE_DL_EVERGRANT
ZEND_GET_MODULE(evergrant)
#endif
