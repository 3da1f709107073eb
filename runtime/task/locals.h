/* locals.h - internal face of locals.c: what a frame's list tells of task-locals and names. */
#ifndef MARU_TASK_LOCALS_H
#define MARU_TASK_LOCALS_H

#include "maru/frame.h"
#include "maru/local.h"

/* The type by which a local is known among what a frame has in flight. */
extern const maru_future_type local_type;

/* The value under `key` that this frame itself has set, or NULL. Who holds the task. */
const maru_local *locals_find(const maru_frame *frame, const maru_local_key *key);

/* The name of a task: the outermost of the frames on the way from its root to what it waits for.
 * NULL: it has none. Who holds the task, which does not run meanwhile. */
const char *locals_name(const maru_frame *root);

#endif
