/* test_budget.c - taking the budget by hand, consuming it, and sections without one. */
#include "runtime/task/budget.h"

#include "runtime/task/frame.h"
#include "tests/support/fake_tasks.h"
#include "tests/support/last_words.h"

#include <signal.h>

enum { BUDGET = 10, ROUNDS = 1000 };

static struct fake fake;
static struct gate gates[2];

static void begin(void)
{
    fake_begin(&fake);
    fake.local.budget = BUDGET;
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(budget, .init = begin, .fini = end);

/* A loop of this many ready operations, after a wait if there is a gate. */
struct loop {
    maru_frame frame;
    enum { CONSUME, READY, BY_HAND, SETS } way;
    int i;
    struct gate *gate;
    maru_pause pause;
    maru_future now, other;
};

maru_async(loop)
{
    maru_result rc;
    if (me->gate)
        maru_try(gate_wait(me->gate));
    for (me->i = 0; me->i < ROUNDS; me->i++) {
        if (me->way == CONSUME)
            maru_try(maru_budget_consume(&me->pause));
        if (me->way == READY)
            maru_try(maru_future_ready(&me->now, 0));
        if (me->way == SETS)
            maru_join(rc, maru_future_ready(&me->now, 0), maru_future_ready(&me->other, 0));
        if (me->way == BY_HAND && !maru_budget_take())
            maru_return(-EAGAIN);
    }
    (void)rc;
    maru_return(me->i);
}
maru_end;

struct section {
    maru_frame frame;
    bool limited;                /* a time limit stands between the section and the loop */
    int way;
    struct gate *gate;
    maru_section section;
    maru_timeout limit;
    struct loop loop;
};

maru_async(section)
{
    maru_result n;
    maru_future *inner = maru_call(loop, &me->loop, .way = me->way, .gate = me->gate);
    if (me->limited)
        inner = maru_within(&me->limit, MARU_SEC, inner);
    maru_await(n, maru_unconstrained(&me->section, inner));
    maru_return(n);
}
maru_end;

/* conformance 6 */
Test(budget, consuming_it_in_a_loop_lets_others_run_when_it_is_spent)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, loop, .way = CONSUME);
    fake_run(&fake);
    cr_assert_geq(fake.polls, (unsigned)ROUNDS / BUDGET - 15);
    cr_assert_leq(fake.polls, (unsigned)ROUNDS / BUDGET + 1);
    cr_assert_eq(fake_take_result(task), ROUNDS);
}

/* conformance 6 */
Test(budget, a_thousand_ready_operations_are_no_single_poll_but_in_a_section)
{
    for (int way = CONSUME; way <= SETS; way++) {
        if (way == BY_HAND)
            continue;
        fake.polls = 0;
        maru_task *task = FAKE_START(&fake, STATE_HANDLE, loop, .way = way);
        fake_run(&fake);
        cr_assert_gt(fake.polls, 1u);
        cr_assert_eq(fake_take_result(task), ROUNDS);
        fake.polls = 0;
        task = FAKE_START(&fake, STATE_HANDLE, section, .way = way);
        fake_run(&fake);
        cr_assert_eq(fake.polls, 1u);
        cr_assert_eq(fake_take_result(task), ROUNDS);
    }
}

Test(budget, a_section_holds_when_its_innermost_function_is_resumed_directly)
{
    for (int limited = 0; limited < 2; limited++) {
        fake.polls = 0;
        maru_task *task = FAKE_START(&fake, STATE_HANDLE, section, .way = READY,
                                     .limited = limited, .gate = &gates[0]);
        fake_run(&fake);
        gate_open(&gates[0], 0);
        fake_run(&fake);
        cr_assert_eq(fake.polls, 2u);
        cr_assert_eq(fake_take_result(task), ROUNDS);
    }
}

Test(budget, what_is_taken_by_hand_is_not_refused_in_a_section)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, loop, .way = BY_HAND);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), -EAGAIN);
    task = FAKE_START(&fake, STATE_HANDLE, section, .way = BY_HAND);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), ROUNDS);
}

struct cancelled {
    maru_frame frame;
    maru_pause pause;
};

maru_async(cancelled)
{
    maru_try(maru_budget_consume(&me->pause));
}
maru_end;

Test(budget, consuming_it_is_refused_when_cancelled)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, cancelled);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(budget, a_cancelled_section_cancels_what_is_in_it)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, section, .gate = &gates[0]);
    fake_run(&fake);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

static void section_of_null(void *section)
{
    maru_future *future = maru_unconstrained(section, NULL);
    cr_assert_null(future);
}

Test(budget, a_section_of_nothing_is_found)
{
    static maru_section section;
    struct last_words words = last_words_of(section_of_null, &section);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "section: an await of NULL"), "%s", words.text);
}
