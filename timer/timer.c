/* timer.c - see timer.h.
 *
 * A sleep knows its deadline, and its wheel by a number in its future's phase, which only frames
 * need; both stand still while it is in the wheel, so whoever runs its task finds the wheel
 * without a lock. Expiry takes tickets and publishes under
 * the wheel's lock (steps 1 and 2 of waker.h), at most EXPIRE_BATCH at a time, and wakes after
 * it; so under the lock a sleep is either in the wheel or complete (W3).
 *
 * A guest arms in its home's wheel, and makes that worker look again if the sleep is the first one
 * there: it may be about to sleep longer (P4). */
#include "timer/timer.h"

#include "runtime/base/check.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"
#include "runtime/task/task.h"
#include "runtime/task/waker.h"

_Static_assert(WORKERS_MAX <= UINT8_MAX + 1, "a sleep names its wheel");

static struct wheel *own_wheel(const struct local *local)
{
    return &local->wheels[local->id];
}

static maru_sleep *sleep_of(maru_link *link)
{
    return container_of(link, maru_sleep, link_);
}

static uint64_t tick_of(const struct wheel *wheel, const maru_link *link)
{
    const maru_sleep *sleep = container_of(link, const maru_sleep, link_);
    return wheel_tick_after(wheel, sleep->deadline_ns_);
}

void timer_arm(struct local *local, maru_sleep *sleep, int64_t deadline_ns)
{
    struct wheel *wheel = own_wheel(local);
    uint64_t tick = wheel_tick_after(wheel, deadline_ns);
    sleep->deadline_ns_ = deadline_ns;
    sleep->leaf_.future.phase_ = (uint8_t)local->id;
    lock_take(&wheel->lock);
    bool first = tick < wheel_next_tick(wheel);
    wheel_insert(wheel, &sleep->link_, tick);
    lock_give(&wheel->lock);
    if (UNLIKELY(local->is_guest) && first)
        task_nudge(local->ops, local->id);
}

bool timer_disarm(struct local *local, maru_sleep *sleep)
{
    struct wheel *wheel = &local->wheels[sleep->leaf_.future.phase_];
    lock_take(&wheel->lock);
    bool armed = list_is_linked(&sleep->link_);
    if (armed)
        wheel_remove(wheel, &sleep->link_);
    lock_give(&wheel->lock);
    return armed;
}

static unsigned expire_some(struct wheel *wheel, uint64_t tick)
{
    struct wake wakes[EXPIRE_BATCH];
    unsigned n = 0;
    lock_take(&wheel->lock);
    while (n < EXPIRE_BATCH) {
        maru_link *link = wheel_pop(wheel, tick, tick_of);
        if (!link)
            break;
        wakes[n++] = leaf_publish(&sleep_of(link)->leaf_);
    }
    lock_give(&wheel->lock);
    for (unsigned i = 0; i < n; i++)
        wake_finish(wakes[i]);
    return n;
}

void timer_expire(struct local *local)
{
    struct wheel *wheel = own_wheel(local);
    uint64_t tick = wheel_tick_of(wheel, clock_now(local->clock));
    unsigned n;
    do {
        n = expire_some(wheel, tick);
        metric_add(&local->timers_fired, n);
    } while (n == EXPIRE_BATCH);
}

bool timer_is_due(const struct local *local)
{
    const struct wheel *wheel = own_wheel(local);
    uint64_t next = wheel_next_tick(wheel);
    return next != WHEEL_NEVER && next <= wheel_tick_of(wheel, clock_now(local->clock));
}

int64_t timer_wait(const struct local *local)
{
    const struct wheel *wheel = own_wheel(local);
    uint64_t next = wheel_next_tick(wheel);
    if (next == WHEEL_NEVER)
        return DRIVER_FOR_EVER;
    int64_t now = clock_now(local->clock);
    uint64_t due = next << wheel->shift;
    if (due <= (uint64_t)now)
        return DRIVER_NO_WAIT;
    return due - (uint64_t)now > INT64_MAX ? INT64_MAX : (int64_t)(due - (uint64_t)now);
}

int64_t timer_first(const struct local *local)
{
    struct wheel *wheel = own_wheel(local);
    lock_take(&wheel->lock);
    uint64_t tick = wheel_first_tick(wheel, tick_of);
    lock_give(&wheel->lock);
    return tick == WHEEL_NEVER ? INT64_MAX : (int64_t)(tick << wheel->shift);
}

void timer_set_shift(struct local *local, uint32_t shift)
{
    struct wheel *wheel = own_wheel(local);
    lock_take(&wheel->lock);
    wheel_set_shift(wheel, shift, clock_now(local->clock), tick_of);
    lock_give(&wheel->lock);
}
