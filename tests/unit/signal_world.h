/* signal_world.h - what the tests of signals share: looking at dispositions, delivering, and a
 * handler that somebody else might have. */
#ifndef MARU_TESTS_UNIT_SIGNAL_WORLD_H
#define MARU_TESTS_UNIT_SIGNAL_WORLD_H

#include "tests/unit/io_world.h"

static volatile sig_atomic_t heard;

UNUSED static void hear(int signo)
{
    heard = signo;
}

UNUSED static struct sigaction now_of(int signo)
{
    struct sigaction now;
    cr_assert_eq(sigaction(signo, NULL, &now), 0);
    return now;
}

UNUSED static void set(int signo, void (*handler)(int), int flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
    sigaddset(&action.sa_mask, SIGWINCH);
    cr_assert_eq(sigaction(signo, &action, NULL), 0);
}

UNUSED static int deliver(void)
{
    return kill(getpid(), SIGUSR1);
}

UNUSED static maru_signal opened(int signo)
{
    maru_signal signal = { 0 };
    int rc = maru_signal_open(&signal, signo);
    cr_assert_eq(rc, 0, "%d: %s", signo, maru_err_name(rc));
    return signal;
}

/* Deliveries that were not told yet, by a look at the listener's eventfd. */
UNUSED static unsigned long long untold(const maru_signal *signal)
{
    uint64_t count = 0;
    return read(signal->fd_, &count, sizeof count) == sizeof count ? count : 0;
}

#endif
