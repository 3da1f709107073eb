/* test_yield.c - letting the others run. */
#include "maru/task.h"

#include "runtime/task/frame.h"
#include "tests/support/fake_tasks.h"

static struct fake fake;
static char order[64];

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(yield, .init = begin, .fini = end);

static void note(char letter)
{
    order[strlen(order)] = letter;
}

struct yields {
    maru_frame frame;
    maru_pause pause;
    char letter;
    unsigned times;
};

maru_async(yields)
{
    note(me->letter);
    while (me->times-- > 0) {
        maru_try(maru_yield(&me->pause));
        note(me->letter);
    }
}
maru_end;

Test(yield, tasks_that_yield_take_turns)
{
    FAKE_START(&fake, 0, yields, .letter = 'a', .times = 2);
    FAKE_START(&fake, 0, yields, .letter = 'b', .times = 2);
    FAKE_START(&fake, 0, yields, .letter = 'c', .times = 1);
    fake_run(&fake);
    cr_assert_str_eq(order, "abcabcab");
}

Test(yield, it_is_queued_by_itself_and_stays_running)
{
    maru_task *task = FAKE_START(&fake, 0, yields, .letter = 'a', .times = 1);
    fake_run_one(&fake);
    cr_assert_eq(fake_queued(&fake), 1u);
    cr_assert_eq(fake_last_why(&fake), SCHEDULE_AGAIN);
    cr_assert(task->state & STATE_RUNNING, "T1");
    cr_assert_not(task->state & STATE_NOTIFIED);
    fake_run(&fake);
}

Test(yield, the_yielding_frame_is_resumed_without_the_root)
{
    maru_task *task = FAKE_START(&fake, 0, yields, .letter = 'a', .times = 1);
    fake_run_one(&fake);
    cr_assert_eq(task_root(task)->parent_, task_root(task), "the hint is the runner's own");
    fake_run(&fake);
}

Test(yield, a_wake_meanwhile_does_not_queue_it_twice)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, yields, .letter = 'a', .times = 1);
    fake_run_one(&fake);
    task->waker.ops_->wake(&task->waker);
    cr_assert_eq(fake_queued(&fake), 1u);
    fake_run(&fake);
    cr_assert_str_eq(order, "aa");
    cr_assert_eq(fake_take_result(task), 0);
}

Test(yield, a_cancelled_task_does_not_yield)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, yields, .letter = 'a', .times = 5);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(fake.polls, 1u);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(yield, a_task_cancelled_while_it_is_queued_stops_there)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, yields, .letter = 'a', .times = 5);
    fake_run_one(&fake);
    maru_cancel(task);
    cr_assert_eq(fake_queued(&fake), 1u, "T1");
    fake_run(&fake);
    cr_assert_str_eq(order, "a");
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

struct races {
    maru_frame frame;
    maru_pause one, two;
};

maru_async(races)
{
    maru_result rc;
    maru_join(rc, maru_yield(&me->one), maru_yield(&me->two));
    maru_return(rc);
}
maru_end;

Test(yield, two_pauses_of_one_frame_are_one_more_poll)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, races);
    fake_run(&fake);
    cr_assert_eq(fake.polls, 2u);
    cr_assert_eq(fake_take_result(task), 0);
}
