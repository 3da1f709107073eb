/* set.h - internal face of set.c: the futures that a frame has in flight. */
#ifndef MARU_TASK_SET_H
#define MARU_TASK_SET_H

#include "maru/frame.h"
#include "runtime/base/check.h"

/* Tells everything in flight to end, and polls it. True when nothing is left. Runner only. */
bool set_end_all(maru_frame *frame, maru_waker *waker);

/* How the awaits of a frame are to end now (frame.c). */
enum maru_ending frame_ending(const maru_frame *frame);

NORETURN void frame_misuse(const maru_frame *frame, const char *why);

#endif
