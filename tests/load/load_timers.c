/* load_timers.c - a hundred thousand timers at once with deadlines at random; as many cancels, at
 * random moments, of any of them. None fires early, each ends once, as fired or as cancelled. */
#include "load.h"

#include "runtime/base/rng.h"

#include <stdlib.h>

enum { TIMERS = 100000, TURN_MS = 5 };

struct record {
    int64_t deadline, ended;
    maru_result result;
    maru_task *task;
    bool cancelled;
};

static uint32_t ended;

struct timer {
    maru_frame frame;
    struct record *record;
    maru_sleep sleep;
};

maru_async(timer)
{
    maru_result rc;
    maru_await(rc, maru_sleep_until(&me->sleep, me->record->deadline));
    me->record->ended = maru_now();
    me->record->result = rc;
    atomic_add_ar(&ended, 1u);                  /* pairs with storm's load */
}
maru_end;

struct storm {
    maru_frame frame;
    struct record *records;
    int64_t span_ns, until;
    struct rng *rng;
    maru_sleep turn;
    int started;
};

static int start(struct storm *me, int count)
{
    for (; me->started < TIMERS && count > 0; count--) {
        struct record *record = &me->records[me->started];
        record->deadline = maru_now() + me->span_ns / 1000 * rng_below(me->rng, 1000) +
                           rng_below(me->rng, 1000000);
        record->task = maru_spawn(timer, .record = record);
        if (!record->task)
            return -ENOMEM;
        me->started++;
    }
    return 0;
}

/* Of those that live or not: a cancel that comes too late must do nothing. */
static void cancel_some(struct storm *me, int count)
{
    while (count-- > 0) {
        struct record *record = &me->records[rng_below(me->rng, (uint32_t)me->started)];
        record->cancelled = true;
        maru_cancel(record->task);
    }
}

maru_async(storm)
{
    maru_check(start(me, TIMERS));
    me->until = maru_now() + me->span_ns;
    while (maru_now() < me->until) {
        maru_try(maru_sleep_for(&me->turn, TURN_MS * MARU_MSEC));
        cancel_some(me, (int)(TIMERS * (TURN_MS * MARU_MSEC) / me->span_ns));
    }
    while (atomic_load_acq(&ended) < TIMERS)    /* pairs with timer's add */
        maru_try(maru_sleep_for(&me->turn, TURN_MS * MARU_MSEC));
maru_finally:
    for (int i = 0; i < me->started; i++)
        maru_detach(me->records[i].task);
}
maru_end;

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void judge(struct load *load, const struct record *records)
{
    int64_t *late = calloc(TIMERS, sizeof *late);
    unsigned early = 0, odd = 0, cancelled = 0, fired = 0;
    for (int i = 0; late && i < TIMERS; i++) {
        const struct record *r = &records[i];
        cancelled += r->result == -ECANCELED;
        odd += r->result != 0 && !(r->result == -ECANCELED && r->cancelled);
        early += r->result == 0 && r->ended < r->deadline;
        if (r->result == 0)
            late[fired++] = r->ended - r->deadline;
    }
    load_check(load, late && fired > TIMERS / 4 && cancelled > TIMERS / 20,
               "%u fired, %u cancelled", fired, cancelled);
    load_check(load, early == 0, "%u fired early", early);
    load_check(load, odd == 0, "%u ended for no reason", odd);
    load_check(load, ended == TIMERS, "%u have ended", ended);
    if (late && fired > 0) {
        qsort(late, fired, sizeof *late, by_value);
        load_figure(load,
                    "%d at once: %u fired, %u cancelled, %u early; late by %.0f us (median), "
                    "%.0f us (p99), %.0f us (worst)",
                    TIMERS, fired, cancelled, early, (double)late[fired / 2] / 1e3,
                    (double)late[fired - 1 - fired / 100] / 1e3, (double)late[fired - 1] / 1e3);
    }
    free(late);
}

int main(int argc, char **argv)
{
    struct load load;
    struct rng rng;
    if (!load_begin(&load, "timers", argc, argv))
        return 2;
    maru_runtime *runtime = load_runtime();
    struct record *records = calloc(TIMERS, sizeof *records);
    rng.state = 20;
    maru_result rc = maru_block_on(runtime, storm, .records = records, .rng = &rng,
                                   .span_ns = (load.quick ? 2 : 10) * MARU_SEC);
    load_check(&load, rc == 0, "%s", maru_err_name(rc));
    load_runtime_end(&load, runtime);
    judge(&load, records);
    free(records);
    return load_end(&load);
}
