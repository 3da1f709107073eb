/* sleep.c - waiting for a moment. */
#include "maru/err.h"
#include "maru/time.h"

#include "runtime/base/context.h"
#include "runtime/task/waker.h"
#include "timer/timer.h"

int64_t maru_now(void)
{
    struct local *local = context_here()->local;
    return local ? clock_now(local->clock) : clock_real_now();
}

/* Before it is armed, when_ is the deadline. */
static maru_result first_poll(maru_sleep *sleep, struct local *local, const maru_context *cx)
{
    int64_t deadline = (int64_t)sleep->when_;
    if (deadline <= 0)
        return 0;
    maru_leaf_wait(&sleep->leaf_, cx);
    timer_arm(local, sleep, deadline);
    return MARU_PENDING;
}

static maru_result sleep_poll(maru_future *self, maru_context *cx)
{
    maru_sleep *sleep = (maru_sleep *)(void *)self;
    struct local *local = context_here()->local;
    if (leaf_is_idle(&sleep->leaf_))
        return cx->ending != MARU_GO ? -ECANCELED : first_poll(sleep, local, cx);
    if (maru_leaf_is_complete(&sleep->leaf_))
        return 0;
    if (cx->ending == MARU_GO)
        return MARU_PENDING;
    return timer_disarm(local, sleep) ? -ECANCELED : 0;
}

static const maru_future_type sleep_type = { sleep_poll, "sleep" };

static maru_future *start(maru_sleep *sleep, int64_t deadline_ns)
{
    maru_future_init(&sleep->leaf_.future, &sleep_type);
    sleep->link_ = (maru_link){ NULL, NULL };
    sleep->when_ = (uint64_t)deadline_ns;
    return &sleep->leaf_.future;
}

maru_future *maru_sleep_for(maru_sleep *sleep, int64_t ns)
{
    if (ns <= 0)
        return start(sleep, 0);
    int64_t now = maru_now();
    return start(sleep, ns > INT64_MAX - now ? INT64_MAX : now + ns);
}

maru_future *maru_sleep_until(maru_sleep *sleep, int64_t deadline_ns)
{
    return start(sleep, deadline_ns <= maru_now() ? 0 : deadline_ns);
}
