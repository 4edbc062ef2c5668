#ifndef TESTEE_H
#define TESTEE_H

#include "memory_store.h"

#include <cjson/cJSON.h>

/* A client that a command opened, and what was seen of it. */
typedef struct opened {
    char name[64];
    evergrant_client *client;
    cJSON *events, *store_calls, *fail;
} opened;

cJSON *get(const cJSON *from, const char *key);
const char *text(const cJSON *from, const char *key);
const char *json_text(const cJSON *item);
void note(cJSON *list, cJSON *item); /* from any thread */
cJSON *with_time(cJSON *object, int64_t unix_ms);
cJSON *strings(const char *name, const char *value, const char *other_name, const char *other_value);
cJSON *pairs(const evergrant_headers *headers);
char *base64(const uint8_t *bytes, size_t length);
uint8_t *from_base64(const char *encoded, size_t *length);

/* The table of a store that lacks the methods of `without`. */
evergrant_store store_without(opened *its, const cJSON *without);

#endif
