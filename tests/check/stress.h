/* stress.h - what the parts of check_stress share: settings, and items that travel through a
 * queue as if they were tasks, each with something to publish. */
#ifndef MARU_TESTS_STRESS_H
#define MARU_TESTS_STRESS_H

#include "maru.h"
#include "runtime/base/atomic.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct settings {
    uint64_t items, rounds, seed;
    const char *only;
} settings = { .items = 2000000, .rounds = 500, .seed = 1 };

#define REQUIRE(condition)                                                                      \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                    \
            return false;                                                                       \
        }                                                                                       \
    } while (0)

/* ---- items: numbers that travel as tasks, each with something to publish ---- */

static struct {
    uint64_t count;
    uint32_t *payload;           /* plain: written before the push, read after the take (D7) */
    uint8_t *seen;               /* times taken; any thread */
    uint64_t taken, wrong;       /* any thread */
    uint32_t finished;           /* the producers have */
} items;

static inline bool items_begin(uint64_t count)
{
    memset(&items, 0, sizeof items);
    items.count = count;
    items.payload = calloc(count, sizeof *items.payload);
    items.seen = calloc(count, 1);
    return items.payload && items.seen;
}

static inline maru_task *item_make(uint64_t index)
{
    items.payload[index] = (uint32_t)(index * 2654435761u);
    return (maru_task *)(uintptr_t)(index + 1);
}

static inline void item_taken(const maru_task *task)
{
    uint64_t index = (uintptr_t)task - 1;
    bool right = index < items.count && items.payload[index] == (uint32_t)(index * 2654435761u) &&
                 __atomic_fetch_add(&items.seen[index], 1, __ATOMIC_RELAXED) == 0;
    if (!right)
        atomic_add_rlx(&items.wrong, UINT64_C(1));
    atomic_add_rlx(&items.taken, UINT64_C(1));
}

static inline bool items_end(void)
{
    bool right = items.taken == items.count && items.wrong == 0;
    if (!right)
        printf("%llu items, %llu taken, %llu of them wrong\n", (unsigned long long)items.count,
               (unsigned long long)items.taken, (unsigned long long)items.wrong);
    free(items.payload);
    free(items.seen);
    return right;
}

static inline bool is_finished(void)
{
    return atomic_load_acq(&items.finished);
}

static inline bool with_threads(unsigned count, void *(*fn)(void *), bool (*own)(void))
{
    pthread_t threads[8];
    static uint64_t seeds[8];
    for (unsigned i = 0; i < count; i++) {
        seeds[i] = settings.seed * 100 + i;
        REQUIRE(pthread_create(&threads[i], NULL, fn, &seeds[i]) == 0);
    }
    bool right = own();
    atomic_store_rel(&items.finished, 1u);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return right;
}

#endif
