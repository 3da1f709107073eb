/* runtime_backtrace.h - the text of one task that waits: its frames, down to what they wait for. */
#ifndef MARU_RUNTIME_BACKTRACE_H
#define MARU_RUNTIME_BACKTRACE_H

#include "runtime/base/config.h"
#include "runtime/base/text.h"
#include "runtime/task/task.h"

/* The way down to where we are in the tree. */
struct backtrace {
    struct backtrace_place {
        const maru_future *next; /* to be told at this level */
        bool is_inner;           /* of a wrapper: it has no siblings */
    } places[DUMP_LEVELS];
};

/* Adds the tree of a task, one line a future. Who holds the task (or has stopped everybody). */
void backtrace_add(struct text *text, struct backtrace *backtrace, maru_task *task,
                   int64_t now_ns);

#endif
