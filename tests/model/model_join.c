/*
 * Handles and joins (runtime/task/join.c) between two real tasks on two runners, and handles in the
 * hands of a thread that is no worker.
 */
#include "task_support.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"

#include <errno.h>

static struct stage_box box_a;
static maru_result seen, finals;

struct child {
    maru_frame frame;
    struct stage_wait a;
    bool waits;
    int64_t typed; /* what a typed result is: a member that the handle's holder reads */
};
maru_async(child)
{
    if (me->waits)
        maru_try(stage_wait(&me->a, &box_a));
    me->typed = 7;
    maru_return(7);
}
maru_end;

struct parent {
    maru_frame frame;
    maru_task *child;
    maru_join_wait join;
};
maru_async(parent)
{
    maru_result rc;
    maru_await(rc, maru_join_task(&me->join, me->child));
    seen = rc;
    if (rc != -ECANCELED)
        me->child = NULL;
maru_finally:
    if (me->child)
        maru_await(finals, maru_join_task(&me->join, me->child));
}
maru_end;

static void join_meets_end(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child);
    STAGE_START(0, parent, .child = task);
    mc_spawn(stage_run, &stage_numbers[1]);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == 7);
}

/* The join waits already; the child ends by a completion, while the parent is idle. */
static void end_meets_waiting_join(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child, .waits = true);
    STAGE_START(0, parent, .child = task);
    stage_step();
    stage_step();
    mc_spawn(stage_complete, &box_a);
    mc_spawn(stage_run, &stage_numbers[1]);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == 7);
}

static void cancel_and_detach(void *task)
{
    maru_cancel(task);
    maru_detach(task);
}

/* Waits without giving the handle back, reads what the child has left, waits once more. */
struct reader {
    maru_frame frame;
    maru_task *child;
    maru_join_wait wait;
};
maru_async(reader)
{
    maru_result rc;
    maru_await(rc, maru_wait_task(&me->wait, me->child));
    MC_CHECK(rc == 7 && maru_task_frame(me->child, child)->typed == 7);
    maru_await(rc, maru_wait_task(&me->wait, me->child));
    MC_CHECK(rc == 7);
    maru_detach(me->child);
    seen = rc;
}
maru_end;

static void wait_meets_end(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child);
    STAGE_START(0, reader, .child = task);
    mc_spawn(stage_run, &stage_numbers[1]);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == 7);
}

/* The parent waits; it is cancelled while the child ends.  A join that was taken back is begun
 * again by finally. */
static void give_up_meets_end(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child, .waits = true);
    maru_task *waiter = STAGE_START(STATE_HANDLE, parent, .child = task);
    stage_step();
    stage_step();
    stage_complete(&box_a);
    mc_spawn(stage_run, &stage_numbers[1]);
    cancel_and_detach(waiter);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == 7 || (seen == -ECANCELED && finals == 7));
}

/* Cancelled before it could begin to wait. */
static void refused_join(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child);
    maru_task *waiter = STAGE_START(STATE_HANDLE, parent, .child = task);
    mc_spawn(stage_run, &stage_numbers[1]);
    cancel_and_detach(waiter);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == 7 || (seen == -ECANCELED && finals == 7));
}

static void read_and_detach(void *arg)
{
    maru_task *task = arg;
    if (maru_task_is_finished(task)) {
        struct child *frame = (struct child *)(void *)task_root(task);
        MC_CHECK(frame->typed == 7 && maru_future_result(&frame->frame.future_) == 7);
    }
    maru_detach(task);
}

static void detach_meets_end(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child);
    mc_spawn(read_and_detach, task);
    stage_run(NULL);
}

static void cancel_meets_end(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child);
    mc_spawn(cancel_and_detach, task);
    stage_run(NULL);
}

/* The child's completer may hold the last pin after the handle is gone. */
static void detach_end_and_completion(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, child, .waits = true);
    mc_spawn(stage_complete, &box_a);
    mc_spawn(read_and_detach, task);
    stage_run(NULL);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(join_meets_end, 2, "J2, T5: a join delivers the result of a child that ends"),
    MODEL(end_meets_waiting_join, 2, "J2: the end completes a join that waits"),
    MODEL(wait_meets_end, 2, "J1, T5: a wait shows the child's frame and keeps the handle"),
    MODEL(give_up_meets_end, 2, "J3: a cancelled join is taken back or completed, never both"),
    MODEL(refused_join, 2, "J1, J3: a join that is refused leaves the handle to the next one"),
    MODEL(detach_meets_end, -1, "T5, T6, J1: done shows the result; handle or end frees"),
    MODEL(cancel_meets_end, 4, "T6, T7: a cancel that comes late changes nothing"),
    MODEL(detach_end_and_completion, 2, "T6: handle, end or completer frees, whoever is last"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
