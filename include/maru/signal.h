/* signal.h - awaiting signals: SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGWINCH, real-time ones, ...
 *
 *     struct guard { maru_frame frame; maru_signal stop; maru_signal_wait asked; };
 *
 *     maru_async(guard)
 *     {
 *         maru_check(maru_signal_open(&me->stop, SIGTERM));
 *         maru_try(maru_signal_next(&me->asked, &me->stop));
 *         puts("asked to stop");
 *     maru_finally:
 *         maru_signal_close(&me->stop);
 *     }
 *     maru_end;
 *
 * While somebody listens to a signal, the process has a handler for it (SA_RESTART, SA_ONSTACK;
 * it keeps errno), whatever the number of listeners, tasks and runtimes; each listener is told of
 * each delivery. When the last one is closed, the disposition that was there before returns, unless
 * somebody else has set another one meanwhile: that one stays.
 *
 * Deliveries that arrive while nobody waits are kept, as one; the next wait ends at once. The
 * kernel merges in the same way what arrives while the signal is pending, so a delivery means "at
 * least once since the last time": after a SIGCHLD, reap until there is no more.
 *
 * The threads of runtimes block signals, so some other thread must be willing to take them: main's
 * does, in maru_main, in maru_block_on, or wherever it is. raise(3) in a task would send to the
 * worker's own thread, where it stays pending; kill(getpid(), signo) reaches the process.
 *
 * After fork the child's listeners, like its runtimes, are dead: they hear nothing, and nothing
 * that the child receives reaches its parent's. The first delivery in the child gives the signal
 * back to the disposition from before the first listener, so Ctrl-C ends a forked worker as if
 * Maru were not there. The child may close the listeners that it inherited, and open its own. */
#ifndef MARU_SIGNAL_H
#define MARU_SIGNAL_H

#include "future.h"
#include "net.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A listener of one signal. Zeroed memory is a closed one. Must not be moved while it is waited
 * on. */
typedef struct maru_signal {
    int fd_;                 /* an eventfd that the handler writes */
    int signo_;
    uint32_t slot_;          /* its place in the process-wide table, plus 1; 0: closed */
    uint32_t waits_;         /* waits that are in the driver; their tasks write */
    int64_t pid_;            /* of the process that opened it */
} maru_signal;

/* Begins to listen: what is delivered from now on is told, even if nobody waits yet. `signal` is
 * closed or uninitialised; it becomes the caller's to close.
 * Threads: any thread, not a signal handler.
 * Returns 0. Errors: -EINVAL signal is NULL; signo is no signal, or one that cannot be awaited:
 * SIGKILL, SIGSTOP, and those that a thread causes itself (SIGSEGV, SIGBUS, SIGFPE, SIGILL,
 * SIGTRAP, SIGSYS, SIGABRT); -EMFILE no descriptor is left, or the process has 1,024 listeners;
 * -ENFILE, -ENOMEM the system has none left. On error nothing has changed. */
int maru_signal_open(maru_signal *signal, int signo) MARU_MUST_USE;

/* Ends it. NULL and a closed one are fine, so that a finally may close what was never opened.
 * Deliveries that nobody waited for are forgotten.
 * Threads: one thread at a time, not a signal handler.
 * Returns 0. Errors: -EBUSY a wait on it is under way; nothing has changed then. */
int maru_signal_close(maru_signal *signal);

typedef struct maru_signal_wait {
    maru_future future_;
    maru_signal *signal_;
    bool polling_;           /* op_ is in flight */
    maru_op op_;
} maru_signal_wait;

/* Waits for the next delivery. Of several waits on one listener, one is told of each delivery;
 * several listeners are all told. A loser of a select has taken nothing: what was delivered is told
 * to the next wait.
 * Threads: start function, task only.
 * Result: how many deliveries are told at once, 1 or more. Errors: -EINVAL signal is NULL; -EBADF
 * it is closed, or another process's (after fork); -ECANCELED cancelled first; -ENOMEM, and on
 * epoll -ENOSPC, and -EMFILE for a second wait on one listener: no room for another wait. */
maru_future *maru_signal_next(maru_signal_wait *wait, maru_signal *signal) MARU_MUST_USE;

typedef struct maru_signal_once_wait {
    maru_future future_;
    maru_signal signal_;
    maru_signal_wait wait_;
} maru_signal_once_wait;

/* Waits for one delivery with a listener of its own, which it opens when the wait begins and closes
 * when it ends: maru_signal_once(&me->stop, SIGINT) waits for Ctrl-C. Between two such waits nobody
 * listens, and the signal does what it did before; a program that awaits a signal again and again
 * opens a listener. A loser of a select that was told nevertheless reports it (maru_result_of).
 * Threads: start function, task only.
 * Result, errors: as maru_signal_open and maru_signal_next. */
maru_future *maru_signal_once(maru_signal_once_wait *wait, int signo) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
