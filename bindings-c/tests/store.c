/* A token store written in C: called on the caller's thread, and whatever it does comes out as an error of its own. */
#include "check.h"
#include "memory_store.h"
#include "sandbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum failure { NONE, ERROR_TEXT, WRONG_TYPE, NO_REPLY, INVALID_TEXT, SLOW, ALWAYS_TRUE } failure;

/* What the store under test is to do wrong, and what was seen of it. */
static struct {
    failure how;
    const char *method;
    pthread_t caller;
    bool on_other_thread;
    int calls;
    int destroyed;
} seen;

static bool hook(void *context, const char *method, evergrant_reply *reply) {
    (void)context;
    seen.calls++;
    seen.on_other_thread |= !pthread_equal(pthread_self(), seen.caller);
    if (strcmp(method, seen.method))
        return false;
    switch (seen.how) {
    case NONE:
        return false;
    case ERROR_TEXT:
        evergrant_reply_error(reply, "the disk is on fire");
        return true;
    case WRONG_TYPE:
        evergrant_reply_integer(reply, 42);
        return true;
    case NO_REPLY:
        return true;
    case INVALID_TEXT:
        evergrant_reply_text(reply, "\xff");
        return true;
    case ALWAYS_TRUE:
        evergrant_reply_boolean(reply, true);
        return true;
    case SLOW:
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        return false;
    }
    return false;
}

static void (*inner_destroy)(void *context);

static void counting_destroy(void *context) {
    seen.destroyed++;
    inner_destroy(context);
}

static evergrant_store new_store(void) {
    evergrant_store table = memory_store_table(memory_store_new(hook, NULL));
    inner_destroy = table.destroy;
    table.destroy = counting_destroy;
    memset(&seen, 0, sizeof seen);
    seen.method = "";
    seen.caller = pthread_self();
    return table;
}

static evergrant_status open_with(const evergrant_store *table, evergrant_client **client) {
    evergrant_environment environment = {.size = sizeof environment, .store = table};
    char *config = sandbox_config("memory:");
    evergrant_status status = evergrant_client_open(config, &environment, client, ERROR);
    free(config);
    return status;
}

static evergrant_client *open_client(void) {
    evergrant_client *client = NULL;
    evergrant_store table = new_store();
    CHECK_OK(open_with(&table, &client));
    return client;
}

static void fail_in(const char *method, failure how) {
    seen.method = method;
    seen.how = how;
}

static void check_token(evergrant_client *client, const char *subject) {
    evergrant_token *token = NULL;
    CHECK_OK(evergrant_client_access_token(client, subject, NULL, NULL, &token, ERROR));
    CHECK(sandbox_status_with_token(evergrant_token_text(token)) == 200);
    evergrant_token_free(token);
}

static void the_whole_way_runs_on_the_caller_s_thread(void) {
    evergrant_client *client = open_client();
    evergrant_string *list = NULL;
    sandbox_log_in(client, "dora");
    check_token(client, "dora");
    CHECK_OK(evergrant_client_refresh(client, "dora", NULL, "{\"force\": true}", NULL, ERROR));
    check_token(client, "dora");
    CHECK_OK(evergrant_client_list(client, &list, ERROR));
    CHECK_HOLDS(evergrant_string_data(list), "\"generation\":2");
    evergrant_string_free(list);
    CHECK_OK(evergrant_client_forget(client, "dora", NULL, ERROR));
    CHECK(seen.calls > 0 && !seen.on_other_thread);
    evergrant_client_free(client);
    CHECK(seen.destroyed == 1);
}

static void what_one_client_stored_another_finds(void) {
    evergrant_client *first = NULL, *second = NULL;
    evergrant_store table = new_store(), borrowed = table;
    borrowed.destroy = NULL;
    CHECK_OK(open_with(&borrowed, &first));
    sandbox_log_in(first, "dora");
    evergrant_client_free(first);
    CHECK_OK(open_with(&table, &second));
    check_token(second, "dora");
    evergrant_client_free(second);
    CHECK(seen.destroyed == 1);
}

static void a_store_without_load_is_refused_and_destroyed(void) {
    evergrant_client *client = NULL;
    evergrant_store table = new_store();
    table.load = NULL;
    CHECK_FAILS(open_with(&table, &client), EVERGRANT_INVALID_CONFIG);
    CHECK_HOLDS(evergrant_error_message(last_error), "load");
    CHECK(!client && seen.destroyed == 1);
}

static void a_store_with_load_and_save_alone_works(void) {
    evergrant_client *client = NULL;
    evergrant_store table = new_store();
    evergrant_store least = {
        .size = sizeof least, .context = table.context, .load = table.load, .save = table.save, .destroy = table.destroy};
    CHECK_OK(open_with(&least, &client));
    sandbox_log_in(client, "dora");
    check_token(client, "dora");
    evergrant_client_free(client);
}

static void check_failure(const char *method, failure how, const char *part) {
    evergrant_client *client = open_client();
    sandbox_log_in(client, "dora");
    fail_in(method, how);
    CHECK_FAILS(evergrant_client_inspect(client, "dora", NULL, NULL, ERROR), EVERGRANT_CALLBACK);
    CHECK_HOLDS(evergrant_error_message(last_error), method);
    CHECK_HOLDS(evergrant_error_message(last_error), part);
    fail_in("", NONE);
    check_token(client, "dora");
    evergrant_client_free(client);
}

static void a_store_that_fails_is_the_error_callback_with_its_words(void) {
    check_failure("load", ERROR_TEXT, "the disk is on fire");
}

static void a_reply_of_the_wrong_type_is_the_error_callback(void) { check_failure("load", WRONG_TYPE, "a number"); }

static void no_reply_is_the_error_callback(void) { check_failure("load", NO_REPLY, "gave no reply"); }

static void a_reply_that_is_not_utf8_is_the_error_callback(void) { check_failure("load", INVALID_TEXT, "not UTF-8"); }

static void a_store_that_cannot_write_fails_the_consent(void) {
    evergrant_client *client = open_client();
    evergrant_start *start = NULL;
    fail_in("put_pending", ERROR_TEXT);
    CHECK_FAILS(evergrant_client_begin(client, "dora", NULL, &start, ERROR), EVERGRANT_CALLBACK);
    CHECK_HOLDS(evergrant_error_message(last_error), "put_pending");
    CHECK(!start);
    evergrant_client_free(client);
}

static void a_slow_store_ends_a_call_at_its_deadline(void) {
    evergrant_client *client = open_client();
    evergrant_token *token = NULL;
    sandbox_log_in(client, "dora");
    CHECK_OK(evergrant_client_close(client, ERROR));
    evergrant_client_free(client);
    client = open_client();
    fail_in("load", SLOW);
    CHECK_FAILS(evergrant_client_access_token(client, "dora", NULL, "{\"timeout\": 0.1}", &token, ERROR),
                EVERGRANT_TIMEOUT);
    fail_in("", NONE);
    CHECK_FAILS(evergrant_client_access_token(client, "dora", NULL, NULL, &token, ERROR), EVERGRANT_NO_GRANT);
    evergrant_client_free(client);
}

enum { THREADS = 8 };

static void *get_token(void *client) {
    evergrant_token *token = NULL;
    evergrant_status status = evergrant_client_access_token(client, "dora", NULL, NULL, &token, NULL);
    evergrant_token_free(token);
    return status == EVERGRANT_OK ? client : NULL;
}

static void threads_that_share_a_store_make_one_request(void) {
    evergrant_client *client = open_client();
    int64_t later = 4000000000000;
    sandbox_log_in(client, "dora");
    CHECK_OK(evergrant_client_testing_set_clock(client, &later, ERROR));
    int before = sandbox_token_requests();
    pthread_t threads[THREADS];
    for (int index = 0; index < THREADS; index++)
        CHECK(!pthread_create(&threads[index], NULL, get_token, client));
    for (int index = 0; index < THREADS; index++) {
        void *result = NULL;
        CHECK(!pthread_join(threads[index], &result) && result);
    }
    CHECK(sandbox_token_requests() == before + 1);
    evergrant_client_free(client);
}

/* The report on a new store that does this wrong; the caller frees it. */
static evergrant_string *checked(const char *method, failure how) {
    evergrant_string *report = NULL;
    evergrant_store table = new_store();
    fail_in(method, how);
    CHECK_OK(evergrant_store_check(&table, "{\"grants\": 20, \"quick\": true}", &report, ERROR));
    CHECK(seen.calls > 0 && !seen.on_other_thread && seen.destroyed == 1);
    return report;
}

static void a_whole_store_keeps_every_promise(void) {
    evergrant_string *report = checked("", NONE);
    CHECK_HOLDS(evergrant_string_data(report), "{\"ok\":true,");
    CHECK_HOLDS(evergrant_string_data(report), " 0 broken, 0 not given");
    CHECK_HOLDS(evergrant_string_data(report), "on the one thread that waits");
    evergrant_string_free(report);
}

static void a_broken_store_is_told_by_its_promise(void) {
    evergrant_string *report = checked("compare_and_set", ALWAYS_TRUE);
    CHECK_HOLDS(evergrant_string_data(report), "{\"ok\":false,");
    CHECK_HOLDS(evergrant_string_data(report), "broken: compare_and_set_writes_only_over_the_expected_revision");
    evergrant_string_free(report);
}

static void a_check_without_a_store_is_an_invalid_argument(void) {
    evergrant_string *report = NULL;
    CHECK_FAILS(evergrant_store_check(NULL, NULL, &report, ERROR), EVERGRANT_INVALID_ARGUMENT);
    evergrant_store table = new_store();
    CHECK_FAILS(evergrant_store_check(&table, "{\"rounds\": 1}", &report, ERROR), EVERGRANT_INVALID_ARGUMENT);
    CHECK_HOLDS(evergrant_error_message(last_error), "rounds");
    CHECK(seen.destroyed == 1 && !report);
}

int main(void) {
    static const test TESTS[] = {
        TEST(the_whole_way_runs_on_the_caller_s_thread),
        TEST(what_one_client_stored_another_finds),
        TEST(a_store_without_load_is_refused_and_destroyed),
        TEST(a_store_with_load_and_save_alone_works),
        TEST(a_store_that_fails_is_the_error_callback_with_its_words),
        TEST(a_reply_of_the_wrong_type_is_the_error_callback),
        TEST(no_reply_is_the_error_callback),
        TEST(a_reply_that_is_not_utf8_is_the_error_callback),
        TEST(a_store_that_cannot_write_fails_the_consent),
        TEST(a_slow_store_ends_a_call_at_its_deadline),
        TEST(threads_that_share_a_store_make_one_request),
        TEST(a_whole_store_keeps_every_promise),
        TEST(a_broken_store_is_told_by_its_promise),
        TEST(a_check_without_a_store_is_an_invalid_argument),
    };
    return run_tests(TESTS, sizeof TESTS / sizeof *TESTS);
}
