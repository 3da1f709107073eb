/* test_task.c - making, polling, ending and freeing tasks, detached ones and children. */
#include "runtime/task/task.h"

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

TestSuite(task, .init = begin, .fini = end);

struct plain {
    maru_frame frame;
    maru_result value;
    int *runs;
    unsigned char bytes[300];
};

maru_async(plain)
{
    if (me->runs)
        ++*me->runs;
    maru_return(me->value);
}
maru_end;

Test(task, a_new_one_is_notified_fresh_and_in_no_queue)
{
    struct plain image = { .frame = { .future_ = { .type_ = &plain_async.type } } };
    maru_task *task = task_new(&fake.local, &image.frame, sizeof image, STATE_HANDLE);
    cr_assert_eq(task->state, (uint64_t)(STATE_LIVE | STATE_FRESH | STATE_NOTIFIED | STATE_ROOT |
                                         STATE_HANDLE));
    cr_assert_eq(fake_queued(&fake), 0u);
    cr_assert_eq(fake.local.spawned, 1u);
    cr_assert_null(task->owner);
    task_unspawn(&fake.local, task);
}

Test(task, the_image_is_copied_whole_behind_the_header)
{
    struct plain image = { .frame = { .future_ = { .type_ = &plain_async.type } }, .value = 7 };
    memset(image.bytes, 0x3c, sizeof image.bytes);
    maru_task *task = task_new(&fake.local, &image.frame, sizeof image, 0);
    cr_assert_arr_eq(task_root(task), &image, sizeof image);
    cr_assert_eq((char *)task_root(task) - (char *)task, 32);
    task_unspawn(&fake.local, task);
}

Test(task, no_image_or_less_than_a_frame_is_refused)
{
    maru_frame frame = { .depth_ = 0 };
    cr_assert_null(task_new(&fake.local, NULL, 100, 0));
    cr_assert_null(task_new(&fake.local, &frame, sizeof frame - 1, 0));
    cr_assert_null(task_new(&fake.local, &frame, 0, 0));
    cr_assert_null(task_new(&fake.local, &frame, (size_t)UINT32_MAX + 1, 0));
    cr_assert_eq(fake.local.spawned, 0u);
}

Test(task, no_memory_is_null_and_counts_nothing)
{
    struct plain image = { .frame = { .future_ = { .type_ = &plain_async.type } } };
    fake.alloc.fail_at = 1;
    cr_assert_null(task_new(&fake.local, &image.frame, sizeof image, 0));
    cr_assert_eq(fake.local.spawned, 0u);
    fake.alloc.fail_at = 1;
    cr_assert_null(task_new(&fake.local, &image.frame, sizeof image, STATE_CHILD));
}

Test(task, a_task_that_is_taken_back_leaves_nothing)
{
    struct plain image = { .frame = { .future_ = { .type_ = &plain_async.type } } };
    task_unspawn(&fake.local, task_new(&fake.local, &image.frame, sizeof image, STATE_HANDLE));
    task_unspawn(&fake.local, task_new(&fake.local, &image.frame, sizeof image, STATE_CHILD));
    cr_assert_eq(fake_live(&fake), 0u);
    cr_assert_eq(fake.local.spawned, 2u);
    cr_assert_eq(fake.local.ended, 2u);
}

Test(task, one_poll_runs_a_task_that_need_not_wait)
{
    int runs = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, plain, .value = 5, .runs = &runs);
    fake_run(&fake);
    cr_assert_eq(runs, 1);
    cr_assert_eq(fake.polls, 1u);
    cr_assert_eq(fake_take_result(task), 5);
}

Test(task, without_a_handle_its_memory_goes_with_its_end)
{
    for (int i = 0; i < 100; i++)
        FAKE_START(&fake, 0, plain);
    cr_assert_eq(fake_live(&fake), 100u);
    fake_run(&fake);
    cr_assert_eq(fake_live(&fake), 0u);
    cr_assert_eq(fake.local.ended, 100u);
}

Test(task, a_handle_keeps_the_result_after_the_end)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, plain, .value = -EPIPE);
    cr_assert_not(maru_task_is_finished(task));
    fake_run(&fake);
    cr_assert(maru_task_is_finished(task));
    cr_assert_eq(fake.local.ended, 1u);
    cr_assert_eq(fake_live(&fake), 1u);
    cr_assert_eq(fake_take_result(task), -EPIPE);
}

Test(task, memory_is_used_again_by_the_next_one)
{
    maru_task *first = FAKE_START(&fake, 0, plain);
    fake_run(&fake);
    maru_task *second = FAKE_START(&fake, 0, plain);
    cr_assert_eq(first, second);
    fake_run(&fake);
}

struct waits {
    maru_frame frame;
    struct gate *gate;
    unsigned *budget;
};

maru_async(waits)
{
    maru_result rc;
    if (me->budget)
        *me->budget = context_here()->budget;
    maru_await(rc, gate_wait(me->gate));
    maru_return(rc);
}
maru_end;

Test(task, one_that_waits_is_idle_and_costs_no_poll)
{
    maru_task *task = FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_eq(task->state, (uint64_t)STATE_LIVE);
    cr_assert_null(task_root(task)->parent_, "the hint is consumed");
    cr_assert_eq(fake.polls, 1u);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_eq(fake.polls, 2u);
}

Test(task, every_poll_has_a_whole_budget)
{
    unsigned budget = 0;
    fake.local.budget = 17;
    FAKE_START(&fake, 0, waits, .gate = &gates[0], .budget = &budget);
    fake_run(&fake);
    cr_assert_eq(budget, 17u);
    gate_open(&gates[0], 0);
    fake_run(&fake);
}

struct wakes_itself {
    maru_frame frame;
    struct gate *gate;
};

static maru_result early_poll(maru_future *self, maru_context *cx)
{
    maru_result result = gate_poll(self, cx);
    if (result == MARU_PENDING)
        gate_open((struct gate *)(void *)self, 3);
    return result;
}

static const maru_future_type early_type = { early_poll, "early" };

maru_async(wakes_itself)
{
    maru_result rc;
    maru_await(rc, maru_future_init(&me->gate->leaf.future, &early_type));
    maru_return(rc);
}
maru_end;

Test(task, a_wake_during_its_poll_is_one_more_poll)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, wakes_itself, .gate = &gates[0]);
    cr_assert(fake_run_one(&fake));
    cr_assert_eq(fake_queued(&fake), 1u, "T3");
    cr_assert_eq(fake_last_why(&fake), SCHEDULE_AGAIN);
    fake_run(&fake);
    cr_assert_eq(fake.polls, 2u);
    cr_assert_eq(fake_take_result(task), 3);
}

Test(task, during_a_poll_the_context_names_the_task_and_after_it_none)
{
    maru_task *task = FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_null(context_here()->task);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_null(context_here()->task);
    (void)task;
}

Test(task, a_task_cancelled_before_its_first_poll_still_runs)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    maru_cancel(task);
    cr_assert_eq(fake_queued(&fake), 1u, "T1");
    fake_run(&fake);
    cr_assert_eq(gates[0].polls, 1u);
    cr_assert_eq(gates[0].ending, MARU_CANCEL);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

/* ---- children ---- */

struct parent {
    maru_frame frame;
    maru_scope kids;
    struct gate *gate;
    unsigned count;
    enum maru_scope_policy policy;
};

maru_async(parent)
{
    maru_scope_init(&me->kids, me->policy);
    for (unsigned i = 0; i < me->count; i++)
        maru_check(maru_scope_spawn(&me->kids, waits, .gate = &me->gate[i]));
    maru_try(maru_scope_wait(&me->kids));
}
maru_end;

Test(task, children_have_their_own_slab_and_their_own_reason)
{
    FAKE_START(&fake, 0, parent, .gate = gates, .count = 1, .policy = MARU_SCOPE_ALL);
    fake_run_one(&fake);
    cr_assert_eq(fake_last_why(&fake), SCHEDULE_CHILD);
    maru_task *child = fake.queue[(fake.tail - 1) % FAKE_QUEUE];
    cr_assert_eq(slab_of(task_child(child)), &fake.local.children);
    cr_assert(child->state & STATE_CHILD && child->state & STATE_LIFO);
    fake_run(&fake);
    gate_open(&gates[0], 0);
    fake_run(&fake);
}

Test(task, children_of_an_each_scope_are_spawned_like_detached_tasks)
{
    FAKE_START(&fake, 0, parent, .gate = gates, .count = 1, .policy = MARU_SCOPE_EACH);
    fake_run_one(&fake);
    cr_assert_eq(fake_last_why(&fake), SCHEDULE_SPAWNED);
    cr_assert_not(fake.queue[(fake.tail - 1) % FAKE_QUEUE]->state & STATE_LIFO);
    fake_run(&fake);
    gate_open(&gates[0], 0);
    fake_run(&fake);
}

Test(task, a_child_s_slot_goes_with_its_end_while_the_parent_lives)
{
    FAKE_START(&fake, 0, parent, .gate = gates, .count = 3);
    fake_run(&fake);
    cr_assert_eq(fake_live(&fake), 4u);
    gate_open(&gates[1], 0);
    fake_run(&fake);
    cr_assert_eq(fake_live(&fake), 3u);
    gate_open(&gates[0], 0);
    gate_open(&gates[2], 0);
    fake_run(&fake);
    cr_assert_eq(fake_live(&fake), 0u);
}

Test(task, a_child_that_is_linked_once_is_not_linked_twice)
{
    FAKE_START(&fake, 0, parent, .gate = gates, .count = 1);
    fake_run(&fake);
    maru_task *child = (maru_task *)(void *)gates[0].leaf.waker_;
    cr_assert_eq(task_child(child)->linked, 1u);
    child->waker.ops_->wake(&child->waker);
    fake_run(&fake);
    cr_assert_eq(task_child(child)->linked, 1u);
    cr_assert_null(task_child(child)->next);
    gate_open(&gates[0], 0);
    fake_run(&fake);
}
