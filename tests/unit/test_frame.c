/* test_frame.c - the phases of a frame, its result, depth, cancellation and resumption, on frames
 * written by hand and by the vocabulary. */
#include "runtime/task/frame.h"

#include "runtime/task/set.h"
#include "tests/support/fake_tasks.h"
#include "tests/support/last_words.h"

#include <signal.h>

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

TestSuite(frame, .init = begin, .fini = end);

static char steps[64];

static void step(char letter)
{
    size_t len = strlen(steps);
    cr_assert_lt(len, sizeof steps - 1);
    steps[len] = letter;
}

struct phases {
    maru_frame frame;
    struct gate *body, *cleanup;
    maru_result returns, replaces;
};

maru_async(phases)
{
    step('b');
    if (me->body) {
        maru_await(gate_wait(me->body));
        step('B');
    }
    maru_return(me->returns);
maru_finally:
    step('f');
    if (me->cleanup) {
        maru_await(gate_wait(me->cleanup));
        step('F');
    }
    maru_return(me->replaces);
}
maru_end;

static maru_result run_phases_of(maru_result returns, maru_result replaces)
{
    maru_task *task =
        FAKE_START(&fake, STATE_HANDLE, phases, .returns = returns, .replaces = replaces);
    fake_run(&fake);
    return fake_take_result(task);
}

Test(frame, body_and_finally_run_once_each_in_order)
{
    cr_assert_eq(run_phases_of(3, 0), 3);
    cr_assert_str_eq(steps, "bf");
}

Test(frame, finally_may_wait_and_the_result_is_published_by_the_end_alone)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, phases, .body = &gates[0],
                                 .cleanup = &gates[1], .returns = 3);
    fake_run(&fake);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_str_eq(steps, "bBf");
    cr_assert_not(task_root(task)->future_.flags_ & FUTURE_ENDED);
    cr_assert_eq(maru_future_result(&task_root(task)->future_), MARU_PENDING);
    gate_open(&gates[1], 0);
    fake_run(&fake);
    cr_assert_str_eq(steps, "bBfF");
    cr_assert_eq(maru_future_result(&task_root(task)->future_), 3);
    cr_assert_eq(fake_take_result(task), 3);
}

Test(frame, finally_can_add_an_error_and_never_hide_one)
{
    cr_assert_eq(run_phases_of(3, -EIO), -EIO);
    cr_assert_eq(run_phases_of(0, -EIO), -EIO);
    cr_assert_eq(run_phases_of(-EPIPE, -EIO), -EPIPE);
    cr_assert_eq(run_phases_of(-EPIPE, 5), -EPIPE);
    cr_assert_eq(run_phases_of(3, 5), 3, "a value in finally replaces no value");
}

struct runs_off {
    maru_frame frame;
};

maru_async(runs_off)
{
    (void)0;
}
maru_end;

struct breaks {
    maru_frame frame;
};

maru_async(breaks)
{
    if (me->frame.depth_ == 0)
        break;
    maru_return(7);
}
maru_end;

Test(frame, running_off_the_end_or_a_break_is_the_result_zero)
{
    maru_task *one = FAKE_START(&fake, STATE_HANDLE, runs_off);
    maru_task *two = FAKE_START(&fake, STATE_HANDLE, breaks);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(one), 0);
    cr_assert_eq(fake_take_result(two), 0);
}

Test(frame, results_from_the_whole_range_come_through)
{
    const maru_result results[] = { 0, 1, INT32_MAX, INT64_MAX, -1, -4096, INT32_MIN };
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        cr_assert_eq(run_phases_of(results[i], 0), results[i]);
}

/* ---- cancellation ---- */

Test(frame, cancellation_ends_the_body_s_wait_and_shields_finally)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, phases, .body = &gates[0],
                                 .cleanup = &gates[1], .returns = -ECANCELED);
    fake_run(&fake);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(gates[0].ending, MARU_CANCEL);
    cr_assert_eq(gates[1].ending, MARU_GO, "shielded");
    cr_assert_str_eq(steps, "bBf");
    gate_open(&gates[1], 0);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(frame, cancellation_is_a_level)
{
    maru_frame frame = { .depth_ = 0 };
    cr_assert_eq(frame_ending(&frame), MARU_GO);
    frame_cancel(&frame);
    cr_assert_eq(frame_ending(&frame), MARU_CANCEL);
    frame_cancel(&frame);
    cr_assert_eq(frame_ending(&frame), MARU_CANCEL);
    frame.future_.phase_ = 1;
    cr_assert_eq(frame_ending(&frame), MARU_CANCEL, "while the body's futures end");
    frame.future_.phase_ = 2;
    cr_assert_eq(frame_ending(&frame), MARU_GO, "finally");
}

/* ---- frames in frames ---- */

struct nested {
    maru_frame frame;
    struct gate *gate;
    struct nested *below;        /* the next level, or NULL: wait */
    uint16_t *depth;
    unsigned *resumed;           /* counts bodies that were entered */
};

maru_async(nested)
{
    maru_result rc;
    if (me->depth)
        *me->depth = me->frame.depth_;
    if (me->below)
        maru_await(rc, maru_call(nested, me->below, .gate = me->gate, .depth = me->depth,
                                 .resumed = me->resumed,
                                 .below = me->frame.depth_ < 6 ? me->below + 1 : NULL));
    else
        maru_await(rc, gate_wait(me->gate));
    ++*me->resumed;
    maru_return(rc);
}
maru_end;

static struct nested levels[8];

Test(frame, the_innermost_is_resumed_and_parents_only_as_children_end)
{
    uint16_t depth = 0;
    unsigned resumed = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, nested, .gate = &gates[0], .below = levels,
                                 .depth = &depth, .resumed = &resumed);
    fake_run(&fake);
    cr_assert_eq(depth, 7u);
    cr_assert_eq(gates[0].leaf.future.u_.awaiter_, &levels[6].frame);
    gate_open(&gates[0], 5);
    cr_assert_eq(task_root(task)->parent_, &levels[6].frame);
    fake_run(&fake);
    cr_assert_eq(resumed, 8u);
    cr_assert_eq(fake.polls, 2u);
    cr_assert_eq(fake_take_result(task), 5);
}

Test(frame, a_stray_wake_polls_the_whole_chain_once_and_changes_nothing)
{
    unsigned resumed = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, nested, .gate = &gates[0], .below = levels,
                                 .resumed = &resumed);
    fake_run(&fake);
    task->waker.ops_->wake(&task->waker);
    fake_run(&fake);
    cr_assert_eq(gates[0].polls, 2u);
    cr_assert_eq(resumed, 0u);
    gate_open(&gates[0], 6);
    fake_run(&fake);
    cr_assert_eq(resumed, 8u);
    cr_assert_eq(fake_take_result(task), 6);
}

Test(frame, cancelling_reaches_the_innermost)
{
    unsigned resumed = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, nested, .gate = &gates[0], .below = levels,
                                 .resumed = &resumed);
    fake_run(&fake);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_eq(gates[0].ending, MARU_CANCEL);
    cr_assert_eq(resumed, 8u);
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

struct deep {
    maru_frame frame;
    struct deep *below;
    unsigned *deepest;
};

maru_async(deep)
{
    maru_result rc;
    *me->deepest = me->frame.depth_;
    if (me->frame.depth_ > MARU_DEPTH_MAX + 5)
        maru_return(0);
    maru_await(rc, maru_call(deep, me->below, .below = me->below + 1, .deepest = me->deepest));
    maru_return(rc);
}
maru_end;

Test(frame, beyond_the_depth_limit_is_an_error_that_travels_up)
{
    static struct deep chain[MARU_DEPTH_MAX + 10];
    unsigned deepest = 0;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, deep, .below = chain, .deepest = &deepest);
    fake_run(&fake);
    cr_assert_eq(deepest, (unsigned)MARU_DEPTH_MAX);
    cr_assert_eq(fake_take_result(task), -MARU_EDEPTH);
}

/* ---- misuse, in its own process: what the compiler cannot see ---- */

struct leaves {
    maru_frame frame;
};

static void leaves_body(maru_frame *frame)
{
    (void)frame;                        /* a plain return */
}

static const maru_function leaves_function = {
    { maru_frame_poll, "leaves" }, leaves_body, "user.c"
};

static void run_image(void *image)
{
    (void)fake_start(&fake, 0, image, sizeof(struct leaves));
    fake_run(&fake);
}

Test(frame, a_plain_return_is_found_and_named)
{
    struct leaves image = { { .future_ = { .type_ = &leaves_function.type } } };
    struct last_words words = last_words_of(run_image, &image);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "leaves (user.c:0): plain return"), "%s", words.text);
}

Test(frame, an_unknown_resume_line_is_found_and_named)
{
    struct runs_off image = { { .future_ = { .type_ = &runs_off_async.type, .line_ = 12345 } } };
    struct last_words words = last_words_of(run_image, &image);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "runs_off"), "%s", words.text);
    cr_assert(last_words_have(&words, ":12345): unknown resume line"), "%s", words.text);
}

static void return_pending(void *unused)
{
    (void)unused;
    run_phases_of(MARU_PENDING, 0);
}

static void return_too_negative(void *unused)
{
    (void)unused;
    run_phases_of((maru_result)INT32_MIN - 1, 0);
}

Test(frame, pending_and_absurd_errors_are_no_results)
{
    struct last_words words = last_words_of(return_pending, NULL);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "must be an errno"), "%s", words.text);
    cr_assert_eq(last_words_of(return_too_negative, NULL).signal, SIGABRT);
}
