/* guest.h - a thread that waits for a task from outside of it: maru_block_on.
 *
 * The guest is the waker of a join that stands on its own stack. Completers pin it, so it leaves
 * only when nobody is on the way to it any more (T9). A guest that is a worker itself runs the
 * worker's loop while it waits. */
#ifndef MARU_SCHED_GUEST_H
#define MARU_SCHED_GUEST_H

#include "runtime/sched/worker.h"

/* Waits for the task and gives its handle back; its result. Not inside a task.
 * `worker`: run this worker's loop meanwhile; NULL: just sleep. */
maru_result guest_join(maru_task *task, struct worker *worker);

/* A task that is spawned from outside; NULL: no memory, bad image, or the runtime is closed.
 * Any thread. */
maru_task *guest_spawn(struct sched *sched, const maru_frame *image, size_t size);

#endif
