/* The C testee of the conformance cases: one JSON command a line in, one reply a line out, until the input ends. It runs
 * for one case and leaves freeing texts to the end of the process. */
#include "testee.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static opened clients[16];
static cJSON *shown; /* all that the library tells about errors */

static opened *named(const char *name) {
    opened *place = clients;
    while (*place->name && strcmp(place->name, name))
        place++;
    return place;
}

static void on_event(void *context, const char *event_json) { note(((opened *)context)->events, cJSON_Parse(event_json)); }

static evergrant_status open_client(opened *its, const char *name, const cJSON *command, evergrant_error **error) {
    const cJSON *store = get(command, "store");
    evergrant_environment environment = {.size = sizeof environment, .on_event = on_event, .event_context = its};
    snprintf(its->name, sizeof its->name, "%s", name);
    its->events = cJSON_CreateArray();
    its->store_calls = cJSON_CreateArray();
    its->fail = cJSON_Duplicate(get(store, "fail"), true);
    evergrant_store table = store_without(its, get(store, "without"));
    environment.store = store && !cJSON_IsNull(store) ? &table : NULL;
    return evergrant_client_open(json_text(get(command, "config")), &environment, &its->client, error);
}

static void *reply_to(void *command);

/* All at once, each on a thread of its own. */
static cJSON *parallel(const cJSON *commands) {
    pthread_t threads[32];
    int count = cJSON_GetArraySize(commands);
    cJSON *replies = cJSON_CreateArray();
    for (int index = 0; index < count; index++)
        pthread_create(&threads[index], NULL, reply_to, cJSON_GetArrayItem(commands, index));
    for (int index = 0; index < count; index++) {
        void *reply = NULL;
        pthread_join(threads[index], &reply);
        cJSON_AddItemToArray(replies, reply);
    }
    return replies;
}

static evergrant_status carry_out(const cJSON *in, cJSON **out, evergrant_error **error) {
    const char *name = text(in, "client") ? text(in, "client") : "main", *subject = text(in, "subject");
    const char *slot = text(in, "slot"), *options = json_text(get(in, "options"));
    opened *its = named(name);
    evergrant_client *client = its->client;
    evergrant_status status = EVERGRANT_OK;
    evergrant_start *start = NULL;
    evergrant_token *token = NULL;
    evergrant_headers *headers = NULL;
    evergrant_response *response = NULL;
    evergrant_string *json = NULL;
#define DO(command) if (!strcmp(text(in, "do"), command))
    DO("open") status = open_client(its, name, in, error);
    DO("begin") status = evergrant_client_begin(client, subject, options, &start, error);
    DO("finish") status = evergrant_client_finish(client, text(in, "callback"), options, &json, error);
    DO("access_token") status = evergrant_client_access_token(client, subject, slot, options, &token, error);
    DO("refresh") status = evergrant_client_refresh(client, subject, slot, options, &json, error);
    DO("revoke") status = evergrant_client_revoke(client, subject, slot, options, error);
    DO("forget") status = evergrant_client_forget(client, subject, slot, error);
    DO("inspect") status = evergrant_client_inspect(client, subject, slot, &json, error);
    DO("begin_device") status = evergrant_client_begin_device(client, subject, options, &json, error);
    DO("poll_device") status = evergrant_client_poll_device(client, text(in, "state"), &json, error);
    DO("check") status = evergrant_client_check(client, subject, options, &json, error);
    DO("userinfo") status = evergrant_client_userinfo(client, subject, slot, options, &json, error);
    DO("introspect") status = evergrant_client_introspect(client, subject, slot, options, &json, error);
    DO("token_response") status = evergrant_client_token_response(client, subject, slot, &json, error);
    DO("missing_scope") status = evergrant_client_missing_scope(client, subject, slot, text(in, "scope"), &json, error);
    DO("put") status = evergrant_client_put(client, subject, json_text(get(in, "tokens")), &json, error);
    DO("due") status = evergrant_client_due(client, options, &json, error);
    DO("refresh_due") status = evergrant_client_refresh_due(client, options, &json, error);
    DO("list") status = evergrant_client_list(client, &json, error);
    DO("close") status = evergrant_client_close(client, error);
    DO("headers") status = evergrant_client_headers(client, subject, slot, text(in, "method"), text(in, "url"), options, &headers, error);
    DO("request") {
        size_t length = 0;
        const uint8_t *body = text(in, "body_base64") ? from_base64(text(in, "body_base64"), &length) : NULL;
        const char *request = json_text(get(in, "request"));
        status = evergrant_client_request(client, subject, slot, request, body, length, &response, error);
    }
    DO("set_clock") {
        int64_t time = (int64_t)cJSON_GetNumberValue(get(in, "unix_ms"));
        status = evergrant_client_testing_set_clock(client, cJSON_IsNull(get(in, "unix_ms")) ? NULL : &time, error);
    }
    DO("cached") {
        status = evergrant_client_cached_access_token(client, subject, slot, &token, error);
        *out = cJSON_CreateBool(token != NULL);
    } else if (token) {
        *out = with_time(strings("token", evergrant_token_text(token), "token_type", evergrant_token_type(token)), evergrant_token_expires_at(token));
    }
    DO("events") {
        status = evergrant_client_poll(client, error);
        *out = cJSON_Duplicate(its->events, true);
    }
    DO("store_calls") *out = cJSON_Duplicate(its->store_calls, true);
    DO("debug") *out = cJSON_CreateString(json_text(shown));
    DO("parallel") *out = parallel(get(in, "commands"));
    if (start) {
        *out = with_time(strings("url", evergrant_start_url(start), "state", evergrant_start_state(start)), evergrant_start_expires_at(start));
        if (evergrant_start_open_by(start))
            cJSON_AddNumberToObject(*out, "open_by", (double)evergrant_start_open_by(start));
    }
    if (headers)
        *out = pairs(headers);
    if (response) {
        *out = cJSON_CreateObject();
        cJSON_AddNumberToObject(*out, "status", evergrant_response_status(response));
        cJSON_AddItemToObject(*out, "headers", pairs(evergrant_response_headers(response)));
        cJSON_AddStringToObject(*out, "body_base64", base64(evergrant_response_body(response), evergrant_response_body_length(response)));
    }
    if (json)
        *out = cJSON_CreateRaw(evergrant_string_data(json));
    return status;
}

static void *reply_to(void *command) {
    evergrant_error *error = NULL;
    cJSON *reply = cJSON_CreateObject(), *result = NULL;
    if (carry_out(command, &result, &error) == EVERGRANT_OK) {
        cJSON_AddItemToObject(reply, "ok", result ? result : cJSON_CreateNull());
    } else {
        cJSON_AddRawToObject(reply, "error", evergrant_error_json(error));
        note(shown, cJSON_CreateString(evergrant_error_json(error)));
    }
    return reply;
}

int main(void) {
    char *line = NULL;
    size_t space = 0;
    shown = cJSON_CreateArray();
    while (getline(&line, &space, stdin) > 0) {
        printf("%s\n", json_text(reply_to(cJSON_Parse(line))));
        fflush(stdout);
    }
    return 0;
}
