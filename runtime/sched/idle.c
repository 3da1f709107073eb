/* idle.c - see idle.h. */
#include "runtime/sched/idle.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

#include <string.h>

static uint32_t words(const struct idle *idle)
{
    return (idle->workers + 63) / 64;
}

static uint64_t bit(uint32_t id)
{
    return UINT64_C(1) << (id % 64);
}

void idle_init(struct idle *idle, uint32_t workers)
{
    CHECK(workers > 0 && workers <= WORKERS_MAX);
    memset(idle, 0, sizeof *idle);
    idle->workers = workers;
}

bool idle_any_asleep(struct idle *idle)
{
    for (uint32_t i = 0; i < words(idle); i++)
        if (atomic_load_sc(&idle->sleeping[i]))     /* pairs with idle_sleep_begin: or (P1) */
            return true;
    return false;
}

/* Clears one bit. -1: none was set. */
static int take_sleeper(struct idle *idle)
{
    for (uint32_t i = 0; i < words(idle); i++) {
        uint64_t word = atomic_load_sc(&idle->sleeping[i]);     /* pairs with idle_sleep_begin */
        while (word) {
            uint64_t lowest = word & (~word + 1);
            if (atomic_cas_sc(&idle->sleeping[i], &word, word & ~lowest))   /* with sleep_end */
                return (int)(i * 64) + __builtin_ctzll(lowest);
        }
    }
    return -1;
}

int idle_wake_one(struct idle *idle)
{
    for (;;) {
        uint32_t nobody = 0;
        if (atomic_load_sc(&idle->searchers) > 0)               /* pairs with idle_search_end */
            return -1;
        if (!idle_any_asleep(idle))
            return -1;
        if (!atomic_cas_sc(&idle->searchers, &nobody, 1u))      /* pairs with idle_search_end */
            return -1;
        int id = take_sleeper(idle);
        if (id >= 0)
            return id;
        atomic_sub_sc(&idle->searchers, 1u);                    /* pairs with idle_wake_one: load */
    }
}

bool idle_search_begin(struct idle *idle)
{
    uint32_t searchers = atomic_load_sc(&idle->searchers);      /* no partner: the cas decides */
    do {
        if (2 * searchers >= idle->workers)
            return false;
    } while (!atomic_cas_sc(&idle->searchers, &searchers, searchers + 1));  /* with wake_one */
    return true;
}

bool idle_search_end(struct idle *idle)
{
    uint32_t before = atomic_sub_sc(&idle->searchers, 1u);      /* pairs with idle_wake_one: load */
    CHECK(before > 0);
    return before == 1;
}

void idle_sleep_begin(struct idle *idle, uint32_t id)
{
    uint64_t before = atomic_or_sc(&idle->sleeping[id / 64], bit(id));  /* with idle_any_asleep */
    DCHECK(!(before & bit(id)));
    (void)before;
}

bool idle_sleep_end(struct idle *idle, uint32_t id)
{
    uint64_t before = atomic_and_sc(&idle->sleeping[id / 64], ~bit(id));    /* with take_sleeper */
    return !(before & bit(id));
}

bool idle_watch_begin(struct idle *idle, uint32_t id)
{
    uint32_t nobody = 0;
    return atomic_cas_sc(&idle->on_watch, &nobody, id + 1);     /* pairs with idle_is_watched */
}

void idle_watch_end(struct idle *idle)
{
    atomic_store_sc(&idle->on_watch, 0u);                       /* pairs with idle_is_watched */
}

bool idle_is_watched(struct idle *idle)
{
    return atomic_load_sc(&idle->on_watch) != 0;                /* pairs with idle_watch_end */
}
