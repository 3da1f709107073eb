/*
 * Timers (timer/timer.c, wheel.c, sleep.c): expiry, cancelling and arming by several threads.  The
 * wheels are made once, before the first execution; what an execution writes is taken back.
 */
#include "task_support.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/task/waker.h"
#include "timer/timer.h"

#include <errno.h>

static struct wheel wheels[2];
static struct clock clock = {.is_virtual = true};

static struct local *begin(void)
{
    stage_begin();
    for (unsigned i = 0; i < 2; i++) {
        stage_local(i)->wheels = wheels;
        stage_local(i)->clock = &clock;
    }
    mc_label(&wheels[0].lock, "lock 0");
    mc_label(&wheels[0].next_tick, "next tick 0");
    mc_label(&wheels[1].lock, "lock 1");
    return stage_local(0);
}

static void expire(void *local)
{
    timer_expire(local);
}

/* ---- sleeping tasks ---- */

static maru_result seen;

struct sleeper {
    maru_frame frame;
    maru_sleep sleep;
};
maru_async(sleeper)
{
    maru_result rc;
    maru_await(rc, maru_sleep_for(&me->sleep, MARU_MSEC));
    seen = rc;
}
maru_end;

static void check_one_of_two(const struct local *local)
{
    MC_CHECK(seen == (metric_read(&local->timers_fired) == 1 ? 0 : -ECANCELED));
}

/* The task ends, and its sleep is freed, as soon as it was told. */
static void cancel_meets_expiry(void)
{
    struct local *local = begin();
    seen = 1;
    maru_task *task = STAGE_START(STATE_HANDLE, sleeper);
    stage_step();
    clock.virtual_ns = MARU_SEC;
    mc_spawn(expire, local);
    maru_cancel(task);
    maru_detach(task);
    stage_run(NULL);
    mc_join_all();
    check_one_of_two(local);
}

/* The same with the sleeper on another worker than its timer. */
static void run_remotely(void *task)
{
    maru_cancel(task);
    maru_detach(task);
    stage_run(&stage_numbers[1]);
}

static void remote_cancel_meets_expiry(void)
{
    struct local *local = begin();
    seen = 1;
    maru_task *task = STAGE_START(STATE_HANDLE, sleeper);
    stage_step();
    clock.virtual_ns = MARU_SEC;
    mc_spawn(run_remotely, task);
    timer_expire(local);
    mc_join_all();
    check_one_of_two(local);
}

static void early(void)
{
    struct local *local = begin();
    seen = 1;
    STAGE_START(0, sleeper);
    stage_step();
    clock.virtual_ns = MARU_MSEC - 1;
    timer_expire(local);
    MC_CHECK(metric_read(&local->timers_fired) == 0 && timer_wait(local) > 0);
    clock.virtual_ns = MARU_SEC;
    mc_spawn(expire, local);
    stage_run(NULL);
    MC_CHECK(seen == 0);
}

/* Somebody whose clock is ahead expires the wheel while the task arms its sleep in it. */
static struct clock late_clock = {.virtual_ns = MARU_SEC, .is_virtual = true};
static struct local late = {.wheels = wheels, .clock = &late_clock};

static void expire_late(void *unused)
{
    (void)unused;
    while (!timer_is_due(&late))
        mc_relax();
    timer_expire(&late);
}

static void arming_meets_expiry(void)
{
    begin();
    seen = 1;
    STAGE_START(0, sleeper);
    mc_spawn(expire_late, NULL);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == 0 && metric_read(&late.timers_fired) == 1);
}

/* ---- alarms: sleeps of somebody who is no task ---- */

struct alarm {
    maru_waker waker;
    uint32_t refs, woken;
    maru_sleep sleep;
};

static void alarm_retain(maru_waker *waker)
{
    atomic_add_rlx(&((struct alarm *)(void *)waker)->refs, 1u);
}

static void alarm_wake(maru_waker *waker)
{
    atomic_add_ar(&((struct alarm *)(void *)waker)->woken, 1u);
}

static void alarm_release(maru_waker *waker)
{
    if (atomic_sub_ar(&((struct alarm *)(void *)waker)->refs, 1u) == 1)
        mc_free(waker);
}

static const maru_waker_ops alarm_ops = {alarm_retain, alarm_wake, alarm_release};

static const maru_future_type alarm_type = {NULL, "alarm"};

static struct alarm *alarm_new(void)
{
    struct alarm *alarm = mc_alloc(sizeof(*alarm));
    *alarm = (struct alarm){.waker = {&alarm_ops}, .refs = 1};
    maru_context cx = {&alarm->waker, NULL, MARU_GO};
    maru_leaf_wait(&alarm->sleep.leaf_, &cx);
    return alarm;
}

static void alarm_arm(struct local *local, struct alarm *alarm)
{
    timer_arm(local, &alarm->sleep, MARU_MSEC);
}

static void alarm_await(struct alarm *alarm)
{
    while (!maru_leaf_is_complete(&alarm->sleep.leaf_))
        mc_relax();
    alarm_release(&alarm->waker);
}

/* True: disarmed, so nobody else knows it any more. */
static bool alarm_disarm(struct local *local, struct alarm *alarm)
{
    bool was_armed = timer_disarm(local, &alarm->sleep);
    MC_CHECK(was_armed || maru_leaf_is_complete(&alarm->sleep.leaf_));
    MC_CHECK(!was_armed || alarm->refs == 1);
    alarm_release(&alarm->waker);
    return was_armed;
}

static uint32_t disarmed;

static void disarm(void *alarm)
{
    if (alarm_disarm(stage_local(1), alarm))
        atomic_add_rlx(&disarmed, 1u);
}

static void disarm_meets_expiry(void)
{
    struct local *local = begin();
    struct alarm *a = alarm_new(), *b = alarm_new();
    alarm_arm(local, a);
    alarm_arm(local, b);
    clock.virtual_ns = MARU_SEC;
    mc_spawn(disarm, a);
    timer_expire(local);
    alarm_await(b);
    mc_join_all();
    MC_CHECK(metric_read(&local->timers_fired) == 2 - disarmed);
}

static void two_disarms(void)
{
    struct local *local = begin();
    struct alarm *a = alarm_new(), *b = alarm_new();
    alarm_arm(local, a);
    alarm_arm(local, b);
    clock.virtual_ns = MARU_SEC;
    mc_spawn(disarm, a);
    mc_spawn(disarm, b);
    timer_expire(local);
    mc_join_all();
    MC_CHECK(metric_read(&local->timers_fired) == 2 - disarmed);
    MC_CHECK(wheels[0].count == 0 && wheels[0].occupied[0] == 0);
}

/* Two who expire one wheel: each alarm rings once. */
static void two_expire(void)
{
    struct local *local = begin();
    struct alarm *a = alarm_new(), *b = alarm_new();
    a->refs++; /* looked at after the end */
    alarm_arm(local, a);
    alarm_arm(local, b);
    clock.virtual_ns = MARU_SEC;
    mc_spawn(expire, local);
    mc_spawn(disarm, b);
    timer_expire(local);
    alarm_await(a);
    mc_join_all();
    MC_CHECK(a->woken == 1);
    alarm_release(&a->waker);
}

/* Arming in a wheel that another thread is expiring; the hint tells of the timer afterwards. */
static void arm(void *alarm)
{
    alarm_arm(stage_local(0), alarm);
}

static void arm_meets_expiry(void)
{
    struct local *local = begin();
    struct alarm *a = alarm_new(), *b = alarm_new();
    alarm_arm(local, a);
    clock.virtual_ns = MARU_SEC;
    mc_spawn(arm, b);
    timer_expire(local);
    alarm_await(a);
    mc_join_all();
    MC_CHECK(timer_is_due(local) == (metric_read(&local->timers_fired) == 1));
    timer_expire(local);
    alarm_await(b);
    MC_CHECK(metric_read(&local->timers_fired) == 2);
    MC_CHECK(timer_wait(local) == DRIVER_FOR_EVER);
}

static void two_arms(void)
{
    struct local *local = begin();
    struct alarm *a = alarm_new(), *b = alarm_new();
    mc_spawn(arm, a);
    mc_spawn(arm, b);
    while (timer_wait(local) == DRIVER_FOR_EVER)
        mc_relax();
    mc_join_all();
    clock.virtual_ns = MARU_SEC;
    MC_CHECK(timer_is_due(local));
    timer_expire(local);
    alarm_await(a);
    alarm_await(b);
}

/* A reset while the alarm rings: it rings for the old deadline or not, and then for the new one. */
static void reset_meets_expiry(void)
{
    struct local *local = begin();
    struct alarm *a = alarm_new();
    a->sleep.leaf_.future.type_ = &alarm_type;
    a->refs++; /* looked at after the end */
    alarm_arm(local, a);
    clock.virtual_ns = MARU_SEC;
    mc_spawn(expire, local);
    MC_CHECK(maru_sleep_reset(&a->sleep, 2 * MARU_SEC) == &a->sleep.leaf_.future);
    mc_join_all();
    MC_CHECK(!maru_sleep_is_elapsed(&a->sleep) && wheels[0].count == 1);
    MC_CHECK(maru_sleep_deadline(&a->sleep) == 2 * MARU_SEC);
    clock.virtual_ns = 3 * MARU_SEC;
    timer_expire(local);
    alarm_await(a);
    MC_CHECK(a->woken == metric_read(&local->timers_fired) && wheels[0].count == 0);
    alarm_release(&a->waker);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(cancel_meets_expiry, 3, "W3, T9: a sleep is cancelled or fires, and may be gone at once"),
    MODEL(remote_cancel_meets_expiry, 4, "W3: also when its task has moved to another worker"),
    MODEL(arming_meets_expiry, 4, "T9: a sleep waits before it is in the wheel"),
    MODEL(early, 2, "W1: nothing fires before its tick"),
    MODEL(disarm_meets_expiry, -1, "W3: disarmed means that it will not fire, else it is complete"),
    MODEL(two_disarms, 3, "W2, W3: neighbours in a slot are removed and given out apart"),
    MODEL(two_expire, 2, "W2: of two who expire a wheel one gives a timer out"),
    MODEL(arm_meets_expiry, -1, "W2: a timer that comes during expiry is due, or given out"),
    MODEL(reset_meets_expiry, -1, "W2, W3: a sleep that is moved fires for its new deadline"),
    MODEL(two_arms, -1, "W2: two timers may come at once, and the hint tells of them"),
};

int main(int argc, char **argv)
{
    wheel_init(&wheels[0], 0);
    wheel_init(&wheels[1], 0);
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
