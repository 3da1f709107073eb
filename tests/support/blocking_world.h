/* blocking_world.h - what the tests of the blocking pool share: jobs that wait until they are let
 * go, and waiting for what other threads do. */
#ifndef MARU_TESTS_BLOCKING_WORLD_H
#define MARU_TESTS_BLOCKING_WORLD_H

#include "runtime/base/atomic.h"
#include "runtime/base/context.h"
#include "runtime/base/local.h"
#include "runtime/sched/blocking.h"

#include <dirent.h>
#include <maru.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Waits until the condition holds; after half a minute the test has failed. On any thread. */
#define EVENTUALLY(condition)                                                                   \
    do {                                                                                        \
        for (int turns_ = 30000; !(condition) && turns_ > 0; turns_--)                          \
            (void)poll(NULL, 0, 1);                                                             \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "%s:%d: never: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                            \
        }                                                                                       \
    } while (0)

/* Jobs come in and wait here until the gate is opened. */
struct gate {
    uint32_t open, inside, passed;
};

static inline maru_result gate_pass(void *arg)
{
    struct gate *gate = arg;
    atomic_add_sc(&gate->inside, 1u);
    while (!atomic_load_sc(&gate->open))
        (void)poll(NULL, 0, 1);
    atomic_add_sc(&gate->passed, 1u);
    return 0;
}

static inline void gate_open(struct gate *gate)
{
    atomic_store_sc(&gate->open, 1u);
}

static inline void gate_await(struct gate *gate, uint32_t inside)
{
    EVENTUALLY(atomic_load_sc(&gate->inside) == inside);
}

static inline struct blocking_counts counts_of(struct blocking *pool)
{
    struct blocking_counts counts;
    blocking_count(pool, &counts);
    return counts;
}

/* Nobody runs, and nobody waits. */
static inline bool pool_rests(struct blocking *pool)
{
    struct blocking_counts counts = counts_of(pool);
    return counts.queued == 0 && counts.idle == counts.threads;
}

/* Threads of this process whose name begins so. One that has just been made has no name yet, but
 * that of its maker. */
static inline int threads_named(const char *prefix)
{
    char path[300], name[32];
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file && fgets(name, sizeof name, file))
            count += strncmp(name, prefix, strlen(prefix)) == 0;
        if (file)
            fclose(file);
    }
    if (folder)
        closedir(folder);
    return count;
}

/* In a task. */
static inline struct blocking *pool_here(void)
{
    return context_here()->local->blocking;
}

#endif
