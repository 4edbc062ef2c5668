/* What belongs to a process: clients used by many threads, after fork(), and ten thousand times without growth. */
#include "check.h"
#include "sandbox.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A database in a folder that is removed when the test ends well. */
static char folder[] = "/tmp/evergrant-c-XXXXXX";

static evergrant_client *open_client(const char *store) {
    evergrant_client *client = NULL;
    char *config = sandbox_config(store);
    CHECK_OK(evergrant_client_open(config, NULL, &client, ERROR));
    free(config);
    return client;
}

static evergrant_client *open_database(void) {
    char store[64];
    snprintf(store, sizeof store, "sqlite:%s/grants.db", folder);
    return open_client(store);
}

static bool can_call(evergrant_client *client) {
    evergrant_response *response = NULL;
    char request[128];
    snprintf(request, sizeof request, "{\"url\": \"%s/api/me\", \"timeout\": 20}", getenv("EVERGRANT_SANDBOX"));
    evergrant_status status = evergrant_client_request(client, "erin", NULL, request, NULL, 0, &response, NULL);
    bool answered = status == EVERGRANT_OK && evergrant_response_status(response) == 200;
    evergrant_response_free(response);
    return answered;
}

/* Forks. The child reports what `work` gives and ends at once: no exit handler, and no leak check of a tool, since it leaks
 * on purpose what it inherited. The parent gets the end of the pipe to read the report from. */
static int fork_child(bool (*work)(evergrant_client *client, char *report), evergrant_client *client) {
    int pipe_ends[2];
    CHECK(!pipe(pipe_ends));
    fflush(NULL);
    if (!fork()) {
        char report[256] = "failed";
        bool works = work(client, report);
        dprintf(pipe_ends[1], "%s", works ? report : "failed");
        raise(SIGKILL);
    }
    close(pipe_ends[1]);
    return pipe_ends[0];
}

/* What a child reported; it has ended when this returns. */
static void read_report(int pipe_end, char *report, size_t size) {
    ssize_t length = read(pipe_end, report, size - 1);
    CHECK(length > 0);
    report[length] = 0;
    close(pipe_end);
    wait(NULL);
}

static bool call_and_refresh(evergrant_client *client, char *report) {
    strcpy(report, "works");
    bool works = can_call(client) &&
                 evergrant_client_refresh(client, "erin", NULL, "{\"force\": true}", NULL, NULL) == EVERGRANT_OK &&
                 can_call(client);
    evergrant_client_free(client);
    return works;
}

static void a_used_client_works_on_in_parent_and_children_after_fork(void) {
    evergrant_client *client = open_database();
    sandbox_log_in(client, "erin");
    CHECK(can_call(client));
    int children[3];
    for (int index = 0; index < 3; index++)
        children[index] = fork_child(call_and_refresh, client);
    CHECK(can_call(client));
    for (int index = 0; index < 3; index++) {
        char report[256];
        read_report(children[index], report, sizeof report);
        CHECK_TEXT(report, "works");
    }
    CHECK(can_call(client));
    evergrant_client_free(client);
}

static bool begin(evergrant_client *client, char *state) {
    evergrant_start *start = NULL;
    if (evergrant_client_begin(client, "erin", NULL, &start, NULL) != EVERGRANT_OK)
        return false;
    strcpy(state, evergrant_start_state(start));
    evergrant_start_free(start);
    return true;
}

static void states_differ_in_parent_and_child_after_fork(void) {
    evergrant_client *client = open_client("memory:");
    char state[256], state_of_child[256];
    CHECK(begin(client, state));
    int child = fork_child(begin, client);
    CHECK(begin(client, state));
    read_report(child, state_of_child, sizeof state_of_child);
    CHECK(strcmp(state_of_child, "failed") && strcmp(state_of_child, state));
    evergrant_client_free(client);
}

enum { THREADS = 16 };

static void *call_ten_times(void *client) {
    for (int round = 0; round < 10; round++)
        if (!can_call(client))
            return NULL;
    return client;
}

static void many_threads_share_one_client(void) {
    evergrant_client *client = open_database();
    sandbox_log_in(client, "erin");
    pthread_t threads[THREADS];
    for (int index = 0; index < THREADS; index++)
        CHECK(!pthread_create(&threads[index], NULL, call_ten_times, client));
    for (int index = 0; index < THREADS; index++) {
        void *result = NULL;
        CHECK(!pthread_join(threads[index], &result) && result);
    }
    evergrant_client_free(client);
}

static int open_descriptors(void) {
    int count = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    while (readdir(descriptors))
        count++;
    closedir(descriptors);
    return count;
}

static long resident_kib(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* One client that does what clients do without the network. */
static void open_use_and_free(const char *store) {
    evergrant_client *client = open_client(store);
    evergrant_token *token = NULL;
    CHECK_FAILS(evergrant_client_access_token(client, "nobody", NULL, NULL, &token, ERROR), EVERGRANT_NO_GRANT);
    evergrant_client_free(client);
}

static void thousands_of_clients_leave_nothing_behind(void) {
    /* Tools that watch memory are slow and keep what was freed. */
    bool watched = getenv("EVERGRANT_TEST_WATCHED");
    int count = watched ? 200 : 10000;
    for (int index = 0; index < count / 10; index++)
        open_use_and_free("memory:");
    int descriptors = open_descriptors();
    long before = resident_kib();
    for (int index = 0; index < count; index++)
        open_use_and_free("memory:");
    CHECK(open_descriptors() == descriptors);
    CHECK(watched || resident_kib() < before + 4096);
}

int main(void) {
    static const test TESTS[] = {
        TEST(a_used_client_works_on_in_parent_and_children_after_fork),
        TEST(states_differ_in_parent_and_child_after_fork),
        TEST(many_threads_share_one_client),
        TEST(thousands_of_clients_leave_nothing_behind),
    };
    if (!mkdtemp(folder))
        return 2;
    int status = run_tests(TESTS, sizeof TESTS / sizeof *TESTS);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) || status;
}
