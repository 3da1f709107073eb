/* clock.c - see clock.h. */
#include "runtime/base/clock.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    CHECK(clock_gettime(id, &t) == 0);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t clock_real_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_now(const struct clock *clock)
{
    if (atomic_load_rlx(&clock->is_virtual))            /* no partner: who asks from outside */
        return atomic_load_rlx(&clock->virtual_ns);     /* no partner: gets a time that was */
    return clock_real_now() + atomic_load_rlx(&clock->offset_ns);   /* no partner: likewise */
}

void clock_set(struct clock *clock, int64_t now_ns)
{
    atomic_store_rlx(&clock->virtual_ns, now_ns);   /* no partner: as clock_now */
}

void clock_pause(struct clock *clock)
{
    clock_set(clock, clock_now(clock));
    clock->is_paused = true;
    atomic_store_rlx(&clock->is_virtual, true);     /* no partner: as clock_now */
}

void clock_resume(struct clock *clock)
{
    int64_t ahead = clock->virtual_ns - clock_real_now();
    atomic_store_rlx(&clock->offset_ns, ahead);     /* no partner: as clock_now */
    clock->is_paused = false;
    atomic_store_rlx(&clock->is_virtual, false);    /* no partner: as clock_now */
}

void clock_hold(struct clock *clock)
{
    if (clock->can_pause)
        atomic_add_rlx(&clock->holds, 1u);          /* no partner: what it counts comes later */
}

void clock_release(struct clock *clock)
{
    if (clock->can_pause)
        atomic_sub_ar(&clock->holds, 1u);           /* pairs with clock_is_held: load */
}

bool clock_is_held(const struct clock *clock)
{
    return atomic_load_acq(&clock->holds) > 0;      /* pairs with clock_release: sub */
}

int64_t clock_coarse_now(const struct clock *clock)
{
    if (atomic_load_rlx(&clock->is_virtual))            /* no partner: as clock_now */
        return atomic_load_rlx(&clock->virtual_ns);     /* no partner: as clock_now */
    int64_t ahead = atomic_load_rlx(&clock->offset_ns); /* no partner: as clock_now */
    return read_clock(CLOCK_MONOTONIC_COARSE) + ahead;
}
