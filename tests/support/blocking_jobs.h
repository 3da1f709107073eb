/* blocking_jobs.h - ten thousand jobs on a pool of two threads, cancelled at random: each resolves
 * once, runs at most once, and what did not run was cancelled. */
#ifndef MARU_TESTS_BLOCKING_JOBS_H
#define MARU_TESTS_BLOCKING_JOBS_H

#include "tests/support/blocking_world.h"

enum { JOBS = 10000, AT_ONCE = 200, RUNS_MOST = 8 };

enum { PLAIN, LOSES, WITHIN, COPY, COPY_LOSES, CANCELLED, ABANDONED, WAYS };

static struct record {
    uint32_t ran, dropped, resolved;
    maru_result result;
} records[RUNS_MOST * JOBS];   /* of each run its own */

static maru_result work(void *arg)
{
    uint32_t id = *(uint32_t *)arg;
    for (uint32_t i = 0; i < id % 7 * 50; i++)
        (void)atomic_load_sc(&records[id].ran);
    atomic_add_sc(&records[id].ran, 1u);
    return (maru_result)id;
}

static void forget(void *arg)
{
    atomic_add_sc(&records[*(uint32_t *)arg].dropped, 1u);
}

struct one {
    maru_frame frame;
    uint32_t id, way, seed;
    maru_blocking_job job;
    maru_sleep nap;
    maru_timeout limit;
};

/* From nothing to more than the pool's delay. */
static int64_t some_time(const struct one *me)
{
    return (int64_t)(me->seed % 8) * (int64_t)(me->seed % 5) * 100 * MARU_USEC;
}

maru_async(one)
{
    maru_result n, arm;
    n = -EPROTO;
    if (me->way == PLAIN || me->way == CANCELLED)
        maru_await(n, maru_blocking(&me->job, work, &me->id));
    if (me->way == LOSES) {
        maru_select(arm, maru_blocking(&me->job, work, &me->id),
                         maru_sleep_for(&me->nap, some_time(me)));
        (void)arm;
        n = maru_result_of(&me->job);
    }
    if (me->way == WITHIN)
        maru_await(n, maru_within(&me->limit, some_time(me),
                                  maru_blocking(&me->job, work, &me->id)));
    if (me->way == COPY)
        maru_await(n, maru_blocking_copy(&me->job, work, forget, &me->id, sizeof me->id));
    if (me->way == COPY_LOSES) {
        maru_select(arm, maru_blocking_copy(&me->job, work, forget, &me->id, sizeof me->id),
                         maru_sleep_for(&me->nap, some_time(me)));
        (void)arm;
        n = maru_result_of(&me->job);
    }
    if (me->way == ABANDONED)
        n = maru_blocking_abandon(NULL, work, &me->id, sizeof me->id);
    records[me->id].result = n;
    atomic_add_sc(&records[me->id].resolved, 1u);
}
maru_end;

struct all {
    maru_frame frame;
    uint32_t seed, next, end;
    maru_scope kids;
    maru_task *tasks[AT_ONCE];
    maru_join_wait join;
    uint32_t i;
};

static uint32_t roll(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Rounds of so many tasks at once; some are cancelled from here, at any moment of their lives. */
maru_async(all)
{
    while (me->next < me->end) {
        for (me->i = 0; me->i < AT_ONCE; me->i++) {
            uint32_t way = roll(&me->seed) % WAYS;
            me->tasks[me->i] = maru_spawn(one, .id = me->next++, .way = way,
                                          .seed = roll(&me->seed));
            if (!me->tasks[me->i])
                maru_return(-ENOMEM);
        }
        for (me->i = 0; me->i < AT_ONCE; me->i++) {
            if (roll(&me->seed) % 3 == 0)
                maru_cancel(me->tasks[roll(&me->seed) % (AT_ONCE - me->i) + me->i]);
            maru_try(maru_join_task(&me->join, me->tasks[me->i]));
        }
    }
    EVENTUALLY(pool_rests(pool_here()));        /* what was abandoned has run, too */
}
maru_end;

static inline bool job_is_right(struct record *record, uint32_t id)
{
    uint32_t ran = atomic_load_sc(&record->ran), dropped = atomic_load_sc(&record->dropped);
    maru_result n = record->result;
    bool delivered = n >= 0;                    /* or abandoned, and accepted */
    bool right = atomic_load_sc(&record->resolved) == 1 && ran <= 1 &&
                 (delivered ? ran == 1 && dropped == 0 : ran == dropped);
    if (!right)
        fprintf(stderr, "job %u: result %lld, ran %u, dropped %u\n", id, (long long)n, ran,
                dropped);
    return right;
}

/* Each run of a program has a number of its own, below RUNS_MOST. No workers: a SINGLE runtime. */
static inline bool jobs_run(uint32_t run, uint32_t workers, uint32_t keep_alive_ms)
{
    maru_options options;
    maru_runtime *runtime = NULL;
    uint32_t first = run * JOBS;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    options.blocking_threads = 2;
    options.blocking_queue = JOBS;
    options.blocking_keep_alive_ms = keep_alive_ms;
    if (maru_runtime_new(&options, &runtime) < 0)
        return false;
    bool right = maru_block_on(runtime, all, .seed = 42u + first, .next = first,
                               .end = first + JOBS) == 0;
    right &= maru_runtime_free(runtime) == 0;
    for (uint32_t id = first; id < first + JOBS; id++)
        right &= job_is_right(&records[id], id);
    return right;
}

#endif
