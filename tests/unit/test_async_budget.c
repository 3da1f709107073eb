/* test_async_budget.c - a task that never has to wait still lets the others run. Where the order of
 * turns matters, on a SINGLE runtime, for there it is fixed. */
#include "async_world.h"

#include "runtime/base/config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ASYNC_SUITE(async_budget);

enum way { ONE, JOIN, SELECT, WITHIN, CHILD, HAND };

struct taker {
    maru_frame frame;
    struct ready ready;
};

maru_async(taker)
{
    maru_try(ready_start(&me->ready, 1));
}
maru_end;

struct greedy {
    maru_frame frame;
    enum way way;
    uint32_t *stop;
    int i;
    struct ready a, b;
    maru_timeout limit;
    struct taker kid;
};

maru_async(greedy)
{
    maru_result rc;
    for (me->i = 0; me->i < 10000 && !flag_is_up(me->stop); me->i++) {
        if (me->way == ONE)
            maru_try(ready_start(&me->a, 1));
        if (me->way == JOIN)
            maru_join(rc, ready_start(&me->a, 1), ready_start(&me->b, 1));
        if (me->way == SELECT)
            maru_select(rc, ready_start(&me->a, 1), ready_start(&me->b, 1));
        if (me->way == WITHIN)
            maru_try(maru_within(&me->limit, MARU_SEC, ready_start(&me->a, 1)));
        if (me->way == CHILD)
            maru_try(maru_call(taker, &me->kid));
    }
    (void)rc;
    maru_return(me->i);
}
maru_end;

struct stopper {
    maru_frame frame;
    uint32_t *stop;
};

maru_async(stopper)
{
    flag_raise(me->stop);
}
maru_end;

struct fair {
    maru_frame frame;
    enum way way;
    uint32_t stop;
    maru_task *greedy;
    maru_join_wait join;
};

maru_async(fair)
{
    maru_result n;
    maru_task *stopper;
    me->greedy = maru_spawn(greedy, .way = me->way, .stop = &me->stop);
    stopper = maru_spawn(stopper, .stop = &me->stop);
    WANT(me->greedy && stopper);
    maru_detach(stopper);
    maru_await(n, maru_join_task(&me->join, me->greedy));
    maru_return(n);
}
maru_end;

static maru_result rounds_with(enum way way, uint32_t budget)
{
    maru_options options;
    maru_runtime *runtime;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.budget = budget;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, 0);
    maru_result rounds = maru_block_on(runtime, fair, .way = way);
    world_free(runtime);
    return rounds;
}

Test(async_budget, ready_awaits_run_out_of_it_after_128)
{
    cr_assert_eq(rounds_with(ONE, 0), 129);     /* the last one is the one that waited */
}

Test(async_budget, it_is_an_option)
{
    cr_assert_eq(rounds_with(ONE, 1), 2);
    cr_assert_eq(rounds_with(ONE, 1000), 1001);
}

Test(async_budget, ready_limits_run_out_of_it)
{
    cr_assert_eq(rounds_with(WITHIN, 0), 129);
}

Test(async_budget, what_a_child_acquires_is_charged_to_the_task)
{
    cr_assert_eq(rounds_with(CHILD, 0), 129);
}

Test(async_budget, ready_joins_run_out_of_it)
{
    cr_assert_leq(rounds_with(JOIN, 0), 129);
}

Test(async_budget, ready_selects_run_out_of_it)
{
    cr_assert_leq(rounds_with(SELECT, 0), 129);
}

/* ---- futures that take it by hand ---- */

struct takes {
    maru_future future;
    int left;
};

static maru_result takes_poll(maru_future *self, maru_context *cx)
{
    struct takes *takes = (struct takes *)(void *)self;
    while (takes->left > 0) {
        if (!maru_budget_take()) {
            cx->waker->ops_->wake(cx->waker);
            return MARU_PENDING;
        }
        takes->left--;
    }
    return 0;
}

static const maru_future_type takes_type = { takes_poll, "takes" };

struct by_hand {
    maru_frame frame;
    struct takes takes;
};

maru_async(by_hand)
{
    me->takes.left = 1000;
    maru_try(maru_future_init(&me->takes.future, &takes_type));
}
maru_end;

struct counts_turns {
    maru_frame frame;
    int turns;
    maru_task *task;
    maru_pause pause;
    maru_join_wait join;
};

maru_async(counts_turns)
{
    me->task = maru_spawn(by_hand);
    WANT(me->task);
    for (; !maru_task_is_finished(me->task); me->turns++)
        maru_try(maru_yield(&me->pause));
    maru_try(maru_join_task(&me->join, me->task));
    maru_return(me->turns);
}
maru_end;

Test(async_budget, a_future_that_takes_it_by_hand_has_as_much)
{
    maru_runtime *runtime = world_new(0);
    maru_result turns = maru_block_on(runtime, counts_turns);
    cr_assert_eq(turns, 1000 / 128 + 1);
    world_free(runtime);
}

Test(async_budget, outside_of_tasks_there_is_none)
{
    cr_assert_not(maru_budget_take());
    AS_GUEST(0, taker);                         /* what is left of its budget goes with it */
    cr_assert_not(maru_budget_take());
}

/* ---- sockets that are always ready ---- */

enum { BYTES = 1000 };

struct receives {
    maru_frame frame;
    int fd, i;
    maru_op io;
    char byte;
};

maru_async(receives)
{
    maru_result n;
    for (me->i = 0; me->i < BYTES; me->i++) {
        maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
        WANT(n == 1);
    }
}
maru_end;

struct counts_polls {
    maru_frame frame;
    bool in_section;
    int fds[2];
    uint64_t before;
    maru_section section;
    maru_future *all;
    struct receives kid;
    maru_op io;
    char bytes[BYTES];
};

static uint64_t polls_here(void)
{
    maru_metrics metrics = { .size = sizeof metrics };
    WANT(maru_metrics_read(maru_runtime_current(), &metrics) == 0);
    return metrics.polls;
}

/* Nobody else has anything to do but, once or twice, the guest who waits for it. */
maru_async(counts_polls)
{
    WANT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, me->fds) == 0);
    WANT(send(me->fds[1], me->bytes, BYTES, 0) == BYTES);
    me->before = polls_here();
    me->all = maru_call(receives, &me->kid, .fd = me->fds[0]);
    if (me->in_section)
        me->all = maru_unconstrained(&me->section, me->all);
    maru_try(me->all);
    uint64_t polls = polls_here() - me->before;
    WANT(me->in_section ? polls < 4 : polls >= BYTES / BUDGET_DEFAULT);
    close(me->fds[1]);
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

/* conformance 6 */
Test(async_budget, a_thousand_ready_receives_are_no_single_poll_but_in_a_section)
{
    EVERYWHERE(0, counts_polls, .in_section = false);
    EVERYWHERE(0, counts_polls, .in_section = true);
    AS_GUEST(0, counts_polls, .in_section = false);
    AS_GUEST(0, counts_polls, .in_section = true);
}

/* ---- yielding ---- */

enum { RUNNERS = 5, LAPS = 100 };

struct race {
    int laps[RUNNERS];
    int lead;                    /* the most that one was ahead of another */
};

struct runner {
    maru_frame frame;
    struct race *race;
    int id;
    maru_pause pause;
};

static void take_lap(struct race *race, int id)
{
    race->laps[id]++;
    for (int i = 0; i < RUNNERS; i++)
        if (race->laps[id] - race->laps[i] > race->lead)
            race->lead = race->laps[id] - race->laps[i];
}

maru_async(runner)
{
    while (me->race->laps[me->id] < LAPS) {
        take_lap(me->race, me->id);
        maru_try(maru_yield(&me->pause));
    }
}
maru_end;

struct track {
    maru_frame frame;
    struct race race;
    maru_scope runners;
};

maru_async(track)
{
    maru_scope_init(&me->runners, MARU_SCOPE_EACH);
    for (int i = 0; i < RUNNERS; i++)
        maru_check(maru_scope_spawn(&me->runners, runner, .race = &me->race, .id = i));
    maru_try(maru_scope_wait(&me->runners));
    maru_return(me->race.lead);
}
maru_end;

Test(async_budget, tasks_that_yield_take_turns)
{
    maru_runtime *runtime = world_new(0);
    maru_result lead = maru_block_on(runtime, track);
    cr_assert_eq(lead, 1);
    world_free(runtime);
}

struct both_yield {
    maru_frame frame;
    bool *other_ran;
    maru_pause a, b;
};

maru_async(both_yield)
{
    maru_result rc;
    maru_join(rc, maru_yield(&me->a), maru_yield(&me->b));
    WANT(rc == 0 && *me->other_ran);
    *me->other_ran = false;
    maru_select(rc, maru_yield(&me->a), maru_yield(&me->b));
    WANT(rc >= 0 && *me->other_ran);
}
maru_end;

struct runs_too {
    maru_frame frame;
    bool *ran;
    int laps;
    maru_pause pause;
};

maru_async(runs_too)
{
    while (me->laps-- > 0) {
        *me->ran = true;
        maru_try(maru_yield(&me->pause));
    }
}
maru_end;

struct yields_in_sets {
    maru_frame frame;
    int i;
    bool ran;
    maru_scope scope;
};

maru_async(yields_in_sets)
{
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    for (me->i = 0; me->i < 50; me->i++) {      /* whichever arm a select begins with */
        me->ran = false;
        maru_check(maru_scope_spawn(&me->scope, both_yield, .other_ran = &me->ran));
        maru_check(maru_scope_spawn(&me->scope, runs_too, .ran = &me->ran, .laps = 6));
        maru_try(maru_scope_wait(&me->scope));
    }
}
maru_end;

Test(async_budget, a_yield_in_a_join_or_select_lets_others_run_too)
{
    maru_runtime *runtime = world_new(0);
    maru_result rc = maru_block_on(runtime, yields_in_sets);
    cr_assert_eq(rc, 0);
    world_free(runtime);
}
