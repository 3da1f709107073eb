/* signals.h - signals are the program's business: threads that a runtime makes take none but those
 * that they cause themselves. The mask is inherited, so it is ours while a thread is made. */
#ifndef MARU_BASE_SIGNALS_H
#define MARU_BASE_SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static inline void signals_block(sigset_t *ret_before)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&set, own[i]);
    pthread_sigmask(SIG_SETMASK, &set, ret_before);
}

static inline void signals_restore(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
