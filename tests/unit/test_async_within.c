/* test_async_within.c - time limits as futures. A limit of nothing is up as soon as the inner
 * future has to wait, one of a nanosecond soon, one of an hour never: no test depends on how fast
 * it runs. */
#include "async_world.h"

ASYNC_SUITE(async_within);

#define NEVER (3600 * MARU_SEC)

struct limits {
    maru_frame frame;
    int ended;
    maru_timeout limit;
    struct never wait;
    struct later later;
    struct ready ready;
};

maru_async(limits)
{
    maru_result n;
    maru_await(n, maru_within(&me->limit, 1, never_start(&me->wait, 0, &me->ended)));
    WANT(n == -ETIMEDOUT && maru_timed_out(&me->limit) && me->ended == 1);
    maru_await(n, maru_within(&me->limit, MARU_MSEC, never_start(&me->wait, 3, &me->ended)));
    WANT(n == -ETIMEDOUT && maru_timed_out(&me->limit) && me->ended == 2);
    maru_await(n, maru_within(&me->limit, NEVER, later_start(&me->later, 3, 7)));
    WANT(n == 7 && !maru_timed_out(&me->limit));
    maru_await(n, maru_within(&me->limit, NEVER, later_start(&me->later, 3, -EIO)));
    WANT(n == -EIO && !maru_timed_out(&me->limit));
}
maru_end;

Test(async_within, it_tells_timedout_or_the_real_result)
{
    EVERYWHERE(0, limits);
}

struct past {
    maru_frame frame;
    maru_timeout limit;
    struct ready ready;
    struct never wait;
};

maru_async(past)
{
    maru_result n;
    maru_await(n, maru_within(&me->limit, 0, ready_start(&me->ready, 5)));
    WANT(n == 5 && !maru_timed_out(&me->limit));
    maru_await(n, maru_within(&me->limit, -1, ready_start(&me->ready, 6)));
    WANT(n == 6 && !maru_timed_out(&me->limit));
    maru_await(n, maru_within(&me->limit, INT64_MIN, never_start(&me->wait, 0, NULL)));
    WANT(n == -ETIMEDOUT && maru_timed_out(&me->limit));
}
maru_end;

/* conformance 31 */
Test(async_within, a_ready_inner_wins_also_after_the_deadline)
{
    EVERYWHERE(0, past);
}

struct won {
    maru_frame frame;
    maru_timeout limit;
    struct later later;
};

maru_async(won)
{
    maru_result n;
    maru_await(n, maru_within(&me->limit, 0, later_start(&me->later, 5, 9)));
    WANT(!maru_timed_out(&me->limit));
    maru_return(n);
}
maru_end;

Test(async_within, what_the_inner_future_won_after_all_is_delivered)
{
    EVERYWHERE(9, won);
}

struct own_timeout {
    maru_frame frame;
    maru_timeout limit;
    struct later later;
};

maru_async(own_timeout)
{
    maru_result n;
    maru_await(n, maru_within(&me->limit, NEVER, later_start(&me->later, 2, -ETIMEDOUT)));
    WANT(n == -ETIMEDOUT && !maru_timed_out(&me->limit));
    maru_await(n, maru_within(&me->limit, 0, later_start(&me->later, 2, -ETIMEDOUT)));
    WANT(n == -ETIMEDOUT && !maru_timed_out(&me->limit));
}
maru_end;

Test(async_within, timed_out_tells_whose_timeout_it_is)
{
    EVERYWHERE(0, own_timeout);
}

struct nested {
    maru_frame frame;
    maru_timeout outer, inner;
    struct never wait;
    struct later later;
};

maru_async(nested)
{
    maru_result n;
    maru_await(n, maru_within(&me->outer, NEVER,
                              maru_within(&me->inner, 1, never_start(&me->wait, 1, NULL))));
    WANT(n == -ETIMEDOUT && maru_timed_out(&me->inner) && !maru_timed_out(&me->outer));
    maru_await(n, maru_within(&me->outer, 1,
                              maru_within(&me->inner, NEVER, never_start(&me->wait, 1, NULL))));
    WANT(n == -ETIMEDOUT && !maru_timed_out(&me->inner) && maru_timed_out(&me->outer));
    maru_await(n, maru_within(&me->outer, NEVER,
                              maru_within(&me->inner, NEVER, later_start(&me->later, 2, 4))));
    WANT(n == 4 && !maru_timed_out(&me->inner) && !maru_timed_out(&me->outer));
}
maru_end;

Test(async_within, limits_nest_and_each_knows_its_own)
{
    EVERYWHERE(0, nested);
}

struct kid {
    maru_frame frame;
    int *tidied;
    struct never wait;
    struct later slow;
};

maru_async(kid)
{
    maru_try(never_start(&me->wait, 1, NULL));
maru_finally:
    maru_await(later_start(&me->slow, 4, 0));
    ++*me->tidied;
}
maru_end;

struct limits_kid {
    maru_frame frame;
    int tidied;
    maru_timeout limit;
    struct kid kid;
};

maru_async(limits_kid)
{
    maru_result n;
    maru_await(n, maru_within(&me->limit, 1, maru_call(kid, &me->kid, .tidied = &me->tidied)));
    WANT(n == -ETIMEDOUT && me->tidied == 1 && maru_result_of(&me->kid) == -ECANCELED);
}
maru_end;

Test(async_within, a_child_whose_time_is_up_runs_its_finally)
{
    EVERYWHERE(0, limits_kid);
}

struct sets {
    maru_frame frame;
    int ended;
    maru_timeout a, b;
    struct never x, y;
    struct later later;
};

maru_async(sets)
{
    maru_result n;
    maru_select(n, maru_within(&me->a, 1, never_start(&me->x, 1, &me->ended)),
                maru_within(&me->b, NEVER, never_start(&me->y, 1, &me->ended)));
    WANT(n == 0 && me->ended == 2);
    WANT(maru_result_of(&me->a) == -ETIMEDOUT && maru_result_of(&me->b) == -ECANCELED);
    WANT(maru_timed_out(&me->a) && !maru_timed_out(&me->b));
    maru_join(n, maru_within(&me->a, 1, never_start(&me->x, 1, &me->ended)),
              maru_within(&me->b, NEVER, never_start(&me->y, 1, &me->ended)));
    WANT(n == -ETIMEDOUT && me->ended == 4 && maru_result_of(&me->b) == -ECANCELED);
}
maru_end;

Test(async_within, limits_are_arms_of_selects_and_joins)
{
    EVERYWHERE(0, sets);
}

struct in_finally {
    maru_frame frame;
    maru_result *told;
    maru_timeout limit;
    struct never wait;
};

maru_async(in_finally)
{
    maru_await_cancel();
maru_finally:
    maru_await(*me->told, maru_within(&me->limit, 1, never_start(&me->wait, 1, NULL)));
}
maru_end;

struct cancels_it {
    maru_frame frame;
    maru_result told;
    maru_task *task;
    maru_join_wait join;
};

maru_async(cancels_it)
{
    me->task = maru_spawn(in_finally, .told = &me->told);
    maru_cancel(me->task);
    maru_await(maru_join_task(&me->join, me->task));
    maru_return(me->told);
}
maru_end;

Test(async_within, it_limits_a_finally_that_is_shielded_from_everything_else)
{
    EVERYWHERE(-ETIMEDOUT, cancels_it);
}

/* ---- what is never short of work ---- */

struct glutton {
    maru_frame frame;
    uint64_t meals;
    struct ready ready;
};

/* Each await finishes at once, so only its budget makes it stop. */
maru_async(glutton)
{
    for (;;) {
        maru_try(ready_start(&me->ready, 1));
        me->meals++;
    }
}
maru_end;

struct limits_glutton {
    maru_frame frame;
    maru_timeout limit;
    struct glutton glutton;
};

maru_async(limits_glutton)
{
    maru_result rc;
    maru_await(rc, maru_within(&me->limit, 5 * MARU_MSEC, maru_call(glutton, &me->glutton)));
    WANT(maru_timed_out(&me->limit) && me->glutton.meals > 0);
    maru_await(rc, maru_within_until(&me->limit, 0, maru_call(glutton, &me->glutton)));
    WANT(maru_timed_out(&me->limit));
    maru_return(rc);
}
maru_end;

/* conformance 31 */
Test(async_within, an_inner_that_eats_its_whole_budget_still_times_out)
{
    EVERYWHERE(-ETIMEDOUT, limits_glutton);
}

/* ---- a limit that moves with progress ---- */

struct worker_kid {
    maru_frame frame;
    maru_timeout *limit;
    int i;
    maru_sleep nap;
};

maru_async(worker_kid)
{
    for (me->i = 0; me->i < 5; me->i++) {
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
        WANT(maru_timeout_reset_after(me->limit, NEVER) == 0);
    }
    WANT(maru_timeout_reset_after(me->limit, MARU_MSEC) == 0);
    maru_try(maru_sleep_for(&me->nap, NEVER));
}
maru_end;

struct gets_on {
    maru_frame frame;
    maru_timeout limit;
    struct worker_kid kid;
};

maru_async(gets_on)
{
    maru_result rc;
    maru_await(rc, maru_within(&me->limit, NEVER,
                               maru_call(worker_kid, &me->kid, .limit = &me->limit)));
    WANT(maru_timed_out(&me->limit) && me->kid.i == 5);
    maru_return(rc);
}
maru_end;

Test(async_within, what_is_limited_may_move_its_own_limit)
{
    EVERYWHERE(-ETIMEDOUT, gets_on);
}
