/*
 * The hint: which frame of a task a poll resumes (state.h T10, task.h).  Frames that have ended are
 * overwritten at once, so a hint that still names one runs into a null function.
 */
#include "task_support.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/task/waker.h"

#include <errno.h>

static struct stage_box box_a, box_b, box_c;
static maru_result seen;

struct kid {
    maru_frame frame;
    struct stage_box *box, *then;
    struct stage_wait wait;
    maru_pause pause;
    uint32_t *done; /* told when it has ended */
    bool yields;
};
maru_async(kid)
{
    maru_result rc = 0;
    if (me->yields)
        maru_try(maru_yield(&me->pause));
    if (me->box)
        maru_try(rc, stage_wait(&me->wait, me->box));
    if (me->then)
        maru_try(rc, stage_wait(&me->wait, me->then));
    maru_return(rc);
maru_finally:
    if (me->done)
        (void)atomic_exchange_rel(me->done, 1u); /* pairs with wait_until_done */
}
maru_end;

static uint32_t a_done, b_done;

static void wait_until_done(uint32_t *done)
{
    while (!atomic_exchange_acq(done, 0u))
        mc_relax();
}

static void complete_a_and_c(void *unused)
{
    (void)unused;
    stage_complete(&box_a);
    stage_complete(&box_c);
}

static void cancel_and_detach(void *task)
{
    maru_cancel(task);
    maru_detach(task);
}

/* ---- ended frames ---- */

/* Finally waits in a frame whose child has ended; the child's completer may still be about. */
struct tidy {
    maru_frame frame;
    struct kid kid;
    struct stage_wait c;
};
maru_async(tidy)
{
    maru_try(maru_call(kid, &me->kid, .box = &box_a));
maru_finally:
    me->kid = (struct kid){.box = NULL}; /* nobody may resume it any more */
    maru_await(seen, stage_wait(&me->c, &box_c));
}
maru_end;

static void ended_child(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, tidy);
    stage_step();
    mc_spawn(complete_a_and_c, NULL);
    cancel_and_detach(task);
    stage_run(NULL);
    MC_CHECK(seen == STAGE_MAIL);
}

/* The same when another arm of a select has won. */
struct picky {
    maru_frame frame;
    struct kid kid;
    struct stage_wait b, c;
};
maru_async(picky)
{
    maru_result arm;
    maru_select(arm, maru_call(kid, &me->kid, .box = &box_a), stage_wait(&me->b, &box_b));
    MC_CHECK(arm == 0 || arm == 1);
    me->kid = (struct kid){.box = NULL};
    maru_await(seen, stage_wait(&me->c, &box_c));
}
maru_end;

static void ended_arm(void)
{
    stage_begin();
    STAGE_START(0, picky);
    stage_step();
    mc_spawn(stage_complete, &box_b);
    mc_spawn(complete_a_and_c, NULL);
    stage_run(NULL);
    MC_CHECK(seen == STAGE_MAIL);
}

/* A child that asked for another turn, and is told to lose in the same poll. */
struct hasty {
    maru_frame frame;
    struct kid kid;
    maru_future ready;
    struct stage_wait c;
};
maru_async(hasty)
{
    maru_result arm;
    maru_select(arm, maru_call(kid, &me->kid, .yields = true), maru_future_ready(&me->ready, 1));
    MC_CHECK(arm == 1);
    me->kid = (struct kid){.box = NULL};
    maru_await(seen, stage_wait(&me->c, &box_c));
}
maru_end;

static void ended_yielder(void)
{
    stage_begin();
    context_here()->local->rng.state = mc_choose(4); /* which arm is first */
    STAGE_START(0, hasty);
    mc_spawn(stage_complete, &box_c);
    stage_run(NULL);
    MC_CHECK(seen == STAGE_MAIL);
}

/* ---- several waiting frames ---- */

/* The first child goes on waiting, for something that comes only after the second has ended. */
struct family {
    maru_frame frame;
    struct kid a, b;
};
maru_async(family)
{
    maru_result rc;
    maru_join(rc, maru_call(kid, &me->a, .box = &box_a, .then = &box_c),
              maru_call(kid, &me->b, .box = &box_b, .done = &b_done));
    MC_CHECK(rc == 0);
    seen = maru_result_of(&me->a) + maru_result_of(&me->b);
}
maru_end;

static void complete_b_then_c(void *unused)
{
    (void)unused;
    stage_complete(&box_b);
    wait_until_done(&b_done);
    stage_complete(&box_c);
}

static void two_children(void)
{
    stage_begin();
    STAGE_START(0, family);
    stage_step();
    mc_spawn(stage_complete, &box_a);
    mc_spawn(complete_b_then_c, NULL);
    stage_run(NULL);
    MC_CHECK(seen == 2 * STAGE_MAIL);
}

/* The first ticket was taken before; what is searched is the second completion and the poll. */
static void hint_meets_pin(void)
{
    stage_begin();
    STAGE_START(0, family);
    stage_step();
    stage_complete(&box_a);
    mc_spawn(complete_b_then_c, NULL);
    stage_run(NULL);
    MC_CHECK(seen == 2 * STAGE_MAIL);
}

/* One child yields (the hint is the runner's own), or both; one is completed meanwhile. */
struct yielders {
    maru_frame frame;
    struct kid a, b;
    bool both;
};
maru_async(yielders)
{
    maru_result rc;
    maru_join(rc, maru_call(kid, &me->a, .yields = true, .done = &a_done),
              maru_call(kid, &me->b, .box = &box_b, .yields = me->both));
    MC_CHECK(rc == 0);
    seen = maru_result_of(&me->b);
}
maru_end;

static void complete_b_after_a(void *unused)
{
    (void)unused;
    wait_until_done(&a_done);
    stage_complete(&box_b);
}

static void two_yielders(void)
{
    stage_begin();
    STAGE_START(0, yielders, .both = true);
    mc_spawn(complete_b_after_a, NULL);
    stage_run(NULL);
    MC_CHECK(seen == STAGE_MAIL);
}

static void yielder_and_completer(void)
{
    stage_begin();
    STAGE_START(0, yielders);
    mc_spawn(stage_complete, &box_b);
    mc_spawn(stage_run, &stage_numbers[1]);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == STAGE_MAIL);
}

/* ---- depth ---- */

struct middle {
    maru_frame frame;
    struct kid kid;
    struct stage_box *then;
};
maru_async(middle)
{
    maru_result rc;
    maru_await(rc, maru_call(kid, &me->kid, .box = &box_a, .then = me->then));
    me->kid = (struct kid){.box = NULL};
    maru_return(rc);
}
maru_end;

struct top {
    maru_frame frame;
    struct middle middle;
    struct stage_box *then;
};
maru_async(top)
{
    maru_await(seen, maru_call(middle, &me->middle, .then = me->then));
    me->middle = (struct middle){.kid = {.box = NULL}};
}
maru_end;

/* The innermost frame would go on to wait for what nobody completes. */
static void cancel_meets_hint(void)
{
    stage_begin();
    maru_task *task = STAGE_START(STATE_HANDLE, top, .then = &box_c);
    stage_step();
    mc_spawn(stage_complete, &box_a);
    mc_spawn(cancel_and_detach, task);
    stage_run(NULL);
    MC_CHECK(seen == -ECANCELED);
}

static void deep_on_two_runners(void)
{
    stage_begin();
    STAGE_START(0, top);
    mc_spawn(stage_complete, &box_a);
    mc_spawn(stage_run, &stage_numbers[1]);
    stage_run(NULL);
    mc_join_all();
    MC_CHECK(seen == STAGE_MAIL);
}

/* Written without the vocabulary, so that it can count how often its body is entered. */
struct counting {
    maru_frame frame;
    struct kid kid;
};

static unsigned entries;

static void counting_body(maru_frame *frame)
{
    struct counting *me = (struct counting *)(void *)frame;
    if (frame->future_.line_ == MARU_FINALLY_LINE_) {
        maru_frame_return(frame, 0);
        return;
    }
    entries++;
    maru_result rc;
    if (frame->future_.line_ == 0)
        rc = maru_frame_start(frame, maru_call(kid, &me->kid, .box = &box_a, .then = &box_b));
    else
        rc = maru_frame_wait(frame);
    frame->future_.line_ = 1;
    if (rc != MARU_PENDING)
        maru_frame_return(frame, rc);
}

static const maru_function counting_async = {
    {maru_frame_poll, "counting"}, counting_body, __FILE__};

static void innermost_first(void)
{
    stage_begin();
    STAGE_START(0, counting);
    stage_step();
    stage_complete(&box_a);
    stage_step();
    stage_complete(&box_b);
    stage_run(NULL);
    MC_CHECK(stage_polls() == 3 && entries == 2);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(ended_child, 2, "T10: a hint never names a frame that has ended"),
    MODEL(ended_arm, 1, "T10: nor one that lost a select"),
    MODEL(ended_yielder, 4, "T10: nor does the task's own, when its frame lost in the same poll"),
    MODEL(hint_meets_pin, 3, "T10: ROOT overrides the hint that was written before it"),
    MODEL(two_children, 1, "T10: two completions with a hint each are both seen"),
    MODEL(two_yielders, 3, "T10: two frames that yield in one poll both go on"),
    MODEL(yielder_and_completer, 2, "T1, T10: the runner's own hint hides no completion"),
    MODEL(cancel_meets_hint, 2, "T7, T10: cancel polls from the root whatever the hint says"),
    MODEL(deep_on_two_runners, 3, "T2, T10: hints travel between runners"),
    MODEL(innermost_first, 2, "T10: without a second waker only the innermost frame runs"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
