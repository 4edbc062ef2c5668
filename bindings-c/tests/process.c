/* What belongs to a process: clients used by many threads, after fork(), and ten thousand times without growth. */
#include "check.h"
#include "sandbox.h"

#include <dirent.h>
#include <pthread.h>
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

/* A child that calls and refreshes with the client it inherited, and says by its exit status whether that worked. */
static pid_t fork_child(evergrant_client *client) {
    fflush(NULL);
    pid_t child = fork();
    if (child)
        return child;
    bool works = can_call(client) &&
                 evergrant_client_refresh(client, "erin", NULL, "{\"force\": true}", NULL, NULL) == EVERGRANT_OK &&
                 can_call(client);
    evergrant_client_free(client);
    _exit(works ? 0 : 1);
}

static bool succeeded(pid_t child) {
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_used_client_works_on_in_parent_and_children_after_fork(void) {
    evergrant_client *client = open_database();
    sandbox_log_in(client, "erin");
    CHECK(can_call(client));
    pid_t children[] = {fork_child(client), fork_child(client), fork_child(client)};
    CHECK(can_call(client));
    for (size_t index = 0; index < sizeof children / sizeof *children; index++)
        CHECK(succeeded(children[index]));
    CHECK(can_call(client));
    evergrant_client_free(client);
}

static void states_differ_in_parent_and_child_after_fork(void) {
    evergrant_client *client = open_client("memory:");
    evergrant_start *start = NULL;
    int pipe_ends[2];
    CHECK(!pipe(pipe_ends));
    pid_t child = fork();
    CHECK_OK(evergrant_client_begin(client, "erin", NULL, &start, ERROR));
    const char *state = evergrant_start_state(start);
    if (!child)
        _exit(write(pipe_ends[1], state, strlen(state)) < 1);
    close(pipe_ends[1]);
    char other[256] = "";
    CHECK(read(pipe_ends[0], other, sizeof other - 1) > 0 && succeeded(child));
    CHECK(strcmp(other, state));
    close(pipe_ends[0]);
    evergrant_start_free(start);
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

static int clients_to_open(void) {
    const char *fewer = getenv("EVERGRANT_TEST_CLIENTS");
    return fewer ? atoi(fewer) : 10000;
}

static void thousands_of_clients_leave_nothing_behind(void) {
    int count = clients_to_open();
    for (int index = 0; index < count / 10; index++)
        open_use_and_free("memory:");
    int descriptors = open_descriptors();
    long before = resident_kib();
    for (int index = 0; index < count; index++)
        open_use_and_free("memory:");
    CHECK(open_descriptors() == descriptors);
    CHECK(resident_kib() < before + 4096);
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
