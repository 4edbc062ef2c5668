/* This is a generated file, edit the .stub.php file instead.
 * Stub hash: d4847fd4d7fc4b02d2cd605e6f3b697b2ad74010 */

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_Evergrant_check_store, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, store, IS_OBJECT, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_Evergrant_register, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, options, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

#define arginfo_Evergrant_protected_resource arginfo_Evergrant_register

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_Evergrant_redirect_uri_of, 0, 1, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, request, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, path, IS_STRING, 1, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_Evergrant_sign, 0, 3, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, method, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, url, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, options, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

#if defined(EVERGRANT_TESTING)
ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_Evergrant__testing_fail, 0, 1, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, status, IS_LONG, 0)
ZEND_END_ARG_INFO()
#endif

#if defined(EVERGRANT_TESTING)
ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_Evergrant__testing_panic, 0, 0, IS_VOID, 0)
ZEND_END_ARG_INFO()
#endif

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_TokenStore_load, 0, 3, IS_STRING, 1)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, slot, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_TokenStore_save, 0, 4, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, slot, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, record, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_compareAndSet, 0, 6, _IS_BOOL, 0)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, slot, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, expectedRevision, IS_LONG, 1)
	ZEND_ARG_TYPE_INFO(0, record, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, revision, IS_LONG, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_delete, 0, 3, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, slot, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_acquire, 0, 6, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, slot, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, owner, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, ttlMs, IS_LONG, 0)
	ZEND_ARG_TYPE_INFO(0, intent, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_renew, 0, 6, _IS_BOOL, 0)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, slot, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, owner, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, fencing, IS_LONG, 0)
	ZEND_ARG_TYPE_INFO(0, ttlMs, IS_LONG, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_release, 0, 6, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, slot, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, owner, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, fencing, IS_LONG, 0)
	ZEND_ARG_TYPE_INFO(0, intent, IS_STRING, 1)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_list, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, client, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_putPending, 0, 3, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, state, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, document, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, expiresAtMs, IS_LONG, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_SharedTokenStore_takePending, 0, 1, IS_STRING, 1)
	ZEND_ARG_TYPE_INFO(0, state, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_Evergrant_Client___construct, 0, 0, 1)
	ZEND_ARG_TYPE_INFO(0, config, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Evergrant_Client_begin, 0, 1, Evergrant\\Start, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_finish, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, callback, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_exchange, 0, 2, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, code, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_check, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

#define arginfo_class_Evergrant_Client_beginDevice arginfo_class_Evergrant_Client_check

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_pollDevice, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, state, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_waitDevice, 0, 1, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, state, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, timeout, IS_DOUBLE, 1, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_grantByPassword, 0, 2, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, options, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

#define arginfo_class_Evergrant_Client_grantByPin arginfo_class_Evergrant_Client_grantByPassword

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_pinUrl, 0, 0, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_logoutUrl, 0, 0, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Evergrant_Client_grant, 0, 1, Evergrant\\Grant, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, slot, IS_STRING, 0, "\"\"")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_put, 0, 2, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, subject, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, tokens, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_list, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_due, 0, 0, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

#define arginfo_class_Evergrant_Client_refreshDue arginfo_class_Evergrant_Client_due

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client_close, 0, 0, IS_VOID, 0)
ZEND_END_ARG_INFO()

#define arginfo_class_Evergrant_Client_poll arginfo_class_Evergrant_Client_close

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Client__testingSetClock, 0, 1, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO(0, unixMillis, IS_LONG, 1)
ZEND_END_ARG_INFO()

#if defined(EVERGRANT_TESTING)
#define arginfo_class_Evergrant_Client__testingPanic arginfo_Evergrant__testing_panic
#endif

ZEND_BEGIN_ARG_INFO_EX(arginfo_class_Evergrant_Grant___construct, 0, 0, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Evergrant_Grant_accessToken, 0, 0, Evergrant\\AccessToken, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Evergrant_Grant_cachedAccessToken, 0, 0, Evergrant\\AccessToken, 1)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Grant_headers, 0, 2, IS_ARRAY, 0)
	ZEND_ARG_TYPE_INFO(0, method, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, url, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Evergrant_Grant_request, 0, 2, Evergrant\\Response, 0)
	ZEND_ARG_TYPE_INFO(0, method, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO(0, url, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_OBJ_INFO_EX(arginfo_class_Evergrant_Grant_get, 0, 1, Evergrant\\Response, 0)
	ZEND_ARG_TYPE_INFO(0, url, IS_STRING, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

#define arginfo_class_Evergrant_Grant_post arginfo_class_Evergrant_Grant_get

#define arginfo_class_Evergrant_Grant_put arginfo_class_Evergrant_Grant_get

#define arginfo_class_Evergrant_Grant_patch arginfo_class_Evergrant_Grant_get

#define arginfo_class_Evergrant_Grant_delete arginfo_class_Evergrant_Grant_get

#define arginfo_class_Evergrant_Grant_refresh arginfo_class_Evergrant_Client_due

#define arginfo_class_Evergrant_Grant_userinfo arginfo_class_Evergrant_Client_due

#define arginfo_class_Evergrant_Grant_introspect arginfo_class_Evergrant_Client_due

#define arginfo_class_Evergrant_Grant_tokenResponse arginfo_class_Evergrant_Client_list

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Grant_missingScope, 0, 0, IS_ARRAY, 0)
	ZEND_ARG_TYPE_MASK(0, scope, MAY_BE_ARRAY|MAY_BE_STRING|MAY_BE_NULL, "null")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Grant_revoke, 0, 0, IS_VOID, 0)
	ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, options, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

#define arginfo_class_Evergrant_Grant_forget arginfo_class_Evergrant_Client_close

#define arginfo_class_Evergrant_Grant_inspect arginfo_class_Evergrant_Client_list

#define arginfo_class_Evergrant_Grant_export arginfo_class_Evergrant_Client_pinUrl

#define arginfo_class_Evergrant_Start___construct arginfo_class_Evergrant_Grant___construct

#define arginfo_class_Evergrant_AccessToken___construct arginfo_class_Evergrant_Grant___construct

#define arginfo_class_Evergrant_AccessToken_token arginfo_class_Evergrant_Client_pinUrl

#define arginfo_class_Evergrant_Response___construct arginfo_class_Evergrant_Grant___construct

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_class_Evergrant_Response_json, 0, 0, IS_MIXED, 0)
ZEND_END_ARG_INFO()


ZEND_FUNCTION(Evergrant_check_store);
ZEND_FUNCTION(Evergrant_register);
ZEND_FUNCTION(Evergrant_protected_resource);
ZEND_FUNCTION(Evergrant_redirect_uri_of);
ZEND_FUNCTION(Evergrant_sign);
#if defined(EVERGRANT_TESTING)
ZEND_FUNCTION(Evergrant__testing_fail);
#endif
#if defined(EVERGRANT_TESTING)
ZEND_FUNCTION(Evergrant__testing_panic);
#endif
ZEND_METHOD(Evergrant_Client, __construct);
ZEND_METHOD(Evergrant_Client, begin);
ZEND_METHOD(Evergrant_Client, finish);
ZEND_METHOD(Evergrant_Client, exchange);
ZEND_METHOD(Evergrant_Client, check);
ZEND_METHOD(Evergrant_Client, beginDevice);
ZEND_METHOD(Evergrant_Client, pollDevice);
ZEND_METHOD(Evergrant_Client, waitDevice);
ZEND_METHOD(Evergrant_Client, grantByPassword);
ZEND_METHOD(Evergrant_Client, grantByPin);
ZEND_METHOD(Evergrant_Client, pinUrl);
ZEND_METHOD(Evergrant_Client, logoutUrl);
ZEND_METHOD(Evergrant_Client, grant);
ZEND_METHOD(Evergrant_Client, put);
ZEND_METHOD(Evergrant_Client, list);
ZEND_METHOD(Evergrant_Client, due);
ZEND_METHOD(Evergrant_Client, refreshDue);
ZEND_METHOD(Evergrant_Client, close);
ZEND_METHOD(Evergrant_Client, poll);
ZEND_METHOD(Evergrant_Client, _testingSetClock);
#if defined(EVERGRANT_TESTING)
ZEND_METHOD(Evergrant_Client, _testingPanic);
#endif
ZEND_METHOD(Evergrant_Grant, __construct);
ZEND_METHOD(Evergrant_Grant, accessToken);
ZEND_METHOD(Evergrant_Grant, cachedAccessToken);
ZEND_METHOD(Evergrant_Grant, headers);
ZEND_METHOD(Evergrant_Grant, request);
ZEND_METHOD(Evergrant_Grant, get);
ZEND_METHOD(Evergrant_Grant, post);
ZEND_METHOD(Evergrant_Grant, put);
ZEND_METHOD(Evergrant_Grant, patch);
ZEND_METHOD(Evergrant_Grant, delete);
ZEND_METHOD(Evergrant_Grant, refresh);
ZEND_METHOD(Evergrant_Grant, userinfo);
ZEND_METHOD(Evergrant_Grant, introspect);
ZEND_METHOD(Evergrant_Grant, tokenResponse);
ZEND_METHOD(Evergrant_Grant, missingScope);
ZEND_METHOD(Evergrant_Grant, revoke);
ZEND_METHOD(Evergrant_Grant, forget);
ZEND_METHOD(Evergrant_Grant, inspect);
ZEND_METHOD(Evergrant_Grant, export);
ZEND_METHOD(Evergrant_Start, __construct);
ZEND_METHOD(Evergrant_AccessToken, __construct);
ZEND_METHOD(Evergrant_AccessToken, token);
ZEND_METHOD(Evergrant_Response, __construct);
ZEND_METHOD(Evergrant_Response, json);


static const zend_function_entry ext_functions[] = {
	ZEND_NS_FALIAS("Evergrant", check_store, Evergrant_check_store, arginfo_Evergrant_check_store)
	ZEND_NS_FALIAS("Evergrant", register, Evergrant_register, arginfo_Evergrant_register)
	ZEND_NS_FALIAS("Evergrant", protected_resource, Evergrant_protected_resource, arginfo_Evergrant_protected_resource)
	ZEND_NS_FALIAS("Evergrant", redirect_uri_of, Evergrant_redirect_uri_of, arginfo_Evergrant_redirect_uri_of)
	ZEND_NS_FALIAS("Evergrant", sign, Evergrant_sign, arginfo_Evergrant_sign)
#if defined(EVERGRANT_TESTING)
	ZEND_NS_FALIAS("Evergrant", _testing_fail, Evergrant__testing_fail, arginfo_Evergrant__testing_fail)
#endif
#if defined(EVERGRANT_TESTING)
	ZEND_NS_FALIAS("Evergrant", _testing_panic, Evergrant__testing_panic, arginfo_Evergrant__testing_panic)
#endif
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_TokenStore_methods[] = {
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_TokenStore, load, arginfo_class_Evergrant_TokenStore_load, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_TokenStore, save, arginfo_class_Evergrant_TokenStore_save, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_SharedTokenStore_methods[] = {
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, compareAndSet, arginfo_class_Evergrant_SharedTokenStore_compareAndSet, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, delete, arginfo_class_Evergrant_SharedTokenStore_delete, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, acquire, arginfo_class_Evergrant_SharedTokenStore_acquire, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, renew, arginfo_class_Evergrant_SharedTokenStore_renew, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, release, arginfo_class_Evergrant_SharedTokenStore_release, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, list, arginfo_class_Evergrant_SharedTokenStore_list, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, putPending, arginfo_class_Evergrant_SharedTokenStore_putPending, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_ABSTRACT_ME_WITH_FLAGS(Evergrant_SharedTokenStore, takePending, arginfo_class_Evergrant_SharedTokenStore_takePending, ZEND_ACC_PUBLIC|ZEND_ACC_ABSTRACT)
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_Client_methods[] = {
	ZEND_ME(Evergrant_Client, __construct, arginfo_class_Evergrant_Client___construct, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, begin, arginfo_class_Evergrant_Client_begin, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, finish, arginfo_class_Evergrant_Client_finish, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, exchange, arginfo_class_Evergrant_Client_exchange, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, check, arginfo_class_Evergrant_Client_check, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, beginDevice, arginfo_class_Evergrant_Client_beginDevice, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, pollDevice, arginfo_class_Evergrant_Client_pollDevice, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, waitDevice, arginfo_class_Evergrant_Client_waitDevice, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, grantByPassword, arginfo_class_Evergrant_Client_grantByPassword, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, grantByPin, arginfo_class_Evergrant_Client_grantByPin, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, pinUrl, arginfo_class_Evergrant_Client_pinUrl, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, logoutUrl, arginfo_class_Evergrant_Client_logoutUrl, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, grant, arginfo_class_Evergrant_Client_grant, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, put, arginfo_class_Evergrant_Client_put, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, list, arginfo_class_Evergrant_Client_list, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, due, arginfo_class_Evergrant_Client_due, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, refreshDue, arginfo_class_Evergrant_Client_refreshDue, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, close, arginfo_class_Evergrant_Client_close, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, poll, arginfo_class_Evergrant_Client_poll, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Client, _testingSetClock, arginfo_class_Evergrant_Client__testingSetClock, ZEND_ACC_PUBLIC)
#if defined(EVERGRANT_TESTING)
	ZEND_ME(Evergrant_Client, _testingPanic, arginfo_class_Evergrant_Client__testingPanic, ZEND_ACC_PUBLIC)
#endif
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_Grant_methods[] = {
	ZEND_ME(Evergrant_Grant, __construct, arginfo_class_Evergrant_Grant___construct, ZEND_ACC_PRIVATE)
	ZEND_ME(Evergrant_Grant, accessToken, arginfo_class_Evergrant_Grant_accessToken, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, cachedAccessToken, arginfo_class_Evergrant_Grant_cachedAccessToken, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, headers, arginfo_class_Evergrant_Grant_headers, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, request, arginfo_class_Evergrant_Grant_request, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, get, arginfo_class_Evergrant_Grant_get, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, post, arginfo_class_Evergrant_Grant_post, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, put, arginfo_class_Evergrant_Grant_put, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, patch, arginfo_class_Evergrant_Grant_patch, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, delete, arginfo_class_Evergrant_Grant_delete, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, refresh, arginfo_class_Evergrant_Grant_refresh, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, userinfo, arginfo_class_Evergrant_Grant_userinfo, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, introspect, arginfo_class_Evergrant_Grant_introspect, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, tokenResponse, arginfo_class_Evergrant_Grant_tokenResponse, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, missingScope, arginfo_class_Evergrant_Grant_missingScope, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, revoke, arginfo_class_Evergrant_Grant_revoke, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, forget, arginfo_class_Evergrant_Grant_forget, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, inspect, arginfo_class_Evergrant_Grant_inspect, ZEND_ACC_PUBLIC)
	ZEND_ME(Evergrant_Grant, export, arginfo_class_Evergrant_Grant_export, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_Start_methods[] = {
	ZEND_ME(Evergrant_Start, __construct, arginfo_class_Evergrant_Start___construct, ZEND_ACC_PRIVATE)
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_AccessToken_methods[] = {
	ZEND_ME(Evergrant_AccessToken, __construct, arginfo_class_Evergrant_AccessToken___construct, ZEND_ACC_PRIVATE)
	ZEND_ME(Evergrant_AccessToken, token, arginfo_class_Evergrant_AccessToken_token, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_Response_methods[] = {
	ZEND_ME(Evergrant_Response, __construct, arginfo_class_Evergrant_Response___construct, ZEND_ACC_PRIVATE)
	ZEND_ME(Evergrant_Response, json, arginfo_class_Evergrant_Response_json, ZEND_ACC_PUBLIC)
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_Error_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_InvalidConfigError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_UnknownProviderError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_InvalidArgumentError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_NoGrantError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_NeedsConsentError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_ConsentDeniedError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_StateMismatchError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_TemporarilyUnavailableError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_MisconfiguredClientError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_ProviderError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_InvalidResponseError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_TransportError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_TimeoutError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_CancelledError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_StoreError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_StoreConflictError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_DecryptionError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_InsecureUrlError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_UnsupportedError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_CallbackError_methods[] = {
	ZEND_FE_END
};


static const zend_function_entry class_Evergrant_InternalError_methods[] = {
	ZEND_FE_END
};

static zend_class_entry *register_class_Evergrant_TokenStore(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "TokenStore", class_Evergrant_TokenStore_methods);
	class_entry = zend_register_internal_interface(&ce);


	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "save", sizeof("save") - 1), 3, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_SharedTokenStore(zend_class_entry *class_entry_Evergrant_TokenStore)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "SharedTokenStore", class_Evergrant_SharedTokenStore_methods);
	class_entry = zend_register_internal_interface(&ce);
	zend_class_implements(class_entry, 1, class_entry_Evergrant_TokenStore);


	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "compareandset", sizeof("compareandset") - 1), 4, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "putpending", sizeof("putpending") - 1), 1, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_Client(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "Client", class_Evergrant_Client_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NOT_SERIALIZABLE;


	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "__construct", sizeof("__construct") - 1), 0, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "finish", sizeof("finish") - 1), 0, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "exchange", sizeof("exchange") - 1), 1, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "exchange", sizeof("exchange") - 1), 2, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "grantbypassword", sizeof("grantbypassword") - 1), 1, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "grantbypin", sizeof("grantbypin") - 1), 1, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	zend_add_parameter_attribute(zend_hash_str_find_ptr(&class_entry->function_table, "put", sizeof("put") - 1), 1, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_Grant(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "Grant", class_Evergrant_Grant_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NOT_SERIALIZABLE;

	zend_string *property_client_class_Evergrant_Client = zend_string_init("Evergrant\\Client", sizeof("Evergrant\\Client")-1, 1);
	zval property_client_default_value;
	ZVAL_UNDEF(&property_client_default_value);
	zend_string *property_client_name = zend_string_init("client", sizeof("client") - 1, 1);
	zend_declare_typed_property(class_entry, property_client_name, &property_client_default_value, ZEND_ACC_PRIVATE|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_CLASS(property_client_class_Evergrant_Client, 0, 0));
	zend_string_release(property_client_name);

	zval property_subject_default_value;
	ZVAL_UNDEF(&property_subject_default_value);
	zend_string *property_subject_name = zend_string_init("subject", sizeof("subject") - 1, 1);
	zend_declare_typed_property(class_entry, property_subject_name, &property_subject_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_subject_name);

	zval property_slot_default_value;
	ZVAL_UNDEF(&property_slot_default_value);
	zend_string *property_slot_name = zend_string_init("slot", sizeof("slot") - 1, 1);
	zend_declare_typed_property(class_entry, property_slot_name, &property_slot_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_slot_name);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_Start(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "Start", class_Evergrant_Start_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NOT_SERIALIZABLE;

	zval property_url_default_value;
	ZVAL_UNDEF(&property_url_default_value);
	zend_string *property_url_name = zend_string_init("url", sizeof("url") - 1, 1);
	zend_declare_typed_property(class_entry, property_url_name, &property_url_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_url_name);

	zval property_state_default_value;
	ZVAL_UNDEF(&property_state_default_value);
	zend_string *property_state_name = zend_string_init("state", sizeof("state") - 1, 1);
	zend_declare_typed_property(class_entry, property_state_name, &property_state_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_state_name);

	zval property_expiresAt_default_value;
	ZVAL_UNDEF(&property_expiresAt_default_value);
	zend_string *property_expiresAt_name = zend_string_init("expiresAt", sizeof("expiresAt") - 1, 1);
	zend_declare_typed_property(class_entry, property_expiresAt_name, &property_expiresAt_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_DOUBLE));
	zend_string_release(property_expiresAt_name);

	zval property_openBy_default_value;
	ZVAL_UNDEF(&property_openBy_default_value);
	zend_string *property_openBy_name = zend_string_init("openBy", sizeof("openBy") - 1, 1);
	zend_declare_typed_property(class_entry, property_openBy_name, &property_openBy_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_DOUBLE|MAY_BE_NULL));
	zend_string_release(property_openBy_name);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_AccessToken(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "AccessToken", class_Evergrant_AccessToken_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NOT_SERIALIZABLE;

	zval property_tokenType_default_value;
	ZVAL_UNDEF(&property_tokenType_default_value);
	zend_string *property_tokenType_name = zend_string_init("tokenType", sizeof("tokenType") - 1, 1);
	zend_declare_typed_property(class_entry, property_tokenType_name, &property_tokenType_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_tokenType_name);

	zval property_expiresAt_default_value;
	ZVAL_UNDEF(&property_expiresAt_default_value);
	zend_string *property_expiresAt_name = zend_string_init("expiresAt", sizeof("expiresAt") - 1, 1);
	zend_declare_typed_property(class_entry, property_expiresAt_name, &property_expiresAt_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_DOUBLE|MAY_BE_NULL));
	zend_string_release(property_expiresAt_name);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_Response(void)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "Response", class_Evergrant_Response_methods);
	class_entry = zend_register_internal_class_ex(&ce, NULL);
	class_entry->ce_flags |= ZEND_ACC_FINAL|ZEND_ACC_NOT_SERIALIZABLE;

	zval property_status_default_value;
	ZVAL_UNDEF(&property_status_default_value);
	zend_string *property_status_name = zend_string_init("status", sizeof("status") - 1, 1);
	zend_declare_typed_property(class_entry, property_status_name, &property_status_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_LONG));
	zend_string_release(property_status_name);

	zval property_headers_default_value;
	ZVAL_UNDEF(&property_headers_default_value);
	zend_string *property_headers_name = zend_string_init("headers", sizeof("headers") - 1, 1);
	zend_declare_typed_property(class_entry, property_headers_name, &property_headers_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_ARRAY));
	zend_string_release(property_headers_name);

	zval property_body_default_value;
	ZVAL_UNDEF(&property_body_default_value);
	zend_string *property_body_name = zend_string_init("body", sizeof("body") - 1, 1);
	zend_declare_typed_property(class_entry, property_body_name, &property_body_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_body_name);

	zval property_url_default_value;
	ZVAL_UNDEF(&property_url_default_value);
	zend_string *property_url_name = zend_string_init("url", sizeof("url") - 1, 1);
	zend_declare_typed_property(class_entry, property_url_name, &property_url_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_url_name);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_Error(zend_class_entry *class_entry_Exception)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "Error", class_Evergrant_Error_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Exception);

	zval property_errorCode_default_value;
	ZVAL_UNDEF(&property_errorCode_default_value);
	zend_string *property_errorCode_name = zend_string_init("errorCode", sizeof("errorCode") - 1, 1);
	zend_declare_typed_property(class_entry, property_errorCode_name, &property_errorCode_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING));
	zend_string_release(property_errorCode_name);

	zval property_retryable_default_value;
	ZVAL_UNDEF(&property_retryable_default_value);
	zend_string *property_retryable_name = zend_string_init("retryable", sizeof("retryable") - 1, 1);
	zend_declare_typed_property(class_entry, property_retryable_name, &property_retryable_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_BOOL));
	zend_string_release(property_retryable_name);

	zval property_retryAt_default_value;
	ZVAL_UNDEF(&property_retryAt_default_value);
	zend_string *property_retryAt_name = zend_string_init("retryAt", sizeof("retryAt") - 1, 1);
	zend_declare_typed_property(class_entry, property_retryAt_name, &property_retryAt_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_DOUBLE|MAY_BE_NULL));
	zend_string_release(property_retryAt_name);

	zval property_statusAt_default_value;
	ZVAL_UNDEF(&property_statusAt_default_value);
	zend_string *property_statusAt_name = zend_string_init("statusAt", sizeof("statusAt") - 1, 1);
	zend_declare_typed_property(class_entry, property_statusAt_name, &property_statusAt_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_DOUBLE|MAY_BE_NULL));
	zend_string_release(property_statusAt_name);

	zval property_reason_default_value;
	ZVAL_UNDEF(&property_reason_default_value);
	zend_string *property_reason_name = zend_string_init("reason", sizeof("reason") - 1, 1);
	zend_declare_typed_property(class_entry, property_reason_name, &property_reason_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING|MAY_BE_NULL));
	zend_string_release(property_reason_name);

	zval property_provider_default_value;
	ZVAL_UNDEF(&property_provider_default_value);
	zend_string *property_provider_name = zend_string_init("provider", sizeof("provider") - 1, 1);
	zend_declare_typed_property(class_entry, property_provider_name, &property_provider_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING|MAY_BE_NULL));
	zend_string_release(property_provider_name);

	zval property_subject_default_value;
	ZVAL_UNDEF(&property_subject_default_value);
	zend_string *property_subject_name = zend_string_init("subject", sizeof("subject") - 1, 1);
	zend_declare_typed_property(class_entry, property_subject_name, &property_subject_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING|MAY_BE_NULL));
	zend_string_release(property_subject_name);

	zval property_status_default_value;
	ZVAL_UNDEF(&property_status_default_value);
	zend_string *property_status_name = zend_string_init("status", sizeof("status") - 1, 1);
	zend_declare_typed_property(class_entry, property_status_name, &property_status_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_LONG|MAY_BE_NULL));
	zend_string_release(property_status_name);

	zval property_error_default_value;
	ZVAL_UNDEF(&property_error_default_value);
	zend_string *property_error_name = zend_string_init("error", sizeof("error") - 1, 1);
	zend_declare_typed_property(class_entry, property_error_name, &property_error_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING|MAY_BE_NULL));
	zend_string_release(property_error_name);

	zval property_errorDescription_default_value;
	ZVAL_UNDEF(&property_errorDescription_default_value);
	zend_string *property_errorDescription_name = zend_string_init("errorDescription", sizeof("errorDescription") - 1, 1);
	zend_declare_typed_property(class_entry, property_errorDescription_name, &property_errorDescription_default_value, ZEND_ACC_PUBLIC|ZEND_ACC_READONLY, NULL, (zend_type) ZEND_TYPE_INIT_MASK(MAY_BE_STRING|MAY_BE_NULL));
	zend_string_release(property_errorDescription_name);

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_InvalidConfigError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "InvalidConfigError", class_Evergrant_InvalidConfigError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_UnknownProviderError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "UnknownProviderError", class_Evergrant_UnknownProviderError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_InvalidArgumentError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "InvalidArgumentError", class_Evergrant_InvalidArgumentError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_NoGrantError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "NoGrantError", class_Evergrant_NoGrantError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_NeedsConsentError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "NeedsConsentError", class_Evergrant_NeedsConsentError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_ConsentDeniedError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "ConsentDeniedError", class_Evergrant_ConsentDeniedError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_StateMismatchError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "StateMismatchError", class_Evergrant_StateMismatchError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_TemporarilyUnavailableError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "TemporarilyUnavailableError", class_Evergrant_TemporarilyUnavailableError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_MisconfiguredClientError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "MisconfiguredClientError", class_Evergrant_MisconfiguredClientError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_ProviderError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "ProviderError", class_Evergrant_ProviderError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_InvalidResponseError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "InvalidResponseError", class_Evergrant_InvalidResponseError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_TransportError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "TransportError", class_Evergrant_TransportError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_TimeoutError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "TimeoutError", class_Evergrant_TimeoutError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_CancelledError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "CancelledError", class_Evergrant_CancelledError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_StoreError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "StoreError", class_Evergrant_StoreError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_StoreConflictError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "StoreConflictError", class_Evergrant_StoreConflictError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_DecryptionError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "DecryptionError", class_Evergrant_DecryptionError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_InsecureUrlError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "InsecureUrlError", class_Evergrant_InsecureUrlError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_UnsupportedError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "UnsupportedError", class_Evergrant_UnsupportedError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_CallbackError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "CallbackError", class_Evergrant_CallbackError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}

static zend_class_entry *register_class_Evergrant_InternalError(zend_class_entry *class_entry_Evergrant_Error)
{
	zend_class_entry ce, *class_entry;

	INIT_NS_CLASS_ENTRY(ce, "Evergrant", "InternalError", class_Evergrant_InternalError_methods);
	class_entry = zend_register_internal_class_ex(&ce, class_entry_Evergrant_Error);
	class_entry->ce_flags |= ZEND_ACC_FINAL;

	return class_entry;
}
