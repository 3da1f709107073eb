/* test_blocking_job.c - waiting for blocking functions: results, cancelling, arguments, errors, on
 * each kind of runtime. */
#include "tests/unit/async_world.h"
#include "tests/support/blocking_world.h"

#include <pthread.h>
#include <string.h>

ASYNC_SUITE(blocking_job);

static maru_runtime *world_with(uint32_t workers, uint32_t threads, uint32_t queue)
{
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    options.blocking_threads = threads;
    options.blocking_queue = queue;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, 0, "%s", maru_err_name(rc));
    return runtime;
}

/* WITH_POOL(threads, queue, result, f, .arg = v): the same on every kind of runtime. */
#define WITH_POOL(threads, queue, expected, ...)                                                \
    for (int world_ = 0; world_ < WORLDS_COUNT; world_++) {                                     \
        maru_runtime *runtime_ = world_with(WORLDS[world_], (threads), (queue));                \
        maru_result result_ = maru_block_on(runtime_, __VA_ARGS__);                             \
        cr_assert_eq(result_, (expected), "%u workers: %s", WORLDS[world_],                     \
                     maru_err_name(result_));                                              \
        world_free(runtime_);                                                                   \
    }

/* ---- results ---- */

static maru_result doubled(void *arg)
{
    return 2 * *(int64_t *)arg;
}

static maru_result give(void *arg)
{
    return *(maru_result *)arg;
}

struct results {
    maru_frame frame;
    maru_blocking_job job;
    int64_t value;
    maru_pause pause;
    int turn;
};

maru_async(results)
{
    maru_result n;
    static const maru_result values[] = { 0, 1, INT64_MAX / 2, -EIO, -ECANCELED, INT32_MIN };
    for (; me->turn < 6; me->turn++) {
        me->value = values[me->turn];
        maru_await(n, maru_blocking(&me->job, give, &me->value));
        WANT(n == values[me->turn]);
    }
    me->value = MARU_PENDING;
    maru_await(n, maru_blocking(&me->job, give, &me->value));
    WANT(n == -EINVAL);
    maru_await(n, maru_blocking(&me->job, NULL, &me->value));
    WANT(n == -EINVAL);
    maru_try(maru_yield(&me->pause));           /* conformance 15: right after a yield */
    me->value = 21;
    maru_try(n, maru_blocking(&me->job, doubled, &me->value));
    maru_return(n);
}
maru_end;

Test(blocking_job, the_result_is_the_functions)
{
    EVERYWHERE(42, results);
}

static maru_result where_am_i(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    WANT(maru_runtime_current() == NULL);
    WANT(!context_here()->local && !context_here()->task);
    return 0;
}

struct elsewhere {
    maru_frame frame;
    maru_blocking_job job;
    pthread_t thread;
};

maru_async(elsewhere)
{
    me->thread = pthread_self();
    maru_try(maru_blocking(&me->job, where_am_i, &me->thread));
    WANT(!pthread_equal(me->thread, pthread_self()));
}
maru_end;

Test(blocking_job, it_runs_on_a_thread_that_is_no_worker)
{
    EVERYWHERE(0, elsewhere);
}

/* ---- a job does not hold the others up ---- */

struct ticks {
    maru_frame frame;
    struct gate *gate;
    maru_pause pause;
    int left;
};

maru_async(ticks)
{
    for (me->left = 100; me->left > 0; me->left--)
        maru_try(maru_yield(&me->pause));
    gate_open(me->gate);                        /* nobody else does */
}
maru_end;

struct beside {
    maru_frame frame;
    struct gate gate;
    maru_blocking_job job;
    struct ticks ticks;
};

maru_async(beside)
{
    maru_result n;
    maru_join(n, maru_blocking(&me->job, gate_pass, &me->gate),
                 maru_call(ticks, &me->ticks, .gate = &me->gate));
    maru_return(n);
}
maru_end;

Test(blocking_job, its_task_and_the_worker_go_on_meanwhile)
{
    EVERYWHERE(0, beside);
}

/* ---- cancelling ---- */

static uint32_t runs;

static maru_result run(void *unused)
{
    (void)unused;
    atomic_add_sc(&runs, 1u);
    return 5;
}

/* Holds a thread until the gate opens. */
struct holds {
    maru_frame frame;
    struct gate *gate;
    maru_blocking_job job;
};

maru_async(holds)
{
    maru_try(maru_blocking(&me->job, gate_pass, me->gate));
}
maru_end;

struct queued {
    maru_frame frame;
    struct gate gate;
    maru_scope kids;
    maru_blocking_job first, second;
    maru_sleep nap;
    uint32_t before;
    int round;
};

maru_async(queued)
{
    maru_result n;
    me->before = atomic_load_sc(&runs);
    maru_check(maru_scope_spawn(&me->kids, holds, .gate = &me->gate));
    while (atomic_load_sc(&me->gate.inside) == 0)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    for (; me->round < 20; me->round++) {
        maru_select(n, maru_blocking(&me->first, run, NULL),
                       maru_blocking_copy(&me->second, run, NULL, &me->round, sizeof me->round),
                       maru_sleep_for(&me->nap, 1000));
        WANT(n == 2);
        WANT(maru_result_of(&me->first) == -ECANCELED);
        WANT(maru_result_of(&me->second) == -ECANCELED);
        WANT(counts_of(pool_here()).queued == 0);
    }
    gate_open(&me->gate);
    maru_try(maru_scope_wait(&me->kids));
    maru_try(n, maru_blocking(&me->first, run, NULL));
    WANT(n == 5 && atomic_load_sc(&runs) == me->before + 1);
}
maru_end;

Test(blocking_job, a_cancelled_job_that_waits_its_turn_never_runs)
{
    WITH_POOL(1, 0, 0, queued);
}

static maru_result open_later(void *gate)
{
    (void)poll(NULL, 0, 5);
    gate_open(gate);
    return 0;
}

struct running {
    maru_frame frame;
    struct gate gate;
    maru_blocking_job job, opener;
    maru_sleep nap;
};

maru_async(running)
{
    maru_result n;
    maru_select(n, maru_blocking(&me->job, gate_pass, &me->gate),
                   maru_blocking(&me->opener, open_later, &me->gate));
    WANT(n == 0 || n == 1);
    WANT(maru_result_of(&me->job) == 0 && maru_result_of(&me->opener) == 0);
    WANT(atomic_load_sc(&me->gate.passed) == 1);
}
maru_end;

Test(blocking_job, a_running_job_is_waited_for_and_told_by_a_loser)
{
    EVERYWHERE(0, running);
}

struct cancelled_at_start {
    maru_frame frame;
    maru_blocking_job job;
    uint32_t before;
};

maru_async(cancelled_at_start)
{
    maru_result n;
    me->before = atomic_load_sc(&runs);
    maru_await_cancel();
    maru_await(n, maru_blocking(&me->job, run, NULL));
    WANT(n == -ECANCELED);
    maru_await(n, maru_blocking_try(&me->job, run, NULL));
    WANT(n == -ECANCELED);
    maru_await(n, maru_blocking_copy(&me->job, run, NULL, &me->before, sizeof me->before));
    WANT(n == -ECANCELED);
    WANT(atomic_load_sc(&runs) == me->before);
maru_finally:
    maru_await(n, maru_blocking(&me->job, run, NULL));
    WANT(n == 5 && atomic_load_sc(&runs) == me->before + 1);
}
maru_end;

struct cancels_a_child {
    maru_frame frame;
    maru_task *task;
    maru_join_wait join;
};

maru_async(cancels_a_child)
{
    maru_result n;
    WANT((me->task = maru_spawn(cancelled_at_start)) != NULL);
    maru_cancel(me->task);
    maru_await(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

Test(blocking_job, a_cancelled_task_starts_no_job_but_in_finally)
{
    EVERYWHERE(0, cancels_a_child);
}

/* ---- the form that does not wait ---- */

struct full {
    maru_frame frame;
    struct gate gate;
    maru_scope kids;
    maru_blocking_job job;
    maru_sleep nap;
};

maru_async(full)
{
    maru_result n;
    for (n = 0; n < 3; n++)
        maru_check(maru_scope_spawn(&me->kids, holds, .gate = &me->gate));
    while (counts_of(pool_here()).queued < 2)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_await(n, maru_blocking_try(&me->job, run, NULL));
    WANT(n == -EAGAIN);
    WANT(maru_blocking_abandon(NULL, run, NULL, 0) == -EAGAIN);
    WANT(maru_blocking_abandon(maru_runtime_current(), run, NULL, 0) == -EAGAIN);
    gate_open(&me->gate);
    maru_try(maru_scope_wait(&me->kids));
    maru_try(n, maru_blocking_try(&me->job, run, NULL));
    WANT(n == 5);
}
maru_end;

Test(blocking_job, the_try_form_and_abandoning_do_not_wait_behind_a_full_queue)
{
    WITH_POOL(1, 2, 0, full);
}

/* ---- copies ---- */

struct sum {
    int a, b, sum;
    uint32_t *drops;
    struct gate *gate;
};

static maru_result add(void *arg)
{
    struct sum *sum = arg;
    if (sum->gate)
        (void)gate_pass(sum->gate);
    sum->sum = sum->a + sum->b;
    return sum->sum;
}

static void drop(void *arg)
{
    struct sum *sum = arg;
    WANT(sum->sum == sum->a + sum->b);
    atomic_add_sc(sum->drops, 1u);
}

struct copies {
    maru_frame frame;
    uint32_t drops;
    struct gate gate;
    struct sum sum;
    maru_blocking_job job;
    maru_sleep nap;
    int *plain;
};

maru_async(copies)
{
    maru_result n;
    me->sum = (struct sum){ 20, 22, 0, &me->drops, NULL };
    maru_try(n, maru_blocking_copy(&me->job, add, drop, &me->sum, sizeof me->sum));
    WANT(n == 42 && me->sum.sum == 42 && me->drops == 0);
    me->sum.sum = 0;
    maru_try(n, maru_blocking_copy(&me->job, add, drop, &me->sum, 0));
    WANT(n == 42 && me->sum.sum == 42 && me->drops == 0);

    me->sum.sum = 0;
    me->sum.gate = &me->gate;
    maru_select(n, maru_blocking_copy(&me->job, add, drop, &me->sum, sizeof me->sum),
                   maru_sleep_for(&me->nap, 2 * MARU_MSEC));
    WANT(n == 1 && me->sum.sum == 0);
    WANT(maru_result_of(&me->job) == -ECANCELED);
    gate_open(&me->gate);
    while (atomic_load_sc(&me->drops) == 0)     /* at last it is dropped, by its thread */
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));

    maru_await(n, maru_blocking_copy(&me->job, add, drop, NULL, 1));
    WANT(n == -EINVAL);
    maru_await(n, maru_blocking_copy(&me->job, NULL, drop, &me->sum, sizeof me->sum));
    WANT(n == -EINVAL);
    maru_await(n, maru_blocking_copy(&me->job, add, drop, &me->sum, SIZE_MAX));
    WANT(n == -ENOMEM);
    pool_here()->alloc.fail_at = 1;
    maru_await(n, maru_blocking_copy(&me->job, add, drop, &me->sum, sizeof me->sum));
    WANT(n == -ENOMEM);
    EVENTUALLY(counts_of(pool_here()).bytes == sizeof(struct blocking));
}
maru_end;

Test(blocking_job, a_copy_comes_back_or_is_dropped)
{
    EVERYWHERE(0, copies);
}

/* ---- threads that cannot be had ---- */

struct threadless {
    maru_frame frame;
    struct gate gate;
    maru_scope kids;
    maru_blocking_job job;
    maru_sleep nap;
    size_t stack_bytes;
};

maru_async(threadless)
{
    maru_result n;
    pool_here()->options.stack_bytes = (size_t)1 << 46;
    maru_await(n, maru_blocking(&me->job, run, NULL));
    WANT(n == -EAGAIN);
    maru_await(n, maru_blocking_copy(&me->job, run, NULL, &me->gate, sizeof me->gate));
    WANT(n == -EAGAIN);
    pool_here()->options.stack_bytes = 0;
    maru_check(maru_scope_spawn(&me->kids, holds, .gate = &me->gate));
    while (atomic_load_sc(&me->gate.inside) == 0)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    pool_here()->options.stack_bytes = (size_t)1 << 46;
    gate_open(&me->gate);
    maru_try(n, maru_blocking(&me->job, run, NULL));    /* on the thread that there is */
    WANT(n == 5 && counts_of(pool_here()).threads == 1);
    maru_try(maru_scope_wait(&me->kids));
}
maru_end;

Test(blocking_job, without_a_thread_a_job_fails_and_with_one_it_runs_there)
{
    /* conformance 16 */
    EVERYWHERE(0, threadless);
}
