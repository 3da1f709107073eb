/* guest.h - threads that come from outside: spawning onto a runtime, and maru_block_on.
 *
 * A guest polls its own future on its own thread (seat.h). The thread that is worker 0 itself, of
 * a SINGLE runtime and in maru_main, is a host: it runs the worker's loop until its task has
 * ended. The host is the waker of a join that stands on its own stack; completers pin it, so it
 * leaves only when nobody is on the way to it any more (T9). */
#ifndef MARU_SCHED_GUEST_H
#define MARU_SCHED_GUEST_H

#include "runtime/sched/worker.h"

/* A task that is spawned from outside; NULL: no memory, bad image, or the runtime is closed.
 * Any thread. */
maru_task *guest_spawn(struct sched *sched, const maru_frame *image, size_t size);

/* Runs a function to its end as a guest. Its result; -ENOMEM, -EAGAIN, -MARU_ESHUTDOWN. Any thread
 * that is neither worker nor guest. */
maru_result guest_run(struct sched *sched, const maru_frame *image, size_t size);

/* Waits for a task and gives its handle back; its result. The worker's thread, between polls. */
maru_result host_join(struct worker *worker, maru_task *task);

#endif
