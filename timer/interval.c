/* interval.c - ticks, a period apart.
 *
 * An interval is a sleep with a schedule. The sleep's deadline is the next tick's, also between
 * two sleeps, and moves on only when a tick is reported: what is cancelled, or loses a select,
 * leaves it where it is. */
#include "maru/interval.h"

#include "maru/err.h"
#include "runtime/base/config.h"
#include "runtime/base/context.h"
#include "runtime/task/frame.h"
#include "timer/sleep.h"

static bool is_made(const maru_interval *interval)
{
    return interval && interval->period_ns_ > 0;
}

int maru_interval_init_at(maru_interval *interval, int64_t start_ns, int64_t period_ns)
{
    if (!interval || period_ns <= 0)
        return -EINVAL;
    if (interval->sleep_.leaf_.future.flags_ & FUTURE_LINKED)
        return -EBUSY;
    *interval = (maru_interval){ .sleep_.deadline_ns_ = start_ns, .period_ns_ = period_ns };
    return 0;
}

int maru_interval_init(maru_interval *interval, int64_t period_ns)
{
    return maru_interval_init_at(interval, maru_now(), period_ns);
}

int maru_interval_set_missed(maru_interval *interval, int policy)
{
    if (!interval || policy < MARU_MISSED_BURST || policy > MARU_MISSED_SKIP)
        return -EINVAL;
    interval->missed_ = (uint32_t)policy;
    return 0;
}

/* ---- ticking ---- */

static int64_t next_tick(const maru_interval *interval, int64_t now_ns, int64_t late_ns)
{
    int64_t period = interval->period_ns_;
    if (interval->missed_ == MARU_MISSED_SKIP)
        return sleep_deadline_after(now_ns - late_ns % period, period);
    bool is_missed = late_ns >= INTERVAL_SLACK_NS || late_ns >= period;
    if (interval->missed_ == MARU_MISSED_DELAY && is_missed)
        return sleep_deadline_after(now_ns, period);
    return sleep_deadline_after(interval->sleep_.deadline_ns_, period);
}

/* A start far in the past may be earlier than any difference can tell. */
static int64_t lateness(int64_t due_ns, int64_t now_ns)
{
    int64_t late;
    if (__builtin_sub_overflow(now_ns, due_ns, &late))
        return INT64_MAX;
    return late > 0 ? late : 0;
}

static maru_result interval_poll(maru_future *self, maru_context *cx)
{
    maru_interval *interval = (maru_interval *)(void *)self;
    maru_result result = sleep_poll(self, cx);
    if (result != 0)
        return result;
    if (cx->ending == MARU_LOSE)
        return -ECANCELED;                      /* the next tick is this one */
    int64_t now = maru_now(), late = lateness(interval->sleep_.deadline_ns_, now);
    interval->sleep_.deadline_ns_ = next_tick(interval, now, late);
    return late / interval->period_ns_;
}

static const maru_future_type interval_type = { interval_poll, "interval" };

maru_future *maru_interval_tick(maru_interval *interval)
{
    if (!interval)
        return NULL;
    maru_sleep *sleep = &interval->sleep_;
    if (!is_made(interval))
        return maru_future_ready(&sleep->leaf_.future, -EINVAL);
    return sleep_start(sleep, &interval_type, sleep->deadline_ns_, maru_now());
}

/* ---- moving ---- */

int maru_interval_reset_at(maru_interval *interval, int64_t deadline_ns)
{
    if (!is_made(interval))
        return -EINVAL;
    if (!context_here()->local)
        return -EPERM;
    const maru_future *self = &interval->sleep_.leaf_.future;
    if (self->type_ && !(self->flags_ & FUTURE_ENDED))
        sleep_move(&interval->sleep_, deadline_ns);
    else
        interval->sleep_.deadline_ns_ = deadline_ns;
    return 0;
}

int maru_interval_reset_after(maru_interval *interval, int64_t ns)
{
    return maru_interval_reset_at(interval, sleep_deadline_after(maru_now(), ns));
}

int maru_interval_reset_immediately(maru_interval *interval)
{
    return maru_interval_reset_after(interval, 0);
}

int maru_interval_reset(maru_interval *interval)
{
    return maru_interval_reset_after(interval, maru_interval_period(interval));
}

/* ---- looking ---- */

int64_t maru_interval_period(const maru_interval *interval)
{
    return interval ? interval->period_ns_ : 0;
}

int64_t maru_interval_next(const maru_interval *interval)
{
    return interval ? interval->sleep_.deadline_ns_ : 0;
}
