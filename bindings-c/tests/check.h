/* The least that a test needs: named tests, checks that say where they failed, and a closing count. */
#ifndef CHECK_H
#define CHECK_H

#include "evergrant.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct test {
    const char *promise;
    void (*run)(void);
} test;

#define TEST(name) {#name, name}

/* Runs the tests one by one, prints `ok` or `not ok` for each, and returns the exit status. */
int run_tests(const test *tests, size_t count);

/* Ends the test that runs. */
_Noreturn void fail_test(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_test(__FILE__, __LINE__, "%s", #condition);                                                           \
    } while (0)

/* That two texts are equal, and that a text holds another. */
#define CHECK_TEXT(got, expected) check_text(__FILE__, __LINE__, (got), (expected))
#define CHECK_HOLDS(text, part) check_holds(__FILE__, __LINE__, (text), (part))
void check_text(const char *file, int line, const char *got, const char *expected);
void check_holds(const char *file, int line, const char *text, const char *part);

/* That a call succeeded. `ERROR` is the error argument of the call inside. */
#define CHECK_OK(call) check_status(__FILE__, __LINE__, (call), EVERGRANT_OK)
/* That a call failed with this status; the error is freed at the next check. */
#define CHECK_FAILS(call, status) check_status(__FILE__, __LINE__, (call), (status))
void check_status(const char *file, int line, evergrant_status got, evergrant_status expected);
extern evergrant_error *last_error;
#define ERROR fresh_error()
evergrant_error **fresh_error(void);

#endif
