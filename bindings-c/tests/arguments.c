/* What reaches the border is checked there: NULL, invalid UTF-8, wrong sizes; errors and panics come out as statuses. */
#include "check.h"
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

static const char *const INVALID_UTF8 = "\xff\xfe";

static evergrant_client *open_client(void) {
    evergrant_client *client = NULL;
    char *config = sandbox_config("memory:");
    CHECK_OK(evergrant_client_open(config, NULL, &client, ERROR));
    free(config);
    return client;
}

static void null_and_invalid_utf8_are_invalid_arguments_that_name_the_argument(void) {
    evergrant_client *client = open_client(), *none = NULL;
    evergrant_token *token = NULL;
    evergrant_start *start = NULL;
    evergrant_headers *headers = NULL;
    evergrant_response *response = NULL;

    CHECK_FAILS(evergrant_client_open(NULL, NULL, &none, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_TEXT(evergrant_error_message(last_error), "config_json: is NULL; expected text");
    CHECK_FAILS(evergrant_client_open(INVALID_UTF8, NULL, &none, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_TEXT(evergrant_error_message(last_error), "config_json: is not UTF-8; expected UTF-8 text");
    CHECK_FAILS(evergrant_client_open("{}", NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "client: is NULL");

    CHECK_FAILS(evergrant_client_begin(NULL, "alice", NULL, &start, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "client: is NULL");
    CHECK_FAILS(evergrant_client_begin(client, NULL, NULL, &start, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "subject: is NULL");
    CHECK_FAILS(evergrant_client_begin(client, "alice", INVALID_UTF8, &start, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "options_json: is not UTF-8");
    CHECK_FAILS(evergrant_client_begin(client, "alice", NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "start: is NULL");
    CHECK_FAILS(evergrant_client_finish(client, NULL, NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "callback: is NULL");

    CHECK_FAILS(evergrant_client_access_token(client, INVALID_UTF8, NULL, NULL, &token, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "subject: is not UTF-8");
    CHECK_FAILS(evergrant_client_access_token(client, "alice", INVALID_UTF8, NULL, &token, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "slot: is not UTF-8");
    CHECK_FAILS(evergrant_client_cached_access_token(client, "alice", NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "token: is NULL");
    CHECK_FAILS(evergrant_client_headers(client, "alice", NULL, NULL, "https://a.example", NULL, &headers, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "method: is NULL");
    CHECK_FAILS(evergrant_client_headers(client, "alice", NULL, "GET", NULL, NULL, &headers, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "url: is NULL");
    CHECK_FAILS(evergrant_client_request(client, "alice", NULL, NULL, NULL, 0, &response, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "request_json: is NULL");
    CHECK_FAILS(evergrant_client_put(client, "alice", NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "tokens_json: is NULL");

    CHECK_FAILS(evergrant_client_close(NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_poll(NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_refresh(NULL, "alice", NULL, NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_revoke(NULL, "alice", NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_forget(NULL, "alice", NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_inspect(NULL, "alice", NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_list(NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_due(NULL, NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_refresh_due(NULL, NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_FAILS(evergrant_client_testing_set_clock(NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);

    CHECK(!none && !token && !start && !headers && !response);
    evergrant_client_free(client);
}

static void accessors_and_frees_take_null(void) {
    CHECK(evergrant_error_status(NULL) == EVERGRANT_OK);
    CHECK(!evergrant_error_code(NULL) && !evergrant_error_message(NULL) && !evergrant_error_reason(NULL));
    CHECK(!evergrant_error_json(NULL) && !evergrant_error_is_retryable(NULL));
    CHECK(!evergrant_error_retry_at(NULL) && !evergrant_error_http_status(NULL));
    CHECK(!evergrant_string_data(NULL) && !evergrant_string_length(NULL));
    CHECK(!evergrant_start_url(NULL) && !evergrant_start_state(NULL) && !evergrant_start_expires_at(NULL));
    CHECK(!evergrant_token_text(NULL) && !evergrant_token_type(NULL) && !evergrant_token_expires_at(NULL));
    CHECK(!evergrant_headers_count(NULL) && !evergrant_headers_name(NULL, 0) && !evergrant_headers_value(NULL, 0));
    CHECK(!evergrant_response_status(NULL) && !evergrant_response_headers(NULL) && !evergrant_response_url(NULL));
    CHECK(!evergrant_response_body(NULL) && !evergrant_response_body_length(NULL));
    evergrant_reply_null(NULL);
    evergrant_reply_list_text(NULL, "text");
    evergrant_error_free(NULL);
    evergrant_string_free(NULL);
    evergrant_start_free(NULL);
    evergrant_token_free(NULL);
    evergrant_headers_free(NULL);
    evergrant_response_free(NULL);
    evergrant_client_free(NULL);
}

static void a_wrong_configuration_names_the_key(void) {
    evergrant_client *client = NULL;
    CHECK_FAILS(evergrant_client_open("{\"provider\": \"google\", \"client_id\": 7}", NULL, &client, ERROR),
                EVERGRANT_INVALID_CONFIG);
    CHECK_HOLDS(evergrant_error_message(last_error), "client_id");
    CHECK_FAILS(evergrant_client_open("{\"provider\": \"gogle\", \"client_id\": \"id\"}", NULL, &client, ERROR),
                EVERGRANT_UNKNOWN_PROVIDER);
    CHECK_FAILS(evergrant_client_open("{", NULL, &client, ERROR), EVERGRANT_INVALID_CONFIG);
    CHECK(!client);
}

static void an_error_that_is_not_wanted_is_not_made(void) {
    CHECK(evergrant_client_open("{", NULL, NULL, NULL) == EVERGRANT_INVALID_ARGUMENT);
}

static void an_unknown_option_is_named(void) {
    evergrant_client *client = open_client();
    evergrant_token *token = NULL;
    CHECK_FAILS(evergrant_client_access_token(client, "alice", NULL, "{\"min_vald\": 5}", &token, ERROR),
                EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "min_vald");
    evergrant_client_free(client);
}

static void a_structure_of_another_size_is_refused(void) {
    evergrant_client *client = NULL;
    evergrant_store store = {.size = sizeof(void *)};
    evergrant_environment small = {.size = sizeof(void *)};
    evergrant_environment with_store = {.size = sizeof with_store, .store = &store};
    CHECK_FAILS(evergrant_client_open("{}", &small, &client, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "environment.size");
    CHECK_FAILS(evergrant_client_open("{}", &with_store, &client, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "store.size");
}

static void every_status_has_the_number_and_text_of_the_header(void) {
    static const struct {
        evergrant_status status;
        const char *text;
    } TABLE[] = {
        {EVERGRANT_INVALID_CONFIG, "invalid_config"},
        {EVERGRANT_UNKNOWN_PROVIDER, "unknown_provider"},
        {EVERGRANT_INVALID_ARGUMENT, "invalid_argument"},
        {EVERGRANT_NO_GRANT, "no_grant"},
        {EVERGRANT_NEEDS_CONSENT, "needs_consent"},
        {EVERGRANT_CONSENT_DENIED, "consent_denied"},
        {EVERGRANT_STATE_MISMATCH, "state_mismatch"},
        {EVERGRANT_TEMPORARILY_UNAVAILABLE, "temporarily_unavailable"},
        {EVERGRANT_MISCONFIGURED_CLIENT, "misconfigured_client"},
        {EVERGRANT_PROVIDER_ERROR, "provider_error"},
        {EVERGRANT_INVALID_RESPONSE, "invalid_response"},
        {EVERGRANT_TRANSPORT, "transport"},
        {EVERGRANT_TIMEOUT, "timeout"},
        {EVERGRANT_CANCELLED, "cancelled"},
        {EVERGRANT_STORE, "store"},
        {EVERGRANT_STORE_CONFLICT, "store_conflict"},
        {EVERGRANT_DECRYPTION, "decryption"},
        {EVERGRANT_INSECURE_URL, "insecure_url"},
        {EVERGRANT_UNSUPPORTED, "unsupported"},
        {EVERGRANT_CALLBACK, "callback"},
        {EVERGRANT_INTERNAL, "internal"},
    };
    size_t known = 0;
    for (int number = -1; number < 1000; number++) {
        const char *text = evergrant_status_text(number);
        if (!text)
            continue;
        CHECK(known < sizeof TABLE / sizeof *TABLE && (int)TABLE[known].status == number);
        CHECK_TEXT(text, TABLE[known].text);
        CHECK_FAILS(evergrant_testing_fail(number, ERROR), TABLE[known].status);
        CHECK_TEXT(evergrant_error_code(last_error), text);
        known++;
    }
    CHECK(known == sizeof TABLE / sizeof *TABLE);
}

static void an_error_tells_all_that_it_knows(void) {
    CHECK_FAILS(evergrant_testing_fail(EVERGRANT_TRANSPORT, ERROR), EVERGRANT_TRANSPORT);
    CHECK_TEXT(evergrant_error_message(last_error), "failed on purpose");
    CHECK_TEXT(evergrant_error_reason(last_error), "testing");
    CHECK(evergrant_error_is_retryable(last_error));
    CHECK_TEXT(evergrant_error_json(last_error), "{\"code\":\"transport\",\"message\":\"failed on purpose\","
                                                 "\"retryable\":true,\"reason\":\"testing\"}");
}

static void a_panic_is_the_status_internal(void) {
    evergrant_client *client = open_client();
    CHECK_FAILS(evergrant_testing_panic(ERROR), EVERGRANT_INTERNAL);
    CHECK_FAILS(evergrant_client_testing_panic(client, ERROR), EVERGRANT_INTERNAL);
    CHECK_HOLDS(evergrant_error_message(last_error), "panic");
    CHECK_OK(evergrant_client_poll(client, ERROR));
    evergrant_client_free(client);
}

static void a_closed_client_says_so(void) {
    evergrant_client *client = open_client();
    evergrant_token *token = NULL;
    CHECK_OK(evergrant_client_close(client, ERROR));
    CHECK_OK(evergrant_client_close(client, ERROR));
    CHECK_FAILS(evergrant_client_access_token(client, "alice", NULL, NULL, &token, ERROR), EVERGRANT_CANCELLED);
    evergrant_client_free(client);
}

int main(void) {
    static const test TESTS[] = {
        TEST(null_and_invalid_utf8_are_invalid_arguments_that_name_the_argument),
        TEST(accessors_and_frees_take_null),
        TEST(a_wrong_configuration_names_the_key),
        TEST(an_error_that_is_not_wanted_is_not_made),
        TEST(an_unknown_option_is_named),
        TEST(a_structure_of_another_size_is_refused),
        TEST(every_status_has_the_number_and_text_of_the_header),
        TEST(an_error_tells_all_that_it_knows),
        TEST(a_panic_is_the_status_internal),
        TEST(a_closed_client_says_so),
    };
    return run_tests(TESTS, sizeof TESTS / sizeof *TESTS);
}
