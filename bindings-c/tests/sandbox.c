#include "sandbox.h"

#include "check.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *base_url(void) {
    const char *url = getenv("EVERGRANT_SANDBOX");
    if (!url) {
        fprintf(stderr, "EVERGRANT_SANDBOX is not set: bindings-c/tests/run starts the sandbox\n");
        exit(2);
    }
    return url;
}

char *sandbox_config(const char *store) {
    char *config = malloc(1024);
    snprintf(config, 1024,
             "{\"provider\": {\"name\": \"sandbox\", \"authorization_endpoint\": \"%s/oauth2/authorize\", "
             "\"token_endpoint\": \"%s/oauth2/token\", \"revocation_endpoint\": \"%s/oauth2/revoke\"}, "
             "\"client_id\": \"sandbox-client\", \"client_secret\": \"sandbox-secret\", "
             "\"redirect_uri\": \"http://127.0.0.1:9/callback\", \"scope\": \"read write\", \"store\": \"%s\"}",
             base_url(), base_url(), base_url(), store);
    return config;
}

static int connect_to_sandbox(void) {
    unsigned port = 0;
    CHECK(sscanf(base_url(), "http://127.0.0.1:%u", &port) == 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(connection, (struct sockaddr *)&address, sizeof address) == 0);
    return connection;
}

/* One request on a connection of its own; the whole answer, for the caller to free. */
static char *exchange(const char *method, const char *path, const char *headers, const char *body) {
    int connection = connect_to_sandbox();
    dprintf(connection, "%s %s HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", method,
            path, headers, strlen(body), body);
    size_t length = 0, space = 1 << 20;
    char *answer = malloc(space);
    for (ssize_t got; (got = read(connection, answer + length, space - length - 1)) > 0;)
        length += (size_t)got;
    close(connection);
    answer[length] = 0;
    return answer;
}

char *sandbox_control(const char *path, const char *json) {
    char *answer = exchange(*json ? "POST" : "GET", path, "", json);
    char *start = strstr(answer, "\r\n\r\n");
    CHECK(start);
    memmove(answer, start + 4, strlen(start + 4) + 1);
    return answer;
}

int sandbox_status_with_token(const char *token) {
    char header[512];
    int status = 0;
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", token);
    char *answer = exchange("GET", "/api/me", header, "");
    CHECK(sscanf(answer, "HTTP/1.1 %d", &status) == 1);
    free(answer);
    return status;
}

int sandbox_token_requests(void) {
    char *answer = sandbox_control("/sandbox/journal", "");
    cJSON *journal = cJSON_Parse(answer), *entry;
    int count = 0;
    cJSON_ArrayForEach(entry, journal) count +=
        !strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(entry, "path")), "/oauth2/token");
    cJSON_Delete(journal);
    free(answer);
    return count;
}

char *sandbox_consent(const char *url, const char *user) {
    cJSON *order = cJSON_CreateObject();
    cJSON_AddStringToObject(order, "url", url);
    cJSON_AddStringToObject(order, "user", user);
    char *json = cJSON_PrintUnformatted(order);
    char *answer = sandbox_control("/sandbox/consent", json);
    cJSON *parsed = cJSON_Parse(answer);
    const char *redirect = cJSON_GetStringValue(cJSON_GetObjectItem(parsed, "redirect"));
    CHECK(redirect);
    char *callback = strdup(redirect);
    cJSON_Delete(parsed);
    cJSON_Delete(order);
    free(answer);
    free(json);
    return callback;
}

void sandbox_log_in(evergrant_client *client, const char *subject) {
    evergrant_start *start = NULL;
    CHECK_OK(evergrant_client_begin(client, subject, NULL, &start, ERROR));
    char *callback = sandbox_consent(evergrant_start_url(start), subject);
    evergrant_start_free(start);
    CHECK_OK(evergrant_client_finish(client, callback, NULL, NULL, ERROR));
    free(callback);
}
