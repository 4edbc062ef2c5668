/* Calls an API for two users who consented earlier, about 20 times a second each.
 *
 *     demo PROVIDER STORE SECONDS
 */
#include <evergrant.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char oauth2_config[] =
    "{\"provider\": \"%s\", \"client_id\": \"sandbox-client\", \"client_secret\": \"sandbox-secret\","
    " \"store\": \"%s\", \"user_agent\": \"demo-c\"}";

static const char oauth1_config[] =
    "{\"provider\": {\"protocol\": \"oauth1\","
    "  \"temporary_credential_endpoint\": \"%1$s/oauth1/request_token\","
    "  \"authorization_endpoint\": \"%1$s/oauth1/authorize\","
    "  \"token_endpoint\": \"%1$s/oauth1/access_token\"},"
    " \"client_id\": \"sandbox-consumer\", \"client_secret\": \"sandbox-consumer-secret\","
    " \"store\": \"%2$s\"}";

static void check(evergrant_status status, evergrant_error *error) {
    if (status == EVERGRANT_OK) return;
    fprintf(stderr, "%s: %s\n", evergrant_error_code(error), evergrant_error_message(error));
    exit(EXIT_FAILURE);
}

static evergrant_client *open_client(const char *config, const char *provider, const char *store) {
    char json[2048];
    evergrant_client *client = NULL;
    evergrant_error *error = NULL;
    snprintf(json, sizeof json, config, provider, store);
    check(evergrant_client_open(json, NULL, &client, &error), error);
    return client;
}

static void call(const evergrant_client *client, const char *subject, const char *provider) {
    char json[512];
    evergrant_response *response = NULL;
    evergrant_error *error = NULL;
    snprintf(json, sizeof json, "{\"url\": \"%s/api/me\", \"headers\": {\"X-Program\": \"c\"}}", provider);
    check(evergrant_client_request(client, subject, NULL, json, NULL, 0, &response, &error), error);
    if (evergrant_response_status(response) != 200) {
        fprintf(stderr, "%s: status %d\n", evergrant_response_url(response), evergrant_response_status(response));
        exit(EXIT_FAILURE);
    }
    evergrant_response_free(response);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: demo PROVIDER STORE SECONDS\n");
        return EXIT_FAILURE;
    }
    const char *provider = arguments[1], *store = arguments[2];
    evergrant_client *oauth2 = open_client(oauth2_config, provider, store);
    evergrant_client *oauth1 = open_client(oauth1_config, provider, store);
    const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

    for (double end = now() + atof(arguments[3]); now() < end; nanosleep(&pause, NULL)) {
        call(oauth2, "alice", provider);
        call(oauth1, "bob", provider);
    }

    evergrant_client_free(oauth2); /* a renewal that is under way ends first */
    evergrant_client_free(oauth1);
    return EXIT_SUCCESS;
}
