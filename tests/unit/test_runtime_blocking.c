/* test_runtime_blocking.c - the pool as a part of its runtime: options, freeing while jobs run, and
 * runtimes inside of jobs. */
#include "tests/unit/async_world.h"
#include "tests/support/blocking_world.h"

#include <string.h>

ASYNC_SUITE(runtime_blocking);

static maru_options defaults(void)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    return options;
}

static maru_runtime *runtime_of(const maru_options *options)
{
    maru_runtime *runtime = NULL;
    int rc = maru_runtime_new(options, &runtime);
    cr_assert_eq(rc, 0, "%s", maru_err_name(rc));
    return runtime;
}

/* ---- options ---- */

Test(runtime_blocking, options_out_of_range_are_invalid_and_zeroes_are_the_defaults)
{
    /* conformance 16: zero is the default, as in every option; what is refused is too many */
    maru_options options = defaults();
    maru_runtime *runtime;
    options.blocking_threads = 16385;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, -EINVAL);
    options.blocking_threads = 16384;
    options.blocking_queue = UINT32_MAX;
    options.blocking_keep_alive_ms = UINT32_MAX;
    options.blocking_stack_kib = 1;             /* as small as the system allows */
    world_free(runtime_of(&options));
}

struct looks {
    maru_frame frame;
    uint32_t threads, queue;
    int64_t keep_alive_ns;
};

maru_async(looks)
{
    const struct blocking_options *options = &pool_here()->options;
    WANT(options->threads == me->threads && options->queue == me->queue);
    WANT(options->keep_alive_ns == me->keep_alive_ns);
}
maru_end;

Test(runtime_blocking, the_defaults_are_those_of_the_header)
{
    maru_runtime *runtime = runtime_of(NULL);
    maru_result n = maru_block_on(runtime, looks, .threads = 512, .queue = 4096,
                                  .keep_alive_ns = 10 * MARU_SEC);
    cr_assert_eq(n, 0);
    world_free(runtime);
}

static maru_result nothing(void *unused)
{
    (void)unused;
    return 0;
}

static maru_result count_cpus(void *unused)
{
    cpu_set_t cpus;
    (void)unused;
    sched_getaffinity(0, sizeof cpus, &cpus);
    return CPU_COUNT(&cpus);
}

struct runs_one {
    maru_frame frame;
    maru_blocking_fn *fn;
    maru_blocking_job job;
};

maru_async(runs_one)
{
    maru_result n;
    maru_try(n, maru_blocking(&me->job, me->fn, NULL));
    maru_return(n);
}
maru_end;

Test(runtime_blocking, with_pinned_workers_jobs_run_on_every_cpu)
{
    maru_options options = defaults();
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof cpus, &cpus);
    options.pin = 1;
    maru_runtime *runtime = runtime_of(&options);
    maru_result n = maru_block_on(runtime, runs_one, .fn = count_cpus);
    cr_assert_eq(n, CPU_COUNT(&cpus));
    world_free(runtime);
}

Test(runtime_blocking, a_runtime_leaves_no_thread_behind)
{
    for (int world = 0; world < WORLDS_COUNT; world++) {
        maru_runtime *runtime = world_new(WORLDS[world]);
        maru_result n = maru_block_on(runtime, runs_one, .fn = nothing);
        cr_assert_eq(n, 0);
        cr_assert_eq(threads_named("maru-blk-"), 1);
        world_free(runtime);
        EVENTUALLY(threads_named("maru-blk-") == 0);    /* joined, but maybe still listed */
    }
}

Test(runtime_blocking, its_memory_is_counted)
{
    maru_runtime *runtime = world_new(1);
    maru_metrics before = { .size = sizeof before }, after = { .size = sizeof after };
    static struct gate gate;
    static char large[100000];
    cr_assert_eq(maru_metrics_read(runtime, &before), 0);
    cr_assert_eq(maru_blocking_abandon(runtime, gate_pass, &gate, 0), 0);
    cr_assert_eq(maru_blocking_abandon(runtime, nothing, large, sizeof large), 0);
    cr_assert_eq(maru_metrics_read(runtime, &after), 0);
    cr_assert_geq(after.bytes_allocated, before.bytes_allocated);
    gate_open(&gate);
    world_free(runtime);
}

/* ---- abandoning from anywhere ---- */

static uint32_t told;

static maru_result tell(void *arg)
{
    atomic_add_sc(&told, *(uint32_t *)arg);
    return 0;
}

struct abandons {
    maru_frame frame;
    uint32_t value;
};

maru_async(abandons)
{
    me->value = 10;
    maru_check(maru_blocking_abandon(NULL, tell, &me->value, sizeof me->value));
    me->value = 1000;
    maru_check(maru_blocking_abandon(maru_runtime_current(), tell, &me->value, sizeof me->value));
    me->value = 0;
}
maru_end;

Test(runtime_blocking, abandoning_works_from_a_task_and_from_outside)
{
    for (int world = 0; world < WORLDS_COUNT; world++) {
        maru_runtime *runtime = world_new(WORLDS[world]);
        uint32_t one = 1;
        atomic_store_sc(&told, 0u);
        cr_assert_eq(maru_blocking_abandon(runtime, tell, &one, sizeof one), 0);
        one = 0;
        maru_result n = maru_block_on(runtime, abandons);
        cr_assert_eq(n, 0);
        world_free(runtime);
        EVENTUALLY(atomic_load_sc(&told) == 1011);
    }
}

Test(runtime_blocking, abandoning_refuses_bad_arguments)
{
    maru_runtime *runtime = world_new(1);
    cr_assert_eq(maru_blocking_abandon(NULL, nothing, NULL, 0), -EINVAL);
    cr_assert_eq(maru_blocking_abandon(runtime, NULL, NULL, 0), -EINVAL);
    cr_assert_eq(maru_blocking_abandon(runtime, nothing, NULL, 5), -EINVAL);
    world_free(runtime);
}

/* ---- freeing while jobs run ---- */

static struct gate hung;                /* opened after the runtime has gone */

Test(runtime_blocking, freeing_does_not_wait_for_an_abandoned_job)
{
    /* conformance 11, 17 */
    for (int world = 0; world < WORLDS_COUNT; world++) {
        maru_options options = defaults();
        options.flavor = WORLDS[world] == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
        options.workers = WORLDS[world];
        options.blocking_threads = 1;
        maru_runtime *runtime = runtime_of(&options);
        uint32_t one = 1;
        memset(&hung, 0, sizeof hung);
        atomic_store_sc(&told, 0u);
        cr_assert_eq(maru_blocking_abandon(runtime, gate_pass, &hung, 0), 0);
        gate_await(&hung, 1);
        cr_assert_eq(maru_blocking_abandon(runtime, tell, &one, sizeof one), 0);
        world_free(runtime);
        cr_assert_eq(atomic_load_sc(&hung.passed), 0);
        gate_open(&hung);
        EVENTUALLY(atomic_load_sc(&told) == 1); /* what was accepted runs */
    }
}

/* Jobs of tasks that the freed runtime cancels: one runs, one is queued, one works on a copy. */
struct outcome {
    uint32_t ended;
    maru_result running, queued, copied, finally;
    uint32_t drops;
};

static struct outcome outcome;

static void count_drop(void *unused)
{
    (void)unused;
    atomic_add_sc(&outcome.drops, 1u);
}

struct runs {
    maru_frame frame;
    maru_blocking_job job;
};

maru_async(runs)
{
    maru_await(outcome.running, maru_blocking(&me->job, gate_pass, &hung));
    maru_await(outcome.finally, maru_blocking(&me->job, nothing, NULL));
maru_finally:
    maru_await(outcome.finally, maru_blocking(&me->job, nothing, NULL));
    atomic_add_sc(&outcome.ended, 1u);
}
maru_end;

struct is_queued {
    maru_frame frame;
    maru_blocking_job job;
};

maru_async(is_queued)
{
    maru_await(outcome.queued, maru_blocking(&me->job, nothing, NULL));
    atomic_add_sc(&outcome.ended, 1u);
}
maru_end;

struct copies {
    maru_frame frame;
    maru_blocking_job job;
    struct gate *gate;
};

static maru_result pass_later(void *arg)
{
    return gate_pass(*(struct gate **)arg);
}

maru_async(copies)
{
    me->gate = &hung;
    maru_await(outcome.copied, maru_blocking_copy(&me->job, pass_later, count_drop, &me->gate,
                                                  sizeof me->gate));
    atomic_add_sc(&outcome.ended, 1u);
}
maru_end;

static void *open_hung(void *unused)
{
    (void)poll(NULL, 0, 20);
    gate_open(&hung);
    return unused;
}

Test(runtime_blocking, freeing_cancels_what_is_queued_and_its_task_waits_for_what_runs)
{
    /* conformance 17 */
    for (int world = 1; world < WORLDS_COUNT; world++) {
        maru_options options = defaults();
        pthread_t opener;
        options.workers = WORLDS[world];
        options.blocking_threads = 1;
        maru_runtime *runtime = runtime_of(&options);
        memset(&hung, 0, sizeof hung);
        memset(&outcome, 0, sizeof outcome);
        maru_detach(maru_spawn_on(runtime, runs));
        gate_await(&hung, 1);
        maru_detach(maru_spawn_on(runtime, is_queued));
        cr_assert_eq(pthread_create(&opener, NULL, open_hung, NULL), 0);
        world_free(runtime);
        pthread_join(opener, NULL);
        cr_assert_eq(atomic_load_sc(&outcome.ended), 2);
        cr_assert_eq(outcome.running, 0, "it ran, and was waited for");
        cr_assert_eq(hung.passed, 1);
        cr_assert(outcome.queued == -ECANCELED || outcome.queued == 0);
        cr_assert_eq(outcome.finally, 0, "finally is shielded");
    }
}

Test(runtime_blocking, freeing_does_not_wait_for_a_copying_job)
{
    /* conformance 11 */
    for (int world = 1; world < WORLDS_COUNT; world++) {
        maru_runtime *runtime = world_new(WORLDS[world]);
        memset(&hung, 0, sizeof hung);
        memset(&outcome, 0, sizeof outcome);
        maru_detach(maru_spawn_on(runtime, copies));
        gate_await(&hung, 1);
        world_free(runtime);                    /* hangs, if it waited */
        cr_assert_eq(outcome.copied, -ECANCELED);
        cr_assert_eq(hung.passed, 0);
        gate_open(&hung);
        EVENTUALLY(atomic_load_sc(&outcome.drops) == 1);
    }
}

/* ---- clocks that stand still ---- */

static maru_result take_a_while(void *unused)
{
    (void)unused;
    (void)poll(NULL, 0, 20);
    return 0;
}

struct stands {
    maru_frame frame;
    maru_blocking_job job;
    maru_sleep nap;
    int64_t began;
};

maru_async(stands)
{
    maru_result n;
    me->began = maru_now();
    maru_select(n, maru_blocking(&me->job, take_a_while, NULL),
                   maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    WANT(n == 0 && maru_now() == me->began);
    maru_select(n, maru_blocking_copy(&me->job, take_a_while, NULL, &me->began, sizeof me->began),
                   maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    WANT(n == 0 && maru_now() == me->began);
    maru_check(maru_blocking_abandon(NULL, gate_pass, &hung, 0));   /* nobody waits for it */
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    WANT(maru_now() == me->began + 3600 * MARU_SEC);
    maru_select(n, maru_blocking(&me->job, NULL, NULL), maru_sleep_for(&me->nap, MARU_SEC));
    WANT(n == 0);
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    gate_open(&hung);
}
maru_end;

Test(runtime_blocking, a_paused_clock_stands_while_a_job_is_awaited)
{
    /* conformance 33 */
    maru_options options = defaults();
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = MARU_CLOCK_VIRTUAL;
    maru_runtime *runtime = runtime_of(&options);
    memset(&hung, 0, sizeof hung);
    maru_result n = maru_block_on(runtime, stands);
    cr_assert_eq(n, 0);
    world_free(runtime);
}

static struct gate held;

/* A job that is withdrawn, given up or refused lets go of the clock, too. */
struct lets_go {
    maru_frame frame;
    maru_blocking_job holder, queued, copy;
    struct gate *gate;
    maru_pause pause;
    maru_sleep nap;
};

maru_async(lets_go)
{
    maru_result n;
    me->gate = &held;
    maru_check(maru_blocking_abandon(NULL, gate_pass, &held, 0));
    maru_select(n, maru_blocking(&me->queued, nothing, NULL), maru_yield(&me->pause));
    WANT(n == 1 && maru_result_of(&me->queued) == -ECANCELED);
    maru_select(n, maru_blocking_copy(&me->copy, pass_later, NULL, &me->gate, sizeof me->gate),
                   maru_yield(&me->pause));
    WANT(n == 1 && maru_result_of(&me->copy) == -ECANCELED);
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));    /* hangs, if it still stood */
    pool_here()->options.threads = 2;
    maru_select(n, maru_blocking_copy(&me->copy, pass_later, NULL, &me->gate, sizeof me->gate),
                   maru_yield(&me->pause));
    WANT(n == 1 && maru_result_of(&me->copy) == -ECANCELED);
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    gate_open(&held);
}
maru_end;

Test(runtime_blocking, a_job_that_is_given_up_lets_a_paused_clock_go)
{
    /* conformance 33 */
    maru_options options = defaults();
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = MARU_CLOCK_VIRTUAL;
    options.blocking_threads = 1;
    maru_runtime *runtime = runtime_of(&options);
    memset(&held, 0, sizeof hung);
    maru_result n = maru_block_on(runtime, lets_go);
    cr_assert_eq(n, 0);
    world_free(runtime);
    EVENTUALLY(atomic_load_sc(&held.passed) == 2);
}

/* ---- runtimes inside of jobs ---- */

static maru_result enter_own(void *arg);
static maru_result enter_second(void *arg);

/* Down through jobs and runtimes: a job that blocks on a task that awaits a job ... */
struct level {
    maru_runtime *runtime;
    int depth;
};

struct descends {
    maru_frame frame;
    int depth;
    bool second;
    maru_pause pause;
    maru_blocking_job job;
    struct level level;
};

maru_async(descends)
{
    maru_result n;
    maru_try(maru_yield(&me->pause));
    if (me->depth == 0)
        maru_return(7);
    me->level.runtime = maru_runtime_current();
    me->level.depth = me->depth - 1;
    maru_try(n, maru_blocking(&me->job, me->second ? enter_second : enter_own, &me->level));
    maru_return(n);
}
maru_end;

static maru_result enter_own(void *arg)
{
    struct level *level = arg;
    return maru_block_on(level->runtime, descends, .depth = level->depth);
}

static maru_result enter_second(void *arg)
{
    struct level *level = arg;
    maru_options options = defaults();
    maru_runtime *second;
    options.flavor = level->depth % 2 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    int rc = maru_runtime_new(&options, &second);
    if (rc < 0)
        return rc;
    maru_result n = maru_block_on(second, descends, .depth = level->depth, .second = true);
    rc = maru_runtime_free(second);
    return rc < 0 ? rc : n;
}

Test(runtime_blocking, a_job_may_block_on_its_own_runtime_if_that_has_workers)
{
    /* conformance 7, 15: maru_blocking is the counterpart of block_in_place */
    for (int world = 1; world < WORLDS_COUNT; world++) {
        maru_runtime *runtime = world_new(WORLDS[world]);
        maru_result n = maru_block_on(runtime, descends, .depth = 4);
        cr_assert_eq(n, 7);
        world_free(runtime);
    }
    maru_runtime *single = world_new(0);
    maru_result n = maru_block_on(single, descends, .depth = 1);
    cr_assert_eq(n, -EPERM);
    world_free(single);
}

Test(runtime_blocking, a_job_may_make_a_second_runtime_and_block_on_it)
{
    /* conformance 13, 15 */
    EVERYWHERE(7, descends, .depth = 3, .second = true);
}

static maru_result free_it(void *arg)
{
    return maru_runtime_free(*(maru_runtime **)arg);
}

struct frees_its_own {
    maru_frame frame;
    maru_blocking_job job;
    maru_runtime *runtime;
};

maru_async(frees_its_own)
{
    me->runtime = maru_runtime_current();
    maru_try(maru_blocking(&me->job, free_it, &me->runtime));
}
maru_end;

Test(runtime_blocking, a_job_cannot_free_its_own_runtime)
{
    EVERYWHERE(-EDEADLK, frees_its_own);
}

/* ---- hooks of its threads (conformance 14) ---- */

static uint32_t starts, stops, first = UINT32_MAX;

static void on_start(void *arg, uint32_t thread)
{
    (void)arg;
    if (thread < MARU_FIRST_BLOCKING_THREAD)
        return;
    atomic_add_sc(&starts, 1u);
    atomic_store_rel(&first, thread);
}

static void on_stop(void *arg, uint32_t thread)
{
    (void)arg;
    if (thread >= MARU_FIRST_BLOCKING_THREAD)
        atomic_add_sc(&stops, 1u);
}

static maru_result seven(void *arg)
{
    (void)arg;
    return 7;
}

struct sevens {
    maru_frame frame;
    maru_blocking_job job;
};

maru_async(sevens)
{
    maru_result n;
    maru_await(n, maru_blocking(&me->job, seven, NULL));
    maru_return(n);
}
maru_end;

Test(runtime_blocking, hooks_are_told_when_its_threads_begin_and_end, .timeout = 20)
{
    maru_runtime *runtime;
    maru_options options;
    maru_hooks hooks = { .size = sizeof hooks,
                         .on_thread_start = on_start,
                         .on_thread_stop = on_stop };
    maru_options_init(&options, sizeof options);
    options.workers = 1;
    options.blocking_threads = 1;
    options.hooks = &hooks;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    cr_assert_eq(maru_block_on(runtime, sevens), 7);
    cr_assert_eq(maru_block_on(runtime, sevens), 7);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    cr_assert_eq(atomic_load_sc(&starts), 1u);
    cr_assert_eq(atomic_load_sc(&stops), 1u);
    cr_assert_eq(atomic_load_acq(&first), MARU_FIRST_BLOCKING_THREAD);
}
