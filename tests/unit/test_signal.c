/* test_signal.c - awaiting signals: which disposition is there before, meanwhile and after, what is
 * refused, who is told, what coalesces, what a loser leaves. */
#include "tests/unit/signal_world.h"

#include <limits.h>
#include <sys/resource.h>

TestSuite(signal, .timeout = 60);

/* ---- dispositions ---- */

Test(signal, a_handler_is_there_only_while_somebody_listens)
{
    void (*const earlier[])(int) = { SIG_DFL, SIG_IGN, hear };
    for (int i = 0; i < 3; i++) {
        set(SIGUSR1, earlier[i], SA_NODEFER | SA_RESTART);
        struct sigaction before = now_of(SIGUSR1);
        maru_signal one = opened(SIGUSR1), two = opened(SIGUSR1);
        struct sigaction ours = now_of(SIGUSR1);
        cr_assert(ours.sa_handler != earlier[i]);
        cr_assert_eq(ours.sa_flags & (SA_RESTART | SA_ONSTACK | SA_SIGINFO | SA_NODEFER),
                     SA_RESTART | SA_ONSTACK);
        cr_assert_eq(maru_signal_close(&one), 0);
        cr_assert(now_of(SIGUSR1).sa_handler == ours.sa_handler);
        cr_assert_eq(maru_signal_close(&two), 0);
        struct sigaction after = now_of(SIGUSR1);
        cr_assert(after.sa_handler == earlier[i] && after.sa_flags == before.sa_flags);
        cr_assert_eq(sigismember(&after.sa_mask, SIGWINCH), 1);
    }
    cr_assert_eq(deliver(), 0);
    cr_assert_eq(heard, SIGUSR1);
}

Test(signal, a_disposition_that_somebody_else_has_set_stays)
{
    maru_signal signal = opened(SIGUSR1);
    set(SIGUSR1, hear, 0);
    cr_assert_eq(maru_signal_close(&signal), 0);
    cr_assert(now_of(SIGUSR1).sa_handler == hear);
}

Test(signal, the_next_listener_hears_although_somebody_else_came_in_between)
{
    maru_signal one = opened(SIGUSR1);
    set(SIGUSR1, hear, 0);
    maru_signal two = opened(SIGUSR1);
    cr_assert_eq(deliver(), 0);
    cr_assert(untold(&one) == 1 && untold(&two) == 1 && heard == 0);
    cr_assert_eq(maru_signal_close(&one), 0);
    cr_assert_eq(maru_signal_close(&two), 0);
    cr_assert(now_of(SIGUSR1).sa_handler == hear);
}

/* Somebody saves our handler as the earlier one, and puts it back when nobody listens any more. */
Test(signal, our_handler_put_back_late_gives_the_signal_to_who_was_there_before)
{
    set(SIGUSR1, hear, 0);
    maru_signal signal = opened(SIGUSR1);
    struct sigaction ours = now_of(SIGUSR1);
    set(SIGUSR1, SIG_IGN, 0);
    cr_assert_eq(maru_signal_close(&signal), 0);
    cr_assert_eq(sigaction(SIGUSR1, &ours, NULL), 0);
    cr_assert_eq(deliver(), 0);
    cr_assert_eq(heard, SIGUSR1);
    cr_assert(now_of(SIGUSR1).sa_handler == hear);
}

static void (*chained)(int);

static void hear_and_pass_on(int signo)
{
    heard++;
    chained(signo);
}

Test(signal, a_handler_that_passes_on_to_ours_is_never_replaced)
{
    maru_signal signal = opened(SIGUSR1);
    chained = now_of(SIGUSR1).sa_handler;
    set(SIGUSR1, hear_and_pass_on, 0);
    cr_assert_eq(deliver(), 0);
    cr_assert(heard == 1 && untold(&signal) == 1);
    cr_assert_eq(maru_signal_close(&signal), 0);
    cr_assert_eq(deliver(), 0);
    cr_assert(heard == 2 && now_of(SIGUSR1).sa_handler == hear_and_pass_on);
}

Test(signal, the_handler_keeps_errno)
{
    maru_signal signal = opened(SIGUSR1);
    const uint64_t full = UINT64_MAX - 1;
    cr_assert_eq(write(signal.fd_, &full, sizeof full), (ssize_t)sizeof full);
    errno = EXDEV;
    (void)raise(SIGUSR1);                       /* its write gives EAGAIN */
    cr_assert_eq(errno, EXDEV);
    cr_assert_eq(maru_signal_close(&signal), 0);
}

/* ---- what is refused ---- */

Test(signal, what_cannot_be_awaited_is_invalid_and_changes_nothing)
{
    const int wrong[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,  SIGILL, SIGTRAP,
                          SIGSYS,  SIGABRT, 0,       -1,     INT_MIN, 65,     32,
                          33,      256,     NSIG,    1000,   INT_MAX };
    int fds = count_fds();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        maru_signal signal = { .fd_ = 77 };
        cr_assert_eq(maru_signal_open(&signal, wrong[i]), -EINVAL, "%d", wrong[i]);
        cr_assert(signal.fd_ == 77 && signal.slot_ == 0);
    }
    cr_assert_eq(maru_signal_open(NULL, SIGINT), -EINVAL);
    cr_assert(now_of(SIGINT).sa_handler == SIG_DFL);
    cr_assert_eq(count_fds(), fds);
}

Test(signal, closing_nothing_or_twice_is_fine)
{
    maru_signal zero = { 0 }, signal = opened(SIGUSR1);
    cr_assert_eq(maru_signal_close(NULL), 0);
    cr_assert_eq(maru_signal_close(&zero), 0);
    cr_assert_eq(maru_signal_close(&signal), 0);
    cr_assert_eq(maru_signal_close(&signal), 0);
}

static void without_descriptors(unsigned room)
{
    struct rlimit limit, tight;
    int lowest = dup(STDERR_FILENO);            /* the limit is a number, too */
    cr_assert(lowest >= 0 && close(lowest) == 0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = (rlim_t)lowest + room;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    maru_signal one = { 0 }, two = { 0 };
    int rc = room ? maru_signal_open(&one, SIGUSR1) : 0;
    int refused = maru_signal_open(&two, SIGUSR1);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert(rc == 0 && refused == -EMFILE && two.slot_ == 0);
    cr_assert_eq(now_of(SIGUSR1).sa_handler == SIG_DFL, room == 0);
    cr_assert_eq(maru_signal_close(&one), 0);
    cr_assert(now_of(SIGUSR1).sa_handler == SIG_DFL);
}

Test(signal, no_descriptor_is_an_error_and_changes_nothing)
{
    without_descriptors(0);
    without_descriptors(1);
}

Test(signal, more_listeners_than_the_table_holds_are_refused)
{
    static maru_signal many[SIGNAL_LISTENERS_MAX + 1];
    struct rlimit limit;
    uint32_t count = 0;
    int fds = count_fds(), rc;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((rc = maru_signal_open(&many[count], SIGUSR1)) == 0)
        cr_assert_lt(++count, (uint32_t)SIGNAL_LISTENERS_MAX + 1);
    cr_assert_eq(rc, -EMFILE);
    cr_assert(count == SIGNAL_LISTENERS_MAX || limit.rlim_max < 2 * SIGNAL_LISTENERS_MAX);
    cr_assert_eq(deliver(), 0);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(untold(&many[i]), 1);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(maru_signal_close(&many[i]), 0);
    cr_assert_eq(count_fds(), fds);
    maru_signal again = opened(SIGUSR1);
    cr_assert_eq(maru_signal_close(&again), 0);
}

struct refused {
    maru_frame frame;
    maru_signal signal;
    maru_signal_wait wait;
    maru_signal_once_wait once;
};

maru_async(refused)
{
    maru_result n;
    maru_await(n, maru_signal_next(&me->wait, NULL));
    expect(n == -EINVAL);
    maru_await(n, maru_signal_next(&me->wait, &me->signal));
    expect(n == -EBADF);
    maru_check(maru_signal_open(&me->signal, SIGUSR1));
    expect(maru_signal_close(&me->signal) == 0);
    maru_await(n, maru_signal_next(&me->wait, &me->signal));
    expect(n == -EBADF);
    maru_await(n, maru_signal_once(&me->once, SIGKILL));
    expect(n == -EINVAL);
    maru_await(n, maru_signal_once(&me->once, 0));
    expect(n == -EINVAL);
}
maru_end;

Test(signal, waits_on_nothing_are_refused)
{
    run_everywhere(refused);
}

/* ---- being told ---- */

struct two_listeners {
    maru_frame frame;
    maru_signal one, two;
    maru_signal_wait a, b;
};

/* conformance 79 */
maru_async(two_listeners)
{
    maru_result n;
    maru_check(maru_signal_open(&me->one, SIGUSR1));
    maru_check(maru_signal_open(&me->two, SIGUSR1));
    expect(deliver() == 0);
    maru_try(n, maru_signal_next(&me->a, &me->one));
    expect(n == 1);
    maru_try(n, maru_signal_next(&me->b, &me->two));
    expect(n == 1);
    expect(deliver() == 0);
    maru_join(n, maru_signal_next(&me->a, &me->one), maru_signal_next(&me->b, &me->two));
    expect(n == 0 && maru_result_of(&me->a) == 1 && maru_result_of(&me->b) == 1);
    expect(maru_signal_close(&me->one) == 0);   /* dropping one keeps the other */
    expect(deliver() == 0);
    maru_try(n, maru_signal_next(&me->b, &me->two));
    expect(n == 1);
maru_finally:
    expect(maru_signal_close(&me->one) == 0);
    expect(maru_signal_close(&me->two) == 0);
    expect(now_of(SIGUSR1).sa_handler == SIG_DFL);
}
maru_end;

Test(signal, two_listeners_are_both_told_and_dropping_one_keeps_the_other)
{
    run_everywhere(two_listeners);
}

struct sender {
    maru_frame frame;
    int signo;
    maru_sleep nap;
};

maru_async(sender)
{
    maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    expect(kill(getpid(), me->signo) == 0);
}
maru_end;

/* Each signal that can be awaited, its wait begun before the delivery. */
struct each {
    maru_frame frame;
    int signo, count;
    maru_signal signal;
    maru_signal_wait wait;
    struct sender sender;
};

maru_async(each)
{
    for (me->signo = 1; me->signo <= 64; me->signo++) {
        maru_result n;
        if (maru_signal_open(&me->signal, me->signo) == -EINVAL)
            continue;
        maru_join(n, maru_signal_next(&me->wait, &me->signal),
                  maru_call(sender, &me->sender, .signo = me->signo));
        expect(n == 0 && maru_result_of(&me->wait) == 1);
        expect(maru_signal_close(&me->signal) == 0);
        me->count++;
    }
    expect(me->count == 64 - 9 - 2);            /* all but ours and the two that libc keeps */
}
maru_end;

Test(signal, every_other_signal_can_be_awaited)
{
    run_everywhere(each);
}

/* conformance 79: SINGLE, so that each kill delivers before it returns. */
struct coalescing {
    maru_frame frame;
    maru_signal signal;
    maru_signal_wait wait;
};

maru_async(coalescing)
{
    maru_result n;
    maru_check(maru_signal_open(&me->signal, SIGUSR1));
    for (int i = 0; i < 100; i++)
        expect(deliver() == 0);
    maru_try(n, maru_signal_next(&me->wait, &me->signal));
    expect(n == 100 && untold(&me->signal) == 0);
maru_finally:
    expect(maru_signal_close(&me->signal) == 0);
}
maru_end;

Test(signal, deliveries_coalesce)
{
    run_in(SHAPE_SINGLE, coalescing);
}

/* Descriptors have run out since it was opened: a server that is full can still be stopped. */
struct frugal {
    maru_frame frame;
    maru_signal signal;
    maru_signal_wait wait;
    struct sender sender;
    struct rlimit limit;
};

maru_async(frugal)
{
    maru_result n;
    maru_check(maru_signal_open(&me->signal, SIGUSR1));
    expect(getrlimit(RLIMIT_NOFILE, &me->limit) == 0);
    expect(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, me->limit.rlim_max }) == 0);
    expect(dup(STDERR_FILENO) < 0);
    maru_join(n, maru_signal_next(&me->wait, &me->signal),
              maru_call(sender, &me->sender, .signo = SIGUSR1));
    expect(n == 0 && maru_result_of(&me->wait) == 1);
maru_finally:
    expect(setrlimit(RLIMIT_NOFILE, &me->limit) == 0);
    expect(maru_signal_close(&me->signal) == 0);
}
maru_end;

Test(signal, a_wait_needs_no_descriptor_but_the_listeners)
{
    run_everywhere(frugal);
}

/* Two signals in one select, as a server waits for Ctrl-C or a termination. */
struct either {
    maru_frame frame;
    maru_signal one, two;
    maru_signal_wait a, b;
    int rounds;
};

maru_async(either)
{
    maru_result arm;
    maru_check(maru_signal_open(&me->one, SIGUSR1));
    maru_check(maru_signal_open(&me->two, SIGUSR2));
    for (; me->rounds > 0; me->rounds--) {
        expect(kill(getpid(), me->rounds % 2 ? SIGUSR1 : SIGUSR2) == 0);
        maru_select(arm, maru_signal_next(&me->a, &me->one), maru_signal_next(&me->b, &me->two));
        expect(arm == (me->rounds % 2 ? 0 : 1));
    }
    expect(untold(&me->one) == 0 && untold(&me->two) == 0);
maru_finally:
    expect(maru_signal_close(&me->one) == 0);
    expect(maru_signal_close(&me->two) == 0);
}
maru_end;

Test(signal, one_task_awaits_several_signals)
{
    run_everywhere(either, .rounds = 40);
}

/* ---- losing, cancelling, closing ---- */

struct loser {
    maru_frame frame;
    maru_signal signal;
    maru_signal_wait wait;
    maru_pause pause;
    int rounds;
};

/* Whoever wins: what was delivered is told once, by this wait or by the next one. */
maru_async(loser)
{
    maru_result arm;
    maru_check(maru_signal_open(&me->signal, SIGUSR1));
    for (; me->rounds > 0; me->rounds--) {
        expect(deliver() == 0);
        maru_select(arm, maru_yield(&me->pause), maru_signal_next(&me->wait, &me->signal));
        if (arm == 0)
            maru_try(maru_signal_next(&me->wait, &me->signal));
        expect(maru_result_of(&me->wait) == 1 && untold(&me->signal) == 0);
    }
maru_finally:
    expect(maru_signal_close(&me->signal) == 0);
}
maru_end;

Test(signal, a_loser_leaves_the_delivery_to_the_next_wait)
{
    run_everywhere(loser, .rounds = 200);
}

struct in_time {
    maru_frame frame;
    maru_signal signal;
    maru_signal_wait wait;
    maru_signal_once_wait once;
    maru_timeout limit;
    int rounds;
};

maru_async(in_time)
{
    maru_result n;
    maru_check(maru_signal_open(&me->signal, SIGUSR2));
    for (; me->rounds > 0; me->rounds--) {
        maru_await(n, maru_within(&me->limit, me->rounds % 3 * 100 * MARU_USEC,
                                  maru_signal_next(&me->wait, &me->signal)));
        expect(n == -ETIMEDOUT);
        maru_await(n, maru_within(&me->limit, me->rounds % 3 * 100 * MARU_USEC,
                                  maru_signal_once(&me->once, SIGUSR1)));
        expect(n == -ETIMEDOUT && now_of(SIGUSR1).sa_handler == SIG_DFL);
    }
maru_finally:
    expect(maru_signal_close(&me->signal) == 0);
}
maru_end;

Test(signal, a_wait_that_timed_out_leaves_nothing)
{
    run_everywhere(in_time, .rounds = 20);
}

struct waiter {
    maru_frame frame;
    maru_signal *signal;
    maru_result *told;
    maru_signal_wait wait;
};

maru_async(waiter)
{
    maru_result n;
    maru_await(n, maru_signal_next(&me->wait, me->signal));
    *me->told = n;
    maru_return(n < 0 ? n : 0);
}
maru_end;

struct closer {
    maru_frame frame;
    maru_signal signal;
    maru_result told[2];
    maru_task *tasks[2];
    maru_join_wait join;
    maru_pause pause;
};

static uint32_t waits_on(maru_signal *signal)
{
    return atomic_load_acq(&signal->waits_);
}

/* Two waits on one listener share its deliveries; while one is under way it is not closed. */
maru_async(closer)
{
    maru_check(maru_signal_open(&me->signal, SIGUSR1));
    for (int i = 0; i < 2; i++)
        expect(me->tasks[i] = maru_spawn(waiter, .signal = &me->signal, .told = &me->told[i]));
    while (waits_on(&me->signal) < 2)
        maru_try(maru_yield(&me->pause));
    expect(maru_signal_close(&me->signal) == -EBUSY);
    expect(deliver() == 0);
    while (waits_on(&me->signal) == 2)
        maru_try(maru_yield(&me->pause));
    while (!maru_task_is_finished(me->tasks[0]) && !maru_task_is_finished(me->tasks[1]))
        maru_try(maru_yield(&me->pause));
    expect(maru_signal_close(&me->signal) == -EBUSY || waits_on(&me->signal) == 0);
    maru_cancel(me->tasks[0]);
    maru_cancel(me->tasks[1]);
    maru_await(maru_join_task(&me->join, me->tasks[0]));
    maru_await(maru_join_task(&me->join, me->tasks[1]));
    expect(me->told[0] + me->told[1] == 1 - ECANCELED);
    expect(maru_signal_close(&me->signal) == 0);
}
maru_end;

Test(signal, of_two_waits_on_one_listener_one_is_told_and_both_keep_it_open)
{
    run_everywhere(closer);
}

/* ---- once ---- */

struct once {
    maru_frame frame;
    maru_signal_once_wait once;
    struct sender sender;
    int rounds;
};

maru_async(once)
{
    maru_result n;
    for (; me->rounds > 0; me->rounds--) {
        set(SIGUSR1, hear, 0);
        maru_join(n, maru_signal_once(&me->once, SIGUSR1),
                  maru_call(sender, &me->sender, .signo = SIGUSR1));
        expect(n == 0 && maru_result_of(&me->once) == 1 && heard == 0);
        expect(now_of(SIGUSR1).sa_handler == hear);
    }
}
maru_end;

Test(signal, once_listens_while_it_waits_and_no_longer)
{
    run_everywhere(once, .rounds = 10);
}

/* Wins as soon as the other arm listens, and delivers while that arm waits. */
struct trigger {
    maru_future future;
};

static maru_result trigger_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    if (now_of(SIGUSR1).sa_handler != SIG_DFL)
        return deliver();
    cx->waker->ops_->wake(cx->waker);
    return MARU_PENDING;
}

static const maru_future_type trigger_type = { trigger_poll, "trigger" };

struct late {
    maru_frame frame;
    maru_signal_once_wait once;
    struct trigger trigger;
};

/* SINGLE: the kill delivers before it returns, so the loser was told, and says so. */
maru_async(late)
{
    maru_result arm;
    maru_select(arm, maru_signal_once(&me->once, SIGUSR1),
                maru_future_init(&me->trigger.future, &trigger_type));
    expect(arm == 1 && maru_result_of(&me->once) == 1);
    expect(now_of(SIGUSR1).sa_handler == SIG_DFL);
}
maru_end;

Test(signal, once_that_lost_reports_what_it_was_told)
{
    for (int i = 0; i < 20; i++)
        run_in(SHAPE_SINGLE, late);
}
