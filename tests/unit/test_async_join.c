/* test_async_join.c - all of several: their order, and the first error that ends the others. */
#include "async_world.h"

ASYNC_SUITE(async_join);

struct part {
    maru_frame frame;
    int turns;
    maru_result value;
    struct later wait;
};

maru_async(part)
{
    maru_result n;
    maru_try(n, later_start(&me->wait, me->turns, me->value));
    maru_return(n);
}
maru_end;

struct in_order {
    maru_frame frame;
    struct part a, b, c;
};

maru_async(in_order)
{
    maru_result rc;
    maru_join(rc, maru_call(part, &me->a, .turns = 5, .value = 1),
              maru_call(part, &me->b, .turns = 0, .value = 2),
              maru_call(part, &me->c, .turns = 2, .value = 3));
    WANT(rc == 0);
    WANT(maru_result_of(&me->a) == 1);
    WANT(maru_result_of(&me->b) == 2);
    WANT(maru_result_of(&me->c) == 3);
}
maru_end;

/* conformance 70 */
Test(async_join, it_is_zero_when_all_went_well_and_each_keeps_its_result)
{
    EVERYWHERE(0, in_order);
}

struct polls {
    maru_future future;
    char **journal, name;
};

static maru_result polls_poll(maru_future *self, maru_context *cx)
{
    struct polls *polls = (struct polls *)(void *)self;
    (void)cx;
    *(*polls->journal)++ = polls->name;
    return 0;
}

static const maru_future_type polls_type = { polls_poll, "polls" };

static maru_future *polls_start(struct polls *polls, char **journal, char name)
{
    polls->journal = journal;
    polls->name = name;
    return maru_future_init(&polls->future, &polls_type);
}

struct starts_in_order {
    maru_frame frame;
    char journal[8], *at;
    struct polls a, b, c;
};

maru_async(starts_in_order)
{
    maru_result rc;
    me->at = me->journal;
    maru_join(rc, polls_start(&me->a, &me->at, 'a'), polls_start(&me->b, &me->at, 'b'),
              polls_start(&me->c, &me->at, 'c'));
    WANT(rc == 0);
    maru_return(me->journal[0] == 'a' && me->journal[1] == 'b' && me->journal[2] == 'c');
}
maru_end;

/* conformance 70 */
Test(async_join, they_start_in_the_order_they_are_written)
{
    EVERYWHERE(1, starts_in_order);
}

struct slow {
    maru_frame frame;
    int *tidied;
    struct never wait;
    struct later tidy;
};

maru_async(slow)
{
    maru_try(never_start(&me->wait, 2, NULL));
maru_finally:
    maru_await(later_start(&me->tidy, 3, 0));
    ++*me->tidied;
}
maru_end;

struct fails {
    maru_frame frame;
    int turns, tidied;
    struct slow a, c;
    struct part b;
    struct ready d;
};

maru_async(fails)
{
    maru_result rc;
    maru_join(rc, maru_call(slow, &me->a, .tidied = &me->tidied),
              maru_call(part, &me->b, .turns = me->turns, .value = -EIO),
              maru_call(slow, &me->c, .tidied = &me->tidied));
    WANT(me->tidied == 2);
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->c) == -ECANCELED);
    WANT(maru_result_of(&me->b) == -EIO);
    maru_return(rc);
}
maru_end;

/* conformance 70 */
Test(async_join, the_first_error_ends_the_rest_and_waits_for_their_finally)
{
    EVERYWHERE(-EIO, fails, .turns = 4);
}

Test(async_join, an_error_at_the_start_does_so_too)
{
    EVERYWHERE(-EIO, fails, .turns = 0);
}

struct two_errors {
    maru_frame frame;
    struct part a, b;
};

maru_async(two_errors)
{
    maru_result rc;
    maru_join(rc, maru_call(part, &me->a, .turns = 5, .value = -EPERM),
              maru_call(part, &me->b, .turns = 1, .value = -EIO));
    maru_return(rc);
}
maru_end;

/* conformance 70 */
Test(async_join, of_two_errors_the_first_in_time_is_told)
{
    EVERYWHERE(-EIO, two_errors);
}

struct refused {
    maru_frame frame;
    struct ready a, b;
};

maru_async(refused)
{
    maru_result rc;
    maru_join(rc, ready_start(&me->a, -EIO), ready_start(&me->b, 1));
    WANT(rc == -EIO);
    WANT(me->b.acquired == 0);
    WANT(maru_result_of(&me->b) == -ECANCELED);
    maru_return(rc);
}
maru_end;

Test(async_join, after_an_error_no_other_arm_acquires_anything)
{
    EVERYWHERE(-EIO, refused);
}

/* A set of sets: the innermost frames end in any order, and all is put together again. */
struct tree {
    maru_frame frame;
    int depth;
    struct tree *kids;
    maru_pause pause;
};

maru_async(tree)
{
    maru_result rc;
    if (me->depth == 0) {
        maru_try(maru_yield(&me->pause));
        maru_return(1);
    }
    me->kids = calloc(2, sizeof *me->kids);
    WANT(me->kids);
    maru_join(rc, maru_call(tree, &me->kids[0], .depth = me->depth - 1),
              maru_call(tree, &me->kids[1], .depth = me->depth - 1));
    WANT(rc == 0);
    maru_return(maru_result_of(&me->kids[0]) + maru_result_of(&me->kids[1]));
maru_finally:
    free(me->kids);
}
maru_end;

Test(async_join, joins_of_joins_add_up)
{
    EVERYWHERE(256, tree, .depth = 8);
}

struct again {
    maru_frame frame;
    int i, total;
    struct part a, b;
};

maru_async(again)
{
    for (me->i = 0; me->i < 1000; me->i++) {
        maru_result rc;
        maru_join(rc, maru_call(part, &me->a, .turns = me->i % 3, .value = 1),
                  maru_call(part, &me->b, .turns = me->i % 2, .value = 2));
        WANT(rc == 0);
        me->total += (int)(maru_result_of(&me->a) + maru_result_of(&me->b));
    }
    maru_return(me->total);
}
maru_end;

Test(async_join, the_same_frames_can_be_called_again_and_again)
{
    EVERYWHERE(3000, again);
}
