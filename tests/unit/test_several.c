/* test_several.c - sets of futures: the order of polls, sparing, what was in flight before. */
#include "runtime/task/set.h"

#include "runtime/task/frame.h"
#include "tests/support/fake_tasks.h"
#include "tests/support/last_words.h"

#include <signal.h>

static struct fake fake;
static struct gate gates[40];

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(several, .init = begin, .fini = end);

/* ---- the order ---- */

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

struct sets {
    maru_frame frame;
    int mode;
    size_t count;
    maru_future *arms[40];
};

maru_async(sets)
{
    maru_result rc;
    MARU_AWAIT_(maru_frame_start_set(&me->frame, me->mode, me->count, me->arms), rc = r_);
    maru_return(rc);
}
maru_end;

static maru_future eager[40];

/* One arm is ready for each '!', one waits for each '.'; who wins. */
static maru_result winner_of(int mode, const char *arms)
{
    struct sets image = { .frame = { .future_ = { .type_ = &sets_async.type } },
                          .mode = mode,
                          .count = strlen(arms) };
    for (size_t i = 0; i < image.count; i++)
        image.arms[i] = arms[i] == '!' ? maru_future_init(&eager[i], &eager_type)
                                       : gate_wait(&gates[i]);
    acquired = 0;
    maru_task *task = fake_start(&fake, STATE_HANDLE, &image.frame, sizeof image);
    fake_run(&fake);
    cr_assert_eq(acquired, 1u, "A2");
    return fake_take_result(task);
}

static void want_equal_chances(int mode, const char *arms)
{
    enum { ROUNDS = 6000 };
    unsigned wins[40] = { 0 }, ready = 0;
    for (size_t i = 0; arms[i]; i++)
        ready += arms[i] == '!';
    for (int round = 0; round < ROUNDS; round++)
        wins[winner_of(mode, arms)]++;
    for (size_t i = 0; arms[i]; i++) {
        unsigned share = arms[i] == '!' ? ROUNDS / ready : 0;
        cr_assert_geq(wins[i] + 300, share, "%s: arm %zu won %u times", arms, i, wins[i]);
        cr_assert_leq(wins[i], share + (share ? 300 : 0), "%s: arm %zu won %u times", arms, i,
                      wins[i]);
    }
}

/* conformance 69: a fixed seed, so the bounds of more than 7 sigma are never at risk */
Test(several, every_ready_arm_is_as_likely_whatever_stands_before_it)
{
    static const char *const sets[] = { "!!", ".!", "!.!", "!!.", ".!!", "!.!!", ".!.!", "!!!!!",
                                        "!..!...!" };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        want_equal_chances(MARU_ANY_, sets[i]);
        want_equal_chances(MARU_RACE_, sets[i]);
    }
}

Test(several, arms_in_order_are_won_by_the_first_that_is_ready)
{
    for (int round = 0; round < 50; round++) {
        cr_assert_eq(winner_of(MARU_FIRST_, "!!!"), 0);
        cr_assert_eq(winner_of(MARU_FIRST_, "..!!"), 2);
    }
}

Test(several, of_many_arms_each_wins_at_times)
{
    bool won[40] = { false };
    for (int round = 0; round < 2000; round++)
        won[winner_of(MARU_ANY_, "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")] = true;
    for (size_t i = 0; i < 40; i++)
        cr_assert(won[i], "arm %zu", i);
}

/* Of three that wait, whoever was polled first in one poll is last in the next. */
static maru_future *order[16];
static unsigned polls;

static maru_result waits_poll(maru_future *self, maru_context *cx)
{
    order[polls++ % 16] = self;
    return cx->ending == MARU_GO ? MARU_PENDING : -ECANCELED;
}

static const maru_future_type waits_type = { waits_poll, "waits" };

Test(several, those_that_are_awaited_together_take_turns_at_being_first)
{
    static const int modes[] = { MARU_ALL_, MARU_EACH_ };
    for (int m = 0; m < 2; m++) {
        struct sets image = { .frame = { .future_ = { .type_ = &sets_async.type } },
                              .mode = modes[m],
                              .count = 3 };
        for (size_t i = 0; i < 3; i++)
            image.arms[i] = maru_future_init(&eager[i], &waits_type);
        polls = 0;
        maru_task *task = fake_start(&fake, STATE_HANDLE, &image.frame, sizeof image);
        fake_run(&fake);
        for (int i = 0; i < 3; i++) {
            task->waker.ops_->wake(&task->waker);
            fake_run(&fake);
        }
        for (unsigned i = 0; i < 12; i++)
            cr_assert_eq(order[i], &eager[(i / 3 + i % 3) % 3], "poll %u", i);
        maru_cancel(task);
        fake_run(&fake);
        cr_assert_eq(fake_take_result(task), -ECANCELED);
    }
}

/* ---- sparing ---- */

struct spares {
    maru_frame frame;
    int mode;
    bool keeps;
    struct gate *pause;
    maru_result winner;
};

maru_async(spares)
{
    maru_future *arms[] = { gate_wait(&gates[0]), gate_wait(&gates[1]) };
    if (me->keeps)
        maru_future_keep(arms[1]);
    MARU_AWAIT_(maru_frame_start_set(&me->frame, me->mode, 2, arms), me->winner = r_);
    if (me->pause)
        maru_await(gate_wait(me->pause));
    maru_return(me->winner);
}
maru_end;

static maru_task *start_sparing(int mode, bool keeps)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, spares, .mode = mode, .keeps = keeps,
                                 .pause = &gates[2]);
    fake_run(&fake);
    gate_open(&gates[0], 1);
    fake_run(&fake);
    return task;
}

static void finish(maru_task *task, maru_result expected)
{
    gate_open(&gates[2], 0);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), expected);
}

Test(several, a_race_s_loser_is_polled_when_the_function_is)
{
    maru_task *task = start_sparing(MARU_RACE_, false);
    unsigned before = gates[1].polls;
    cr_assert_gt(before, 1u, "A4");
    gate_open(&gates[1], 7);
    fake_run(&fake);
    cr_assert_eq(gates[1].polls, before + 1);
    cr_assert_eq(maru_result_of(&gates[1]), 7);
    cr_assert_not(gates[1].leaf.future.flags_ & FUTURE_LINKED, "A1");
    cr_assert(maru_future_is_in_flight(&gates[1].leaf.future), "A5: nobody was given the result");
    finish(task, 0);
}

Test(several, a_select_s_kept_loser_rests_and_is_told_to_lose_at_the_end)
{
    static const int modes[] = { MARU_ANY_, MARU_FIRST_ };
    for (int m = 0; m < 2; m++) {
        maru_task *task = start_sparing(modes[m], true);
        unsigned before = gates[1].polls;
        task->waker.ops_->wake(&task->waker);
        fake_run(&fake);
        cr_assert_eq(gates[1].polls, before, "A4");
        cr_assert_eq(gates[1].ending, MARU_GO);
        finish(task, 0);
        cr_assert_eq(gates[1].ending, MARU_LOSE);
    }
}

Test(several, a_join_that_fails_ends_what_is_kept_too)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, spares, .mode = MARU_ALL_, .keeps = true);
    fake_run(&fake);
    gate_open(&gates[0], -EIO);
    fake_run(&fake);
    cr_assert_eq(gates[1].ending, MARU_LOSE);
    cr_assert_not(maru_future_is_in_flight(&gates[1].leaf.future));
    cr_assert_eq(fake_take_result(task), -EIO);
}

/* ---- misuse ---- */

struct inner {
    maru_frame frame;
    maru_future *future;
    bool in_a_set;
};

maru_async(inner)
{
    maru_future *one[] = { me->future };
    if (me->in_a_set)
        MARU_AWAIT_(maru_frame_start_set(&me->frame, MARU_ANY_, 1, one), (void)r_);
    else
        maru_await(me->future);
}
maru_end;

struct two_sets {
    maru_frame frame;
    bool in_a_set;
    struct inner inner;
};

maru_async(two_sets)
{
    maru_result arm;
    maru_select_biased(arm, gate_wait(&gates[0]),
                       maru_call(inner, &me->inner, .future = &gates[0].leaf.future,
                                 .in_a_set = me->in_a_set));
    (void)arm;
}
maru_end;

static void await_in_two(void *in_a_set)
{
    FAKE_START(&fake, 0, two_sets, .in_a_set = *(bool *)in_a_set);
    fake_run(&fake);
}

Test(several, a_future_in_two_functions_sets_is_found)
{
    for (int in_a_set = 0; in_a_set < 2; in_a_set++) {
        bool arg = in_a_set;
        struct last_words words = last_words_of(await_in_two, &arg);
        cr_assert_eq(words.signal, SIGABRT);
        cr_assert(last_words_have(&words, "maru: inner ("), "%s", words.text);
        cr_assert(last_words_have(&words, "the same future twice in one wait"), "%s", words.text);
    }
}
