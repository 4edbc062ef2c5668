/* A token store in memory: how a store of one's own looks in C. Safe on several threads; lost with the process. */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include "evergrant.h"

typedef struct memory_store memory_store;

/* Told of every call by its method's name. A hook that has answered through `reply` itself returns true. */
typedef bool (*memory_store_hook)(void *context, const char *method, evergrant_reply *reply);

/* The hook may be NULL. */
memory_store *memory_store_new(memory_store_hook hook, void *hook_context);

/* The table for evergrant_environment.store. Its `destroy` frees the store. */
evergrant_store memory_store_table(memory_store *store);

#endif
