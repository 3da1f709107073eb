/* test_async_phases.c - the phases of an async function: body, its futures end, finally, its
 * futures end, done; and the one result, published by done. */
#include "async_world.h"

#include <string.h>

ASYNC_SUITE(async_phases);

/* ---- results ---- */

struct gives {
    maru_frame frame;
    int way;
    maru_pause pause;
};

enum { RUNS_OFF, BREAKS, RETURNS, CHECKS, TRIES, RETURNS_ERROR };

maru_async(gives)
{
    maru_await(maru_yield(&me->pause));
    if (me->way == BREAKS)
        break;
    if (me->way == RETURNS)
        maru_return(INT64_MAX);
    if (me->way == RETURNS_ERROR)
        maru_return(-EIO);
    if (me->way == CHECKS)
        maru_check(-EPERM);
    if (me->way == TRIES)
        maru_try(maru_future_ready(&me->pause.future_, -ENXIO));
}
maru_end;

Test(async_phases, running_off_the_end_is_zero)
{
    EVERYWHERE(0, gives, .way = RUNS_OFF);
}

Test(async_phases, a_break_at_the_top_is_zero)
{
    EVERYWHERE(0, gives, .way = BREAKS);
}

Test(async_phases, return_gives_any_value)
{
    EVERYWHERE(INT64_MAX, gives, .way = RETURNS);
    EVERYWHERE(-EIO, gives, .way = RETURNS_ERROR);
}

Test(async_phases, check_and_try_leave_with_the_error)
{
    EVERYWHERE(-EPERM, gives, .way = CHECKS);
    EVERYWHERE(-ENXIO, gives, .way = TRIES);
}

/* ---- finally ---- */

enum { JOURNAL_BYTES = 16 };

/* Journals are zeroed; a full one takes no more. */
static void note(char *journal, char what)
{
    size_t len = strlen(journal);
    if (len + 1 < JOURNAL_BYTES)
        journal[len] = what;
}

struct tidy {
    maru_frame frame;
    maru_result body, in_finally;
    int way, *finallies;
    char *journal;
    maru_pause pause;
    maru_sleep nap;
};

maru_async(tidy)
{
    note(me->journal, 'b');
    if (me->way == BREAKS)
        break;
    maru_try(maru_yield(&me->pause));
    maru_check(me->body);
    if (me->way == RETURNS)
        maru_return(me->body);
    note(me->journal, 'e');
maru_finally:
    ++*me->finallies;
    note(me->journal, '[');
    maru_await(maru_yield(&me->pause));
    maru_await(maru_sleep_for(&me->nap, 1));
    note(me->journal, ']');
    maru_return(me->in_finally);
}
maru_end;

struct tidy_parent {
    maru_frame frame;
    struct tidy kid;
    int finallies;
    char journal[JOURNAL_BYTES];
};

#define TIDY(...)                                                                               \
    (memset(me->journal, 0, sizeof me->journal), me->finallies = 0,                             \
     maru_call(tidy, &me->kid, .finallies = &me->finallies, .journal = me->journal, __VA_ARGS__))

maru_async(tidy_parent)
{
    maru_result n;
    maru_await(n, TIDY(.way = RUNS_OFF));
    WANT(n == 0 && me->finallies == 1 && !strcmp(me->journal, "be[]"));
    maru_await(n, TIDY(.way = BREAKS));
    WANT(n == 0 && me->finallies == 1 && !strcmp(me->journal, "b[]"));
    maru_await(n, TIDY(.way = RETURNS, .body = 7));
    WANT(n == 7 && me->finallies == 1 && !strcmp(me->journal, "b[]"));
    maru_await(n, TIDY(.body = -EIO));
    WANT(n == -EIO && me->finallies == 1 && !strcmp(me->journal, "b[]"));
}
maru_end;

Test(async_phases, finally_runs_once_by_every_road_and_before_the_result)
{
    EVERYWHERE(0, tidy_parent);
}

struct error_parent {
    maru_frame frame;
    struct tidy kid;
    int finallies;
    char journal[JOURNAL_BYTES];
};

maru_async(error_parent)
{
    maru_result n;
    maru_await(n, TIDY(.way = RETURNS, .body = 7, .in_finally = -EIO));
    WANT(n == -EIO);
    maru_await(n, TIDY(.way = RETURNS, .body = 7, .in_finally = 3));
    WANT(n == 7);
    maru_await(n, TIDY(.body = -EPERM, .in_finally = -EIO));
    WANT(n == -EPERM);
    maru_await(n, TIDY(.body = -EPERM, .in_finally = 3));
    WANT(n == -EPERM);
}
maru_end;

Test(async_phases, finally_adds_an_error_and_hides_none)
{
    EVERYWHERE(0, error_parent);
}

struct leaves_finally {
    maru_frame frame;
    int way, *past;
    struct ready ready;
};

maru_async(leaves_finally)
{
    maru_return(5);
maru_finally:
    if (me->way == CHECKS)
        maru_check(-EPERM);
    if (me->way == TRIES)
        maru_try(ready_start(&me->ready, -ENXIO));
    if (me->way == RETURNS)
        maru_return(9);
    ++*me->past;
}
maru_end;

struct leaves_finally_parent {
    maru_frame frame;
    struct leaves_finally kid;
    int past;
};

maru_async(leaves_finally_parent)
{
    maru_result n;
    maru_await(n, maru_call(leaves_finally, &me->kid, .way = CHECKS, .past = &me->past));
    WANT(n == -EPERM);
    maru_await(n, maru_call(leaves_finally, &me->kid, .way = TRIES, .past = &me->past));
    WANT(n == -ENXIO);
    maru_await(n, maru_call(leaves_finally, &me->kid, .way = RETURNS, .past = &me->past));
    WANT(n == 5 && me->past == 0);
    maru_await(n, maru_call(leaves_finally, &me->kid, .way = RUNS_OFF, .past = &me->past));
    WANT(n == 5 && me->past == 1);
}
maru_end;

Test(async_phases, check_try_and_return_end_finally)
{
    EVERYWHERE(0, leaves_finally_parent);
}

/* ---- the result is published by done ---- */

struct shy {
    maru_frame frame;
    bool *tidied;
    maru_pause pause;
};

maru_async(shy)
{
    maru_await(maru_yield(&me->pause));
    maru_return(7);
maru_finally:
    WANT(maru_result_of(me) == MARU_PENDING);
    maru_await(maru_yield(&me->pause));
    WANT(maru_result_of(me) == MARU_PENDING);
    *me->tidied = true;
}
maru_end;

struct shy_parent {
    maru_frame frame;
    bool tidied;
    struct shy *kid;
};

maru_async(shy_parent)
{
    maru_result n;
    me->kid = calloc(1, sizeof *me->kid);
    maru_await(n, maru_call(shy, me->kid, .tidied = &me->tidied));
    WANT(n == 7 && me->tidied && maru_result_of(me->kid) == 7);
    free(me->kid);                          /* nothing of the child is in the way */
    maru_return(n);
}
maru_end;

Test(async_phases, the_result_appears_after_finally)
{
    EVERYWHERE(7, shy_parent);
}

/* ---- leaving with something in flight ---- */

/* Starts what it will not await: the plain function under maru_await. */
#define START(future) (maru_frame_start(&me->frame, (future)) == MARU_PENDING)

struct leaver {
    maru_frame frame;
    maru_result result;
    int *ended, *order;
    struct never a, b;
    maru_sleep nap;
    char *buffer;
};

maru_async(leaver)
{
    me->buffer = malloc(16);
    WANT(START(never_start(&me->a, 0, me->ended)));
    WANT(START(never_start(&me->b, 3, me->ended)));
    WANT(START(maru_sleep_for(&me->nap, 3600 * MARU_SEC)));
    maru_return(me->result);
maru_finally:
    WANT(*me->ended == 2);
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->b) == -ECANCELED);
    WANT(maru_result_of(&me->nap) == -ECANCELED);
    free(me->buffer);                       /* nobody uses it any more */
    *me->order = 1;
}
maru_end;

struct leaver_parent {
    maru_frame frame;
    struct leaver kid;
    int ended, order;
};

maru_async(leaver_parent)
{
    maru_result n;
    maru_await(n, maru_call(leaver, &me->kid, .result = 5, .ended = &me->ended,
                            .order = &me->order));
    WANT(n == 5 && me->order == 1);
    me->ended = me->order = 0;
    maru_await(n, maru_call(leaver, &me->kid, .result = -EIO, .ended = &me->ended,
                            .order = &me->order));
    WANT(n == -EIO && me->order == 1);
}
maru_end;

Test(async_phases, operations_in_flight_end_before_finally)
{
    EVERYWHERE(0, leaver_parent);
}

struct slow_kid {
    maru_frame frame;
    int *tidied;
    struct never wait;
    struct later slow;
};

maru_async(slow_kid)
{
    maru_try(never_start(&me->wait, 2, NULL));
maru_finally:
    maru_await(later_start(&me->slow, 3, 0));
    ++*me->tidied;
}
maru_end;

struct leaves_kids {
    maru_frame frame;
    int tidied;
    struct slow_kid a, b;
};

maru_async(leaves_kids)
{
    WANT(START(maru_call(slow_kid, &me->a, .tidied = &me->tidied)));
    WANT(START(maru_call(slow_kid, &me->b, .tidied = &me->tidied)));
    maru_return(11);
maru_finally:
    WANT(me->tidied == 2);
    WANT(maru_result_of(&me->a) == -ECANCELED && maru_result_of(&me->b) == -ECANCELED);
}
maru_end;

Test(async_phases, children_by_value_end_with_their_finally_before_the_parents)
{
    EVERYWHERE(11, leaves_kids);
}

struct leaves_finally_busy {
    maru_frame frame;
    int *ended;
    struct never wait;
};

maru_async(leaves_finally_busy)
{
    maru_return(2);
maru_finally:
    WANT(START(never_start(&me->wait, 2, me->ended)));
}
maru_end;

struct busy_parent {
    maru_frame frame;
    int ended;
    struct leaves_finally_busy *kid;
};

maru_async(busy_parent)
{
    maru_result n;
    me->kid = calloc(1, sizeof *me->kid);
    maru_await(n, maru_call(leaves_finally_busy, me->kid, .ended = &me->ended));
    WANT(me->ended == 1);
    free(me->kid);
    maru_return(n);
}
maru_end;

Test(async_phases, what_finally_left_in_flight_ends_before_done)
{
    EVERYWHERE(2, busy_parent);
}
