/* test_async_sleep.c - sleeping is never early. How late it is decides nothing here. */
#include "async_world.h"

#include <time.h>

ASYNC_SUITE(async_sleep);

static int64_t real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * MARU_SEC + now.tv_nsec;
}

struct naps {
    maru_frame frame;
    int i;
    int64_t ns, began, real_began;
    bool until;
    maru_sleep nap;
};

maru_async(naps)
{
    for (me->i = 0; me->i < 10; me->i++) {
        me->real_began = real_now();            /* first: the deadline counts from began */
        me->began = maru_now();
        if (me->until)
            maru_try(maru_sleep_until(&me->nap, me->began + me->ns));
        else
            maru_try(maru_sleep_for(&me->nap, me->ns));
        WANT(maru_now() - me->began >= me->ns);
        WANT(real_now() - me->real_began >= me->ns);
    }
}
maru_end;

/* conformance 27 */
Test(async_sleep, it_is_never_early)
{
    EVERYWHERE(0, naps, .ns = 1);
    EVERYWHERE(0, naps, .ns = 100 * MARU_USEC);
    EVERYWHERE(0, naps, .ns = MARU_MSEC + 1);
    EVERYWHERE(0, naps, .ns = 131072, .until = true);
    EVERYWHERE(0, naps, .ns = 20 * MARU_MSEC, .until = true);
}

struct crowd {
    maru_frame frame;
    maru_scope scope;
};

maru_async(crowd)
{
    for (int i = 0; i < 500; i++)
        maru_check(maru_scope_spawn(&me->scope, naps, .ns = i * 10 * MARU_USEC, .until = i % 2));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

Test(async_sleep, five_hundred_sleepers_are_never_early)
{
    EVERYWHERE(0, crowd);
}

/* ---- deadlines that are due ---- */

struct past {
    maru_frame frame;
    maru_sleep nap;
};

/* The plain start tells whether it had to wait. */
#define AT_ONCE(future) (maru_frame_start(&me->frame, (future)) == 0)

maru_async(past)
{
    WANT(AT_ONCE(maru_sleep_for(&me->nap, 0)));
    WANT(AT_ONCE(maru_sleep_for(&me->nap, -1)));
    WANT(AT_ONCE(maru_sleep_for(&me->nap, INT64_MIN)));
    WANT(AT_ONCE(maru_sleep_until(&me->nap, maru_now())));
    WANT(AT_ONCE(maru_sleep_until(&me->nap, 0)));
    WANT(AT_ONCE(maru_sleep_until(&me->nap, -5)));
    WANT(AT_ONCE(maru_sleep_until(&me->nap, INT64_MIN)));
}
maru_end;

/* conformance 27 */
Test(async_sleep, a_deadline_in_the_past_is_due_at_once)
{
    EVERYWHERE(0, past);
}

struct refused {
    maru_frame frame;
    maru_sleep nap;
};

maru_async(refused)
{
    maru_result rc;
    maru_await_cancel();
    maru_await(rc, maru_sleep_for(&me->nap, 0));
    maru_return(rc);
}
maru_end;

struct refuses {
    maru_frame frame;
    maru_task *task;
    maru_join_wait join;
};

maru_async(refuses)
{
    maru_result rc;
    me->task = maru_spawn(refused);
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->join, me->task));
    maru_return(rc);
}
maru_end;

Test(async_sleep, after_a_cancel_it_is_canceled_even_if_due)
{
    EVERYWHERE(-ECANCELED, refuses);
}

/* ---- deadlines that never come ---- */

struct for_ever {
    maru_frame frame;
    maru_sleep a, b, c, d, nap;
};

maru_async(for_ever)
{
    maru_result arm;
    maru_select(arm, maru_sleep_for(&me->a, INT64_MAX), maru_sleep_until(&me->b, INT64_MAX),
                maru_sleep_for(&me->c, INT64_MAX / 2), maru_sleep_for(&me->d, 3600 * MARU_SEC),
                maru_sleep_for(&me->nap, 30 * MARU_MSEC));
    WANT(arm == 4);
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->b) == -ECANCELED);
    WANT(maru_result_of(&me->c) == -ECANCELED && maru_result_of(&me->d) == -ECANCELED);
}
maru_end;

/* conformance 29 */
Test(async_sleep, the_end_of_time_does_not_come)
{
    EVERYWHERE(0, for_ever);
}

/* ---- cancelling from another worker ---- */

struct sleeper {
    maru_frame frame;
    uint32_t *begun;
    maru_sleep nap;
};

maru_async(sleeper)
{
    flag_raise(me->begun);
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
}
maru_end;

struct dormitory {
    maru_frame frame;
    uint32_t begun;
    maru_scope scope;
    maru_pause pause;
};

maru_async(dormitory)
{
    maru_result rc;
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    for (int i = 0; i < 1000; i++)
        maru_check(maru_scope_spawn(&me->scope, sleeper, .begun = &me->begun));
    while (atomic_load_sc(&me->begun) < 1000)
        maru_try(maru_yield(&me->pause));
    maru_scope_cancel(&me->scope);
    maru_await(rc, maru_scope_wait(&me->scope));
    maru_return(rc);
}
maru_end;

Test(async_sleep, a_thousand_sleepers_on_all_workers_can_be_cancelled)
{
    EVERYWHERE(-ECANCELED, dormitory);
}

Test(async_sleep, now_does_not_go_back)
{
    int64_t before = maru_now();
    for (int i = 0; i < 10000; i++) {
        int64_t now = maru_now();
        cr_assert_geq(now, before);
        before = now;
    }
    cr_assert_leq(before, real_now());
}

/* ---- a runtime that ends ---- */

struct last {
    maru_frame frame;
    uint32_t *begun, *cancelled;
    maru_timeout limit;
    maru_sleep nap, pause;
};

maru_async(last)
{
    maru_result rc;
    flag_raise(me->begun);
    maru_await(rc, maru_within(&me->limit, 2 * 3600 * MARU_SEC,
                               maru_sleep_for(&me->nap, 3600 * MARU_SEC)));
    if (rc == -ECANCELED)
        flag_raise(me->cancelled);
maru_finally:
    maru_await(maru_sleep_for(&me->pause, MARU_MSEC));
}
maru_end;

struct begins {
    maru_frame frame;
    uint32_t begun, *cancelled;
    maru_pause pause;
};

/* The counter of those that have begun is in a frame: it must not end before they have. */
maru_async(begins)
{
    for (int i = 0; i < 100; i++)
        maru_detach(maru_spawn(last, .begun = &me->begun, .cancelled = me->cancelled));
    while (atomic_load_sc(&me->begun) < 100)
        maru_try(maru_yield(&me->pause));
}
maru_end;

/* conformance 34 */
Test(async_sleep, sleeps_of_a_runtime_that_ends_are_cancelled)
{
    for (int world = 0; world < WORLDS_COUNT; world++) {
        uint32_t cancelled = 0;
        maru_runtime *runtime = world_new(WORLDS[world]);
        cr_assert_eq(maru_block_on(runtime, begins, .cancelled = &cancelled), 0);
        world_free(runtime);
        cr_assert_eq(cancelled, 100u);
    }
}

/* ---- another deadline, on every kind of runtime ---- */

struct waits {
    maru_frame frame;
    maru_sleep *nap;
    int due;
};

/* Each turn waits for a sleep that the other one moves while it does. */
maru_async(waits)
{
    for (; me->due >= 0; me->due--) {
        maru_try(maru_sleep_reset_after(me->nap, 50 * MARU_USEC));
        WANT(maru_sleep_is_elapsed(me->nap));
        WANT(maru_now() >= maru_sleep_deadline(me->nap));
    }
}
maru_end;

struct moves {
    maru_frame frame;
    maru_sleep *nap;
    int i;
    maru_pause pause;
};

maru_async(moves)
{
    for (me->i = 0; me->i < 300; me->i++) {
        (void)maru_sleep_reset_after(me->nap, (me->i % 7) * 10 * MARU_USEC);
        maru_try(maru_yield(&me->pause));
    }
}
maru_end;

struct moved {
    maru_frame frame;
    maru_sleep nap;
    struct waits waits;
    struct moves moves;
};

maru_async(moved)
{
    maru_result rc;
    maru_join(rc, maru_call(waits, &me->waits, .nap = &me->nap, .due = 50),
              maru_call(moves, &me->moves, .nap = &me->nap));
    maru_return(rc);
}
maru_end;

struct moved_many {
    maru_frame frame;
    maru_scope scope;
};

maru_async(moved_many)
{
    for (int i = 0; i < 100; i++)
        maru_check(maru_scope_spawn(&me->scope, moved));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

/* conformance 28 */
Test(async_sleep, sleeps_are_moved_while_they_fire)
{
    EVERYWHERE(0, moved_many);
}
