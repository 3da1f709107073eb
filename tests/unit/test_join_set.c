/* test_join_set.c - JS1 to JS4: results in the order of ends, cancelling, leaving, letting go. */
#include "maru/join_set.h"

#include "runtime/task/frame.h"
#include "tests/support/fake_tasks.h"
#include "tests/support/last_words.h"

#include <signal.h>

static struct fake fake;
static struct gate gates[8];
static unsigned tidied;

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(join_set, .init = begin, .fini = end);

struct page {
    maru_frame frame;
    struct gate *gate;
    int id, answer;
};

maru_async(page)
{
    maru_result rc = 0;
    if (me->gate)
        maru_try(rc, gate_wait(me->gate));
    me->answer = 10 * me->id;
    maru_return(rc + me->id);
maru_finally:
    tidied++;
}
maru_end;

enum step { SPAWN, SPAWN_READY, NEXT, TRY, CANCEL, CANCEL_ONE, SHUTDOWN, DETACH, LOSE, LEAVE };

struct owner {
    maru_frame frame;
    const enum step *steps;
    int spawned, i, results;
    maru_result log[32];
    int ids[32];
    struct gate *gate;
    maru_join_set set;
    maru_task *tasks[8];
};

static void note(struct owner *me, maru_result rc)
{
    struct page *page = maru_task_frame(maru_joined(&me->set), page);
    me->log[me->results] = rc;
    me->ids[me->results++] = page ? page->id : -1;
}

static maru_result tried(struct owner *me)
{
    maru_result result;
    int rc = maru_join_set_try_next(&me->set, &result);
    return rc == 0 ? result : rc;
}

maru_async(owner)
{
    maru_result rc;
    for (; me->steps[me->i] != LEAVE; me->i++) {
        enum step step = me->steps[me->i];
        if (step == SPAWN || step == SPAWN_READY) {
            me->tasks[me->spawned] = maru_join_set_spawn(
                &me->set, page, .id = me->spawned + 1,
                .gate = step == SPAWN ? &gates[me->spawned] : NULL);
            cr_assert_not_null(me->tasks[me->spawned]);
            me->spawned++;
        } else if (step == NEXT) {
            maru_await(rc, maru_join_next(&me->set));
            note(me, rc);
        } else if (step == TRY) {
            note(me, tried(me));
        } else if (step == CANCEL) {
            maru_join_set_cancel(&me->set);
        } else if (step == CANCEL_ONE) {
            maru_cancel(me->tasks[0]);
        } else if (step == SHUTDOWN) {
            maru_await(rc, maru_join_set_shutdown(&me->set));
            note(me, rc);
        } else if (step == DETACH) {
            maru_join_set_detach(&me->set);
        } else if (step == LOSE) {
            maru_select(rc, maru_join_next(&me->set), gate_wait(me->gate));
            note(me, rc == 0 ? maru_result_of(&me->set.next_) : -ENODATA);
        }
    }
    maru_return((maru_result)maru_join_set_count(&me->set));
}
maru_end;

static maru_task *start(const enum step *steps)
{
    tidied = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner, .steps = steps, .gate = &gates[7]);
    fake_run(&fake);
    return task;
}

static struct owner *owner_of(maru_task *task)
{
    return (struct owner *)(void *)task_root(task);
}

static void open_and_run(unsigned gate, maru_result value)
{
    gate_open(&gates[gate], value);
    fake_run(&fake);
}

static void want(maru_task *task, int index, maru_result result, int id)
{
    cr_assert_gt(owner_of(task)->results, index);
    cr_assert_eq(owner_of(task)->log[index], result);
    cr_assert_eq(owner_of(task)->ids[index], id);
}

/* conformance 23 */
Test(join_set, results_come_in_the_order_of_ends_with_their_frames)
{
    static const enum step steps[] = { SPAWN, SPAWN, SPAWN, NEXT, NEXT, NEXT, NEXT, LEAVE };
    maru_task *task = start(steps);
    open_and_run(1, 0);
    want(task, 0, 2, 2);
    open_and_run(2, 0);
    open_and_run(0, -EIO);
    want(task, 1, 3, 3);
    want(task, 2, -EIO, 1);
    want(task, 3, -MARU_EEMPTY, -1);
    cr_assert_eq(fake_take_result(task), 0);
}

/* conformance 23 */
Test(join_set, an_empty_one_says_so)
{
    static const enum step steps[] = { NEXT, TRY, CANCEL, DETACH, SHUTDOWN, NEXT, LEAVE };
    maru_task *task = start(steps);
    want(task, 0, -MARU_EEMPTY, -1);
    want(task, 1, -MARU_EEMPTY, -1);
    want(task, 2, 0, -1);
    want(task, 3, -MARU_EEMPTY, -1);
    cr_assert_eq(fake_take_result(task), 0);
}

Test(join_set, trying_does_not_wait)
{
    static const enum step steps[] = { SPAWN, TRY, LOSE, TRY, TRY, TRY, LEAVE };
    maru_task *task = start(steps);
    want(task, 0, -EAGAIN, -1);
    open_and_run(0, 0);
    want(task, 1, 1, 1);
    want(task, 2, -MARU_EEMPTY, -1);
    cr_assert_eq(fake_take_result(task), 0);
    maru_result result;
    cr_assert_eq(maru_join_set_try_next(NULL, &result), -EINVAL);
}

/* conformance 23 */
Test(join_set, a_wait_that_loses_loses_no_result)
{
    static const enum step steps[] = { SPAWN, SPAWN, LOSE, NEXT, NEXT, LEAVE };
    maru_task *task = start(steps);
    open_and_run(7, 0);
    want(task, 0, -ENODATA, -1);
    open_and_run(1, 0);
    open_and_run(0, 0);
    want(task, 1, 2, 2);
    want(task, 2, 1, 1);
    cr_assert_eq(fake_take_result(task), 0);
}

/* conformance 23 */
Test(join_set, cancelling_all_gives_each_its_result_and_takes_new_ones)
{
    static const enum step steps[] = { SPAWN, SPAWN, CANCEL, SPAWN, CANCEL, NEXT, NEXT,
                                       SPAWN_READY, NEXT, NEXT, NEXT, LEAVE };
    maru_task *task = start(steps);
    fake_run(&fake);
    for (int i = 0; i < 3; i++)
        cr_assert(owner_of(task)->log[i] == -ECANCELED || owner_of(task)->ids[i] == 4);
    cr_assert_eq(owner_of(task)->results, 5);
    want(task, 4, -MARU_EEMPTY, -1);
    cr_assert_eq(tidied, 4u, "a task that was cancelled before its first poll still runs");
    cr_assert_eq(fake_take_result(task), 0);
}

Test(join_set, one_task_can_be_cancelled_by_itself)
{
    static const enum step steps[] = { SPAWN, SPAWN, CANCEL_ONE, NEXT, NEXT, LEAVE };
    maru_task *task = start(steps);
    want(task, 0, -ECANCELED, 1);
    open_and_run(1, 0);
    want(task, 1, 2, 2);
    cr_assert_eq(fake_take_result(task), 0);
}

/* conformance 23 */
Test(join_set, shutting_down_cancels_and_waits_and_it_is_as_new_after_it)
{
    static const enum step steps[] = { SPAWN, SPAWN, SPAWN_READY, NEXT, SHUTDOWN, NEXT, SPAWN,
                                       NEXT, LEAVE };
    gates[1].stubborn = true;
    maru_task *task = start(steps);
    want(task, 0, 3, 3);
    cr_assert_eq(owner_of(task)->results, 1, "it waits");
    open_and_run(1, 0);
    want(task, 1, 0, -1);
    want(task, 2, -MARU_EEMPTY, -1);
    cr_assert_eq(tidied, 3u);
    gate_open(&gates[3], 0);
    fake_run(&fake);
    want(task, 3, 4, 4);
    cr_assert_eq(fake_take_result(task), 0);
}

/* conformance 23 */
Test(join_set, leaving_the_function_cancels_and_waits)
{
    static const enum step steps[] = { SPAWN, SPAWN, SPAWN_READY, NEXT, SPAWN_READY, LEAVE };
    gates[0].stubborn = true;
    maru_task *task = start(steps);
    cr_assert_not(maru_task_is_finished(task));
    open_and_run(0, 0);
    cr_assert_eq(tidied, 4u);
    cr_assert_eq(fake_take_result(task), 3);
}

Test(join_set, a_cancelled_owner_cancels_its_tasks)
{
    static const enum step steps[] = { SPAWN, SPAWN, NEXT, LEAVE };
    maru_task *task = start(steps);
    maru_cancel(task);
    fake_run(&fake);
    want(task, 0, -ECANCELED, -1);
    cr_assert_eq(tidied, 2u);
    cr_assert_eq(fake_take_result(task), 2);
}

Test(join_set, what_was_won_is_delivered_to_a_cancelled_owner)
{
    static const enum step steps[] = { SPAWN, NEXT, LEAVE };
    maru_task *task = start(steps);
    gate_open(&gates[0], 0);
    fake_run_one(&fake);                        /* the page ends, and completes the wait */
    maru_cancel(task);
    fake_run(&fake);
    want(task, 0, 1, 1);
    cr_assert_eq(fake_take_result(task), 0);
}

/* conformance 23 */
Test(join_set, detached_tasks_go_on_by_themselves)
{
    static const enum step steps[] = { SPAWN, SPAWN, SPAWN_READY, NEXT, SPAWN_READY, DETACH, NEXT,
                                       LEAVE };
    maru_task *task = start(steps);
    want(task, 0, 3, 3);
    want(task, 1, -MARU_EEMPTY, -1);
    cr_assert_eq(fake_take_result(task), 0);
    cr_assert_eq(fake_live(&fake), 2u, "JS4");
    cr_assert_eq(tidied, 2u);
    open_and_run(1, 0);
    open_and_run(0, 0);
    cr_assert_eq(tidied, 4u);
}

Test(join_set, without_memory_nothing_is_spawned)
{
    static const enum step steps[] = { SPAWN_READY, NEXT, LEAVE };
    maru_task *task = start(steps);             /* the slabs have their chunks now */
    cr_assert_eq(fake_take_result(task), 0);
    static maru_join_set set;
    static maru_frame frame;
    cr_assert_null(maru_join_set_spawn_image(&frame, &set, &frame, sizeof frame), "no such owner");
    cr_assert_null(maru_join_set_spawn_image(NULL, &set, &frame, sizeof frame));
    cr_assert_null(maru_join_set_spawn_image(&frame, NULL, &frame, sizeof frame));
    struct page image = { .frame = { .future_ = { .type_ = &page_async.type } } };
    context_here()->frame = &frame;
    fake.alloc.fail_at = 1;
    cr_assert_null(maru_join_set_spawn_image(&frame, &set, &image.frame, sizeof image));
    cr_assert_null(set.core_);
    cr_assert_null(maru_join_set_spawn_image(&frame, &set, NULL, 0), "no image");
    cr_assert_eq(maru_join_set_count(&set), 0u);
    fake.local.closed = true;
    cr_assert_null(maru_join_set_spawn_image(&frame, &set, &image.frame, sizeof image));
    maru_join_set_detach(&set);                 /* an empty core goes, too */
    context_here()->frame = NULL;
}

Test(join_set, none_is_fine_where_one_is_asked_for_something)
{
    maru_join_set_cancel(NULL);
    maru_join_set_detach(NULL);
    cr_assert_null(maru_joined(NULL));
    cr_assert_eq(maru_join_set_count(NULL), 0u);
    cr_assert_null(maru_join_next(NULL));
    cr_assert_null(maru_join_set_shutdown(NULL));
}
