/* frame.h - frames: the future of one async function, and the plain functions under the
 * vocabulary of async.h. A hand-written state machine calls the same functions.
 *
 * The phases of a frame
 *
 *     BODY -> BODY_ENDS -> FINALLY -> FINALLY_ENDS -> DONE
 *
 * In the two ENDS phases everything still in flight is ended: operations and children by value
 * are told to end, scopes are waited for (cancelled first if the result is negative or the owner
 * was cancelled). So finally runs with nothing in flight, and the result is published once, by
 * DONE. */
#ifndef MARU_FRAME_H
#define MARU_FRAME_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The resume point of finally: the body is entered once more with it, after BODY_ENDS. */
#define MARU_FINALLY_LINE_ 0xffffffffu

/* One per async function, made by maru_async. A body written by hand looks at future_.line_: 0 at
 * the start, MARU_FINALLY_LINE_ for finally, else what it stored itself before it suspended; it
 * ends each of the two by maru_frame_return. */
typedef struct maru_function {
    maru_future_type type;   /* its name is the function's */
    void (*body)(maru_frame *frame);
    const char *file;
} maru_function;

/* 56 bytes. The first member of every async function's struct. */
struct maru_frame {
    maru_future future_;
    maru_frame *parent_;     /* resumed when this one has ended; of a root: the wake's hint */
    maru_future *live_;      /* in flight, awaited or not */
    int32_t outcome_;        /* of the awaited set, once decided */
    uint16_t depth_;         /* frames above this one */
    uint8_t mode_;           /* of the awaited set */
    uint8_t deaf_;           /* awaits of the cancelled body that gave -ECANCELED */
};

/* How a set is awaited. */
enum maru_set {
    MARU_ONE_,
    MARU_ALL_,               /* the first error ends the others */
    MARU_ANY_,               /* the first to end ends the others; random start */
    MARU_CANCEL_,            /* no future: until the task is cancelled */
    MARU_EACH_,              /* all, whatever they end with */
    MARU_FIRST_,             /* as ANY, but in order */
    MARU_RACE_,              /* the first to end; the others stay in flight */
};

/* The poll function of every async function.
 * Threads: task only, through maru_future_poll.
 * Returns the function's result, or MARU_PENDING. */
maru_result maru_frame_poll(maru_future *self, maru_context *cx);

/* Polls `future` once. Its result if it has ended; else it is in flight in `frame`, whose body
 * must return to its caller, and is resumed when there is something to see. Aborts if future is
 * NULL or was never started. -EINVAL if frame is NULL, here and below.
 * Threads: task only, from the frame's body. */
maru_result maru_frame_start(maru_frame *frame, maru_future *future);

/* The same for a set of `count` futures, awaited as `mode` tells. Results:
 *
 *     ALL              0, or the first error, which has ended the others
 *     EACH             how many have failed; -ECANCELED when the task is being cancelled and an
 *                      arm has ended by that
 *     ANY, FIRST       the index of the winner; the others have ended, but for what is kept.
 *                      -ECANCELED when the task is being cancelled and none had won
 *     RACE             likewise; the others stay in flight, cancelled or not, go on, and end with
 *                      the function at the latest
 *
 * A NULL future in ANY, FIRST and RACE is disabled. ALL and EACH of none are 0.
 * Threads: task only, from the frame's body.
 * Errors: -EINVAL all of ANY, FIRST or RACE are NULL; count is over 65,000; futures is NULL and
 * count is not 0; mode is not that of a set. */
maru_result maru_frame_start_set(maru_frame *frame, int mode, size_t count,
                                 maru_future *const *futures);

/* Goes on with what was started: the result of the awaited set, or MARU_PENDING: return.
 * Threads: task only, from the frame's body. */
maru_result maru_frame_wait(maru_frame *frame);

/* Leaves the body, or finally, with a result. The caller returns at once after it.
 * Threads: task only, from the frame's body. */
void maru_frame_return(maru_frame *frame, maru_result value);

/* The end of the body's block was reached. Always false.
 * Threads: task only, from the frame's body. */
bool maru_frame_leave(maru_frame *frame);

/* True if `future` is in flight, or has ended while nobody awaited it, and nobody has been given
 * its result yet. Its memory must have been zeroed or started once.
 * Threads: task only, the task whose frame holds it. */
bool maru_future_is_in_flight(const maru_future *future);

/* Marks `future`, in flight or just started, as one that stays in flight if the select that awaits
 * it next is won by another. Then it rests: timers and I/O of its own go on, but it acquires
 * nothing until it is awaited again; a called async function goes on. It ends with the function at
 * the latest. The mark holds for one await.
 * Threads: task only, from the frame's body.
 * Returns future; NULL is fine. */
maru_future *maru_future_keep(maru_future *future);

/* Aborts when `future` is still in flight, or NULL; else returns it. maru_call asks before it
 * clears.
 * Threads: task only. */
maru_future *maru_future_fresh(maru_future *future);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
