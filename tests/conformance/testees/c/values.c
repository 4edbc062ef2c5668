/* JSON and base64, as the commands and replies have them. */
#include "testee.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

cJSON *get(const cJSON *from, const char *key) { return cJSON_GetObjectItem(from, key); }
const char *text(const cJSON *from, const char *key) { return cJSON_GetStringValue(get(from, key)); }
const char *json_text(const cJSON *item) { return item ? cJSON_PrintUnformatted(item) : NULL; }

void note(cJSON *list, cJSON *item) {
    pthread_mutex_lock(&lock);
    cJSON_AddItemToArray(list, item);
    pthread_mutex_unlock(&lock);
}

cJSON *with_time(cJSON *object, int64_t unix_ms) {
    cJSON_AddItemToObject(object, "expires_at", unix_ms ? cJSON_CreateNumber((double)unix_ms) : cJSON_CreateNull());
    return object;
}

cJSON *strings(const char *name, const char *value, const char *other_name, const char *other_value) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, name, value);
    cJSON_AddStringToObject(object, other_name, other_value);
    return object;
}

cJSON *pairs(const evergrant_headers *headers) {
    cJSON *list = cJSON_CreateArray();
    for (size_t index = 0; index < evergrant_headers_count(headers); index++) {
        const char *pair[] = {evergrant_headers_name(headers, index), evergrant_headers_value(headers, index)};
        cJSON_AddItemToArray(list, cJSON_CreateStringArray(pair, 2));
    }
    return list;
}

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64(const uint8_t *bytes, size_t length) {
    char *encoded = calloc(length / 3 + 1, 5), *end = encoded;
    for (size_t at = 0; at < length; at += 3) {
        uint32_t three = bytes[at] << 16 | (at + 1 < length ? bytes[at + 1] << 8 : 0) | (at + 2 < length ? bytes[at + 2] : 0);
        for (size_t digit = 0; digit < 4; digit++)
            *end++ = digit > length - at ? '=' : BASE64[three >> (18 - 6 * digit) & 63];
    }
    return encoded;
}

uint8_t *from_base64(const char *encoded, size_t *length) {
    uint8_t *bytes = malloc(strlen(encoded) + 1);
    uint32_t bits = 0, count = 0;
    for (*length = 0; *encoded && *encoded != '='; encoded++) {
        bits = bits << 6 | (uint32_t)(strchr(BASE64, *encoded) - BASE64);
        if ((count += 6) >= 8)
            bytes[(*length)++] = (uint8_t)(bits >> (count -= 8));
    }
    return bytes;
}
