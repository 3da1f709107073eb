/* future.h - results, futures, wakers: the plain layer that every awaitable thing is made of.
 *
 * Glossary
 *   result   an int64_t: a value >= 0, a negative errno, or MARU_PENDING
 *   future   something that can be polled until it has a result; lives inside a frame
 *   waker    whom to tell when a pending future can go on; usually a task
 *   context  what a future is told at each poll: its waker, its frame, whether to end
 *
 * A future is written by hand as a struct whose first member is a maru_future, a poll function
 * and a maru_future_type; maru_future_init starts it. It is finished only when its poll has
 * returned something else than MARU_PENDING; there is no other way to get rid of it. */
#ifndef MARU_FUTURE_H
#define MARU_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define MARU_MUST_USE __attribute__((warn_unused_result))

typedef int64_t maru_result;

/* Not ended yet. Never a value that a function may return as its own result. */
#define MARU_PENDING INT64_MIN

typedef struct maru_future maru_future;
typedef struct maru_frame maru_frame;
typedef struct maru_task maru_task;
typedef struct maru_waker maru_waker;

/* A place in a list of the library's. */
typedef struct maru_link {
    struct maru_link *next_, *prev_;
} maru_link;

/* ---- wakers ---- */

/* retain and release keep the waker's object alive; wake makes its owner poll again. All three
 * may be called by any thread and never call back into a future. */
typedef struct maru_waker_ops {
    void (*retain)(maru_waker *waker);
    void (*wake)(maru_waker *waker);
    void (*release)(maru_waker *waker);
} maru_waker_ops;

/* The first word of a task, or of a foreign executor's own object. */
struct maru_waker {
    const maru_waker_ops *ops_;
};

/* ---- contexts ---- */

/* How a poll is asked to end. MARU_CANCEL: finish soon and acquire nothing new, but what was
 * won already may be reported. MARU_LOSE: another arm won; give back what was granted. */
enum maru_ending { MARU_GO, MARU_CANCEL, MARU_LOSE };

typedef struct maru_context {
    maru_waker *waker;       /* valid during the poll; retain it to keep it longer */
    maru_frame *frame;       /* the async function that awaits; NULL at the root */
    enum maru_ending ending;
} maru_context;

/* ---- futures ---- */

typedef struct maru_future_type {
    maru_result (*poll)(maru_future *self, maru_context *cx);
    const char *name;
} maru_future_type;

/* 32 bytes, at the start of everything that can be awaited. */
struct maru_future {
    const maru_future_type *type_;
    maru_future *next_;      /* in the live list of the frame that awaits it */
    union {
        maru_result result_; /* once ended; a frame keeps its coming result here */
        maru_frame *awaiter_; /* of a pending leaf: the frame to resume */
    } u_;
    uint32_t line_;          /* frames: the resume point; leaves: their state word */
    uint16_t arm_;           /* its index in the awaited set */
    uint8_t flags_;
    uint8_t phase_;          /* frames only */
};

/* Starts a future of `type`: nothing happens until it is polled. Aborts, naming the type, if it
 * is still in flight. Returns `future`. Start functions of your own futures end with this: so they
 * give NULL for NULL.
 * Threads: task only, the task whose frame holds the future. */
maru_future *maru_future_init(maru_future *future, const maru_future_type *type);

/* Starts a future that has ended already, with this result.
 * Threads: task only. */
maru_future *maru_future_ready(maru_future *future, maru_result result);

/* Polls a future that is a part of another one (a wrapper's inner future), once: an ended future
 * gives its result again. A wrapper must go on polling until the inner future has ended.
 * Threads: task only, from within a poll; pass the context on, with its ending changed at will.
 * Returns the result, or MARU_PENDING. Errors: -EINVAL future or cx is NULL, or future was never
 * started. */
maru_result maru_future_poll(maru_future *future, maru_context *cx);

/* The result of a future that has ended, or MARU_PENDING, which is also that of NULL.
 * Threads: task only, the task whose frame holds the future. */
maru_result maru_future_result(const maru_future *future);

/* ---- waking from a hand-written future ----
 *
 * A future that waits for something outside of its task is a leaf. In poll, before it returns
 * MARU_PENDING, it calls maru_leaf_wait; whoever completes it calls maru_leaf_complete, once for
 * each wait. The order of the three steps of completing (take the task's ticket or a pin,
 * publish, wake) is inside, so nothing is touched that may be gone. */
typedef struct maru_leaf {
    maru_future future;
    maru_waker *waker_;
} maru_leaf;

/* Remembers whom to wake. After this maru_leaf_complete may be called, by any thread. A leaf that
 * must know whether it waits already keeps a flag of its own: the words of maru_future belong to
 * the library and to the completer.
 * Threads: task only, from within the leaf's own poll. */
void maru_leaf_wait(maru_leaf *leaf, const maru_context *cx);

/* True once the wait has been completed; what the completer wrote before is visible then.
 * Threads: task only, from within the leaf's own poll. */
bool maru_leaf_is_complete(const maru_leaf *leaf);

/* Completes a wait and wakes the task. The leaf may be gone when this returns. A future that is
 * asked to end while its completer may still come must stay pending until it has come. NULL, and
 * a leaf that has never waited, are fine.
 * Threads: any thread, exactly once for each maru_leaf_wait. */
void maru_leaf_complete(maru_leaf *leaf);

/* Takes one unit of the polled task's budget. False: it is spent; wake yourself and return
 * MARU_PENDING, so that others get a turn.
 * Threads: task only. */
bool maru_budget_take(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
