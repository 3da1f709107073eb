/* waker.h - completing a wait in three steps, the only way anything completes.
 *
 * Between the store that shows an operation finished and the wake, the task may run for another
 * reason, see it finished, end and be freed. Therefore:
 *
 *     1. take the task's ticket, or a pin           state_wake_begin
 *     2. publish: the last touch of leaf and frame  store of the leaf's word
 *     3. ticket: write the hint, queue the task     wake_finish
 *        pin: notify and drop it in one operation
 *
 * Under a lock only steps 1 and 2 happen (leaf_publish); step 3 comes after it (S4).
 *
 * A thread that is no worker of the runtime is counted from step 1 to the end of step 3: the task
 * may have ended by then, but the runtime, which it still touches, is freed only when nobody is
 * counted any more (sched_wait_for_visitors). */
#ifndef MARU_TASK_WAKER_H
#define MARU_TASK_WAKER_H

#include "maru/future.h"
#include "runtime/base/atomic.h"

struct wake {
    maru_waker *waker;
    maru_frame *hint;
    uint32_t *visitors;          /* where we are counted, if we are from outside the runtime */
    bool ticket;
};

/* Steps 1 and 2. Any thread, once for each wait of the leaf. */
struct wake leaf_publish(maru_leaf *leaf) MARU_MUST_USE;

/* Step 1 alone, for a wait whose publication is another word: a scope's count. */
struct wake wake_begin(maru_waker *waker, maru_frame *hint) MARU_MUST_USE;

/* Step 3. Any thread, not under a lock. */
void wake_finish(struct wake wake);

/* The task polls once more, later, from `frame`: the runner only. */
void wake_self(maru_frame *frame);

/* A leaf's word: start functions make it idle, the runner and the completer move it on. */
enum { LEAF_IDLE, LEAF_WAITING, LEAF_COMPLETE };

/* True until its first maru_leaf_wait. The runner: a completer may be writing the word. */
static inline bool leaf_is_idle(const maru_leaf *leaf)
{
    return atomic_load_rlx(&leaf->future.line_) == LEAF_IDLE;   /* no partner: we made it idle */
}

#endif
