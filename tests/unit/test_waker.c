/* test_waker.c - the three steps of completing, one by one and in the orders that two threads may
 * bring about: T3, T6, T8 to T10. */
#include "runtime/task/waker.h"

#include "tests/support/fake_tasks.h"

static struct fake fake;

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(waker, .init = begin, .fini = end);

struct waits {
    maru_frame frame;
    struct gate *gate, *second;
};

maru_async(waits)
{
    maru_result rc;
    maru_await(rc, gate_wait(me->gate));
    if (me->second)
        maru_await(rc, gate_wait(me->second));
    maru_return(rc);
}
maru_end;

static struct gate gates[3];

Test(waker, completing_an_idle_task_takes_the_ticket_and_queues_it)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_eq(fake_queued(&fake), 0u);
    gate_open(&gates[0], 42);
    cr_assert_eq(fake_queued(&fake), 1u);
    cr_assert_eq(fake_last_why(&fake), SCHEDULE_WOKEN);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), 42);
}

Test(waker, the_wait_remembers_the_waker_and_the_frame)
{
    maru_task *task = FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_eq(gates[0].leaf.waker_, &task->waker);
    cr_assert_eq(gates[0].leaf.future.u_.awaiter_, task_root(task));
    cr_assert_not(maru_leaf_is_complete(&gates[0].leaf));
    gate_open(&gates[0], 0);
    fake_run(&fake);
}

Test(waker, publishing_shows_the_leaf_complete_but_queues_nothing)
{
    FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    fake_run(&fake);
    struct wake wake = leaf_publish(&gates[0].leaf);
    cr_assert(wake.ticket);
    cr_assert(maru_leaf_is_complete(&gates[0].leaf));
    cr_assert_eq(fake_queued(&fake), 0u);
    wake_finish(wake);
    cr_assert_eq(fake_queued(&fake), 1u);
    fake_run(&fake);
}

Test(waker, the_ticket_s_holder_writes_the_hint)
{
    maru_task *task = FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    fake_run(&fake);
    gate_open(&gates[0], 0);
    cr_assert_eq(task_root(task)->parent_, task_root(task));
    cr_assert_not(task->state & STATE_ROOT);
    fake_run(&fake);
}

struct pair {
    maru_frame frame;
    struct gate *gates;
};

maru_async(pair)
{
    maru_result rc;
    maru_join(rc, gate_wait(&me->gates[0]), gate_wait(&me->gates[1]));
    maru_return(rc);
}
maru_end;

Test(waker, the_second_of_two_completers_takes_a_pin_and_sets_root)
{
    maru_task *task = FAKE_START(&fake, 0, pair, .gates = gates);
    fake_run(&fake);
    struct wake first = leaf_publish(&gates[0].leaf);
    struct wake second = leaf_publish(&gates[1].leaf);
    cr_assert(first.ticket);
    cr_assert_not(second.ticket);
    cr_assert_geq(task->state, (uint64_t)STATE_PIN);
    wake_finish(second);
    cr_assert(task->state & STATE_ROOT, "T10");
    cr_assert_eq(fake_queued(&fake), 0u, "T1: the ticket's holder has not queued it yet");
    wake_finish(first);
    cr_assert_eq(fake_queued(&fake), 1u);
    fake_run(&fake);
}

Test(waker, a_pin_keeps_a_task_that_ended_between_publishing_and_waking)
{
    maru_task *task = FAKE_START(&fake, 0, pair, .gates = gates);
    fake_run(&fake);
    wake_finish(leaf_publish(&gates[0].leaf));
    struct wake late = leaf_publish(&gates[1].leaf);
    fake_run(&fake);
    cr_assert(task->state & STATE_DONE, "both were seen complete, so it has ended");
    cr_assert_eq(fake_live(&fake), 1u);
    wake_finish(late);
    cr_assert_eq(fake_live(&fake), 0u);
    cr_assert_eq(fake_queued(&fake), 0u, "T8");
}

Test(waker, a_pin_and_a_handle_are_both_waited_for)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, pair, .gates = gates);
    fake_run(&fake);
    wake_finish(leaf_publish(&gates[0].leaf));
    struct wake late = leaf_publish(&gates[1].leaf);
    fake_run(&fake);
    maru_detach(task);
    cr_assert_eq(fake_live(&fake), 1u);
    wake_finish(late);
    cr_assert_eq(fake_live(&fake), 0u);
}

Test(waker, a_pinned_wake_that_finds_the_task_idle_queues_it_from_the_root)
{
    maru_task *task = FAKE_START(&fake, 0, waits, .gate = &gates[0], .second = &gates[1]);
    fake_run(&fake);
    wake_finish(leaf_publish(&gates[0].leaf));
    struct wake stray = wake_begin(&task->waker, NULL);
    cr_assert_not(stray.ticket);
    fake_run(&fake);
    cr_assert_eq(fake_queued(&fake), 0u);
    wake_finish(stray);
    cr_assert_eq(fake_queued(&fake), 1u);
    cr_assert(task->state & STATE_ROOT);
    fake_run(&fake);
    cr_assert_eq(gates[1].polls, 2u, "a stray wake is a poll too many, no more");
    gate_open(&gates[1], 0);
    fake_run(&fake);
}

/* ---- a task as somebody's waker ---- */

Test(waker, a_retained_waker_wakes_as_often_as_it_likes)
{
    maru_task *task = FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    maru_waker *waker = &task->waker;
    fake_run(&fake);
    waker->ops_->retain(waker);
    for (unsigned i = 0; i < 3; i++) {
        waker->ops_->wake(waker);
        waker->ops_->wake(waker);
        cr_assert_eq(fake_queued(&fake), 1u);
        fake_run(&fake);
        cr_assert_eq(gates[0].polls, 2 + i);
    }
    waker->ops_->release(waker);
    gate_open(&gates[0], 0);
    fake_run(&fake);
}

Test(waker, a_retained_waker_outlives_its_task_and_is_harmless_then)
{
    maru_task *task = FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    maru_waker *waker = &task->waker;
    fake_run(&fake);
    waker->ops_->retain(waker);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_eq(fake_live(&fake), 1u);
    waker->ops_->wake(waker);
    cr_assert_eq(fake_queued(&fake), 0u, "T8");
    waker->ops_->release(waker);
    cr_assert_eq(fake_live(&fake), 0u);
}

/* ---- foreign wakers ---- */

struct foreign {
    maru_waker waker;
    int pins, wakes, most_pins;
};

static void foreign_retain(maru_waker *waker)
{
    struct foreign *foreign = (struct foreign *)(void *)waker;
    if (++foreign->pins > foreign->most_pins)
        foreign->most_pins = foreign->pins;
}

static void foreign_wake(maru_waker *waker)
{
    struct foreign *foreign = (struct foreign *)(void *)waker;
    cr_assert_gt(foreign->pins, 0, "T9: kept while it is woken");
    foreign->wakes++;
}

static void foreign_release(maru_waker *waker)
{
    ((struct foreign *)(void *)waker)->pins--;
}

static const maru_waker_ops foreign_ops = { foreign_retain, foreign_wake, foreign_release };

Test(waker, a_foreign_waker_is_pinned_before_the_store_and_released_after_the_wake)
{
    struct foreign foreign = { .waker = { &foreign_ops } };
    maru_context cx = { &foreign.waker, NULL, MARU_GO };
    maru_future *future = gate_wait(&gates[0]);
    cr_assert_eq(maru_future_poll(future, &cx), MARU_PENDING);
    struct wake wake = leaf_publish(&gates[0].leaf);
    cr_assert_eq(foreign.pins, 1);
    cr_assert_eq(foreign.wakes, 0);
    wake_finish(wake);
    cr_assert_eq(foreign.pins, 0);
    cr_assert_eq(foreign.wakes, 1);
    gates[0].value = 9;
    cr_assert_eq(maru_future_poll(future, &cx), 9);
}

/* ---- visitors ---- */

Test(waker, a_completer_from_outside_is_counted_until_its_last_step)
{
    uint32_t visitors = 0;
    fake.ops.visitors = &visitors;
    FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    fake_run(&fake);
    context_here()->local = NULL;
    struct wake wake = leaf_publish(&gates[0].leaf);
    cr_assert_eq(visitors, 1u);
    wake_finish(wake);
    cr_assert_eq(visitors, 0u);
    context_here()->local = &fake.local;
    fake_run(&fake);
}

Test(waker, a_completer_with_a_pin_is_counted_although_the_task_has_ended)
{
    uint32_t visitors = 0;
    fake.ops.visitors = &visitors;
    FAKE_START(&fake, 0, pair, .gates = gates);
    fake_run(&fake);
    wake_finish(leaf_publish(&gates[0].leaf));
    context_here()->local = NULL;
    struct wake late = leaf_publish(&gates[1].leaf);
    context_here()->local = &fake.local;
    fake_run(&fake);
    cr_assert_eq(fake.local.ended, 1u);
    cr_assert_eq(visitors, 1u);
    context_here()->local = NULL;
    wake_finish(late);
    cr_assert_eq(visitors, 0u);
    context_here()->local = &fake.local;
}

Test(waker, a_worker_of_the_runtime_is_no_visitor_but_one_of_another_runtime_is)
{
    uint32_t visitors = 0;
    static struct task_ops other_ops;
    static struct local other;
    other.ops = &other_ops;
    fake.ops.visitors = &visitors;
    FAKE_START(&fake, 0, pair, .gates = gates);
    fake_run(&fake);
    struct wake inside = leaf_publish(&gates[0].leaf);
    cr_assert_eq(visitors, 0u);
    context_here()->local = &other;
    struct wake outside = leaf_publish(&gates[1].leaf);
    cr_assert_eq(visitors, 1u);
    wake_finish(outside);
    cr_assert_eq(visitors, 0u);
    context_here()->local = &fake.local;
    wake_finish(inside);
    fake_run(&fake);
}

/* ---- waking oneself ---- */

static void wake_self_from(maru_frame *first, maru_frame *second, bool *from_root)
{
    struct context *here = context_here();
    here->again = here->again_from_root = false;
    here->self_hint = NULL;
    wake_self(first);
    if (second)
        wake_self(second);
    cr_assert(here->again);
    *from_root = here->again_from_root;
    here->again = here->again_from_root = false;
    here->self_hint = NULL;
}

Test(waker, one_frame_that_wakes_its_task_is_the_hint_two_mean_the_root)
{
    static maru_frame one, two;
    bool from_root;
    wake_self_from(&one, NULL, &from_root);
    cr_assert_not(from_root);
    wake_self_from(&one, &one, &from_root);
    cr_assert_not(from_root);
    wake_self_from(&one, &two, &from_root);
    cr_assert(from_root);
}

Test(waker, a_leaf_is_idle_until_it_waits)
{
    FAKE_START(&fake, 0, waits, .gate = &gates[0]);
    gate_wait(&gates[0]);
    cr_assert(leaf_is_idle(&gates[0].leaf));
    fake_run(&fake);
    cr_assert_not(leaf_is_idle(&gates[0].leaf));
    gate_open(&gates[0], 0);
    cr_assert_not(leaf_is_idle(&gates[0].leaf));
    fake_run(&fake);
}
