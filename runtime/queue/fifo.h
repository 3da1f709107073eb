/* fifo.h - the run queue of a worker: one producer, any number of consumers, first in first out.
 *
 * Woken and detached tasks wait here. The owner pushes at the tail; the owner and thieves take
 * at the head by compare-and-swap, thieves up to half at once. It never grows, so there is
 * nothing to reclaim: what does not fit is returned to the caller (who has the inject queue).
 *
 *        head (CAS by all) -> [ ][t][t][t][ ] <- tail (owner only)
 *
 * Q1 head and tail never decrease; both are 64-bit and wrap in no lifetime.
 * Q2 Only the owner writes tail.
 * Q3 tail - head <= slots, always.
 * Q4 A slot is written only when its index < head + slots, so nobody who read it before a
 *    successful CAS of head can have read a newer task.
 * Q5 Each task pushed is taken exactly once.
 * Q6 A take fails only when the queue is empty, or because another take succeeded.
 * Q7 What was written before the push is visible after the take.
 * Q8 "Empty" is said only if the queue was empty at some moment of the call (for parking). */
#ifndef MARU_QUEUE_FIFO_H
#define MARU_QUEUE_FIFO_H

#include "maru/future.h"
#include "runtime/base/config.h"

struct fifo {
    uint64_t head __attribute__((aligned(64)));      /* everybody, by CAS */
    uint64_t tail __attribute__((aligned(64)));      /* owner writes; thieves read */
    uint64_t head_seen;                              /* owner only: head was at least this */
    maru_task *slots[QUEUE_SLOTS];                   /* owner writes; takers read (Q4) */
};

void fifo_init(struct fifo *fifo);

/* Appends a task and makes it visible before any later look at the sleepers (P1).
 * Owner only. False: full, nothing has changed. */
bool fifo_push(struct fifo *fifo, maru_task *task) MARU_MUST_USE;

/* The same without the ordering: for pushes that are announced later, by fifo_publish.
 * Owner only. */
bool fifo_push_quietly(struct fifo *fifo, maru_task *task) MARU_MUST_USE;

/* Orders all pushes so far before any later look at the sleepers. Owner only. */
void fifo_publish(struct fifo *fifo);

/* The oldest task, or NULL: empty. Owner only. */
maru_task *fifo_pop(struct fifo *fifo);

/* Takes half of the victim's tasks, rounded up; all but the returned one go to `mine`, as far
 * as they fit. Any thread but the victim's owner; `mine` is the caller's own.
 * NULL: empty (Q8). *ret_more: how many went to `mine`. */
maru_task *fifo_steal(struct fifo *victim, struct fifo *mine, uint64_t *ret_more);

/* How many tasks are in it; exact for the owner, a guess for others, never wrong about emptiness
 * that lasts (the load of tail is seq_cst: the re-check of P1). Any thread. */
uint64_t fifo_len(struct fifo *fifo);

#endif
