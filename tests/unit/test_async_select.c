/* test_async_select.c - the first of several: at most one arm acquires, the losers have ended. */
#include "async_world.h"

ASYNC_SUITE(async_select);

struct one_winner {
    maru_frame frame;
    int ended, i, wins[3];
    struct ready a, b, c;
    struct never n;
};

maru_async(one_winner)
{
    maru_result arm;
    for (me->i = 0; me->i < 300; me->i++) {
        me->a.acquired = me->b.acquired = me->c.acquired = me->ended = 0;
        maru_select(arm, ready_start(&me->a, 10), ready_start(&me->b, -EIO),
                    ready_start(&me->c, 30), never_start(&me->n, 2, &me->ended));
        WANT(arm >= 0 && arm < 3);
        me->wins[arm]++;
        WANT(me->a.acquired + me->b.acquired + me->c.acquired == 1 && me->ended == 1);
        WANT(maru_result_of(&me->a) == (arm == 0 ? 10 : -ECANCELED));
        WANT(maru_result_of(&me->b) == (arm == 1 ? -EIO : -ECANCELED));
        WANT(maru_result_of(&me->c) == (arm == 2 ? 30 : -ECANCELED));
        WANT(maru_result_of(&me->n) == -ECANCELED);
    }
    /* The first ready arm from the start on wins: 150, 75 and 75 times; 20 is 7 sigma away. */
    WANT(me->wins[0] > 20 && me->wins[1] > 20 && me->wins[2] > 20);
}
maru_end;

/* conformance 69 */
Test(async_select, one_arm_acquires_the_others_have_ended_and_the_start_is_random)
{
    EVERYWHERE(0, one_winner);
}

struct late_winner {
    maru_frame frame;
    int ended;
    struct never a;
    struct later b;
    struct never c;
};

maru_async(late_winner)
{
    maru_result arm;
    maru_select(arm, never_start(&me->a, 3, &me->ended), later_start(&me->b, 2, 7),
                never_start(&me->c, 0, &me->ended));
    WANT(arm == 1 && me->ended == 2);
    WANT(maru_result_of(&me->b) == 7);
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->c) == -ECANCELED);
}
maru_end;

/* conformance 69 */
Test(async_select, losers_that_take_their_time_are_waited_for)
{
    EVERYWHERE(0, late_winner);
}

struct both_won {
    maru_frame frame;
    struct later a, b;
};

maru_async(both_won)
{
    maru_result arm;
    maru_select(arm, later_start(&me->a, 1, 11), later_start(&me->b, 3, 22));
    WANT(arm >= 0);
    WANT(maru_result_of(&me->a) == 11 && maru_result_of(&me->b) == 22);
}
maru_end;

Test(async_select, a_loser_that_succeeded_tells_its_result)
{
    EVERYWHERE(0, both_won);
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
    maru_await(later_start(&me->slow, 3, 0));
    ++*me->tidied;
}
maru_end;

struct kids {
    maru_frame frame;
    int tidied;
    struct kid a, b;
    struct later c;
};

maru_async(kids)
{
    maru_result arm;
    maru_select(arm, maru_call(kid, &me->a, .tidied = &me->tidied),
                maru_call(kid, &me->b, .tidied = &me->tidied), later_start(&me->c, 2, 0));
    WANT(arm == 2 && me->tidied == 2);
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->b) == -ECANCELED);
}
maru_end;

/* conformance 69 */
Test(async_select, losing_children_run_their_finally_first)
{
    EVERYWHERE(0, kids);
}

struct disabled {
    maru_frame frame;
    int i;
    struct ready a;
    struct later b;
};

maru_async(disabled)
{
    maru_result arm;
    for (me->i = 0; me->i < 50; me->i++) {
        maru_select(arm, NULL, ready_start(&me->a, 1), NULL);
        WANT(arm == 1);
        maru_select(arm, NULL, NULL, later_start(&me->b, 1, 5));
        WANT(arm == 2 && maru_result_of(&me->b) == 5);
    }
    maru_select(arm, NULL, NULL);
    maru_return(arm);
}
maru_end;

Test(async_select, a_null_arm_is_disabled_and_all_null_is_invalid)
{
    EVERYWHERE(-EINVAL, disabled);
}

struct single {
    maru_frame frame;
    struct later a;
};

maru_async(single)
{
    maru_result arm;
    maru_select(arm, later_start(&me->a, 2, -EIO));
    WANT(arm == 0 && maru_result_of(&me->a) == -EIO);
}
maru_end;

Test(async_select, an_arm_that_fails_is_a_winner_too)
{
    EVERYWHERE(0, single);
}

struct own_cancel {
    maru_frame frame;
    struct ready a;
    struct never b;
};

maru_async(own_cancel)
{
    maru_result arm;
    maru_select(arm, ready_start(&me->a, -ECANCELED), never_start(&me->b, 0, NULL));
    maru_return(arm);
}
maru_end;

Test(async_select, an_arm_whose_own_result_is_canceled_wins_as_any_other)
{
    EVERYWHERE(0, own_cancel);
}

/* Two arms that are always ready take turns in no order, in each of many runs of a seed. */
struct starts {
    maru_frame frame;
    int i;
    uint64_t order;
    struct ready a, b;
};

maru_async(starts)
{
    maru_result arm;
    for (me->i = 0; me->i < 60; me->i++) {
        maru_select(arm, ready_start(&me->a, 0), ready_start(&me->b, 0));
        me->order = me->order << 1 | (uint64_t)arm;
    }
    maru_return((maru_result)me->order);
}
maru_end;

static maru_result order_of_seed(uint64_t seed)
{
    maru_options options;
    maru_runtime *runtime;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.seed = seed;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, 0);
    maru_result order = maru_block_on(runtime, starts);
    world_free(runtime);
    return order;
}

/* conformance 69 */
Test(async_select, a_seed_fixes_the_order_and_another_one_changes_it)
{
    cr_assert_eq(order_of_seed(7), order_of_seed(7));
    cr_assert_neq(order_of_seed(7), order_of_seed(8));
    cr_assert_neq(order_of_seed(7), 0);
}

struct too_many {
    maru_frame frame;
    maru_future **many;
    struct ready ready;
};

maru_async(too_many)
{
    me->many = calloc(65536, sizeof *me->many);
    WANT(me->many);
    me->many[0] = ready_start(&me->ready, 1);
    maru_return(maru_frame_start_set(&me->frame, MARU_ANY_, 65536, me->many));
maru_finally:
    free(me->many);
}
maru_end;

Test(async_select, more_arms_than_an_index_can_name_are_refused)
{
    EVERYWHERE(-EINVAL, too_many);
}
