/* waits.h - measures how long tasks wait, for check_fairness.
 *
 * How a wait is measured. It begins when a task is made runnable and ends at its poll. At each
 * moment one worker holds it, in its queue or its next-slot, or nobody does: it is in the inject
 * queue. A wait is cut into pieces where its holder changes (a batch out of the inject queue, a
 * theft), and its length is the sum of the pieces: of the polls of whoever held it, and of the
 * busiest worker's while nobody did. That is the strict reading: a theft does not begin the
 * count anew. `runnable` is the largest number of runnable tasks at any moment of the wait.
 * Children of ALL scopes that have not started are not promised anything, but are counted. */
#ifndef MARU_TESTS_WAITS_H
#define MARU_TESTS_WAITS_H

#include "runtime/base/check.h"
#include "runtime/sched/worker.h"

enum { WAITS_MOST = 12000, WAITS_WORKERS = 4, NOBODY = WAITS_WORKERS };

struct wait {
    bool is_on, is_promised;
    uint32_t holder;             /* a worker, or NOBODY: the inject queue */
    uint32_t serial;             /* how many this task has had */
    uint64_t since;              /* the moment (of waits) it began */
    uint64_t base[WAITS_WORKERS]; /* polls of each worker when the piece began */
    uint64_t before;             /* length of the pieces before */
};

/* The runnable tasks over time: only peaks that nothing later has reached. */
struct waits {
    const struct sched *sched;
    uint64_t moment;
    uint32_t runnable, peaks;
    uint64_t peak_at[WAITS_MOST + 1];
    uint32_t peak[WAITS_MOST + 1];
    uint64_t worst_polls, worst_bound, worst_runnable;
};

static inline void waits_set_runnable(struct waits *waits, uint32_t runnable)
{
    CHECK(runnable <= WAITS_MOST);
    waits->runnable = runnable;
    while (waits->peaks > 0 && waits->peak[waits->peaks - 1] <= runnable)
        waits->peaks--;
    waits->peak_at[waits->peaks] = ++waits->moment;
    waits->peak[waits->peaks++] = runnable;
}

static inline uint32_t waits_most_since(const struct waits *waits, uint64_t moment)
{
    uint32_t low = 0, high = waits->peaks;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (waits->peak_at[middle] < moment)
            low = middle + 1;
        else
            high = middle;
    }
    return waits->peak[low];
}

static inline void wait_piece_begin(const struct waits *waits, struct wait *wait, uint32_t holder)
{
    wait->holder = holder;
    for (uint32_t id = 0; id < waits->sched->count; id++)
        wait->base[id] = waits->sched->workers[id].polls;
}

static inline uint64_t wait_piece_length(const struct waits *waits, const struct wait *wait)
{
    uint64_t most = 0;
    for (uint32_t id = 0; id < waits->sched->count; id++) {
        uint64_t polls = waits->sched->workers[id].polls - wait->base[id];
        if ((wait->holder == id || wait->holder == NOBODY) && polls > most)
            most = polls;
    }
    return most;
}

static inline void wait_begin(struct waits *waits, struct wait *wait, uint32_t holder,
                              bool is_promised)
{
    CHECK(!wait->is_on);
    wait->is_on = true;
    wait->is_promised = is_promised;
    wait->serial++;
    wait->before = 0;
    waits_set_runnable(waits, waits->runnable + 1);
    wait->since = waits->moment;
    wait_piece_begin(waits, wait, holder);
}

static inline void wait_moves(const struct waits *waits, struct wait *wait, uint32_t holder)
{
    wait->before += wait_piece_length(waits, wait);
    wait_piece_begin(waits, wait, holder);
}

/* Returns the polls that the task waited for if these are too many (F1), else 0. Its own poll is
 * counted already by its worker, and is not one of them. */
static inline uint64_t wait_end(struct waits *waits, struct wait *wait, uint64_t *ret_runnable)
{
    uint64_t polls = wait->before + wait_piece_length(waits, wait);
    uint64_t runnable = waits_most_since(waits, wait->since), bound = 4 * runnable + 256;
    polls -= polls > 0;
    wait->is_on = false;
    waits_set_runnable(waits, waits->runnable - 1);
    if (!wait->is_promised)
        return 0;
    if (polls * waits->worst_bound >= waits->worst_polls * bound) {
        waits->worst_polls = polls;
        waits->worst_bound = bound;
        waits->worst_runnable = runnable;
    }
    *ret_runnable = runnable;
    return polls >= bound ? polls : 0;
}

#endif
