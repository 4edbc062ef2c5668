#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

evergrant_error *last_error;
static jmp_buf next_test;

_Noreturn void fail_test(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s:%d: ", file, line);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    longjmp(next_test, 1);
}

void check_text(const char *file, int line, const char *got, const char *expected) {
    if (!got || strcmp(got, expected))
        fail_test(file, line, "got \"%s\", expected \"%s\"", got ? got : "NULL", expected);
}

void check_holds(const char *file, int line, const char *text, const char *part) {
    if (!text || !strstr(text, part))
        fail_test(file, line, "\"%s\" does not hold \"%s\"", text ? text : "NULL", part);
}

evergrant_error **fresh_error(void) {
    evergrant_error_free(last_error);
    last_error = NULL;
    return &last_error;
}

void check_status(const char *file, int line, evergrant_status got, evergrant_status expected) {
    if (got != expected)
        fail_test(file, line, "got status %d (%s), expected %d", got,
                  last_error ? evergrant_error_message(last_error) : "no error", expected);
    if (evergrant_error_status(last_error) != got)
        fail_test(file, line, "the error says %d, the call %d", evergrant_error_status(last_error), got);
}

int run_tests(const test *tests, size_t count) {
    volatile size_t failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (volatile size_t index = 0; index < count; index++) {
        bool passed = setjmp(next_test) == 0;
        if (passed)
            tests[index].run();
        failed += !passed;
        printf("%s %s\n", passed ? "ok" : "not ok", tests[index].promise);
    }
    fresh_error();
    return failed > 0;
}
