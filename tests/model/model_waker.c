/*
 * Completing in three steps (runtime/task/waker.c) against real tasks: what wakes, what runs, ends
 * and frees.  A task's slot is dead for good once it is freed, so whoever touches the task, its
 * frame or a leaf in it too late is caught (T9).
 */
#include "task_support.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/task/waker.h"

#include <errno.h>

static struct stage_box box_a, box_b;
static maru_result seen;

/* ---- one task, two leaves ---- */

struct either {
    maru_frame frame;
    struct stage_wait a, b;
};
maru_async(either)
{
    maru_result arm;
    maru_select(arm, stage_wait(&me->a, &box_a), stage_wait(&me->b, &box_b));
    seen = arm == 0 ? maru_result_of(&me->a) : maru_result_of(&me->b);
}
maru_end;

/* Each completer may come while the task, woken by the other one, ends and is freed. */
static void other_reason(void)
{
    stage_begin();
    STAGE_START(0, either);
    stage_step();
    mc_spawn(stage_complete, &box_a);
    mc_spawn(stage_complete, &box_b);
    stage_run(NULL);
    MC_CHECK(seen == STAGE_MAIL);
}

struct both {
    maru_frame frame;
    struct stage_wait a, b;
};
maru_async(both)
{
    maru_result rc;
    maru_join(rc, stage_wait(&me->a, &box_a), stage_wait(&me->b, &box_b));
    MC_CHECK(rc == 0);
    seen = maru_result_of(&me->a) + maru_result_of(&me->b);
}
maru_end;

static void two_completers(void)
{
    stage_begin();
    STAGE_START(0, both);
    mc_spawn(stage_complete, &box_a);
    mc_spawn(stage_complete, &box_b);
    stage_run(NULL);
    MC_CHECK(seen == 2 * STAGE_MAIL);
}

struct yielder {
    maru_frame frame;
    maru_pause pause;
    struct stage_wait a;
};
maru_async(yielder)
{
    maru_result rc;
    maru_join(rc, maru_yield(&me->pause), stage_wait(&me->a, &box_a));
    MC_CHECK(rc == 0);
    seen = maru_result_of(&me->a);
}
maru_end;

static void self_wake(void)
{
    stage_begin();
    STAGE_START(0, yielder);
    mc_spawn(stage_complete, &box_a);
    stage_run(NULL);
    MC_CHECK(seen == STAGE_MAIL);
}

/* ---- polls that move between runners ---- */

struct steps {
    maru_frame frame;
    struct stage_wait wait;
    maru_pause pause;
    int64_t done; /* plain: each poll must see the one before, whoever ran it */
};
maru_async(steps)
{
    me->done++;
    maru_try(maru_yield(&me->pause));
    me->done++;
    maru_try(stage_wait(&me->wait, &box_a));
    me->done++;
    seen = me->done;
}
maru_end;

static void two_runners(void)
{
    stage_begin();
    STAGE_START(0, steps);
    mc_spawn(stage_complete, &box_a);
    mc_spawn(stage_run, &stage_numbers[1]);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == 3);
}

/* ---- cancelling ---- */

struct one {
    maru_frame frame;
    struct stage_wait a;
    int64_t *finals;
};
maru_async(one)
{
    maru_result rc;
    maru_await(rc, stage_wait(&me->a, &box_a));
    seen = rc;
    maru_return(rc);
maru_finally:
    ++*me->finals;
}
maru_end;

static void cancel_and_detach(void *task)
{
    maru_cancel(task);
    maru_detach(task);
}

static int64_t finals;

static void cancel_meets_completion(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, one, .finals = &finals);
    stage_step();
    mc_spawn(stage_complete, &box_a);
    mc_spawn(cancel_and_detach, task);
    stage_run(NULL);
    MC_CHECK(seen == STAGE_MAIL || seen == -ECANCELED);
    MC_CHECK(finals == 1);
}

static void only_cancelled(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, one, .finals = &finals);
    mc_spawn(cancel_and_detach, task);
    stage_run(NULL);
    MC_CHECK(seen == -ECANCELED && finals == 1);
}

/* ---- wakers that are kept ---- */

/* A future that rings until it was heard: its bell keeps the task's waker over several wakes. */
struct bell {
    maru_future future;
};

static maru_waker *bell_waker;
static uint32_t bell_rings;

static maru_result bell_poll(maru_future *self, maru_context *cx)
{
    if (self->line_ == 0) {
        self->line_ = 1;
        cx->waker->ops_->retain(cx->waker);
        (void)atomic_exchange_rel(&bell_waker, cx->waker); /* pairs with ring */
    }
    return atomic_load_rlx(&bell_rings) ? 0 : MARU_PENDING;
}

static const maru_future_type bell_type = {bell_poll, "bell"};

/* The first wake may let the task end; the second one then finds it done (T8). */
static void ring(void *unused)
{
    (void)unused;
    maru_waker *waker;
    while (!(waker = atomic_exchange_acq(&bell_waker, NULL))) /* pairs with bell_poll */
        mc_relax();
    atomic_store_rlx(&bell_rings, 1u);
    waker->ops_->wake(waker);
    waker->ops_->wake(waker);
    waker->ops_->release(waker);
}

struct listener {
    maru_frame frame;
    struct bell bell;
    struct stage_wait a;
    bool waits;
};
maru_async(listener)
{
    maru_result rc;
    if (me->waits)
        maru_join(rc, maru_future_init(&me->bell.future, &bell_type), stage_wait(&me->a, &box_a));
    else
        maru_await(rc, maru_future_init(&me->bell.future, &bell_type));
    seen = rc;
}
maru_end;

static void kept_waker(void)
{
    stage_begin();
    seen = -1;
    STAGE_START(0, listener);
    mc_spawn(ring, NULL);
    stage_run(NULL);
    MC_CHECK(seen == 0);
}

static void kept_waker_and_completer(void)
{
    stage_begin();
    seen = -1;
    STAGE_START(0, listener, .waits = true);
    stage_step();
    mc_spawn(ring, NULL);
    mc_spawn(stage_complete, &box_a);
    stage_run(NULL);
    MC_CHECK(seen == 0);
}

/* ---- visitors ---- */

/* A runtime that is freed as soon as its task has ended and nobody from outside is counted. */
struct runtime {
    struct task_ops ops;
    uint32_t visitors;
};

static void visitors_leave_last(void)
{
    stage_begin();
    struct local *local = context_here()->local;
    struct runtime *runtime = mc_alloc(sizeof(*runtime));
    *runtime = (struct runtime){.ops = *local->ops};
    runtime->ops.visitors = &runtime->visitors;
    local->ops = &runtime->ops;
    STAGE_START(0, either);
    stage_step();
    mc_spawn(stage_complete, &box_a);
    mc_spawn(stage_complete, &box_b);
    stage_run_until(1);
    while (atomic_load_acq(&runtime->visitors) > 0) /* as sched_wait_for_visitors does */
        mc_relax();
    MC_CHECK(stage_live() == 0);
    mc_free(runtime);
}

/* ---- foreign executors ---- */

/* Polls one future by hand; counted, and freed with its last reference. */
struct executor {
    maru_waker waker;
    uint32_t refs;
    uint32_t woken;
    struct stage_wait a;
};

static void executor_retain(maru_waker *waker)
{
    atomic_add_rlx(&((struct executor *)(void *)waker)->refs, 1u);
}

static void executor_wake(maru_waker *waker)
{
    (void)atomic_exchange_rel(&((struct executor *)(void *)waker)->woken, 1u);
}

static void executor_release(maru_waker *waker)
{
    if (atomic_sub_ar(&((struct executor *)(void *)waker)->refs, 1u) == 1)
        mc_free(waker);
}

static const maru_waker_ops executor_ops = {executor_retain, executor_wake, executor_release};

/* `impatient` polls at any time, so it may see the end, and be gone, before it is woken. */
static void run_executor(bool impatient)
{
    stage_begin();
    struct executor *executor = mc_alloc(sizeof(*executor));
    *executor = (struct executor){.waker = {&executor_ops}, .refs = 1};
    maru_context cx = {&executor->waker, NULL, MARU_GO};
    maru_future *future = stage_wait(&executor->a, &box_a);
    mc_spawn(stage_complete, &box_a);
    while (maru_future_poll(future, &cx) == MARU_PENDING) {
        while (!impatient && !atomic_exchange_acq(&executor->woken, 0u))
            mc_relax();
        if (impatient)
            mc_relax();
    }
    MC_CHECK(maru_future_result(future) == STAGE_MAIL);
    executor_release(&executor->waker);
}

static void foreign_waker(void)
{
    run_executor(false);
}

static void foreign_waker_impatient(void)
{
    run_executor(true);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(other_reason, 2, "T9: a completer touches nothing of a task that another reason ended"),
    MODEL(two_completers, 2, "T3, T10: both completions of one task are seen"),
    MODEL(self_wake, 3, "T1, T10: a task that queued itself hears a completion"),
    MODEL(two_runners, 2, "T2: each poll sees the one before, whoever ran it"),
    MODEL(cancel_meets_completion, 2, "T7: cancelled or complete, finally runs once"),
    MODEL(only_cancelled, 3, "T6, T7: a cancelled task ends, and is freed by one of two"),
    MODEL(kept_waker, 3, "T4, T8: a wake is heard, a late one is harmless"),
    MODEL(kept_waker_and_completer, 2, "T4: a kept waker hides no completion"),
    MODEL(visitors_leave_last, 2, "X5: nothing of a runtime is touched once no visitor is counted"),
    MODEL(foreign_waker, -1, "T9: a foreign waker is kept from before the publication on"),
    MODEL(foreign_waker_impatient, -1, "T9: also when its owner is gone before the wake"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
