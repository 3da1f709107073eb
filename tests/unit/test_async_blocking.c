/* test_async_blocking.c - ten thousand jobs on a pool of two threads, cancelled at random: each
 * resolves once, runs at most once, and what did not run was cancelled. */
#include "tests/unit/async_world.h"
#include "tests/unit/blocking_world.h"

#include <string.h>

TestSuite(async_blocking, .timeout = 120);

enum { JOBS = 10000, AT_ONCE = 200 };

enum { PLAIN, LOSES, WITHIN, COPY, COPY_LOSES, CANCELLED, ABANDONED, WAYS };

static struct record {
    uint32_t ran, dropped, resolved;
    maru_result result;
} records[JOBS];

static maru_result work(void *arg)
{
    uint32_t id = *(uint32_t *)arg;
    atomic_add_sc(&records[id].ran, 1u);
    for (uint32_t i = 0; i < id % 7 * 50; i++)
        (void)atomic_load_sc(&records[id].ran);
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
    uint32_t seed, next;
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
    while (me->next < JOBS) {
        for (me->i = 0; me->i < AT_ONCE; me->i++) {
            uint32_t way = roll(&me->seed) % WAYS;
            me->tasks[me->i] = maru_spawn(one, .id = me->next++, .way = way,
                                          .seed = roll(&me->seed));
            WANT(me->tasks[me->i]);
        }
        for (me->i = 0; me->i < AT_ONCE; me->i++) {
            if (roll(&me->seed) % 3 == 0)
                maru_cancel(me->tasks[roll(&me->seed) % (AT_ONCE - me->i) + me->i]);
            maru_try(maru_join_task(&me->join, me->tasks[me->i]));
        }
    }
}
maru_end;

static void judge(const struct record *record, uint32_t id)
{
    cr_assert_eq(record->resolved, 1, "job %u", id);
    cr_assert_leq(record->ran, 1, "job %u", id);
    cr_assert_leq(record->dropped, record->ran, "job %u", id);
    if (record->result == (maru_result)id && id > 0)
        cr_assert(record->ran == 1 && record->dropped == 0, "job %u", id);
    else if (record->result < 0)
        cr_assert(record->ran == record->dropped, "job %u: %s", id,
                  maru_err_name((int)record->result));
}

static void run_all(uint32_t workers, uint32_t seed, uint32_t keep_alive_ms)
{
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    options.blocking_threads = 2;
    options.blocking_queue = JOBS;
    options.blocking_keep_alive_ms = keep_alive_ms;
    memset(records, 0, sizeof records);
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, 0);
    maru_result n = maru_block_on(runtime, all, .seed = seed);
    cr_assert_eq(n, 0);
    world_free(runtime);
    for (uint32_t id = 0; id < JOBS; id++) {
        if (records[id].result == 0 && id > 0)
            EVENTUALLY(atomic_load_sc(&records[id].ran) == 1);  /* abandoned, and accepted */
        if (records[id].result == -ECANCELED || records[id].result == -ETIMEDOUT)
            EVENTUALLY(atomic_load_sc(&records[id].ran) == atomic_load_sc(&records[id].dropped));
        judge(&records[id], id);
    }
}

Test(async_blocking, ten_thousand_jobs_with_random_cancels_resolve_once)
{
    for (int world = 0; world < WORLDS_COUNT; world++)
        run_all(WORLDS[world], 42u + (uint32_t)world, 0);
}

Test(async_blocking, and_so_they_do_with_threads_that_come_and_go)
{
    run_all(2, 7, 1);
}
