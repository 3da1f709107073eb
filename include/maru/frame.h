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
};

/* The poll function of every async function.
 * Threads: task only, through maru_future_poll. */
maru_result maru_frame_poll(maru_future *self, maru_context *cx);

/* Polls `future` once. Its result if it has ended; else it is in flight in `frame`, whose body
 * must return to its caller, and is resumed when there is something to see.
 * Threads: task only, from the frame's body. */
maru_result maru_frame_start(maru_frame *frame, maru_future *future);

/* The same for a set of `count` futures, awaited as `mode` tells. The result of ALL is 0 or the
 * first error; of ANY the index of the winner, or -ECANCELED when the task is being cancelled.
 * A NULL future in ANY is disabled; -EINVAL when all are, or when count is over 65,535.
 * Threads: task only, from the frame's body. */
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

/* Aborts when `future` is still in flight; else returns it. maru_call asks before it clears.
 * Threads: task only. */
maru_future *maru_future_fresh(maru_future *future);

#ifdef __cplusplus
}
#endif
#endif
