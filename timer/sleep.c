/* sleep.c - waiting for a moment.
 *
 * Before a sleep is in a wheel its future's phase, which leaves have no other use for, tells that
 * the deadline had passed when it was set; so the first poll reads no clock. */
#include "timer/sleep.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/task/frame.h"
#include "runtime/task/waker.h"
#include "timer/timer.h"

_Static_assert(sizeof(maru_sleep) == 64, "a sleeping task stays small");

int64_t maru_now(void)
{
    struct local *local = context_here()->local;
    return local ? clock_now(local->clock) : clock_real_now();
}

int64_t sleep_deadline_after(int64_t now_ns, int64_t ns)
{
    if (ns <= 0)
        return now_ns;
    return now_ns > INT64_MAX - ns ? INT64_MAX : now_ns + ns;
}

static void set_deadline(maru_sleep *sleep, int64_t deadline_ns, int64_t now_ns)
{
    sleep->deadline_ns_ = deadline_ns;
    sleep->leaf_.future.phase_ = deadline_ns <= now_ns;
}

static bool was_due(const maru_sleep *sleep)
{
    return sleep->leaf_.future.phase_ != 0;
}

/* ---- polling ---- */

static maru_result begin(maru_sleep *sleep, struct local *local, const maru_context *cx)
{
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    if (was_due(sleep))
        return 0;
    if (UNLIKELY(!local))
        return -EPERM;
    maru_leaf_wait(&sleep->leaf_, cx);
    timer_arm(local, sleep, sleep->deadline_ns_);
    return MARU_PENDING;
}

static bool is_waited_by(const maru_sleep *sleep, const maru_context *cx)
{
    return sleep->leaf_.waker_ == cx->waker && sleep->leaf_.future.u_.awaiter_ == cx->frame;
}

/* Whoever polled last is woken: a wrapper may have its own waker. */
static maru_result hand_over(maru_sleep *sleep, struct local *local, const maru_context *cx)
{
    if (!timer_disarm(local, sleep))
        return 0;
    maru_leaf_wait(&sleep->leaf_, cx);
    timer_arm(local, sleep, sleep->deadline_ns_);
    return MARU_PENDING;
}

maru_result sleep_poll(maru_future *self, maru_context *cx)
{
    maru_sleep *sleep = (maru_sleep *)(void *)self;
    struct local *local = context_here()->local;
    if (leaf_is_idle(&sleep->leaf_))
        return begin(sleep, local, cx);
    if (maru_leaf_is_complete(&sleep->leaf_))
        return 0;
    if (cx->ending != MARU_GO)
        return timer_disarm(local, sleep) ? -ECANCELED : 0;
    return LIKELY(is_waited_by(sleep, cx)) ? MARU_PENDING : hand_over(sleep, local, cx);
}

/* ---- starting ---- */

const maru_future_type sleep_type = { sleep_poll, "sleep" };

maru_future *sleep_start(maru_sleep *sleep, const maru_future_type *type, int64_t deadline_ns,
                         int64_t now_ns)
{
    maru_future_init(&sleep->leaf_.future, type);
    sleep->link_ = (maru_link){ NULL, NULL };
    set_deadline(sleep, deadline_ns, now_ns);
    return &sleep->leaf_.future;
}

maru_future *maru_sleep_for(maru_sleep *sleep, int64_t ns)
{
    int64_t now = maru_now();
    return sleep ? sleep_start(sleep, &sleep_type, sleep_deadline_after(now, ns), now) : NULL;
}

maru_future *maru_sleep_until(maru_sleep *sleep, int64_t deadline_ns)
{
    return sleep ? sleep_start(sleep, &sleep_type, deadline_ns, maru_now()) : NULL;
}

/* ---- another deadline ---- */

static bool has_ended(const maru_sleep *sleep)
{
    return sleep->leaf_.future.flags_ & FUTURE_ENDED;
}

bool sleep_is_waiting(const maru_sleep *sleep)
{
    return !leaf_is_idle(&sleep->leaf_) && !has_ended(sleep);
}

/* Out of the wheel it is ours alone. If it has fired, the wake that is on its way finds a sleep
 * that waits again, for the same waker. */
static void move_in_flight(maru_sleep *sleep, struct local *local, int64_t deadline_ns)
{
    if (!timer_disarm(local, sleep))
        atomic_store_rlx(&sleep->leaf_.future.line_, (uint32_t)LEAF_WAITING);   /* owner */
    timer_arm(local, sleep, deadline_ns);
}

void sleep_move(maru_sleep *sleep, int64_t deadline_ns)
{
    maru_future *self = &sleep->leaf_.future;
    if (sleep_is_waiting(sleep)) {
        move_in_flight(sleep, context_here()->local, deadline_ns);
        return;
    }
    self->flags_ &= self->flags_ & FUTURE_LINKED ? (uint8_t)~FUTURE_ENDED : 0;
    atomic_store_rlx(&self->line_, (uint32_t)LEAF_IDLE);    /* owner: it is in no wheel */
    set_deadline(sleep, deadline_ns, maru_now());
}

maru_future *maru_sleep_reset(maru_sleep *sleep, int64_t deadline_ns)
{
    if (!sleep || !context_here()->local)
        return NULL;
    if (!sleep->leaf_.future.type_)
        return sleep_start(sleep, &sleep_type, deadline_ns, maru_now());
    sleep_move(sleep, deadline_ns);
    return &sleep->leaf_.future;
}

maru_future *maru_sleep_reset_after(maru_sleep *sleep, int64_t ns)
{
    return maru_sleep_reset(sleep, sleep_deadline_after(maru_now(), ns));
}

int64_t maru_sleep_deadline(const maru_sleep *sleep)
{
    return sleep ? sleep->deadline_ns_ : 0;
}

bool maru_sleep_is_elapsed(const maru_sleep *sleep)
{
    if (!sleep || !sleep->leaf_.future.type_)
        return false;
    if (has_ended(sleep))
        return sleep->leaf_.future.u_.result_ == 0;
    return leaf_is_idle(&sleep->leaf_) ? was_due(sleep) : maru_leaf_is_complete(&sleep->leaf_);
}
