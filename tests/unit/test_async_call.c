/* test_async_call.c - children by value and by pointer: arguments, results, recursion, and who is
 * resumed when a deep one goes on. */
#include "async_world.h"

ASYNC_SUITE(async_call);

struct add {
    maru_frame frame;
    int a, b;
    bool waits;
    maru_pause pause;
};

maru_async(add)
{
    if (me->waits)
        maru_try(maru_yield(&me->pause));
    maru_return(me->a + me->b);
}
maru_end;

struct adds {
    maru_frame frame;
    struct add kid;
};

maru_async(adds)
{
    maru_result n;
    maru_await(n, maru_call(add, &me->kid, .a = 3, .b = 4));
    WANT(n == 7 && maru_result_of(&me->kid) == 7);
    maru_await(n, maru_call(add, &me->kid, .b = 4, .waits = true));
    WANT(n == 4);
    maru_await(n, maru_call(add, &me->kid));
    WANT(n == 0);
}
maru_end;

Test(async_call, a_child_gets_its_arguments_and_the_others_are_zero)
{
    EVERYWHERE(0, adds);
}

struct argument_of_a_call {
    maru_frame frame;
    int calls;
    struct add kid;
};

static int counted(int *calls)
{
    return ++*calls;
}

maru_async(argument_of_a_call)
{
    maru_result n;
    maru_await(n, maru_call(add, &me->kid, .a = counted(&me->calls), .waits = true));
    WANT(me->calls == 1);
    maru_return(n);
}
maru_end;

Test(async_call, arguments_are_evaluated_once)
{
    EVERYWHERE(1, argument_of_a_call);
}

/* ---- recursion: the child's frame by pointer ---- */

struct deep {
    maru_frame frame;
    int levels, *tidied;
    bool waits;
    struct deep *kid;
    maru_pause pause;
};

maru_async(deep)
{
    maru_result n;
    if (me->levels == 1) {
        if (me->waits) {
            maru_try(maru_yield(&me->pause));
            maru_try(maru_yield(&me->pause));
        }
        maru_return(1);
    }
    me->kid = calloc(1, sizeof *me->kid);
    WANT(me->kid);
    maru_try(n, maru_call(deep, me->kid, .levels = me->levels - 1, .tidied = me->tidied,
                          .waits = me->waits));
    maru_return(n + 1);
maru_finally:
    free(me->kid);
    ++*me->tidied;
}
maru_end;

struct digs {
    maru_frame frame;
    int levels, tidied;
    bool waits;
    struct deep first;
};

maru_async(digs)
{
    maru_result n;
    maru_await(n, maru_call(deep, &me->first, .levels = me->levels, .tidied = &me->tidied,
                            .waits = me->waits));
    WANT(n < 0 || me->tidied == n);
    maru_return(n < 0 ? n : me->tidied);
}
maru_end;

Test(async_call, functions_call_each_other_as_deep_as_depth_max)
{
    EVERYWHERE(MARU_DEPTH_MAX, digs, .levels = MARU_DEPTH_MAX);
    EVERYWHERE(MARU_DEPTH_MAX, digs, .levels = MARU_DEPTH_MAX, .waits = true);
}

Test(async_call, one_level_more_is_an_error_and_all_above_tidy_up)
{
    EVERYWHERE(-MARU_EDEPTH, digs, .levels = MARU_DEPTH_MAX + 1);
    EVERYWHERE(-MARU_EDEPTH, digs, .levels = MARU_DEPTH_MAX + 1, .waits = true);
    EVERYWHERE(-MARU_EDEPTH, digs, .levels = INT32_MAX);
}

/* ---- waking a deep one from the root ---- */

struct bottom {
    maru_frame frame;
    int levels;
    uint32_t *begun;
    struct bottom *kid;
    struct never wait;
};

maru_async(bottom)
{
    if (me->levels == 1) {
        flag_raise(me->begun);
        maru_try(never_start(&me->wait, 1, NULL));
    }
    me->kid = calloc(1, sizeof *me->kid);
    WANT(me->kid);
    maru_try(maru_call(bottom, me->kid, .levels = me->levels - 1, .begun = me->begun));
maru_finally:
    free(me->kid);
}
maru_end;

struct cancels_bottom {
    maru_frame frame;
    uint32_t begun;
    maru_task *task;
    maru_join_wait join;
    maru_pause pause;
};

maru_async(cancels_bottom)
{
    maru_result rc;
    me->task = maru_spawn(bottom, .levels = MARU_DEPTH_MAX, .begun = &me->begun);
    WANT(me->task);
    while (!flag_is_up(&me->begun))
        maru_await(maru_yield(&me->pause));
    maru_cancel(me->task);
    maru_await(rc, maru_join_task(&me->join, me->task));
    maru_return(rc);
}
maru_end;

Test(async_call, cancel_reaches_the_deepest_frame)
{
    EVERYWHERE(-ECANCELED, cancels_bottom);
}

/* ---- a child that is ready in time keeps its parent running ---- */

struct chain {
    maru_frame frame;
    int i;
    maru_result sum;
    struct add kid;
};

maru_async(chain)
{
    for (me->i = 0; me->i < 10000; me->i++) {
        maru_result n;
        maru_try(n, maru_call(add, &me->kid, .a = me->i, .waits = me->i % 100 == 0));
        me->sum += n;
    }
    maru_return(me->sum);
}
maru_end;

Test(async_call, many_calls_of_which_few_wait_add_up)
{
    EVERYWHERE(10000 * 9999 / 2, chain);
}

/* ---- only the innermost frame is resumed ---- */

struct counts {
    maru_future future;
    maru_future *inner;
    int polls;
};

static maru_result counts_poll(maru_future *self, maru_context *cx)
{
    struct counts *counts = (struct counts *)(void *)self;
    counts->polls++;
    return maru_future_poll(counts->inner, cx);
}

static const maru_future_type counts_type = { counts_poll, "counts" };

struct yields {
    maru_frame frame;
    int left;
    maru_pause pause;
    maru_sleep nap;
};

maru_async(yields)
{
    while (me->left-- > 0) {
        maru_try(maru_yield(&me->pause));
        maru_try(maru_sleep_for(&me->nap, 1));
    }
    maru_return(4);
}
maru_end;

struct counted_parent {
    maru_frame frame;
    struct counts counts;
    struct yields kid;
};

maru_async(counted_parent)
{
    maru_result n;
    me->counts.inner = maru_call(yields, &me->kid, .left = 5);
    maru_await(n, maru_future_init(&me->counts.future, &counts_type));
    WANT(n == 4);
    maru_return(me->counts.polls);
}
maru_end;

Test(async_call, a_parent_is_polled_when_its_child_starts_and_when_it_has_ended)
{
    EVERYWHERE(2, counted_parent);
}
