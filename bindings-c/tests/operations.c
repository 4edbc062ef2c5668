/* The whole way: consent, tokens, headers, API calls, refresh, revocation; and the events on the way. */
#include "check.h"
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char events[4096];

static void note_event(void *context, const char *event_json) {
    CHECK(context == events);
    strncat(events, event_json, sizeof events - strlen(events) - 1);
}

static evergrant_client *open_client(void) {
    evergrant_client *client = NULL;
    evergrant_environment environment = {.size = sizeof environment, .on_event = note_event, .event_context = events};
    char *config = sandbox_config("memory:");
    events[0] = 0;
    CHECK_OK(evergrant_client_open(config, &environment, &client, ERROR));
    free(config);
    return client;
}

static char *api_request(const char *path, const char *more) {
    char *json = malloc(512);
    snprintf(json, 512, "{\"url\": \"%s%s\"%s}", getenv("EVERGRANT_SANDBOX"), path, more);
    return json;
}

static void begin_gives_an_address_and_a_state(void) {
    evergrant_client *client = open_client();
    evergrant_start *start = NULL;
    CHECK_OK(evergrant_client_begin(client, "alice", "{\"login_hint\": \"al\"}", &start, ERROR));
    CHECK_HOLDS(evergrant_start_url(start), "/oauth2/authorize?");
    CHECK_HOLDS(evergrant_start_url(start), evergrant_start_state(start));
    CHECK_HOLDS(evergrant_start_url(start), "login_hint=al");
    CHECK(evergrant_start_expires_at(start) > 1700000000000);
    evergrant_start_free(start);
    evergrant_client_free(client);
}

static void a_token_works_at_the_api(void) {
    evergrant_client *client = open_client();
    evergrant_token *token = NULL, *cached = NULL;
    sandbox_log_in(client, "alice");
    CHECK_OK(evergrant_client_access_token(client, "alice", NULL, NULL, &token, ERROR));
    CHECK_TEXT(evergrant_token_type(token), "Bearer");
    CHECK(evergrant_token_expires_at(token) > 1700000000000);
    CHECK(sandbox_status_with_token(evergrant_token_text(token)) == 200);
    CHECK_OK(evergrant_client_cached_access_token(client, "alice", NULL, &cached, ERROR));
    CHECK_TEXT(evergrant_token_text(cached), evergrant_token_text(token));
    evergrant_token_free(cached);
    evergrant_token_free(token);
    evergrant_client_free(client);
}

static void nothing_is_cached_for_a_stranger(void) {
    evergrant_client *client = open_client();
    evergrant_token *token = (evergrant_token *)client;
    CHECK_OK(evergrant_client_cached_access_token(client, "nobody", NULL, &token, ERROR));
    CHECK(!token);
    CHECK_FAILS(evergrant_client_access_token(client, "nobody", NULL, NULL, &token, ERROR), EVERGRANT_NO_GRANT);
    CHECK_HOLDS(evergrant_error_json(last_error), "\"subject\":\"nobody\"");
    CHECK(!token);
    evergrant_client_free(client);
}

static void headers_authorize_a_request_of_another_client(void) {
    evergrant_client *client = open_client();
    evergrant_headers *headers = NULL;
    sandbox_log_in(client, "alice");
    CHECK_OK(evergrant_client_headers(client, "alice", NULL, "GET", "http://127.0.0.1:1/", NULL, &headers, ERROR));
    CHECK(evergrant_headers_count(headers) == 1);
    CHECK_HOLDS(evergrant_headers_value(headers, 0), "Bearer ");
    CHECK(sandbox_status_with_token(evergrant_headers_value(headers, 0) + strlen("Bearer ")) == 200);
    CHECK(!evergrant_headers_name(headers, 1) && !evergrant_headers_value(headers, 1));
    evergrant_headers_free(headers);
    evergrant_client_free(client);
}

static void a_call_gives_status_headers_and_body(void) {
    evergrant_client *client = open_client();
    evergrant_response *response = NULL;
    char *request = api_request("/api/me", "");
    sandbox_log_in(client, "alice");
    CHECK_OK(evergrant_client_request(client, "alice", NULL, request, NULL, 0, &response, ERROR));
    CHECK(evergrant_response_status(response) == 200);
    CHECK_HOLDS(evergrant_response_url(response), "/api/me");
    CHECK(evergrant_response_body_length(response) > 0 && evergrant_response_body(response)[0] == '{');
    const evergrant_headers *headers = evergrant_response_headers(response);
    bool typed = false;
    for (size_t index = 0; index < evergrant_headers_count(headers); index++)
        typed |= !strcmp(evergrant_headers_name(headers, index), "content-type");
    CHECK(typed);
    evergrant_response_free(response);
    free(request);
    evergrant_client_free(client);
}

static void a_body_goes_out_as_it_stands(void) {
    static const uint8_t BODY[] = {'a', 0, 'b', 0xff};
    evergrant_client *client = open_client();
    evergrant_response *response = NULL;
    char *request = api_request("/api/echo", ", \"method\": \"PUT\", \"headers\": {\"X-Test\": \"c\"}");
    sandbox_log_in(client, "alice");
    CHECK_OK(evergrant_client_request(client, "alice", NULL, request, BODY, sizeof BODY, &response, ERROR));
    CHECK(evergrant_response_status(response) == 200);
    size_t length = evergrant_response_body_length(response);
    char *echo = calloc(1, length + 1);
    memcpy(echo, evergrant_response_body(response), length);
    CHECK_HOLDS(echo, "PUT");
    CHECK_HOLDS(echo, "x-test");
    CHECK_HOLDS(echo, "YQBi/w==");
    free(echo);
    evergrant_response_free(response);
    free(request);
    evergrant_client_free(client);
}

static void a_forced_refresh_is_one_request_and_one_event(void) {
    evergrant_client *client = open_client();
    evergrant_string *inspection = NULL;
    sandbox_log_in(client, "alice");
    CHECK_HOLDS(events, "\"event\":\"granted\"");
    int before = sandbox_token_requests();
    CHECK_OK(evergrant_client_refresh(client, "alice", NULL, "{\"force\": true}", &inspection, ERROR));
    CHECK(sandbox_token_requests() == before + 1);
    CHECK_HOLDS(evergrant_string_data(inspection), "\"generation\":2");
    CHECK(evergrant_string_length(inspection) == strlen(evergrant_string_data(inspection)));
    CHECK_HOLDS(events, "\"event\":\"refreshed\"");
    evergrant_string_free(inspection);
    evergrant_client_free(client);
}

static void put_list_inspect_and_forget_agree(void) {
    evergrant_client *client = open_client();
    evergrant_string *json = NULL;
    const char *tokens = "{\"access_token\": \"at\", \"refresh_token\": \"canary-rt\", \"expires_in\": 3600, \"slot\": \"b\"}";
    CHECK_OK(evergrant_client_put(client, "bob", tokens, &json, ERROR));
    CHECK_HOLDS(evergrant_string_data(json), "\"slot\":\"b\"");
    CHECK(!strstr(evergrant_string_data(json), "canary-rt"));
    evergrant_string_free(json);
    CHECK_OK(evergrant_client_list(client, &json, ERROR));
    CHECK_HOLDS(evergrant_string_data(json), "\"subject\":\"bob\"");
    evergrant_string_free(json);
    CHECK_OK(evergrant_client_inspect(client, "bob", "b", &json, ERROR));
    CHECK_HOLDS(evergrant_string_data(json), "\"has_refresh_token\":true");
    evergrant_string_free(json);
    CHECK_OK(evergrant_client_forget(client, "bob", "b", ERROR));
    CHECK_FAILS(evergrant_client_inspect(client, "bob", "b", &json, ERROR), EVERGRANT_NO_GRANT);
    evergrant_client_free(client);
}

static void an_exported_grant_is_a_document_with_its_tokens(void) {
    evergrant_client *client = open_client();
    evergrant_string *document = NULL;
    const char *tokens = "{\"access_token\": \"at\", \"refresh_token\": \"rt of bob\", \"expires_in\": 3600}";
    CHECK_OK(evergrant_client_put(client, "bob", tokens, NULL, ERROR));
    CHECK_OK(evergrant_client_export(client, "bob", NULL, &document, ERROR));
    CHECK_HOLDS(evergrant_string_data(document), "\"evergrant_export\":1");
    CHECK_HOLDS(evergrant_string_data(document), "rt of bob");
    evergrant_string_free(document);
    CHECK_FAILS(evergrant_client_export(client, "nobody", NULL, &document, ERROR), EVERGRANT_NO_GRANT);
    CHECK_FAILS(evergrant_client_export(client, "bob", NULL, NULL, ERROR), EVERGRANT_INVALID_ARGUMENT);
    evergrant_client_free(client);
}

static void a_revoked_token_works_no_more(void) {
    evergrant_client *client = open_client();
    evergrant_token *token = NULL;
    sandbox_log_in(client, "carol");
    CHECK_OK(evergrant_client_access_token(client, "carol", NULL, NULL, &token, ERROR));
    CHECK_OK(evergrant_client_revoke(client, "carol", NULL, NULL, ERROR));
    CHECK(sandbox_status_with_token(evergrant_token_text(token)) == 401);
    evergrant_token_free(token);
    evergrant_client_free(client);
}

static void results_that_are_not_wanted_may_be_null(void) {
    evergrant_client *client = open_client();
    sandbox_log_in(client, "alice");
    CHECK_OK(evergrant_client_refresh(client, "alice", NULL, NULL, NULL, NULL));
    CHECK_OK(evergrant_client_inspect(client, "alice", NULL, NULL, NULL));
    evergrant_client_free(client);
}

static void a_test_clock_decides_what_is_due(void) {
    evergrant_client *client = open_client();
    evergrant_token *token = NULL;
    sandbox_log_in(client, "alice");
    CHECK_OK(evergrant_client_access_token(client, "alice", NULL, NULL, &token, ERROR));
    int64_t later = evergrant_token_expires_at(token) + 1;
    evergrant_token_free(token);
    int before = sandbox_token_requests();
    CHECK_OK(evergrant_client_testing_set_clock(client, &later, ERROR));
    CHECK_OK(evergrant_client_access_token(client, "alice", NULL, NULL, &token, ERROR));
    CHECK(sandbox_token_requests() == before + 1);
    CHECK_OK(evergrant_client_testing_set_clock(client, NULL, ERROR));
    evergrant_token_free(token);
    evergrant_client_free(client);
}

static const char *give_keys(void *context) {
    ++*(int *)context;
    return "[\"abababababababababababababababababababababababababababababababab\"]";
}

static const char *give_no_keys(void *context) {
    (void)context;
    return NULL;
}

static const char *give_no_json(void *context) {
    (void)context;
    return "abababababababababababababababababababababababababababababababab";
}

static void keys_come_from_a_function(void) {
    int asked = 0;
    evergrant_environment environment = {.size = sizeof environment, .keys = give_keys, .keys_context = &asked};
    evergrant_client *client = NULL;
    evergrant_error *error = NULL;
    evergrant_token *token = NULL;
    char *config = sandbox_config("memory:");
    CHECK_OK(evergrant_client_open(config, &environment, &client, ERROR));
    CHECK(asked == 1);
    sandbox_log_in(client, "alice");
    CHECK_OK(evergrant_client_access_token(client, "alice", NULL, NULL, &token, ERROR));
    evergrant_token_free(token);
    evergrant_client_free(client);

    environment.keys = give_no_keys;
    client = NULL;
    CHECK(evergrant_client_open(config, &environment, &client, &error) == EVERGRANT_CALLBACK);
    evergrant_error_free(error);
    environment.keys = give_no_json;
    error = NULL;
    CHECK(evergrant_client_open(config, &environment, &client, &error) == EVERGRANT_CALLBACK);
    CHECK(strstr(evergrant_error_json(error), "abab") == NULL);
    evergrant_error_free(error);
    free(config);
}

int main(void) {
    static const test TESTS[] = {
        TEST(begin_gives_an_address_and_a_state),
        TEST(a_token_works_at_the_api),
        TEST(nothing_is_cached_for_a_stranger),
        TEST(headers_authorize_a_request_of_another_client),
        TEST(a_call_gives_status_headers_and_body),
        TEST(a_body_goes_out_as_it_stands),
        TEST(a_forced_refresh_is_one_request_and_one_event),
        TEST(put_list_inspect_and_forget_agree),
        TEST(an_exported_grant_is_a_document_with_its_tokens),
        TEST(a_revoked_token_works_no_more),
        TEST(results_that_are_not_wanted_may_be_null),
        TEST(a_test_clock_decides_what_is_due),
        TEST(keys_come_from_a_function),
    };
    return run_tests(TESTS, sizeof TESTS / sizeof *TESTS);
}
