/* Meets a server that others wrote, in C; the steps are told in README.md. */
#include <cjson/cJSON.h>
#include <evergrant.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct timespec BETWEEN_CALLS = {.tv_nsec = 100 * 1000 * 1000};

static void check(evergrant_status status, evergrant_error *error) {
    if (status == EVERGRANT_OK) return;
    fprintf(stderr, "%s: %s\n", evergrant_error_code(error), evergrant_error_message(error));
    exit(EXIT_FAILURE);
}

static void tell_generation(evergrant_string *json) {
    cJSON *all = cJSON_Parse(evergrant_string_data(json));
    printf("{\"generation\": %d}\n", cJSON_GetObjectItem(all, "generation")->valueint);
    cJSON_Delete(all);
    evergrant_string_free(json);
}

static void consent(const evergrant_client *client, const char *subject) {
    evergrant_start *start = NULL;
    evergrant_string *finished = NULL;
    evergrant_error *error = NULL;
    char callback[4096] = "";
    check(evergrant_client_begin(client, subject, NULL, &start, &error), error);
    printf("{\"url\": \"%s\"}\n", evergrant_start_url(start));
    evergrant_start_free(start);
    if (!fgets(callback, sizeof callback, stdin)) exit(EXIT_FAILURE);
    callback[strcspn(callback, "\n")] = 0;
    check(evergrant_client_finish(client, callback, NULL, &finished, &error), error);
    tell_generation(finished);
}

static void connect_device(const evergrant_client *client, const char *subject) {
    evergrant_string *start = NULL, *finished = NULL;
    evergrant_error *error = NULL;
    check(evergrant_client_begin_device(client, subject, NULL, &start, &error), error);
    cJSON *all = cJSON_Parse(evergrant_string_data(start));
    printf("{\"url\": \"%s\"}\n", cJSON_GetObjectItem(all, "verification_uri_complete")->valuestring);
    const char *state = cJSON_GetObjectItem(all, "state")->valuestring;
    check(evergrant_client_wait_device(client, state, NULL, &finished, &error), error);
    tell_generation(finished);
    cJSON_Delete(all);
    evergrant_string_free(start);
}

static void call(const evergrant_client *client, const char *subject, const char *request) {
    evergrant_response *answer = NULL;
    evergrant_error *error = NULL;
    check(evergrant_client_request(client, subject, NULL, request, NULL, 0, &answer, &error), error);
    char *body = strndup((const char *)evergrant_response_body(answer), evergrant_response_body_length(answer));
    cJSON *text = cJSON_CreateStringReference(body);
    char *json = cJSON_PrintUnformatted(text);
    printf("{\"status\": %d, \"body\": %s}\n", evergrant_response_status(answer), json);
    free(json);
    cJSON_Delete(text);
    free(body);
    evergrant_response_free(answer);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void meet(const evergrant_client *client, const cJSON *meeting) {
    const char *subject = cJSON_GetObjectItem(meeting, "subject")->valuestring;
    char *request = cJSON_PrintUnformatted(cJSON_GetObjectItem(meeting, "request"));
    const cJSON *how = cJSON_GetObjectItem(meeting, "consent");
    if (cJSON_IsTrue(how)) consent(client, subject);
    if (cJSON_IsString(how)) connect_device(client, subject);
    double end = now() + cJSON_GetObjectItem(meeting, "seconds")->valuedouble;
    call(client, subject, request);
    while (now() < end) {
        nanosleep(&BETWEEN_CALLS, NULL);
        call(client, subject, request);
    }
    if (cJSON_IsTrue(cJSON_GetObjectItem(meeting, "force"))) {
        evergrant_string *inspection = NULL;
        evergrant_error *error = NULL;
        check(evergrant_client_refresh(client, subject, NULL, "{\"force\": true}", &inspection, &error), error);
        tell_generation(inspection);
        call(client, subject, request);
    }
    free(request);
}

int main(int count, char **arguments) {
    if (count != 2) return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    evergrant_client *client = NULL;
    evergrant_error *error = NULL;
    cJSON *meeting = cJSON_Parse(arguments[1]);
    char *config = cJSON_PrintUnformatted(cJSON_GetObjectItem(meeting, "config"));
    check(evergrant_client_open(config, NULL, &client, &error), error);
    meet(client, meeting);
    evergrant_client_free(client);
    free(config);
    cJSON_Delete(meeting);
    return EXIT_SUCCESS;
}
