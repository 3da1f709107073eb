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
