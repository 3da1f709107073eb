/* timeout.c - a future with a time limit.
 *
 * The inner future is part of this one: it is marked as in flight while it is, and is polled to
 * its end, whatever happens. */
#include "maru/err.h"
#include "maru/time.h"

#include "runtime/base/check.h"
#include "runtime/task/frame.h"
#include "timer/sleep.h"
#include "timer/timer.h"

/* Time is up: the inner future is told to end. Its result, or pending. */
static maru_result end_inner(maru_timeout *timeout, const maru_context *cx)
{
    maru_context ending = *cx;
    if (ending.ending == MARU_GO)
        ending.ending = MARU_CANCEL;
    return maru_future_poll(timeout->inner_, &ending);
}

/* The sleep is ended without a wait: removing it from the wheel never is one. */
static void end_sleep(maru_timeout *timeout, const maru_context *cx)
{
    maru_context ending = { cx->waker, cx->frame, MARU_LOSE };
    if (timeout->sleep_.leaf_.future.type_)
        (void)maru_future_poll(&timeout->sleep_.leaf_.future, &ending);
}

/* A scope with children is in the frame's list already, and leaves it here: it is behind us there,
 * for it came first. */
static void release_inner(maru_timeout *timeout, const maru_context *cx)
{
    maru_future *inner = timeout->inner_;
    if (timeout->marked_)
        inner->flags_ &= (uint8_t)~FUTURE_LINKED;
    else if (inner->flags_ & FUTURE_LINKED && cx->frame)
        frame_unlink(cx->frame, inner);
    timeout->marked_ = false;
}

static maru_result finish(maru_timeout *timeout, maru_result result, const maru_context *cx)
{
    release_inner(timeout, cx);
    if (timeout->fired_ && result == -ECANCELED && cx->ending == MARU_GO)
        return -ETIMEDOUT;
    timeout->fired_ = false;
    end_sleep(timeout, cx);
    return result;
}

static maru_result timeout_poll(maru_future *self, maru_context *cx)
{
    maru_timeout *timeout = (maru_timeout *)(void *)self;
    maru_result result = timeout->fired_ ? end_inner(timeout, cx)
                                         : maru_future_poll(timeout->inner_, cx);
    if (result != MARU_PENDING)
        return finish(timeout, result, cx);
    timeout->marked_ |= frame_mark_inner(cx->frame, timeout->inner_);
    if (timeout->fired_)
        return MARU_PENDING;
    maru_context sleeping = { cx->waker, cx->frame, MARU_GO };
    if (maru_future_poll(&timeout->sleep_.leaf_.future, &sleeping) == MARU_PENDING)
        return MARU_PENDING;
    timeout->fired_ = true;
    result = end_inner(timeout, cx);
    return result == MARU_PENDING ? MARU_PENDING : finish(timeout, result, cx);
}

const maru_future_type timeout_type = { timeout_poll, "timeout" };

static maru_future *start(maru_timeout *timeout, maru_future *sleep, maru_future *inner)
{
    if (UNLIKELY(!inner))
        check_misuse("timeout", NULL, 0, "an await of NULL");
    maru_future_init(&timeout->future_, &timeout_type);
    DCHECK(sleep == &timeout->sleep_.leaf_.future);
    (void)sleep;                                /* polled only if the inner future is pending */
    timeout->inner_ = inner;
    timeout->fired_ = timeout->marked_ = false;
    return &timeout->future_;
}

maru_future *maru_within(maru_timeout *timeout, int64_t ns, maru_future *inner)
{
    return timeout ? start(timeout, maru_sleep_for(&timeout->sleep_, ns), inner) : NULL;
}

maru_future *maru_within_until(maru_timeout *timeout, int64_t deadline_ns, maru_future *inner)
{
    return timeout ? start(timeout, maru_sleep_until(&timeout->sleep_, deadline_ns), inner) : NULL;
}

int maru_timeout_reset(maru_timeout *timeout, int64_t deadline_ns)
{
    if (!timeout || !timeout->future_.type_ || timeout->future_.flags_ & FUTURE_ENDED)
        return -EINVAL;
    if (timeout->fired_)
        return -ETIMEDOUT;
    return maru_sleep_reset(&timeout->sleep_, deadline_ns) ? 0 : -EINVAL;
}

int maru_timeout_reset_after(maru_timeout *timeout, int64_t ns)
{
    return maru_timeout_reset(timeout, sleep_deadline_after(maru_now(), ns));
}

bool maru_timed_out(const maru_timeout *timeout)
{
    return timeout && timeout->fired_;
}
