#include "memory_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A record with its lease, or the document of an authorization that has begun. */
typedef struct entry {
    struct entry *next;
    char *key[3];
    char *text;
    char *owner;
    char *intent;
    uint64_t revision;
    int64_t lease_until_ms;
    uint64_t fencing;
} entry;

struct memory_store {
    pthread_mutex_t lock;
    memory_store_hook hook;
    void *hook_context;
    entry *entries;
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void replace(char **text, const char *with) {
    char *copy = with ? strdup(with) : NULL;
    free(*text);
    *text = copy;
}

/* Finds or makes the entry of a key. Called with the lock held. */
static entry *entry_of(memory_store *store, const char *client, const char *subject, const char *slot) {
    for (entry *found = store->entries; found; found = found->next)
        if (!strcmp(found->key[0], client) && !strcmp(found->key[1], subject) && !strcmp(found->key[2], slot))
            return found;
    entry *made = calloc(1, sizeof *made);
    made->key[0] = strdup(client);
    made->key[1] = strdup(subject);
    made->key[2] = strdup(slot);
    made->next = store->entries;
    return store->entries = made;
}

static bool holds(const entry *lease, const char *owner, uint64_t fencing) {
    return lease->owner && !strcmp(lease->owner, owner) && lease->fencing == fencing;
}

/* Locks the store, unless the hook has answered. */
static bool enter(memory_store *store, const char *method, evergrant_reply *reply) {
    pthread_mutex_lock(&store->lock);
    if (!store->hook || !store->hook(store->hook_context, method, reply))
        return true;
    pthread_mutex_unlock(&store->lock);
    return false;
}

static void leave(memory_store *store) { pthread_mutex_unlock(&store->lock); }

static void load(void *context, const char *client, const char *subject, const char *slot, evergrant_reply *reply) {
    if (!enter(context, "load", reply))
        return;
    evergrant_reply_text(reply, entry_of(context, client, subject, slot)->text);
    leave(context);
}

static void save(void *context, const char *client, const char *subject, const char *slot, const char *record,
                 evergrant_reply *reply) {
    if (!enter(context, "save", reply))
        return;
    replace(&entry_of(context, client, subject, slot)->text, record);
    evergrant_reply_null(reply);
    leave(context);
}

static void compare_and_set(void *context, const char *client, const char *subject, const char *slot,
                            const uint64_t *expected_revision, const char *record, uint64_t revision,
                            evergrant_reply *reply) {
    if (!enter(context, "compare_and_set", reply))
        return;
    entry *stored = entry_of(context, client, subject, slot);
    bool fits = expected_revision ? stored->text && stored->revision == *expected_revision : !stored->text;
    if (fits) {
        replace(&stored->text, record);
        stored->revision = revision;
    }
    evergrant_reply_boolean(reply, fits);
    leave(context);
}

static void delete_record(void *context, const char *client, const char *subject, const char *slot,
                          evergrant_reply *reply) {
    if (!enter(context, "delete", reply))
        return;
    replace(&entry_of(context, client, subject, slot)->text, NULL);
    evergrant_reply_null(reply);
    leave(context);
}

static void acquire(void *context, const char *client, const char *subject, const char *slot, const char *owner,
                    uint64_t ttl_ms, const char *intent, evergrant_reply *reply) {
    if (!enter(context, "acquire", reply))
        return;
    entry *lease = entry_of(context, client, subject, slot);
    int64_t left = lease->lease_until_ms - now_ms();
    if (lease->owner && left > 0) {
        evergrant_reply_busy(reply, (uint64_t)left);
    } else {
        lease->lease_until_ms = now_ms() + (int64_t)ttl_ms;
        evergrant_reply_acquired(reply, ++lease->fencing, lease->intent);
        replace(&lease->owner, owner);
        replace(&lease->intent, intent);
    }
    leave(context);
}

static void renew(void *context, const char *client, const char *subject, const char *slot, const char *owner,
                  uint64_t fencing, uint64_t ttl_ms, evergrant_reply *reply) {
    if (!enter(context, "renew", reply))
        return;
    entry *lease = entry_of(context, client, subject, slot);
    bool held = holds(lease, owner, fencing);
    if (held)
        lease->lease_until_ms = now_ms() + (int64_t)ttl_ms;
    evergrant_reply_boolean(reply, held);
    leave(context);
}

static void release(void *context, const char *client, const char *subject, const char *slot, const char *owner,
                    uint64_t fencing, const char *intent, evergrant_reply *reply) {
    if (!enter(context, "release", reply))
        return;
    entry *lease = entry_of(context, client, subject, slot);
    if (holds(lease, owner, fencing)) {
        replace(&lease->owner, NULL);
        replace(&lease->intent, intent);
    }
    evergrant_reply_null(reply);
    leave(context);
}

/* Documents of authorizations have an empty client: no list of records shows them. */
static void list(void *context, const char *client, evergrant_reply *reply) {
    memory_store *store = context;
    if (!enter(store, "list", reply))
        return;
    evergrant_reply_list(reply);
    for (entry *found = store->entries; found; found = found->next)
        if (found->text && !strcmp(found->key[0], client))
            evergrant_reply_list_text(reply, found->text);
    leave(store);
}

/* The library looks at the expiry again when it takes the document. */
static void put_pending(void *context, const char *state, const char *document, int64_t expires_at_ms,
                        evergrant_reply *reply) {
    (void)expires_at_ms;
    if (!enter(context, "put_pending", reply))
        return;
    replace(&entry_of(context, "", state, "")->text, document);
    evergrant_reply_null(reply);
    leave(context);
}

static void take_pending(void *context, const char *state, evergrant_reply *reply) {
    if (!enter(context, "take_pending", reply))
        return;
    entry *pending = entry_of(context, "", state, "");
    evergrant_reply_text(reply, pending->text);
    replace(&pending->text, NULL);
    leave(context);
}

static void destroy(void *context) {
    memory_store *store = context;
    while (store->entries) {
        entry *first = store->entries;
        store->entries = first->next;
        char *texts[] = {first->key[0], first->key[1], first->key[2], first->text, first->owner, first->intent};
        for (size_t index = 0; index < sizeof texts / sizeof *texts; index++)
            free(texts[index]);
        free(first);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

memory_store *memory_store_new(memory_store_hook hook, void *hook_context) {
    memory_store *store = calloc(1, sizeof *store);
    pthread_mutex_init(&store->lock, NULL);
    store->hook = hook;
    store->hook_context = hook_context;
    return store;
}

evergrant_store memory_store_table(memory_store *store) {
    return (evergrant_store){
        .size = sizeof(evergrant_store),
        .context = store,
        .load = load,
        .save = save,
        .compare_and_set = compare_and_set,
        .delete_record = delete_record,
        .acquire = acquire,
        .renew = renew,
        .release = release,
        .list = list,
        .put_pending = put_pending,
        .take_pending = take_pending,
        .destroy = destroy,
    };
}
