/* test_scope.c - nurseries: C1 to C5, the two policies, and what is refused. */
#include "maru/scope.h"

#include "tests/support/fake_tasks.h"
#include "tests/support/last_words.h"

#include <signal.h>

enum { KIDS = 5 };

static struct fake fake;
static struct gate gates[KIDS];

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(scope, .init = begin, .fini = end);

struct kid {
    maru_frame frame;
    struct gate *gate;           /* NULL: end at once */
    maru_result result;
};

maru_async(kid)
{
    maru_result rc = me->result;
    if (me->gate)
        maru_await(rc, gate_wait(me->gate));
    maru_return(rc);
}
maru_end;

/* What its owner is asked to do. */
struct owner {
    maru_frame frame;
    maru_scope kids;
    enum maru_scope_policy policy;
    unsigned waiting, ending;    /* children that wait at gates; that end at once */
    maru_result end;             /* the result of the latter */
    bool waits, cancels;
    struct gate *pause;          /* awaited before the scope is */
    maru_scope_error_fn *on_error;
    size_t *counts;              /* after the spawns; after the wait: count, failed */
    int *refused;                /* what a spawn after all that says */
};

maru_async(owner)
{
    maru_result rc = 0;
    maru_scope_init(&me->kids, me->policy);
    if (me->on_error)
        maru_scope_on_error(&me->kids, me->on_error, me->counts);
    for (unsigned i = 0; i < me->waiting; i++)
        maru_check(maru_scope_spawn(&me->kids, kid, .gate = &gates[i]));
    for (unsigned i = 0; i < me->ending; i++)
        maru_check(maru_scope_spawn(&me->kids, kid, .result = me->end));
    if (me->counts)
        me->counts[0] = maru_scope_count(&me->kids);
    if (me->pause)
        maru_await(gate_wait(me->pause));
    if (me->cancels)
        maru_scope_cancel(&me->kids);
    if (me->refused)
        *me->refused = maru_scope_spawn(&me->kids, kid);
    if (me->waits)
        maru_await(rc, maru_scope_wait(&me->kids));
    if (me->counts) {
        me->counts[1] = maru_scope_count(&me->kids);
        me->counts[2] = maru_scope_failed(&me->kids);
    }
    maru_return(rc);
}
maru_end;

static maru_result run_owner(maru_task *task)
{
    fake_run(&fake);
    return fake_take_result(task);
}

Test(scope, the_wait_ends_with_the_last_child)
{
    size_t counts[3];
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = KIDS, .waits = true,
                                 .counts = counts);
    fake_run(&fake);
    cr_assert_eq(counts[0], (size_t)KIDS);
    for (unsigned i = 0; i < KIDS; i++) {
        cr_assert_not(maru_task_is_finished(task));
        gate_open(&gates[i], 1);
        fake_run(&fake);
    }
    cr_assert_eq(run_owner(task), 0);
    cr_assert_eq(counts[1], 0u);
    cr_assert_eq(counts[2], 0u);
}

Test(scope, a_scope_without_children_is_done_at_once)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waits = true);
    cr_assert_eq(run_owner(task), 0);
    cr_assert_eq(fake.polls, 1u);
}

Test(scope, zeroed_memory_is_an_empty_scope_with_policy_all)
{
    maru_scope scope = { .policy_ = 0 };
    cr_assert_eq(maru_scope_count(&scope), 0u);
    cr_assert_eq(maru_scope_failed(&scope), 0u);
    cr_assert_eq((int)scope.policy_, (int)MARU_SCOPE_ALL);
}

Test(scope, leaving_the_function_waits_for_the_children)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = 2);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task));
    cr_assert_eq(gates[0].ending, MARU_GO, "not cancelled: all is well");
    gate_open(&gates[0], 0);
    gate_open(&gates[1], 0);
    cr_assert_eq(run_owner(task), 0);
}

Test(scope, children_that_end_in_one_poll_are_never_listed)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .ending = 100, .waits = true);
    cr_assert_eq(run_owner(task), 0);
    cr_assert_eq(fake.polls, 102u, "the owner twice, each child once (C3)");
}

Test(scope, the_first_error_of_all_cancels_the_others_and_is_the_result)
{
    size_t counts[3];
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = 4, .waits = true,
                                 .counts = counts);
    fake_run(&fake);
    gate_open(&gates[2], -EIO);
    cr_assert_eq(run_owner(task), -EIO);
    for (unsigned i = 0; i < 4; i++)
        if (i != 2)
            cr_assert_eq(gates[i].ending, MARU_CANCEL);
    cr_assert_eq(counts[2], 1u, "-ECANCELED is no failure");
}

Test(scope, a_child_that_has_not_started_sees_the_cancel_at_its_start)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = 3, .waits = true,
                                 .cancels = true);
    cr_assert_eq(run_owner(task), -ECANCELED);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(gates[i].polls, 1u, "C4");
        cr_assert_eq(gates[i].ending, MARU_CANCEL);
    }
}

Test(scope, an_error_of_an_each_scope_concerns_that_child_alone)
{
    size_t counts[3];
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .policy = MARU_SCOPE_EACH,
                                 .waiting = 3, .ending = 2, .end = -EPIPE, .waits = true,
                                 .counts = counts);
    fake_run(&fake);
    gate_open(&gates[0], -EIO);
    fake_run(&fake);
    cr_assert_eq(gates[1].ending, MARU_GO);
    gate_open(&gates[1], 0);
    gate_open(&gates[2], -ECANCELED);
    cr_assert_eq(run_owner(task), 0);
    cr_assert_eq(counts[2], 3u);
}

static maru_result told[8];
static unsigned told_count;

static void tell(void *arg, maru_result error)
{
    cr_assert_not_null(arg);
    told[told_count++] = error;
}

Test(scope, each_error_of_an_each_scope_is_told_but_cancellations)
{
    size_t counts[3];
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .policy = MARU_SCOPE_EACH,
                                 .waiting = 3, .waits = true, .counts = counts, .on_error = tell);
    fake_run(&fake);
    gate_open(&gates[0], -EIO);
    gate_open(&gates[1], -ECANCELED);
    gate_open(&gates[2], 12);
    cr_assert_eq(run_owner(task), 0);
    cr_assert_eq(told_count, 1u);
    cr_assert_eq(told[0], -EIO);
}

Test(scope, cancelling_the_owner_s_wait_cancels_the_children_and_waits_for_them)
{
    gates[1].stubborn = true;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = 2, .waits = true);
    fake_run(&fake);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(gates[0].ending, MARU_CANCEL);
    cr_assert_not(maru_task_is_finished(task));
    gate_open(&gates[1], 0);
    cr_assert_eq(run_owner(task), -ECANCELED);
}

Test(scope, cancelling_twice_queues_a_child_once)
{
    gates[0].stubborn = true;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = 1, .waits = true);
    fake_run(&fake);
    maru_cancel(task);
    maru_cancel(task);
    fake_run(&fake);
    unsigned polls = gates[0].polls;
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(gates[0].polls, polls, "C4: it was marked before");
    gate_open(&gates[0], 0);
    cr_assert_eq(run_owner(task), -ECANCELED);
}

/* ---- refused ---- */

Test(scope, a_cancelled_scope_refuses_children)
{
    int refused = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = 1, .cancels = true,
                                 .waits = true, .refused = &refused);
    cr_assert_eq(run_owner(task), -ECANCELED);
    cr_assert_eq(refused, -ECANCELED);
}

Test(scope, a_failed_scope_refuses_children_with_its_error)
{
    int refused = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .ending = 1, .end = -EIO,
                                 .pause = &gates[4], .waits = true, .refused = &refused);
    fake_run(&fake);
    gate_open(&gates[4], 0);
    cr_assert_eq(run_owner(task), -EIO);
    cr_assert_eq(refused, -EIO);
}

Test(scope, a_closing_worker_refuses_children)
{
    int refused = 0;
    fake.local.closed = true;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waits = true, .refused = &refused);
    cr_assert_eq(run_owner(task), 0);
    cr_assert_eq(refused, -MARU_ESHUTDOWN);
}

Test(scope, a_cancelled_owner_starts_no_children)
{
    int refused = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waits = true, .refused = &refused);
    maru_cancel(task);
    cr_assert_eq(run_owner(task), 0);
    cr_assert_eq(refused, -ECANCELED);
}

struct strange {
    maru_frame frame;
    maru_scope kids;
    int *results;
};

maru_async(strange)
{
    struct kid image = { .frame = { .future_ = { .type_ = &kid_async.type } } };
    me->results[0] = maru_scope_spawn_image(NULL, &me->kids, &image.frame, sizeof image);
    me->results[1] = maru_scope_spawn_image(&me->frame, NULL, &image.frame, sizeof image);
    me->results[2] = maru_scope_spawn_image(&me->frame, &me->kids, NULL, sizeof image);
    me->results[3] = maru_scope_spawn_image(&me->frame, &me->kids, &image.frame, 8);
    context_here()->local->closed = false;
    fake.alloc.fail_at = 1;
    me->results[4] = maru_scope_spawn_image(&me->frame, &me->kids, &image.frame, 70000);
    cr_assert_eq(maru_scope_count(&me->kids), 0u);
}
maru_end;

Test(scope, bad_arguments_and_no_memory_are_told_apart_and_count_nothing)
{
    int results[5] = { 0 };
    FAKE_START(&fake, 0, strange, .results = results);
    fake_run(&fake);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(results[i], -EINVAL, "%d", i);
    cr_assert_eq(results[4], -ENOMEM);
}

Test(scope, nothing_is_spawned_outside_of_tasks)
{
    maru_frame frame = { .depth_ = 0 };
    maru_scope scope = { .policy_ = 0 };
    struct kid image = { .frame = { .future_ = { .type_ = &kid_async.type } } };
    cr_assert_eq(maru_scope_spawn_image(&frame, &scope, &image.frame, sizeof image), -EINVAL);
}

/* ---- again ---- */

struct again {
    maru_frame frame;
    maru_scope kids;
    unsigned round;
    maru_result results[3];
};

maru_async(again)
{
    maru_result rc;
    for (; me->round < 3; me->round++) {
        for (int i = 0; i < 3; i++)
            maru_check(maru_scope_spawn(&me->kids, kid, .result = me->round == 1 ? -EIO : 0));
        maru_await(rc, maru_scope_wait(&me->kids));
        me->results[me->round] = rc;
    }
    maru_return(me->results[0] == 0 && me->results[1] == -EIO && me->results[2] == 0);
}
maru_end;

Test(scope, after_its_wait_a_scope_is_as_good_as_new)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, again);
    cr_assert_eq(run_owner(task), 1);
}

static void init_busy(void *unused)
{
    (void)unused;
    maru_scope scope = { .count_ = 1 };
    maru_scope_init(&scope, MARU_SCOPE_EACH);
}

Test(scope, to_init_a_scope_with_children_is_a_bug)
{
    cr_assert_eq(last_words_of(init_busy, NULL).signal, SIGABRT);
}

/* ---- the end of the last child, step by step ---- */

Test(scope, the_last_child_takes_the_owner_s_ticket_before_it_publishes_the_end)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .waiting = 1, .waits = true);
    fake_run(&fake);
    maru_task *child = (maru_task *)(void *)gates[0].leaf.waker_;
    gate_open(&gates[0], 0);
    cr_assert(fake_run_one(&fake));
    cr_assert_eq(fake_queued(&fake), 1u);
    cr_assert_eq(fake.queue[fake.head % FAKE_QUEUE], task, "C2");
    cr_assert_eq(child->state, 0u, "its slot is given back");
    cr_assert_eq(run_owner(task), 0);
}
