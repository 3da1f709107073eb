/* local.h - task-locals: values that everything a function awaits can see, and names of tasks.
 *
 * A local is a member of a frame. While it is set, the function that set it and all that it awaits
 * find the value by its key; the innermost one counts. It is gone when the function has ended, and
 * can still be seen in finally. A spawned task does not inherit it. Who uses none pays nothing.
 *
 *     static const maru_local_key REQUEST = { "request" };
 *
 *     struct handler { maru_frame frame; maru_local request; maru_name name; int id; };
 *
 *     maru_check(maru_local_set(&me->request, &REQUEST, me));
 *     maru_check(maru_task_name_set(&me->name, "handler"));
 *     ...
 *     void *value;                                              in any function called from there
 *     if (maru_local_get(&REQUEST, &value) == 0)
 *         log_with_id(((struct handler *)value)->id);
 */
#ifndef MARU_LOCAL_H
#define MARU_LOCAL_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What a local is found by: its address, for the name is only for people. */
typedef struct maru_local_key {
    const char *name;
} maru_local_key;

typedef struct maru_local {
    maru_future future_;     /* in the list of what its function has in flight; never awaited */
    const maru_local_key *key_;
    void *value_;
} maru_local;

/* Sets `slot`, a member of the calling function's frame, to `value` under `key`; anew if it is
 * set already. What value points to stays the caller's.
 * Threads: task only.
 * Returns 0. Errors: -EINVAL slot or key is NULL, or the caller is not inside of an async
 * function. Aborts when the slot is set by another function. */
int maru_local_set(maru_local *slot, const maru_local_key *key, void *value) MARU_MUST_USE;

/* Takes a local away before its function ends. NULL and one that is not set are fine.
 * Threads: task only, the function that set it. */
void maru_local_clear(maru_local *slot);

/* The innermost value under `key` of the calling function and those that await it.
 * Threads: task only.
 * Returns 0 and sets *ret_value. Errors: -ENOENT there is none, or the caller is not inside of a
 * task; -EINVAL key or ret_value is NULL. */
int maru_local_get(const maru_local_key *key, void **ret_value) MARU_MUST_USE;

/* ---- names ---- */

/* So much of a name is kept, with its end. */
#define MARU_NAME_BYTES 40

typedef struct maru_name {
    maru_local local_;
    char text_[MARU_NAME_BYTES];
} maru_name;

/* Names the calling task for as long as the calling function runs; `slot` is a member of its frame
 * and keeps a copy of `name`, cut off when it is longer than that.
 * Threads: task only.
 * Returns 0. Errors: -EINVAL slot or name is NULL, or the caller is not inside of an async
 * function. */
int maru_task_name_set(maru_name *slot, const char *name) MARU_MUST_USE;

/* The innermost name of the calling task, or NULL. It lives as long as what named it.
 * Threads: task only. */
const char *maru_task_name(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
