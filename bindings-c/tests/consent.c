/* How grants come about without a callback, and what a provider says about user, token and client. */
#include "check.h"
#include "sandbox.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A client that finds the sandbox by its metadata. */
static evergrant_client *open_by_issuer(const char *more) {
    evergrant_client *client = NULL;
    char config[1024];
    snprintf(config, sizeof config,
             "{\"provider\": \"%s\", \"client_id\": \"sandbox-client\", \"client_secret\": \"sandbox-secret\", "
             "\"redirect_uri\": \"http://127.0.0.1:9/callback\", \"scope\": \"openid read\", \"offline\": false, "
             "\"store\": \"memory:\"%s}",
             getenv("EVERGRANT_SANDBOX"), more);
    CHECK_OK(evergrant_client_open(config, NULL, &client, ERROR));
    return client;
}

/* A text of a JSON object, for the caller to free. */
static char *member(const evergrant_string *json, const char *name) {
    cJSON *object = cJSON_Parse(evergrant_string_data(json));
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
    CHECK(text);
    char *copy = strdup(text);
    cJSON_Delete(object);
    return copy;
}

static void check_works(evergrant_client *client, const char *subject) {
    evergrant_token *token = NULL;
    CHECK_OK(evergrant_client_access_token(client, subject, NULL, NULL, &token, ERROR));
    CHECK(sandbox_status_with_token(evergrant_token_text(token)) == 200);
    evergrant_token_free(token);
}

static void allow_device(const char *user_code) {
    char order[256];
    snprintf(order, sizeof order, "{\"user_code\": \"%s\", \"user\": \"dora\", \"decision\": \"allow\"}", user_code);
    free(sandbox_control("/sandbox/device", order));
}

static void a_device_polls_until_its_user_has_consented_elsewhere(void) {
    evergrant_client *client = open_by_issuer("");
    evergrant_string *start = NULL, *poll = NULL, *finished = NULL;
    const double no_time = 0.05;
    free(sandbox_control("/sandbox/options", "{\"device_interval\": 1}"));
    CHECK_OK(evergrant_client_begin_device(client, "dora", "{\"scope\": \"read\"}", &start, ERROR));
    CHECK_HOLDS(evergrant_string_data(start), "\"verification_uri\":\"http");
    CHECK_HOLDS(evergrant_string_data(start), "\"interval\":1.0");
    char *state = member(start, "state"), *user_code = member(start, "user_code");
    CHECK_OK(evergrant_client_poll_device(client, state, &poll, ERROR));
    CHECK_HOLDS(evergrant_string_data(poll), "\"finished\":null");
    CHECK_FAILS(evergrant_client_wait_device(client, state, &no_time, &finished, ERROR), EVERGRANT_TIMEOUT);
    CHECK(!finished);
    allow_device(user_code);
    CHECK_OK(evergrant_client_wait_device(client, state, NULL, &finished, ERROR));
    CHECK_HOLDS(evergrant_string_data(finished), "\"subject\":\"dora\"");
    check_works(client, "dora");
    CHECK_FAILS(evergrant_client_poll_device(client, "unknown", &poll, ERROR), EVERGRANT_STATE_MISMATCH);
    CHECK_FAILS(evergrant_client_begin_device(client, "dora", "{\"scopes\": 1}", &start, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "scopes");
    free(state);
    free(user_code);
    evergrant_string_free(start);
    evergrant_string_free(poll);
    evergrant_string_free(finished);
    evergrant_client_free(client);
}

static void a_code_that_came_another_way_is_exchanged(void) {
    evergrant_client *client = open_by_issuer("");
    evergrant_string *finished = NULL;
    char url[512];
    snprintf(url, sizeof url,
             "%s/oauth2/authorize?response_type=code&client_id=sandbox-client&redirect_uri=http://127.0.0.1:9/mine&scope=read",
             getenv("EVERGRANT_SANDBOX"));
    char *callback = sandbox_consent(url, "eve");
    char *code = strstr(callback, "code=");
    CHECK(code);
    code += strlen("code=");
    code[strcspn(code, "&")] = 0;
    const char *options = "{\"redirect_uri\": \"http://127.0.0.1:9/mine\", \"scope\": \"read\"}";
    CHECK_OK(evergrant_client_exchange(client, "eve", code, options, &finished, ERROR));
    CHECK_HOLDS(evergrant_string_data(finished), "\"generation\":1");
    check_works(client, "eve");
    CHECK_FAILS(evergrant_client_exchange(client, "eve", code, options, NULL, ERROR), EVERGRANT_PROVIDER_ERROR);
    free(callback);
    evergrant_string_free(finished);
    evergrant_client_free(client);
}

static void a_check_says_whether_the_user_is_needed(void) {
    evergrant_client *client = open_by_issuer("");
    evergrant_string *standing = NULL, *missing = NULL;
    CHECK_OK(evergrant_client_check(client, "finn", NULL, &standing, ERROR));
    CHECK_HOLDS(evergrant_string_data(standing), "\"status\":\"need_user\"");
    CHECK_HOLDS(evergrant_string_data(standing), "\"reason\":\"no_grant\"");
    CHECK_HOLDS(evergrant_string_data(standing), "/oauth2/authorize?");
    evergrant_string_free(standing);
    sandbox_log_in(client, "finn");
    CHECK_OK(evergrant_client_check(client, "finn", NULL, &standing, ERROR));
    CHECK_HOLDS(evergrant_string_data(standing), "\"status\":\"valid\"");
    CHECK_HOLDS(evergrant_string_data(standing), "\"start\":null");
    CHECK_OK(evergrant_client_missing_scope(client, "finn", NULL, "read admin", &missing, ERROR));
    CHECK_TEXT(evergrant_string_data(missing), "[\"admin\"]");
    evergrant_string_free(missing);
    CHECK_OK(evergrant_client_missing_scope(client, "finn", NULL, NULL, &missing, ERROR));
    CHECK_TEXT(evergrant_string_data(missing), "[]");
    evergrant_string_free(missing);
    evergrant_string_free(standing);
    CHECK_OK(evergrant_client_token_response(client, "finn", NULL, &missing, ERROR));
    CHECK_HOLDS(evergrant_string_data(missing), "\"id_token\":");
    CHECK(!strstr(evergrant_string_data(missing), "access_token"));
    evergrant_string_free(missing);
    evergrant_client_free(client);
}

static void the_provider_tells_about_user_token_and_logout(void) {
    evergrant_client *client = open_by_issuer("");
    evergrant_string *json = NULL;
    sandbox_log_in(client, "gus");
    CHECK_OK(evergrant_client_userinfo(client, "gus", NULL, NULL, &json, ERROR));
    CHECK_HOLDS(evergrant_string_data(json), "\"sub\":\"gus\"");
    evergrant_string_free(json);
    CHECK_OK(evergrant_client_introspect(client, "gus", NULL, "{\"token\": \"refresh_token\"}", &json, ERROR));
    CHECK_HOLDS(evergrant_string_data(json), "\"active\":true");
    evergrant_string_free(json);
    CHECK_FAILS(evergrant_client_introspect(client, "gus", NULL, "{\"token\": \"id_token\"}", &json, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "id_token");
    CHECK_FAILS(evergrant_client_logout_url(client, NULL, &json, ERROR), EVERGRANT_UNSUPPORTED);
    evergrant_client_free(client);
}

static void a_password_is_not_sent_before_it_is_switched_on(void) {
    evergrant_client *client = open_by_issuer("");
    evergrant_string *json = NULL;
    const char *options = "{\"username\": \"hal\", \"password\": \"canary-password\"}";
    CHECK_FAILS(evergrant_client_grant_by_password(client, "hal", options, &json, ERROR), EVERGRANT_UNSUPPORTED);
    CHECK_HOLDS(evergrant_error_message(last_error), "legacy_grants");
    CHECK(!strstr(evergrant_error_json(last_error), "canary-password"));
    evergrant_client_free(client);
    client = open_by_issuer(", \"legacy_grants\": [\"password\", \"pin\"]");
    CHECK_FAILS(evergrant_client_grant_by_password(client, "hal", options, &json, ERROR), EVERGRANT_PROVIDER_ERROR);
    CHECK(!strstr(evergrant_error_json(last_error), "canary-password"));
    CHECK_FAILS(evergrant_client_grant_by_pin(client, "hal", "{\"pin\": 1}", &json, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_OK(evergrant_client_pin_url(client, &json, ERROR));
    CHECK_HOLDS(evergrant_string_data(json), "response_type=pin");
    evergrant_string_free(json);
    CHECK_FAILS(evergrant_client_pin_url(client, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    evergrant_client_free(client);
}

static void what_needs_no_client_is_asked_of_the_provider_alone(void) {
    evergrant_string *json = NULL;
    char options[256];
    snprintf(options, sizeof options, "{\"issuer\": \"%s\", \"metadata\": {\"client_name\": \"c\"}}",
             getenv("EVERGRANT_SANDBOX"));
    CHECK_FAILS(evergrant_register(options, &json, ERROR), EVERGRANT_UNSUPPORTED);
    CHECK_HOLDS(evergrant_error_message(last_error), "registration_endpoint");
    CHECK_FAILS(evergrant_register(NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    snprintf(options, sizeof options, "{\"url\": \"%s/api/me\"}", getenv("EVERGRANT_SANDBOX"));
    CHECK_FAILS(evergrant_protected_resource(options, &json, ERROR), EVERGRANT_INVALID_RESPONSE);
    CHECK_HOLDS(evergrant_error_message(last_error), "/.well-known/oauth-protected-resource/api/me");
    CHECK_FAILS(evergrant_protected_resource("{\"url\": \"no url\"}", &json, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK(!json);
    const char *behind_a_proxy = "{\"url\": \"http://127.0.0.1:8080/start?x=1\", \"trust_proxy\": true, "
                                 "\"headers\": {\"X-Forwarded-Proto\": \"https\", \"X-Forwarded-Host\": \"app.example\"}}";
    CHECK_OK(evergrant_redirect_uri_of(behind_a_proxy, "/callback", &json, ERROR));
    CHECK_TEXT(evergrant_string_data(json), "https://app.example/callback");
    evergrant_string_free(json);
    CHECK_FAILS(evergrant_redirect_uri_of("{\"url\": \"/start\"}", NULL, &json, ERROR), EVERGRANT_INVALID_ARGUMENT);
}

/* The request of RFC 5849 section 1.2 for the photo. */
static void a_signature_is_that_of_rfc_5849(void) {
    evergrant_string *signed_request = NULL;
    CHECK_OK(evergrant_sign("GET", "http://photos.example.net/photos?file=vacation.jpg&size=original",
                            "{\"client_id\": \"dpf43f3p2l4k3l03\", \"client_secret\": \"kd94hf93k423kf44\", "
                            "\"token\": \"nnch734d00sl2jdk\", \"token_secret\": \"pfkkdhi9sl3r4s00\", "
                            "\"realm\": \"Photos\", \"nonce\": \"chapoH\", \"timestamp\": 137131202, "
                            "\"without_version\": true}",
                            NULL, 0, &signed_request, ERROR));
    CHECK_HOLDS(evergrant_string_data(signed_request), "oauth_signature=\\\"MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D\\\"");
    evergrant_string_free(signed_request);
    signed_request = NULL;
    static const uint8_t BODY[] = "Hello World!";
    CHECK_OK(evergrant_sign("PUT", "https://api.example/", "{\"client_id\": \"c\", \"client_secret\": \"s\"}", BODY,
                            sizeof BODY - 1, &signed_request, ERROR));
    CHECK_HOLDS(evergrant_string_data(signed_request), "oauth_body_hash=\\\"Lve95gjOVATpfV8EL5X4nxwjKHE%3D\\\"");
    evergrant_string_free(signed_request);
    CHECK_FAILS(evergrant_sign("GET", "https://api.example/", "{}", NULL, 0, &signed_request, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "client_id");
}

int main(void) {
    static const test TESTS[] = {
        TEST(a_device_polls_until_its_user_has_consented_elsewhere),
        TEST(a_code_that_came_another_way_is_exchanged),
        TEST(a_check_says_whether_the_user_is_needed),
        TEST(the_provider_tells_about_user_token_and_logout),
        TEST(a_password_is_not_sent_before_it_is_switched_on),
        TEST(what_needs_no_client_is_asked_of_the_provider_alone),
        TEST(a_signature_is_that_of_rfc_5849),
    };
    return run_tests(TESTS, sizeof TESTS / sizeof *TESTS);
}
