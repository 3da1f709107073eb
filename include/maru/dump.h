/* dump.h - what every task is doing, as text: an async backtrace of the whole runtime.
 *
 *     if (maru_dump(runtime, STDERR_FILENO) < 0) ...
 *     maru_dump_on_signal(runtime, SIGQUIT, STDERR_FILENO);      then: kill -QUIT
 *
 * A dump is one line for the runtime, a few lines a task, and a last line with the sums:
 *
 *     runtime 0x5581c0de0000 workers=4 io=ring
 *     task 0x7f31a0010040 idle function=server for=12.345s handle
 *       #0 frame server server.c:42 cancelled
 *         #1 wait accept fd=5
 *         #1 wait scope scope=0x7f31a00100e8 children=3
 *     task 0x7f31a0030060 idle function=echo for=0.120s scope=0x7f31a00100e8
 *       #0 frame echo server.c:17
 *         #1 wait timeout left=29.880s
 *           #2 wait recv fd=9
 *     task 0x7f31a0030160 running function=spin worker=2
 *     task 0x7f31a0030260 queued function=echo
 *     task 0x7f31a0010340 done function=ask handle
 *     end tasks=5 idle=2 queued=1 running=1 done=1
 *
 * Lines that begin with `task` are tasks: address, state, then words and key=value pairs in this
 * order, each only where it applies:
 *     function=F   what it runs
 *     worker=N     running: whose thread polls it; `guest`: a thread inside maru_block_on
 *     name=N       if it was given one
 *     for=S        idle: how long it has waited (to the precision of a turn of its worker)
 *     new          it has not been polled yet
 *     cancelled    it was asked to end
 *     handle       somebody can still join or detach it
 *     scope=A      it is a child, of the scope at this address
 *     join_set=A   it is a task of a join set
 * Idle is what waits; queued is what could run; done has ended, and waits for its handle to be
 * given back.
 *
 * Below an idle task stands what it waits for: #N is the depth in the tree, and what is indented
 * below a frame is in flight in it. `frame` is an async function, with the line of the await in
 * which it waits (`not-started`: it has not run yet; `leaving`: it waits for what is in flight to
 * end; `finally`: it is in its finally; `cancelled`; `in=join`, `in=select`, ...: how it waits for
 * several). `wait` is any other future, by its type's name:
 *     fd=N         of an operation on a descriptor
 *     left=S       of a sleep or a time limit; `expired`: the limit is over
 *     scope=A children=N    of a scope
 *     task=A function=F     of a join
 *     unawaited    in flight, but not what the function waits for now
 *     ending       it was told to end
 * A limit's inner future is one level deeper. What is too long for one task's buffer is cut off
 * with `...`; no task is left out. New keys may be added at the end of a line; characters of names
 * that would break a line are printed as `?`.
 *
 * Each task is looked at by itself, at its own moment: it is kept from running for the few
 * microseconds that it takes to format its lines, and never while they are written. Tasks that are
 * running or queued are not stopped, which is why only their header is printed. So a dump works at
 * any time, also when all workers are stuck in user code. Names of functions and of future types
 * must stay readable while the runtime exists, as static ones do.
 *
 * The same from a debugger, of a living process or of a core file: share/gdb/maru.py. */
#ifndef MARU_DUMP_H
#define MARU_DUMP_H

#include "runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Writes a dump to `fd`; waits if it takes no more, also if it is non-blocking. No SIGPIPE is
 * raised. Memory: one buffer, however many tasks there are.
 * Threads: any thread, while the runtime exists: maru_runtime_free waits for dumps under way.
 * Returns 0. Errors: -EINVAL runtime is NULL; -EOWNERDEAD in the child of a fork; -EBADF fd is not
 * open for writing; -ENOMEM no buffer; -EPIPE, -ENOSPC and what else write(2) says: what was
 * written is an incomplete dump. */
int maru_dump(maru_runtime *runtime, int fd);

/* Takes a part of a dump: the first line, all lines of one task, or the last line. The text ends
 * with a newline and a NUL (`len` counts the former), and is the library's. A negative result
 * ends the dump. */
typedef int maru_dump_fn(void *arg, const char *text, size_t len);

/* Calls `fn` for each part of a dump, for programs with a log of their own. No task is held and no
 * lock is taken meanwhile; fn must not free the runtime.
 * Threads: any thread, while the runtime exists; fn is called by the calling thread.
 * Returns 0. Errors: -EINVAL runtime or fn is NULL; -EOWNERDEAD in the child of a fork; -ENOMEM no
 * buffer; what fn returned. */
int maru_dump_each(maru_runtime *runtime, maru_dump_fn *fn, void *arg);

/* From now on a signal writes a dump to `fd`, which is duplicated: the caller may close its own. A
 * thread is kept for it, so it works while all workers are stuck; signals that come while it is
 * writing lead to one more dump. Errors of these writes are told to nobody. Some thread of the
 * program must not block the signal; the library's own block all. A forked child inherits the
 * handler, which does nothing there.
 * signo 0 undoes it (fd is not looked at), as maru_runtime_free does at its end: the disposition
 * that the signal had is there again, and a dump that is being written is broken off.
 * Threads: one thread at a time.
 * Returns 0, also when there is nothing to undo. Errors: -EINVAL runtime is NULL, or signo is no
 * signal or one that a handler must not return from (SIGSEGV, SIGABRT, ...); -EBUSY this runtime
 * has a signal already, or the signal has a handler already; -EBADF fd is not open; -ENOMEM,
 * -EMFILE, -EAGAIN no memory, descriptors or threads. On error nothing has changed. */
int maru_dump_on_signal(maru_runtime *runtime, int signo, int fd);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
