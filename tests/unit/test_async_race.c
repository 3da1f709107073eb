/* test_async_race.c - races, kept arms, settling, arms in order, arms in arrays. */
#include "async_world.h"

ASYNC_SUITE(async_race);

static maru_future *must_not_start(void)
{
    fprintf(stderr, "started, though it was in flight\n");
    abort();
}

/* ---- races ---- */

struct goes_on {
    maru_frame frame;
    int i, ended;
    struct later a, b;
    struct never c;
    maru_pause pause;
};

maru_async(goes_on)
{
    maru_result arm, n;
    maru_race(arm, later_start(&me->a, 1, 11), later_start(&me->b, 6, 22),
              never_start(&me->c, 2, &me->ended));
    WANT(arm == 0 && maru_result_of(&me->a) == 11);
    WANT(maru_result_of(&me->b) == MARU_PENDING && maru_result_of(&me->c) == MARU_PENDING);
    for (me->i = 0; me->i < 10; me->i++)
        maru_await(maru_yield(&me->pause));
    WANT(maru_result_of(&me->b) == 22);         /* it has ended, and nobody awaited it */
    maru_await(n, maru_keep(&me->b, must_not_start()));
    WANT(n == 22);
    maru_await(n, maru_keep(&me->b, later_start(&me->b, 1, 33)));
    WANT(n == 33);                              /* delivered once, then started anew */
    WANT(me->ended == 0);
maru_finally:
    WANT(me->ended == 1);
    WANT(maru_result_of(&me->c) == -ECANCELED);
}
maru_end;

Test(async_race, losers_go_on_and_keep_their_results_and_end_with_the_function)
{
    EVERYWHERE(0, goes_on);
}

struct awaited_later {
    maru_frame frame;
    struct later a, b;
};

maru_async(awaited_later)
{
    maru_result arm, n;
    maru_race(arm, later_start(&me->a, 1, 1), later_start(&me->b, 9, 2));
    WANT(arm == 0);
    maru_await(n, maru_keep(&me->b, must_not_start()));
    WANT(n == 2);
    maru_race(arm, later_start(&me->a, 9, 1), later_start(&me->b, 1, 2));
    WANT(arm == 1);
    maru_select(arm, maru_keep(&me->a, must_not_start()));
    WANT(arm == 0 && maru_result_of(&me->a) == 1);
    maru_race(arm, later_start(&me->a, 9, 1), later_start(&me->b, 1, 2));
    maru_join(arm, maru_keep(&me->a, must_not_start()), later_start(&me->b, 2, 3));
    WANT(arm == 0 && maru_result_of(&me->a) == 1 && maru_result_of(&me->b) == 3);
}
maru_end;

Test(async_race, a_loser_can_be_awaited_later_alone_and_in_sets)
{
    EVERYWHERE(0, awaited_later);
}

/* Runs until somebody has done so many turns, and counts them in its frame. */
struct worker_bee {
    maru_frame frame;
    int turns, done;
    int *tidied;
    maru_pause pause;
};

maru_async(worker_bee)
{
    while (me->done < me->turns) {
        maru_try(maru_yield(&me->pause));
        me->done++;
    }
    maru_return(me->turns);
maru_finally:
    if (me->tidied)
        ++*me->tidied;
}
maru_end;

struct bees {
    maru_frame frame;
    int i, tidied;
    struct worker_bee fast, slow, endless;
    maru_pause pause;
};

maru_async(bees)
{
    maru_result arm, n;
    maru_race(arm, maru_call(worker_bee, &me->fast, .turns = 1),
              maru_call(worker_bee, &me->slow, .turns = 5),
              maru_call(worker_bee, &me->endless, .turns = INT32_MAX, .tidied = &me->tidied));
    WANT(arm == 0);
    for (me->i = 0; me->i < 20; me->i++)
        maru_await(maru_yield(&me->pause));
    WANT(me->slow.done == 5 && maru_result_of(&me->slow) == 5);
    WANT(me->endless.done > 5 && maru_result_of(&me->endless) == MARU_PENDING);
    maru_await(n, maru_call(worker_bee, &me->slow, .turns = 2));    /* it is free again */
    WANT(n == 2);
maru_finally:
    WANT(me->tidied == 1);
}
maru_end;

Test(async_race, called_functions_that_lost_go_on_and_their_finally_runs)
{
    EVERYWHERE(0, bees);
}

struct ready_race {
    maru_frame frame;
    int i, wins[3];
    struct ready a, b, c;
};

maru_async(ready_race)
{
    maru_result arm;
    for (me->i = 0; me->i < 300; me->i++) {
        me->a.acquired = me->b.acquired = me->c.acquired = 0;
        maru_race(arm, maru_keep(&me->a, ready_start(&me->a, 1)),
                  maru_keep(&me->b, ready_start(&me->b, 2)), ready_start(&me->c, 3));
        WANT(arm >= 0 && arm < 3);
        WANT(me->a.acquired + me->b.acquired + me->c.acquired <= 1);    /* 0: it had gone on */
        me->wins[arm]++;
        if (arm != 2)
            maru_await(maru_keep(&me->c, must_not_start()));
    }
    WANT(me->wins[0] > 50 && me->wins[1] > 50 && me->wins[2] > 50);
}
maru_end;

Test(async_race, one_arm_acquires_and_none_is_always_first)
{
    EVERYWHERE(0, ready_race);
}

struct cancelled_race {
    maru_frame frame;
    uint32_t *up;
    int ended, *ended_in_body;
    struct never a, b;
};

maru_async(cancelled_race)
{
    maru_result arm;
    flag_raise(me->up);
    maru_race(arm, never_start(&me->a, 3, &me->ended), never_start(&me->b, 3, &me->ended));
    *me->ended_in_body = me->ended;
    maru_return(arm);
maru_finally:
    WANT(me->ended == 2);
}
maru_end;

struct cancels_race {
    maru_frame frame;
    uint32_t up;
    int ended_in_body;
    maru_task *task;
    maru_pause pause;
    maru_join_wait join;
};

maru_async(cancels_race)
{
    maru_result rc;
    me->task = maru_spawn(cancelled_race, .up = &me->up, .ended_in_body = &me->ended_in_body);
    WANT(me->task);
    while (!flag_is_up(&me->up))
        maru_try(maru_yield(&me->pause));
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->join, me->task));
    WANT(me->ended_in_body == 0);
    maru_return(rc);
}
maru_end;

Test(async_race, a_cancelled_one_ends_at_once_and_its_arms_before_finally)
{
    EVERYWHERE(-ECANCELED, cancels_race);
}

/* ---- kept arms ---- */

struct kept {
    maru_frame frame;
    int i, ticks, seen;
    struct later tick, message;
};

maru_async(kept)
{
    maru_result arm;
    while (me->ticks < 3) {
        maru_select(arm, later_start(&me->message, 1, 0),
                    maru_keep(&me->tick, later_start(&me->tick, 10, 5)));
        maru_check(arm);
        WANT(me->seen++ < 300);
        if (arm == 0) {
            WANT(maru_result_of(&me->tick) == MARU_PENDING);
        } else {
            me->ticks++;
            WANT(maru_result_of(&me->tick) == 5);
        }
    }
    WANT(me->seen > 12);
}
maru_end;

Test(async_race, a_kept_arm_goes_on_over_many_selects)
{
    EVERYWHERE(0, kept);
}

struct rests {
    maru_frame frame;
    int i, turns;
    struct later a, b;
    struct ready eager;
    maru_pause pause;
};

maru_async(rests)
{
    maru_result arm;
    maru_select(arm, later_start(&me->a, 1, 1),
                maru_keep(&me->b, later_start(&me->b, 9, 2)), NULL);
    WANT(arm == 0);
    maru_select_biased(arm, later_start(&me->a, 0, 1),
                       maru_keep(&me->eager, ready_start(&me->eager, 7)));
    WANT(arm == 0);
    me->turns = me->b.turns;
    for (me->i = 0; me->i < 20; me->i++)
        maru_await(maru_yield(&me->pause));
    WANT(me->b.turns == me->turns && me->eager.acquired == 0);   /* neither was polled meanwhile */
    WANT(maru_result_of(&me->eager) == MARU_PENDING);
    maru_await(arm, maru_keep(&me->eager, must_not_start()));
    WANT(arm == 7 && me->eager.acquired == 1);
maru_finally:
    WANT(maru_result_of(&me->b) != MARU_PENDING);
}
maru_end;

Test(async_race, what_a_select_spared_acquires_nothing_while_nobody_awaits_it)
{
    EVERYWHERE(0, rests);
}

struct kept_bee {
    maru_frame frame;
    int i, tidied;
    struct later a;
    struct worker_bee bee;
    maru_pause pause;
};

maru_async(kept_bee)
{
    maru_result arm, n;
    maru_select(arm, later_start(&me->a, 1, 1),
                maru_keep(&me->bee, maru_call(worker_bee, &me->bee, .turns = 5,
                                              .tidied = &me->tidied)));
    WANT(arm == 0 && me->tidied == 0);
    for (me->i = 0; me->i < 20; me->i++)
        maru_await(maru_yield(&me->pause));
    WANT(me->tidied == 1 && maru_result_of(&me->bee) == 5);
    WANT(maru_future_is_in_flight(&me->bee.frame.future_));     /* until it was delivered */
    maru_select(arm, maru_keep(&me->bee, must_not_start()));
    WANT(arm == 0 && maru_result_of(&me->bee) == 5);
    WANT(!maru_future_is_in_flight(&me->bee.frame.future_));
    maru_await(n, maru_keep(&me->bee, maru_call(worker_bee, &me->bee, .turns = 2)));
    WANT(n == 2);
}
maru_end;

Test(async_race, a_kept_function_goes_on_and_its_result_is_delivered_before_it_is_called_anew)
{
    EVERYWHERE(0, kept_bee);
}

struct once_kept {
    maru_frame frame;
    int ended;
    struct never a;
    struct later b;
    maru_future *again;
};

maru_async(once_kept)
{
    maru_result arm;
    maru_select(arm, maru_keep(&me->a, never_start(&me->a, 1, &me->ended)),
                later_start(&me->b, 1, 0));
    WANT(arm == 1 && me->ended == 0);
    maru_select(arm, &me->a.future, later_start(&me->b, 1, 0));
    WANT(arm == 1 && me->ended == 1);           /* this one was not asked to keep it */
    maru_select(arm, maru_keep(&me->a, NULL), later_start(&me->b, 1, 0));
    WANT(arm == 1);                             /* kept and disabled */
}
maru_end;

Test(async_race, keeping_holds_for_one_await)
{
    EVERYWHERE(0, once_kept);
}

struct kept_scope {
    maru_frame frame;
    int tidied;
    maru_scope kids;
    struct later a;
};

maru_async(kept_scope)
{
    maru_result arm;
    maru_check(maru_scope_spawn(&me->kids, worker_bee, .turns = 30, .tidied = &me->tidied));
    maru_select(arm, maru_keep(&me->kids, maru_scope_wait(&me->kids)), later_start(&me->a, 0, 1));
    WANT(arm >= 0);
    maru_try(maru_scope_wait(&me->kids));
    WANT(me->tidied == 1);
}
maru_end;

Test(async_race, a_kept_scope_is_not_cancelled_by_losing)
{
    EVERYWHERE(0, kept_scope);
}

/* A loop over one kept future that is always ready must let others run, too. */
struct keeps_ready {
    maru_frame frame;
    uint32_t *stop;
    int i;
    struct ready a;
};

maru_async(keeps_ready)
{
    for (me->i = 0; me->i < 10000 && !flag_is_up(me->stop); me->i++)
        maru_try(maru_keep(&me->a, ready_start(&me->a, 1)));
    maru_return(me->i);
}
maru_end;

struct stops {
    maru_frame frame;
    uint32_t *stop;
};

maru_async(stops)
{
    flag_raise(me->stop);
}
maru_end;

struct kept_budget {
    maru_frame frame;
    uint32_t stop;
    maru_scope kids;
    maru_task *task;
    maru_join_wait join;
};

maru_async(kept_budget)
{
    maru_result n;
    me->task = maru_spawn(keeps_ready, .stop = &me->stop);
    WANT(me->task);
    maru_check(maru_scope_spawn(&me->kids, stops, .stop = &me->stop));
    maru_await(n, maru_join_task(&me->join, me->task));
    WANT(n <= 129);
}
maru_end;

Test(async_race, a_kept_future_that_is_always_ready_runs_out_of_budget)
{
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(maru_block_on(runtime, kept_budget), 0);
    world_free(runtime);
}

/* ---- settling ---- */

struct settles {
    maru_frame frame;
    struct later a, b, c, d;
};

maru_async(settles)
{
    maru_result n;
    maru_settle(n, later_start(&me->a, 3, -EIO), later_start(&me->b, 1, 5),
                later_start(&me->c, 0, -ECANCELED), later_start(&me->d, 6, 7));
    WANT(n == 2);
    WANT(maru_result_of(&me->a) == -EIO && maru_result_of(&me->b) == 5);
    WANT(maru_result_of(&me->c) == -ECANCELED && maru_result_of(&me->d) == 7);
    maru_settle(n, later_start(&me->a, 0, 0));
    WANT(n == 0);
}
maru_end;

/* conformance 70 */
Test(async_race, settling_waits_for_all_cancels_nobody_and_counts_failures)
{
    EVERYWHERE(0, settles);
}

struct settles_cancelled {
    maru_frame frame;
    uint32_t *up;
    struct never a, b;
};

maru_async(settles_cancelled)
{
    maru_result n;
    flag_raise(me->up);
    maru_settle(n, never_start(&me->a, 2, NULL), never_start(&me->b, 0, NULL));
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->b) == -ECANCELED);
    maru_return(n);
}
maru_end;

struct cancels_settle {
    maru_frame frame;
    uint32_t up;
    maru_task *task;
    maru_pause pause;
    maru_join_wait join;
};

maru_async(cancels_settle)
{
    maru_result rc;
    me->task = maru_spawn(settles_cancelled, .up = &me->up);
    WANT(me->task);
    while (!flag_is_up(&me->up))
        maru_try(maru_yield(&me->pause));
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->join, me->task));
    maru_return(rc);
}
maru_end;

Test(async_race, a_cancelled_settling_waits_for_all_and_says_so)
{
    EVERYWHERE(-ECANCELED, cancels_settle);
}

/* ---- arms in order ---- */

struct in_order {
    maru_frame frame;
    int i;
    struct ready a, b;
    struct later c, d;
};

maru_async(in_order)
{
    maru_result arm;
    for (me->i = 0; me->i < 100; me->i++) {
        maru_select_biased(arm, NULL, later_start(&me->c, 1, 0), ready_start(&me->a, 1),
                           ready_start(&me->b, 2));
        WANT(arm == 2);
        maru_select_biased(arm, ready_start(&me->b, 2), ready_start(&me->a, 1));
        WANT(arm == 0);
        maru_select_biased(arm, maru_keep(&me->d, later_start(&me->d, 5, 0)),
                           ready_start(&me->b, 2));
        WANT(arm == (me->i % 6 == 5 ? 0 : 1));  /* the kept arm stays in front */
    }
}
maru_end;

/* conformance 69 */
Test(async_race, biased_arms_are_polled_in_order_and_kept_ones_keep_their_place)
{
    EVERYWHERE(0, in_order);
}

/* ---- disabled arms, arrays ---- */

enum { MANY = 300 };

struct arrays {
    maru_frame frame;
    int i;
    struct later *arms;
    maru_future **futures;
    struct ready ready;
};

static void arm_all(struct arrays *me, int winner)
{
    for (int i = 0; i < MANY; i++)
        me->futures[i] = i % 2 ? NULL : later_start(&me->arms[i], i == winner ? 1 : 50, i);
}

maru_async(arrays)
{
    maru_result rc;
    me->arms = calloc(MANY, sizeof *me->arms);
    me->futures = calloc(MANY, sizeof(maru_future *));
    WANT(me->arms && me->futures);
    arm_all(me, 200);
    maru_select_any(rc, me->futures, MANY);
    WANT(rc == 200 && maru_result_of(&me->arms[200]) == 200);
    WANT(maru_result_of(&me->arms[0]) != MARU_PENDING);
    arm_all(me, 44);
    maru_race_any(rc, me->futures, MANY);
    WANT(rc == 44 && maru_result_of(&me->arms[46]) == MARU_PENDING);
    for (me->i = 0; me->i < MANY; me->i += 2)
        if (me->i != 44) {
            maru_await(rc, maru_keep(&me->arms[me->i], must_not_start()));
            WANT(rc == me->i);
        }
    for (int i = 0; i < MANY; i++)
        me->futures[i] = later_start(&me->arms[i], i % 7, i % 10 == 3 ? -EIO : i);
    maru_settle_all(rc, me->futures, MANY);
    WANT(rc == MANY / 10);
    for (int i = 0; i < MANY; i++)
        me->futures[i] = later_start(&me->arms[i], i % 7, i);
    maru_join_all(rc, me->futures, MANY);
    WANT(rc == 0);
    for (int i = 0; i < MANY; i++)
        me->futures[i] = later_start(&me->arms[i], i, i == 100 ? -EIO : 0);
    maru_join_all(rc, me->futures, MANY);
    WANT(rc == -EIO);
maru_finally:
    free(me->arms);
    free(me->futures);
}
maru_end;

Test(async_race, arms_may_be_an_array)
{
    EVERYWHERE(0, arrays);
}

struct nothing {
    maru_frame frame;
    maru_future *none[3];
    struct later a;
};

maru_async(nothing)
{
    maru_result rc;
    maru_select(rc, NULL, NULL);
    WANT(rc == -EINVAL);
    maru_select_biased(rc, NULL, NULL);
    WANT(rc == -EINVAL);
    maru_race(rc, NULL, NULL);
    WANT(rc == -EINVAL);
    maru_select_any(rc, me->none, 3);
    WANT(rc == -EINVAL);
    maru_race_any(rc, me->none, 0);
    WANT(rc == -EINVAL);
    maru_select_any(rc, NULL, 3);
    WANT(rc == -EINVAL);
    maru_join_all(rc, me->none, 0);
    WANT(rc == 0);
    maru_settle_all(rc, NULL, 0);
    WANT(rc == 0);
    maru_join_all(rc, NULL, 2);
    WANT(rc == -EINVAL);
    maru_join_all(rc, me->none, -1);
    WANT(rc == -EINVAL);
    WANT(maru_frame_start_set(&me->frame, MARU_ONE_, 3, me->none) == -EINVAL);
    WANT(maru_frame_start_set(&me->frame, 99, 3, me->none) == -EINVAL);
    maru_race(rc, NULL, later_start(&me->a, 2, 0), NULL);
    WANT(rc == 1);
    maru_select_biased(rc, NULL, NULL, later_start(&me->a, 2, 0));
    WANT(rc == 2);
}
maru_end;

/* conformance 69 */
Test(async_race, disabled_arms_keep_their_numbers_and_all_disabled_is_invalid)
{
    EVERYWHERE(0, nothing);
}

/* ---- all at once ---- */

/* Never waits: takes whatever budget there is. */
struct greedy {
    maru_frame frame;
    uint32_t *done;
    uint32_t *stop;
    struct ready ready;
};

maru_async(greedy)
{
    while (!flag_is_up(me->stop)) {
        maru_try(ready_start(&me->ready, 1));
        if (++*me->done == 20000)
            flag_raise(me->stop);
    }
}
maru_end;

struct greedies {
    maru_frame frame;
    uint32_t done[3], stop;
    struct greedy a, b, c;
};

maru_async(greedies)
{
    maru_result rc;
    maru_join(rc, maru_call(greedy, &me->a, .done = &me->done[0], .stop = &me->stop),
              maru_call(greedy, &me->b, .done = &me->done[1], .stop = &me->stop),
              maru_call(greedy, &me->c, .done = &me->done[2], .stop = &me->stop));
    WANT(rc == 0);
    for (int i = 0; i < 3; i++)
        WANT(me->done[i] > 15000);
}
maru_end;

/* conformance 70 */
Test(async_race, children_of_a_join_that_never_wait_get_their_shares)
{
    EVERYWHERE(0, greedies);
}

struct greedy_race {
    maru_frame frame;
    uint32_t done[2], stop;
    struct greedy loser, other;
    struct later a;
};

maru_async(greedy_race)
{
    maru_result arm;
    maru_race(arm, maru_call(greedy, &me->loser, .done = &me->done[0], .stop = &me->stop),
              later_start(&me->a, 1, 0));
    WANT(arm == 1);
    maru_await(maru_call(greedy, &me->other, .done = &me->done[1], .stop = &me->stop));
    WANT(me->done[0] > 1000 && me->done[1] > 1000);     /* 156 turns, each tossed for */
}
maru_end;

Test(async_race, a_loser_and_what_is_awaited_now_both_get_on)
{
    EVERYWHERE(0, greedy_race);
}
