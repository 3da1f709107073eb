/* test_set.c - what a frame has in flight: one, all, the first of several; A1 to A3. */
#include "runtime/task/set.h"

#include "runtime/task/frame.h"
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

TestSuite(set, .init = begin, .fini = end);

/* ---- futures alone ---- */

Test(set, a_started_future_is_clean_and_not_in_flight)
{
    maru_future future = { .flags_ = FUTURE_ENDED, .line_ = 9, .u_ = { 5 } };
    cr_assert_eq(maru_future_init(&future, &gate_type), &future);
    cr_assert_eq(future.type_, &gate_type);
    cr_assert_eq(future.flags_, 0u);
    cr_assert_eq(future.line_, 0u);
    cr_assert_eq(maru_future_result(&future), MARU_PENDING);
}

Test(set, a_ready_future_has_its_result_without_a_poll)
{
    const maru_result results[] = { 0, 7, -EIO, INT64_MAX };
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        maru_future future = { .line_ = 0 };
        maru_context cx = { NULL, NULL, MARU_GO };
        maru_future_ready(&future, results[i]);
        cr_assert_eq(maru_future_result(&future), results[i]);
        cr_assert_eq(maru_future_poll(&future, &cx), results[i]);
    }
}

static unsigned polled;

static maru_result count_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    return ++polled < 3 ? MARU_PENDING : (maru_result)cx->ending;
}

static const maru_future_type count_type = { count_poll, "count" };

Test(set, an_ended_future_gives_its_result_again_and_is_not_polled)
{
    maru_future future = { .line_ = 0 };
    maru_context cx = { NULL, NULL, MARU_CANCEL };
    maru_future_init(&future, &count_type);
    cr_assert_eq(maru_future_poll(&future, &cx), MARU_PENDING);
    cr_assert_eq(maru_future_poll(&future, &cx), MARU_PENDING);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(maru_future_poll(&future, &cx), MARU_CANCEL);
    cr_assert_eq(polled, 3u);
}

Test(set, a_losing_future_is_told_so_whatever_the_context_says)
{
    maru_future future = { .line_ = 0 };
    maru_context cx = { NULL, NULL, MARU_GO };
    polled = 2;
    maru_future_init(&future, &count_type);
    future.flags_ |= FUTURE_LOSING;
    cr_assert_eq(maru_future_poll(&future, &cx), MARU_LOSE);
}

static void restart_in_flight(void *unused)
{
    (void)unused;
    maru_future future = { .type_ = &gate_type, .flags_ = FUTURE_LINKED };
    maru_future_init(&future, &gate_type);
}

static void refresh_in_flight(void *unused)
{
    (void)unused;
    maru_future future = { .flags_ = FUTURE_LINKED };
    maru_future_fresh(&future);
}

Test(set, a_restart_in_flight_is_found_and_named)
{
    struct last_words words = last_words_of(restart_in_flight, NULL);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "gate: restarted while it is still in flight"), "%s",
              words.text);
    words = last_words_of(refresh_in_flight, NULL);
    cr_assert(last_words_have(&words, "future: restarted"), "%s", words.text);
}

Test(set, the_budget_is_taken_unit_by_unit_and_then_refused)
{
    context_here()->budget = 3;
    for (int i = 0; i < 3; i++)
        cr_assert(maru_budget_take());
    for (int i = 0; i < 3; i++)
        cr_assert_not(maru_budget_take());
    cr_assert_eq(context_here()->budget, 0u);
}

/* ---- sets ---- */

struct sets {
    maru_frame frame;
    int mode;
    size_t count;
    maru_future *arms[4];
    unsigned left;               /* in flight when the wait was over */
};

static unsigned in_flight(const maru_frame *frame)
{
    unsigned count = 0;
    for (const maru_future *future = frame->live_; future; future = future->next_)
        count++;
    return count;
}

maru_async(sets)
{
    maru_result rc;
    MARU_AWAIT_(maru_frame_start_set(&me->frame, me->mode, me->count, me->arms), rc = r_);
    me->left = in_flight(&me->frame);
    maru_return(rc);
}
maru_end;

/* A set of gates, polled once. */
static maru_task *start_set(int mode, size_t count)
{
    struct sets image = { .frame = { .future_ = { .type_ = &sets_async.type } },
                          .mode = mode,
                          .count = count };
    for (size_t i = 0; i < count; i++)
        image.arms[i] = gate_wait(&gates[i]);
    maru_task *task = fake_start(&fake, STATE_HANDLE, &image.frame, sizeof image);
    fake_run(&fake);
    return task;
}

static maru_result end_of_set(maru_task *task)
{
    fake_run(&fake);
    cr_assert(maru_task_is_finished(task));
    cr_assert_eq(((struct sets *)(void *)task_root(task))->left, 0u, "A1");
    return fake_take_result(task);
}

static void open_and_run(unsigned gate, maru_result value)
{
    gate_open(&gates[gate], value);
    fake_run(&fake);
}

Test(set, all_waits_for_each_of_them_in_any_order)
{
    static const unsigned orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 1, 2, 0 } };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        maru_task *task = start_set(MARU_ALL_, 3);
        for (unsigned n = 0; n < 3; n++) {
            cr_assert_not(maru_task_is_finished(task));
            open_and_run(orders[i][n], (maru_result)n + 1);
        }
        cr_assert_eq(end_of_set(task), 0);
    }
}

Test(set, the_first_error_of_all_ends_the_others_and_is_the_result)
{
    maru_task *task = start_set(MARU_ALL_, 3);
    gates[2].stubborn = true;
    open_and_run(1, -EIO);
    cr_assert_eq(gates[0].ending, MARU_LOSE);
    cr_assert_eq(gates[2].ending, MARU_LOSE);
    cr_assert_not(maru_task_is_finished(task), "A3: waited for");
    open_and_run(2, -EPIPE);
    cr_assert_eq(end_of_set(task), -EIO);
}

Test(set, all_of_none_is_done_at_once)
{
    cr_assert_eq(end_of_set(start_set(MARU_ALL_, 0)), 0);
}

Test(set, any_ends_with_the_winner_s_index_and_the_losers_have_ended)
{
    for (unsigned winner = 0; winner < 3; winner++) {
        maru_task *task = start_set(MARU_ANY_, 3);
        open_and_run(winner, -EIO);
        for (unsigned i = 0; i < 3; i++)
            if (i != winner)
                cr_assert_eq(gates[i].ending, MARU_LOSE);
        cr_assert_eq(end_of_set(task), winner);
        cr_assert_eq(maru_future_result(&gates[winner].leaf.future), -EIO);
    }
}

Test(set, any_waits_for_a_loser_that_takes_its_time)
{
    gates[0].stubborn = true;
    maru_task *task = start_set(MARU_ANY_, 2);
    open_and_run(1, 1);
    cr_assert_not(maru_task_is_finished(task), "A3");
    open_and_run(0, 99);
    cr_assert_eq(end_of_set(task), 1);
    cr_assert_eq(maru_result_of(&gates[0]), 99, "what a loser won is not thrown away");
}

static unsigned acquired;

static maru_result eager_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    acquired++;
    return 0;
}

static const maru_future_type eager_type = { eager_poll, "eager" };

Test(set, at_most_one_arm_of_any_acquires_and_none_is_always_first)
{
    static maru_future arms[4];
    unsigned wins[4] = { 0 };
    for (int round = 0; round < 400; round++) {
        struct sets image = { .frame = { .future_ = { .type_ = &sets_async.type } },
                              .mode = MARU_ANY_,
                              .count = 4 };
        for (size_t i = 0; i < 4; i++)
            image.arms[i] = maru_future_init(&arms[i], &eager_type);
        acquired = 0;
        maru_task *task = fake_start(&fake, STATE_HANDLE, &image.frame, sizeof image);
        maru_result winner = end_of_set(task);
        cr_assert_eq(acquired, 1u, "A2");
        cr_assert(winner >= 0 && winner < 4);
        wins[winner]++;
    }
    for (int i = 0; i < 4; i++)
        cr_assert_gt(wins[i], 40u, "arm %d", i);
}

Test(set, a_disabled_arm_is_left_out_and_keeps_its_number)
{
    struct sets image = { .frame = { .future_ = { .type_ = &sets_async.type } },
                          .mode = MARU_ANY_,
                          .count = 3,
                          .arms = { NULL, NULL, gate_wait(&gates[2]) } };
    maru_task *task = fake_start(&fake, STATE_HANDLE, &image.frame, sizeof image);
    fake_run(&fake);
    open_and_run(2, 0);
    cr_assert_eq(end_of_set(task), 2);
}

Test(set, any_of_nothing_is_invalid)
{
    cr_assert_eq(end_of_set(start_set(MARU_ANY_, 0)), -EINVAL);
    struct sets image = { .frame = { .future_ = { .type_ = &sets_async.type } },
                          .mode = MARU_ANY_,
                          .count = 4 };
    cr_assert_eq(end_of_set(fake_start(&fake, STATE_HANDLE, &image.frame, sizeof image)), -EINVAL);
}

Test(set, more_arms_than_numbers_are_invalid)
{
    struct sets image = { .frame = { .future_ = { .type_ = &sets_async.type } },
                          .mode = MARU_ALL_,
                          .count = UINT16_MAX + 1 };
    cr_assert_eq(end_of_set(fake_start(&fake, STATE_HANDLE, &image.frame, sizeof image)), -EINVAL);
}

Test(set, cancelling_ends_all_arms_and_any_has_no_winner_then)
{
    maru_task *all = start_set(MARU_ALL_, 2);
    maru_cancel(all);
    cr_assert_eq(end_of_set(all), -ECANCELED);
    maru_task *any = start_set(MARU_ANY_, 2);
    maru_cancel(any);
    cr_assert_eq(end_of_set(any), -ECANCELED);
}

Test(set, an_arm_that_was_won_before_the_cancel_was_seen_still_wins)
{
    maru_task *task = start_set(MARU_ANY_, 2);
    gate_open(&gates[1], 5);
    maru_cancel(task);
    cr_assert_eq(end_of_set(task), 1);
}

Test(set, waiting_for_cancellation_needs_no_future)
{
    maru_task *task = start_set(MARU_CANCEL_, 0);
    cr_assert_not(maru_task_is_finished(task));
    task->waker.ops_->wake(&task->waker);
    fake_run(&fake);
    cr_assert_not(maru_task_is_finished(task));
    maru_cancel(task);
    cr_assert_eq(end_of_set(task), -ECANCELED);
}

/* ---- one ---- */

struct one {
    maru_frame frame;
    struct gate *gate;
    maru_future *loop;           /* awaited this many times */
    unsigned rounds;
};

maru_async(one)
{
    maru_result rc = 0;
    if (me->gate)
        maru_await(rc, gate_wait(me->gate));
    for (; me->rounds > 0; me->rounds--)
        maru_await(rc, maru_future_init(me->loop, &eager_type));
    maru_return(rc);
}
maru_end;

Test(set, what_need_not_wait_is_awaited_without_a_suspend)
{
    static maru_future future;
    fake.local.budget = 100;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, one, .loop = &future, .rounds = 100);
    fake_run(&fake);
    cr_assert_eq(fake.polls, 1u);
    cr_assert_eq(acquired, 100u);
    cr_assert_eq(fake_take_result(task), 0);
}

Test(set, a_spent_budget_lets_others_run_and_loses_nothing)
{
    static maru_future future;
    fake.local.budget = 10;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, one, .loop = &future, .rounds = 95);
    fake_run_one(&fake);
    cr_assert_eq(acquired, 10u);
    cr_assert_eq(fake_last_why(&fake), SCHEDULE_AGAIN);
    fake_run(&fake);
    cr_assert_eq(acquired, 95u);
    cr_assert_geq(fake.polls, 9u);
    cr_assert_leq(fake.polls, 12u);
    cr_assert_eq(fake_take_result(task), 0);
}

Test(set, an_awaited_future_is_in_flight_until_it_has_ended)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, one, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert(gates[0].leaf.future.flags_ & FUTURE_LINKED);
    cr_assert_eq(task_root(task)->live_, &gates[0].leaf.future);
    open_and_run(0, 3);
    cr_assert_not(gates[0].leaf.future.flags_ & FUTURE_LINKED);
    cr_assert_eq(fake_take_result(task), 3);
}

Test(set, linking_is_done_once)
{
    static maru_frame frame;
    static maru_future one_future, two_future;
    frame_link(&frame, &one_future);
    frame_link(&frame, &two_future);
    frame_link(&frame, &one_future);
    cr_assert_eq(in_flight(&frame), 2u, "A1");
}

Test(set, ending_everything_waits_for_the_stubborn)
{
    static maru_frame frame;
    maru_waker *nobody = NULL;
    gates[0].stubborn = true;
    frame_link(&frame, gate_wait(&gates[0]));
    frame_link(&frame, gate_wait(&gates[1]));
    gates[0].leaf.future.line_ = LEAF_WAITING;
    cr_assert_not(set_end_all(&frame, nobody));
    cr_assert_eq(in_flight(&frame), 1u);
    cr_assert_eq(gates[1].ending, MARU_LOSE);
    gates[0].leaf.future.line_ = LEAF_COMPLETE;
    cr_assert(set_end_all(&frame, nobody));
    cr_assert_null(frame.live_);
    cr_assert(set_end_all(&frame, nobody), "nothing is left");
}

/* ---- misuse ---- */

struct misuses {
    maru_frame frame;
    int kind;
};

maru_async(misuses)
{
    struct gate local = { .value = 0 };
    maru_future *future = gate_wait(me->kind == 0 ? &local : &gates[0]);
    maru_future *pair[] = { future, future };
    if (me->kind == 1)
        future = NULL;
    if (me->kind < 2) {
        maru_await(future);
    } else if (me->kind < 4) {
        int mode = me->kind == 2 ? MARU_ALL_ : MARU_ANY_;
        MARU_AWAIT_(maru_frame_start_set(&me->frame, mode, 2, pair), (void)r_);
    } else if (me->kind == 4) {
        pair[1] = NULL;
        MARU_AWAIT_(maru_frame_start_set(&me->frame, MARU_ALL_, 2, pair), (void)r_);
    }
}
maru_end;

static void misuse(void *kind)
{
    FAKE_START(&fake, 0, misuses, .kind = *(int *)kind);
    fake_run(&fake);
}

Test(set, misuses_are_found_and_name_the_function)
{
    static const char *const words_of[] = { "a future on the C stack", "an await of NULL",
                                            "the same future twice in one wait",
                                            "the same future twice in one wait",
                                            "an await of NULL" };
    for (int kind = 0; kind < 5; kind++) {
        struct last_words words = last_words_of(misuse, &kind);
        cr_assert_eq(words.signal, SIGABRT, "kind %d", kind);
        cr_assert(last_words_have(&words, "maru: misuses ("), "%s", words.text);
        cr_assert(last_words_have(&words, words_of[kind]), "kind %d: %s", kind, words.text);
    }
}

struct deaf {
    maru_frame frame;
    maru_future *future;
};

maru_async(deaf)
{
    for (;;)
        maru_await(maru_future_init(me->future, &eager_type));
}
maru_end;

static void be_deaf(void *future)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, deaf, .future = future);
    maru_cancel(task);
    fake_run(&fake);
}

Test(set, a_function_that_is_deaf_to_cancellation_is_named)
{
    static maru_future future;
    struct last_words words = last_words_of(be_deaf, &future);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "maru: deaf ("), "%s", words.text);
    cr_assert(last_words_have(&words, "keeps awaiting after cancellation"), "%s", words.text);
}
