/* test_join.c - handles: spawn, cancel, detach, and J1 to J3 of the wait for a task's end. */
#include "maru/task.h"

#include "tests/support/fake_tasks.h"

static struct fake fake;
static struct gate gates[4];

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(join, .init = begin, .fini = end);

struct waits {
    maru_frame frame;
    struct gate *gate;
};

maru_async(waits)
{
    maru_result rc;
    maru_await(rc, gate_wait(me->gate));
    maru_return(rc);
}
maru_end;

struct joins {
    maru_frame frame;
    maru_task *task;
    maru_join_wait wait;
    bool detaches;
};

maru_async(joins)
{
    maru_result rc;
    maru_await(rc, maru_join_task(&me->wait, me->task));
    if (me->detaches)
        maru_detach(me->task);
    maru_return(rc);
}
maru_end;

Test(join, a_join_waits_for_the_end_and_gives_the_handle_back)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    maru_task *joiner = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    fake_run(&fake);
    cr_assert(task->state & STATE_JOINER);
    gate_open(&gates[0], 11);
    fake_run(&fake);
    cr_assert_eq(fake_live(&fake), 1u, "J1");
    cr_assert_eq(fake_take_result(joiner), 11);
}

Test(join, a_join_of_an_ended_task_delivers_at_once)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    fake_run(&fake);
    gate_open(&gates[0], -EPIPE);
    fake_run(&fake);
    unsigned polls = fake.polls;
    maru_task *joiner = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    fake_run(&fake);
    cr_assert_eq(fake.polls, polls + 1);
    cr_assert_eq(fake_take_result(joiner), -EPIPE);
}

Test(join, a_task_has_one_join_at_a_time)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    maru_task *first = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    maru_task *second = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(second), -EBUSY);
    gate_open(&gates[0], 1);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(first), 1);
}

Test(join, no_task_is_invalid)
{
    maru_task *joiner = FAKE_START(&fake, STATE_HANDLE, joins, .task = NULL);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(joiner), -EINVAL);
}

struct joins_itself {
    maru_frame frame;
    maru_join_wait wait;
};

maru_async(joins_itself)
{
    maru_result rc;
    maru_await(rc, maru_join_task(&me->wait, context_here()->task));
    maru_return(rc);
}
maru_end;

Test(join, a_task_that_joins_itself_is_told_so)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, joins_itself);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), -EDEADLK);
}

Test(join, a_cancelled_join_leaves_task_and_handle_alone)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    maru_task *joiner = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    fake_run(&fake);
    maru_cancel(joiner);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(joiner), -ECANCELED);
    cr_assert_not(task->state & (STATE_JOINER | STATE_CANCELLED));
    cr_assert_null(task->owner);
    gate_open(&gates[0], 2);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), 2);
}

Test(join, after_a_cancelled_join_another_may_wait)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    maru_task *first = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    fake_run(&fake);
    maru_cancel(first);
    fake_run(&fake);
    maru_task *second = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    fake_run(&fake);
    gate_open(&gates[0], 3);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(first), -ECANCELED);
    cr_assert_eq(fake_take_result(second), 3);
}

Test(join, a_join_cancelled_after_the_end_delivers_all_the_same)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    maru_task *joiner = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    fake_run(&fake);
    gate_open(&gates[0], 4);
    cr_assert(fake_run_one(&fake));
    cr_assert(task->state & STATE_DONE);
    maru_cancel(joiner);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(joiner), 4, "J3");
}

Test(join, a_join_that_begins_cancelled_takes_only_what_has_ended)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    fake_run(&fake);
    maru_task *early = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    maru_cancel(early);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(early), -ECANCELED);
    gate_open(&gates[0], 5);
    fake_run(&fake);
    maru_task *late = FAKE_START(&fake, STATE_HANDLE, joins, .task = task);
    maru_cancel(late);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(late), 5);
}

Test(join, cancelling_nothing_the_ended_and_the_cancelled_is_fine)
{
    maru_cancel(NULL);
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    fake_run(&fake);
    maru_cancel(task);
    maru_cancel(task);
    cr_assert_eq(fake_queued(&fake), 1u, "T1");
    fake_run(&fake);
    maru_cancel(task);
    cr_assert_eq(fake_queued(&fake), 0u);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(join, a_detached_task_goes_on_and_frees_itself)
{
    maru_detach(NULL);
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    fake_run(&fake);
    maru_detach(task);
    cr_assert_eq(fake_live(&fake), 1u);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_eq(fake_live(&fake), 0u);
}

/* ---- spawning ---- */

struct spawner {
    maru_frame frame;
    maru_task **ret_task;
    struct gate *gate;
};

maru_async(spawner)
{
    *me->ret_task = maru_spawn(waits, .gate = me->gate);
}
maru_end;

Test(join, a_spawned_task_is_queued_with_a_handle)
{
    maru_task *task = NULL;
    FAKE_START(&fake, 0, spawner, .ret_task = &task, .gate = &gates[0]);
    fake_run_one(&fake);
    cr_assert_not_null(task);
    cr_assert_eq(fake_last_why(&fake), SCHEDULE_SPAWNED);
    cr_assert(task->state & STATE_HANDLE);
    fake_run(&fake);
    gate_open(&gates[0], 8);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), 8);
}

Test(join, nothing_is_spawned_outside_of_tasks)
{
    cr_assert_null(maru_spawn(waits, .gate = &gates[0]));
    cr_assert_eq(fake.local.spawned, 0u);
}

Test(join, nothing_is_spawned_while_shutting_down)
{
    maru_task *task = (maru_task *)(void *)&fake;
    fake.local.closed = true;
    FAKE_START(&fake, 0, spawner, .ret_task = &task, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_null(task);
}

Test(join, no_memory_is_no_task)
{
    maru_task *task = (maru_task *)(void *)&fake;
    FAKE_START(&fake, 0, spawner, .ret_task = &task, .gate = &gates[0]);
    void *slots[4096], *slot;
    unsigned count = 0;
    fake.alloc.fail_at = 1;
    const size_t size = sizeof(maru_task) + sizeof(struct waits);
    while (count < 4096 && (slot = slab_get(&fake.local.tasks, size)))
        slots[count++] = slot;
    fake.alloc.fail_at = 1;
    fake_run(&fake);
    cr_assert_null(task);
    while (count > 0)
        slab_put(slots[--count], &fake.local);
}
