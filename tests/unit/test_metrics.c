/* test_metrics.c - what the counters of a runtime say. */
#include "maru/metrics.h"

#include "runtime/base/list.h"
#include "tests/unit/runtime_world.h"

#include <stdlib.h>
#include <sys/socket.h>

TestSuite(metrics, .timeout = 60);

Test(metrics, count_what_was_done)
{
    maru_runtime *runtime = new_runtime(2);
    maru_metrics metrics = { .size = sizeof metrics };
    for (int i = 0; i < 10; i++)
        cr_assert_eq(maru_block_on(runtime, value, .yields = 9), 0);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.size, (uint32_t)sizeof metrics);
    cr_assert_eq(metrics.workers, 2u);
    cr_assert_geq(metrics.polls, 99u);
    cr_assert_leq(metrics.polls, 100u);
    cr_assert_gt(metrics.bytes_allocated, 0u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(metrics, of_an_older_caller_are_not_written_beyond_their_end)
{
    maru_runtime *runtime = new_runtime(1);
    maru_metrics metrics;
    memset(&metrics, 0xaa, sizeof metrics);
    metrics.size = offsetof(maru_metrics, polls);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.workers, 1u);
    cr_assert_eq(metrics.polls, UINT64_C(0xaaaaaaaaaaaaaaaa));
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(metrics, of_nothing_are_invalid)
{
    maru_runtime *runtime = new_runtime(1);
    maru_metrics metrics = { .size = 4 };
    cr_assert_eq(maru_metrics_read(runtime, &metrics), -EINVAL);
    cr_assert_eq(maru_metrics_read(runtime, NULL), -EINVAL);
    metrics.size = sizeof metrics;
    cr_assert_eq(maru_metrics_read(NULL, &metrics), -EINVAL);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

/* ---- what is alive ---- */

/* Ends when the others wait; a request of the calling thread's to its home takes a moment. */
struct look {
    maru_future future;
    maru_runtime *runtime;
    int64_t limit;
};

static maru_result look_poll(maru_future *self, maru_context *cx)
{
    struct look *look = container_of(self, struct look, future);
    maru_metrics metrics = { .size = sizeof metrics };
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    int rc = maru_metrics_read(look->runtime, &metrics);
    if (rc < 0 || (metrics.live_timers == 1 && metrics.live_waits == 2))
        return rc;
    if (maru_now() > look->limit)
        return -ETIMEDOUT;
    cx->waker->ops_->wake(cx->waker);
    return MARU_PENDING;
}

static const maru_future_type look_type = { look_poll, "look" };

struct waits {
    maru_frame frame;
    int pair[2];
    char byte;
    maru_sleep sleep;
    maru_op recv, poll;
    struct look look;
};

maru_async(waits)
{
    maru_result arm;
    me->look.runtime = maru_runtime_current();
    me->look.limit = maru_now() + 20 * MARU_SEC;
    maru_check(socketpair(AF_UNIX, SOCK_STREAM, 0, me->pair));
    maru_select(arm, maru_sleep_for(&me->sleep, 3600 * MARU_SEC),
                maru_recv(&me->recv, me->pair[0], &me->byte, 1),
                maru_fd_ready(&me->poll, me->pair[1], MARU_READABLE),
                maru_future_init(&me->look.future, &look_type));
    maru_check(arm);
    maru_return(arm == 3 ? maru_result_of(&me->look) : -EPROTO);
maru_finally:
    maru_await(maru_close(&me->recv, me->pair[0]));
    maru_await(maru_close(&me->recv, me->pair[1]));
}
maru_end;

Test(metrics, count_timers_and_operations_that_wait_now)
{
    maru_metrics metrics = { .size = sizeof metrics };
    const char *const kinds[] = { "ring", "epoll" };
    for (int i = 0; i < 2; i++) {
        setenv("MARU_IO", kinds[i], 1);
        maru_runtime *runtime = NULL;
        if (maru_runtime_new(NULL, &runtime) < 0)
            continue;                           /* rings are refused here */
        cr_assert_eq(maru_block_on(runtime, waits), 0);
        cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
        cr_assert(metrics.live_timers == 0 && metrics.live_waits == 0);
        cr_assert_eq(maru_runtime_free(runtime), 0);
    }
}

/* ---- one worker, and now ---- */

static maru_metrics read_all(maru_runtime *runtime)
{
    maru_metrics metrics = { .size = sizeof metrics };
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    return metrics;
}

static maru_worker_metrics read_one(maru_runtime *runtime, uint32_t id)
{
    maru_worker_metrics metrics = { .size = sizeof metrics };
    cr_assert_eq(maru_metrics_worker(runtime, id, &metrics), 0);
    cr_assert_eq(metrics.worker, id);
    return metrics;
}

static maru_runtime *new_single(void)
{
    maru_options options = options_with(0);
    maru_runtime *runtime = NULL;
    options.flavor = MARU_FLAVOR_SINGLE;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    return runtime;
}

struct works {
    maru_frame frame;
    maru_runtime *runtime;
    maru_sleep nap;
    maru_scope kids;
    maru_pause pause;
    maru_result i;
    bool right;
};

/* Looks at itself from inside: a SINGLE runtime's one worker, so everything is exact. */
maru_async(works)
{
    for (me->i = 0; me->i < 5; me->i++)
        maru_check(maru_scope_spawn(&me->kids, value, .yields = 0));
    maru_worker_metrics one = read_one(me->runtime, 0);
    me->right = one.queue_depth == 5 && one.spawned_tasks == 5 && one.live_timers == 0;
    maru_try(maru_scope_wait(&me->kids));
    maru_select(me->i, maru_sleep_for(&me->nap, 3600 * MARU_SEC), maru_yield(&me->pause));
    me->right = me->right && read_one(me->runtime, 0).live_timers == 0;
    maru_return(me->right && read_one(me->runtime, 0).queue_depth == 0);
}
maru_end;

Test(metrics, of_one_worker_are_exact_from_inside)
{
    maru_runtime *runtime = new_single();
    cr_assert_eq(maru_block_on(runtime, works, .runtime = runtime), 1);
    maru_metrics all = read_all(runtime);
    cr_assert_eq(all.spawned_tasks, 6u);
    cr_assert_eq(all.live_tasks, 0u);
    cr_assert_eq(all.queue_depth, 0u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

struct sleeper {
    maru_frame frame;
    maru_sleep nap;
};

maru_async(sleeper)
{
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
}
maru_end;

Test(metrics, what_is_there_now_is_counted_now)
{
    maru_runtime *runtime = new_single();
    maru_task *tasks[7];
    for (int i = 0; i < 7; i++)
        cr_assert_not_null(tasks[i] = maru_spawn_on(runtime, sleeper));
    maru_metrics all = read_all(runtime);
    cr_assert_eq(all.inject_depth, 7u);
    cr_assert_eq(all.injects, 7u);
    cr_assert_eq(all.spawned_tasks, 7u);
    cr_assert_eq(maru_block_on(runtime, value, .yields = 20), 0);
    all = read_all(runtime);
    cr_assert_eq(all.inject_depth, 0u);
    cr_assert_eq(all.live_timers, 7u);
    cr_assert_eq(all.live_tasks, 7u);
    cr_assert_eq(read_one(runtime, 0).live_timers, 7u);
    for (int i = 0; i < 7; i++) {
        maru_cancel(tasks[i]);
        maru_detach(tasks[i]);
    }
    cr_assert_eq(maru_block_on(runtime, value, .yields = 20), 0);
    cr_assert_eq(read_all(runtime).live_timers, 0u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

struct greedy {
    maru_frame frame;
    struct value child;
    maru_future ready;
    int left;
};

/* Finishes 128 operations in a poll by default, then is made to yield. */
maru_async(greedy)
{
    while (me->left-- > 0)
        maru_try(maru_future_ready(&me->ready, 0));
}
maru_end;

Test(metrics, a_spent_budget_is_counted)
{
    maru_runtime *runtime = new_single();
    cr_assert_eq(maru_block_on(runtime, greedy, .left = 128), 0);
    cr_assert_eq(read_all(runtime).budget_yields, 0u);
    cr_assert_eq(maru_block_on(runtime, greedy, .left = 1000), 0);
    cr_assert_eq(read_all(runtime).budget_yields, 7u);
    cr_assert_eq(read_one(runtime, 0).budget_yields, 7u);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

struct naps {
    maru_frame frame;
    maru_sleep nap;
};

maru_async(naps)
{
    maru_try(maru_sleep_for(&me->nap, 20 * MARU_MSEC));
}
maru_end;

Test(metrics, time_asleep_is_added_up)
{
    maru_runtime *runtime = new_single();
    int64_t began = maru_now();
    cr_assert_eq(maru_block_on(runtime, naps), 0);
    int64_t took = maru_now() - began;
    uint64_t parked_ns = read_all(runtime).parked_ns;
    cr_assert_gt(parked_ns, 0u);
    cr_assert_leq(parked_ns, (uint64_t)took);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(metrics, the_sums_are_those_of_the_workers)
{
    maru_runtime *runtime = new_runtime(3);
    for (int i = 0; i < 20; i++)
        maru_detach(maru_spawn_on(runtime, value, .yields = 50));
    cr_assert_eq(maru_runtime_shutdown(runtime, -1, -1), 0);
    maru_metrics all = read_all(runtime);
    uint64_t polls = 0, parks = 0, enters = 0;
    for (uint32_t id = 0; id < 3; id++) {
        maru_worker_metrics one = read_one(runtime, id);
        polls += one.polls;
        parks += one.parks;
        enters += one.enters;
    }
    cr_assert_eq(all.polls, polls);
    cr_assert_eq(all.parks, parks);
    cr_assert_eq(all.enters, enters);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

Test(metrics, of_a_worker_that_is_none_are_invalid)
{
    maru_runtime *runtime = new_runtime(2);
    maru_worker_metrics one = { .size = sizeof one };
    cr_assert_eq(maru_metrics_worker(runtime, 2, &one), -EINVAL);
    cr_assert_eq(maru_metrics_worker(NULL, 0, &one), -EINVAL);
    cr_assert_eq(maru_metrics_worker(runtime, 0, NULL), -EINVAL);
    one.size = 7;
    cr_assert_eq(maru_metrics_worker(runtime, 0, &one), -EINVAL);
    one.size = offsetof(maru_worker_metrics, steals);
    one.steals = 77;
    cr_assert_eq(maru_metrics_worker(runtime, 1, &one), 0);
    cr_assert_eq(one.steals, 77u, "not written beyond its end");
    cr_assert_eq(maru_runtime_free(runtime), 0);
}
