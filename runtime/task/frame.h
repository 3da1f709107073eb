/* frame.h - internal face of frames: resuming one, cancelling a root. */
#ifndef MARU_TASK_FRAME_H
#define MARU_TASK_FRAME_H

#include "maru/frame.h"

/* Bits of a future's flags. */
enum {
    FUTURE_LINKED = 1 << 0,      /* in flight: some frame or future owns it */
    FUTURE_WANTED = 1 << 1,      /* in the set that is being awaited */
    FUTURE_LOSING = 1 << 2,      /* told to end */
    FUTURE_ENDED = 1 << 3,       /* its result is there */
    FRAME_SUSPENDED = 1 << 4,    /* the body returned from an await */
    FRAME_HIT = 1 << 5,          /* the body reached its resume point */
    FRAME_CANCELLED = 1 << 6,    /* sticky: cancellation is a level */
    FUTURE_OP = 1 << 6,          /* of what is no frame: a maru_op, a dump tells its descriptor */
    FUTURE_STAYS = 1 << 7,       /* is to be, or was spared by a set that it lost (set.c) */
};

/* A frame's phases (maru/frame.h). */
enum phase { BODY, BODY_ENDS, FINALLY, FINALLY_ENDS, DONE };

/* Resumes `frame` of the task, then its parents as far as frames end. The root's result, or
 * MARU_PENDING. The task's runner. */
maru_result frame_resume(maru_task *task, maru_frame *frame);

/* True if it is the frame whose body runs here, or one that awaits it. */
bool frame_is_running(const maru_frame *frame);

/* The next poll finds the frame cancelled. The task's runner. */
void frame_cancel(maru_frame *frame);

/* Puts a future in flight in a frame, if it is not. The task's runner. */
void frame_link(maru_frame *frame, maru_future *future);

/* Marks the inner future of a wrapper as in flight. False: it is already, by a mark of the
 * wrapper's or as a scope in the list of its frame. The task's runner. */
bool frame_mark_inner(const maru_frame *frame, maru_future *future);

/* Takes a future that has ended out of what the frame has in flight, if it is there. The task's
 * runner, which stands at no later place of the list. */
void frame_unlink(maru_frame *frame, const maru_future *future);

#endif
