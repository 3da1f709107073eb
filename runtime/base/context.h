/* context.h - the one thread-local of the library: who is running here.
 *
 * At most 64 bytes (initial-exec thread-locals of a shared library come out of a small reserve,
 * and dlopen fails when it is used up). Outside of workers everything is zero. */
#ifndef MARU_BASE_CONTEXT_H
#define MARU_BASE_CONTEXT_H

#include "maru/future.h"

struct local;

struct context {
    struct local *local;     /* of the worker that this thread is; NULL: none */
    maru_task *task;         /* being polled here, or NULL */
    maru_frame *frame;       /* whose body runs here, or NULL */
    maru_frame *self_hint;   /* the one frame that asked for another turn in this poll */
    uintptr_t stack_low;     /* of this thread, once known */
    uintptr_t stack_high;
    uint32_t budget;         /* operations that may still finish in this poll */
    uint32_t worker_id;
    bool again;              /* the task asked for another turn */
    bool again_from_root;    /* by more than one frame, or by one that has ended since */
    bool exposed;            /* a waker of the task may have been handed out in this poll */
};
_Static_assert(sizeof(struct context) <= 64, "the reserve for thread-locals is small");

struct context *context_here(void);

/* The seed of the worker's runtime, for last words. */
uint64_t context_seed(const struct context *context);

/* True if the address is on this thread's C stack. */
bool context_on_stack(const void *address);

#endif
