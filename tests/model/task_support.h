/*
 * A stage for models of tasks: the least of a runtime that the real task sources need.  One word a
 * task is its queue entry, model threads run tasks, and a leaf is handed to its completer through a
 * box.  The slab is replaced by one that takes each slot from the explorer's heap and never uses it
 * again, so every touch of a freed task, its state word included, is seen as a use after free.
 *
 * What is bookkeeping of the stage alone is not instrumented: it costs no scheduling points, races
 * with nobody and orders nothing.  Only the queue words and the boxes order, with the weakest
 * orders that a queue may have: push releases, take acquires.
 */
#ifndef MARU_MODEL_TASK_SUPPORT_H
#define MARU_MODEL_TASK_SUPPORT_H

#include "maru/async.h"
#include "mc.h"
#include "runtime/task/task.h"

enum { STAGE_TASKS = 8, STAGE_RUNNERS = 4 };

/* At the head of each body: the calling thread becomes runner 0. */
void stage_begin(void);

/* A detached task, queued; `flags` go to its state word (STATE_HANDLE, or 0). */
maru_task *stage_start(const maru_frame *image, size_t size, uint64_t flags);
#define STAGE_START(flags, ...) STAGE_START_(flags, __VA_ARGS__, )
#define STAGE_START_(flags, name, ...) stage_start(MARU_NEW_(name, __VA_ARGS__), flags)

/* Runs tasks as runner `*(unsigned *)number` (NULL: as runner 0) until every slot is freed. */
void stage_run(void *number);
extern unsigned stage_numbers[STAGE_RUNNERS]; /* arguments for mc_spawn(stage_run, ...) */

/* Runs tasks as the runner that the caller is, until it has counted so many ends of tasks: a worker
 * that shuts down goes by them, while somebody's pin may still keep the memory. */
void stage_run_until(uint64_t ended);
unsigned stage_live(void); /* slots that are not freed; bookkeeping */

/* Runs one task that is queued: what comes before the race of a model need not be searched. */
void stage_step(void);

/* The local of a runner; the calling thread's own is in its context. */
struct local *stage_local(unsigned number);

/* Polls so far, of all runners; bookkeeping, so read it at the end. */
unsigned stage_polls(void);

/* Where a leaf and its completer meet: the leaf, nobody, or the mark that no leaf will come. */
struct stage_box {
    maru_leaf *leaf;
    maru_result mail; /* plain: written by the completer, returned by the wait */
};

/* A future that waits for its box to be completed, and is taken back when it is to end. */
struct stage_wait {
    maru_leaf leaf;
    struct stage_box *box;
    bool is_waiting;
};
maru_future *stage_wait(struct stage_wait *wait, struct stage_box *box);

/* A completer's thread: waits for the leaf to come, if it ever does, leaves `mail` as
 * STAGE_MAIL, and completes it. */
#define STAGE_MAIL 42
void stage_complete(void *box);

#endif
