/* inject.h - the runtime's global queue: tasks from outside, and what did not fit elsewhere.
 *
 * A list through the tasks themselves under a lock bit. The length stands beside the lock, so
 * that a worker with other work sees an empty queue without touching it.
 *
 * I1 First in, first out; a batch stays together.
 * I2 Each task pushed is popped exactly once.
 * I3 After inject_close no task enters.
 * I4 The length is raised before the lock is given back, seq_cst: whoever looks at sleepers after
 *    the push, and whoever looks at the length after announcing its sleep, cannot both miss. */
#ifndef MARU_QUEUE_INJECT_H
#define MARU_QUEUE_INJECT_H

#include "maru/future.h"

struct inject {
    uint32_t lock __attribute__((aligned(64)));
    bool closed;                 /* under lock */
    maru_task *first, *last;     /* under lock */
    uint64_t len;                /* written under lock; anybody reads */
    uint64_t pushes;             /* under lock; metric */
};

void inject_init(struct inject *inject);

/* Appends one task. Any thread. False: closed, nothing has changed. */
bool inject_push(struct inject *inject, maru_task *task) MARU_MUST_USE;

/* The same for tasks that are in the runtime already: a wake-up must reach its task also while
 * the runtime is closing. Any thread. */
void inject_push_live(struct inject *inject, maru_task *task);

/* Takes up to `most` tasks from the front into *ret_tasks. Any thread. Returns how many. */
unsigned inject_pop(struct inject *inject, maru_task **ret_tasks, unsigned most);

/* No inject_push succeeds from here on. Any thread. */
void inject_close(struct inject *inject);

/* How many tasks have ever been appended. Any thread. */
uint64_t inject_pushes(struct inject *inject);

/* A guess, never wrong about emptiness that lasts. Any thread. */
uint64_t inject_len(struct inject *inject);

#endif
