/* Calls an API for many users, as applications do, and tells each second what came of it; see README.md.
 *
 *     worker '{"config": {…}, "url": "http://127.0.0.1:PORT/PATH", "grants": 50, "tasks": 4, "rate": 25}'
 */
#include <cjson/cJSON.h>
#include <evergrant.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct {
    evergrant_client *client;
    const char *url, *path;
    struct sockaddr_in address;
    int grants, tasks;
    double rate; /* calls a second, of all tasks together */
} work;

static volatile sig_atomic_t stopped;

static pthread_mutex_t second_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { int ok, headers; double longest_gap; } second; /* since the last line */

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void tell_failure(const char *failure, int is_number, const char *way, const char *subject, const char *message) {
    cJSON *line = cJSON_CreateObject();
    if (is_number) cJSON_AddNumberToObject(line, "failure", atoi(failure));
    else cJSON_AddStringToObject(line, "failure", failure);
    cJSON_AddStringToObject(line, "way", way);
    cJSON_AddStringToObject(line, "subject", subject);
    cJSON_AddStringToObject(line, "message", message);
    cJSON_AddNumberToObject(line, "at", now(CLOCK_REALTIME));
    char *text = cJSON_PrintUnformatted(line);
    printf("%s\n", text);
    free(text);
    cJSON_Delete(line);
}

static void tell_second(void) {
    pthread_mutex_lock(&second_lock);
    printf("{\"ok\": %d, \"headers\": %d, \"gap\": %f, \"at\": %f}\n", second.ok, second.headers, second.longest_gap,
           now(CLOCK_REALTIME));
    memset(&second, 0, sizeof second);
    pthread_mutex_unlock(&second_lock);
}

/* The status of a GET with these headers; 0 where there was no answer. */
static int send_get(const evergrant_headers *headers) {
    char buffer[8192];
    int length = snprintf(buffer, sizeof buffer, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n", work.path,
                          ntohs(work.address.sin_port));
    for (size_t index = 0; index < evergrant_headers_count(headers); index++)
        length += snprintf(buffer + length, sizeof buffer - (size_t)length, "%s: %s\r\n", evergrant_headers_name(headers, index),
                           evergrant_headers_value(headers, index));
    length += snprintf(buffer + length, sizeof buffer - (size_t)length, "\r\n");

    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
    if (connect(connection, (struct sockaddr *)&work.address, sizeof work.address) == 0 &&
        send(connection, buffer, (size_t)length, MSG_NOSIGNAL) == length) {
        ssize_t all = 0, part;
        while ((size_t)all < sizeof buffer - 1 && (part = recv(connection, buffer + all, sizeof buffer - 1 - (size_t)all, 0)) > 0)
            all += part;
        buffer[all] = 0;
        if (all > 12) status = atoi(buffer + strlen("HTTP/1.1 "));
    }
    close(connection);
    return status;
}

static const char *authorization(const evergrant_headers *headers) {
    return evergrant_headers_value(headers, 0);
}

/* The 401 rule for a caller with an HTTP client of its own. */
static evergrant_status by_hand(const char *subject, int *status, evergrant_error **error) {
    evergrant_headers *headers = NULL, *newer = NULL;
    evergrant_status done = evergrant_client_headers(work.client, subject, NULL, "GET", work.url, NULL, &headers, error);
    if (done == EVERGRANT_OK) *status = send_get(headers);
    if (done == EVERGRANT_OK && *status == 401) {
        char refused[4096];
        snprintf(refused, sizeof refused, "{\"refused\": \"%s\"}", authorization(headers));
        done = evergrant_client_headers(work.client, subject, NULL, "GET", work.url, refused, &newer, error);
        if (done == EVERGRANT_OK) *status = send_get(newer);
    }
    evergrant_headers_free(headers);
    evergrant_headers_free(newer);
    return done;
}

static evergrant_status by_request(const char *subject, int *status, evergrant_error **error) {
    char request[512];
    evergrant_response *response = NULL;
    snprintf(request, sizeof request, "{\"url\": \"%s\"}", work.url);
    evergrant_status done = evergrant_client_request(work.client, subject, NULL, request, NULL, 0, &response, error);
    if (done == EVERGRANT_OK) *status = evergrant_response_status(response);
    evergrant_response_free(response);
    return done;
}

static void call(int grant, int is_by_hand, double *waiting_since) {
    char subject[32], number[16];
    int status = 0;
    evergrant_error *error = NULL;
    const char *way = is_by_hand ? "headers" : "request";
    snprintf(subject, sizeof subject, "u%d", grant);
    if (waiting_since[grant] == 0) waiting_since[grant] = now(CLOCK_MONOTONIC);
    evergrant_status done = is_by_hand ? by_hand(subject, &status, &error) : by_request(subject, &status, &error);
    if (done != EVERGRANT_OK) {
        tell_failure(evergrant_error_code(error), 0, way, subject, evergrant_error_message(error));
        evergrant_error_free(error);
        return;
    }
    if (status != 200) {
        snprintf(number, sizeof number, "%d", status);
        tell_failure(number, 1, way, subject, "");
        return;
    }
    double gap = now(CLOCK_MONOTONIC) - waiting_since[grant];
    waiting_since[grant] = 0;
    pthread_mutex_lock(&second_lock);
    second.ok++;
    second.headers += is_by_hand;
    if (gap > second.longest_gap) second.longest_gap = gap;
    pthread_mutex_unlock(&second_lock);
}

/* Every second call goes through `headers` and an HTTP client of its own. */
static void *task(void *argument) {
    unsigned seed = (unsigned)getpid() * 31 + (unsigned)(size_t)argument;
    double period = work.tasks / work.rate;
    double *waiting_since = calloc((size_t)work.grants, sizeof *waiting_since);
    int first = rand_r(&seed) % work.grants;
    for (int turn = (int)(size_t)argument;; turn++) {
        double pause = period * (0.5 + (double)rand_r(&seed) / RAND_MAX);
        struct timespec time = {.tv_sec = (time_t)pause, .tv_nsec = (long)((pause - (double)(time_t)pause) * 1e9)};
        nanosleep(&time, NULL);
        if (stopped) break;
        /* Steps of a prime that divides no number of grants: all in turn, in another order than they were made. */
        call((int)((first + (long)(turn / 2) * 7919) % work.grants), turn % 2, waiting_since);
    }
    for (int grant = 0; grant < work.grants; grant++)
        if (waiting_since[grant] > 0)
            printf("{\"failure\": \"still waiting\", \"subject\": \"u%d\", \"gap\": %f}\n", grant,
                   now(CLOCK_MONOTONIC) - waiting_since[grant]);
    free(waiting_since);
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 2) return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    cJSON *told = cJSON_Parse(arguments[1]);
    char *config = cJSON_PrintUnformatted(cJSON_GetObjectItem(told, "config"));
    evergrant_error *error = NULL;
    if (evergrant_client_open(config, NULL, &work.client, &error) != EVERGRANT_OK) {
        fprintf(stderr, "%s: %s\n", evergrant_error_code(error), evergrant_error_message(error));
        return EXIT_FAILURE;
    }
    work.url = cJSON_GetObjectItem(told, "url")->valuestring;
    int port = 0;
    sscanf(work.url, "http://127.0.0.1:%d", &port);
    work.path = strchr(work.url + strlen("http://"), '/');
    work.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &work.address.sin_addr);
    work.grants = cJSON_GetObjectItem(told, "grants")->valueint;
    work.tasks = cJSON_GetObjectItem(told, "tasks")->valueint;
    work.rate = cJSON_GetObjectItem(told, "rate")->valuedouble;
    signal(SIGTERM, stop);

    pthread_t *threads = calloc((size_t)work.tasks, sizeof *threads);
    for (int number = 0; number < work.tasks; number++) pthread_create(&threads[number], NULL, task, (void *)(size_t)number);
    while (!stopped) {
        sleep(1);
        tell_second();
    }
    for (int number = 0; number < work.tasks; number++) pthread_join(threads[number], NULL);
    tell_second();
    evergrant_client_free(work.client);
    free(threads);
    free(config);
    cJSON_Delete(told);
    return EXIT_SUCCESS;
}
