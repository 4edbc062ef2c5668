/* The store of the memory_store example as a case wants it: noting its calls, lacking methods, failing. */
#include "testee.h"

#include <string.h>

static bool on_store_call(void *context, const char *method, evergrant_reply *reply) {
    const opened *its = context;
    const char *failing = text(its->fail, "method");
    int calls = 0;
    const cJSON *call;
    note(its->store_calls, cJSON_CreateString(method));
    cJSON_ArrayForEach(call, its->store_calls) calls += !strcmp(call->valuestring, method);
    if (!failing || strcmp(failing, method) || (get(its->fail, "after") && calls <= get(its->fail, "after")->valueint))
        return false;
    if (!strcmp(text(its->fail, "how"), "throw"))
        evergrant_reply_error(reply, "the store failed on purpose");
    else
        evergrant_reply_integer(reply, 42);
    return true;
}

evergrant_store store_without(opened *its, const cJSON *without) {
    evergrant_store table = memory_store_table(memory_store_new(on_store_call, its));
    const cJSON *missing;
    cJSON_ArrayForEach(missing, without) {
#define LACKS(method, field) if (!strcmp(missing->valuestring, method)) table.field = NULL
        LACKS("load", load); LACKS("save", save); LACKS("compare_and_set", compare_and_set);
        LACKS("delete", delete_record); LACKS("acquire", acquire); LACKS("renew", renew); LACKS("release", release);
        LACKS("list", list); LACKS("put_pending", put_pending); LACKS("take_pending", take_pending);
    }
    return table;
}
