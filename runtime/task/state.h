/* state.h - the state word of a task: every transition, nothing else.
 *
 *                 spawn
 *                   |
 *                   v         to_running          to_idle
 *     IDLE --> NOTIFIED ----------------> RUNNING ---------> IDLE
 *      ^  wake  (ticket)                   |   |  notified
 *      |                                   |   +-----------> NOTIFIED (queued again)
 *      +-----------------------------------+ to_done
 *                                          v
 *                                        DONE --> freed with the last handle and pin
 *
 * IDLE is none of RUNNING, NOTIFIED and DONE.
 *
 * The ticket: whoever moves a task from IDLE to NOTIFIED, and nobody else, writes its hint and
 * puts it in a queue. A pin is a count that keeps the task's memory. An onlooker (a dump) may take
 * an idle task out of everybody's hands for a moment: HELD is RUNNING by one who does not poll.
 *
 * T1 At most one queue entry a task: NOTIFIED is the ticket for it. A task that yielded stays
 *    RUNNING while it is queued; RUNNING is as exclusive.
 * T2 RUNNING is a lock: one poll at a time.
 * T3 A wake during RUNNING leads to one more poll, from the root.
 * T4 Every wake is a read-modify-write, also when the task is NOTIFIED already: the poll that
 *    consumes NOTIFIED sees all that was written before the wake.
 * T5 DONE is final; the result is written before it and read by one party after it.
 * T6 The memory goes when DONE, no pin and no handle are left, exactly once.
 * T7 Cancel is a level: CANCELLED stays; it sets ROOT, and is acted on by a worker.
 * T8 A wake after DONE changes nothing but its own pin.
 * T9 After the store that lets a poll see an operation finished, the completer touches neither
 *    leaf nor frame, and the task only by a ticket or a pin that it took before (waker.c).
 * T10 The hint and ROOT are consumed with NOTIFIED, in one operation: a second waker sets ROOT
 *    in the same operation in which it finds that it is not the first.
 * T11 Only an idle task is ever held, by one onlooker; so what belongs to a queue entry, to the
 *    runner or to the end (the plain stores of task.c among it) never meets one. Who wakes a held
 *    task finds it RUNNING; the onlooker, who lets it go as a runner does, queues it then.
 *
 * A race that is safely handled: a completer finds the task RUNNING, takes a pin and publishes;
 * the poll sees the operation finished, ends the task, and its end finds the pin, so memory
 * stays; the completer's last step finds DONE and the last pin, and frees. */
#ifndef MARU_TASK_STATE_H
#define MARU_TASK_STATE_H

#include "maru/future.h"

enum {
    STATE_LIVE = 1 << 0,         /* always set; a freed slot's word is 0 */
    STATE_RUNNING = 1 << 1,
    STATE_NOTIFIED = 1 << 2,
    STATE_ROOT = 1 << 3,         /* the next poll starts at the root, not at the hint */
    STATE_CANCELLED = 1 << 4,
    STATE_DONE = 1 << 5,
    STATE_HANDLE = 1 << 6,       /* somebody may still ask for it */
    STATE_JOINER = 1 << 7,       /* the task's owner word is a join that waits */
    STATE_CHILD = 1 << 8,        /* its owner word is a scope; for life */
    STATE_FRESH = 1 << 9,        /* not polled yet */
    STATE_LIFO = 1 << 10,        /* a child of an ALL scope; for life */
    STATE_HELD = 1 << 15,        /* RUNNING is an onlooker's */
    STATE_PIN = 1 << 16,         /* the unit of the count above */
};

/* Step 1 of completing: a ticket for an idle task, else a pin. Any thread that knows by its own
 * means that the task is still there. */
enum state_wake { STATE_TICKET, STATE_PINNED };
enum state_wake state_wake_begin(uint64_t *state) MARU_MUST_USE;

/* Step 3 with a pin: notifies, and drops the pin. QUEUE: the caller now holds the ticket.
 * FREE: it was the last pin of a task that is done. Any thread with a pin. */
enum state_after { STATE_NOTHING, STATE_QUEUE, STATE_FREE };
enum state_after state_wake_pinned(uint64_t *state) MARU_MUST_USE;

/* For wakers that outlive one completion: keeps, notifies without dropping, drops. */
void state_pin(uint64_t *state);
enum state_after state_notify(uint64_t *state) MARU_MUST_USE;
enum state_after state_unpin(uint64_t *state) MARU_MUST_USE;

/* Takes NOTIFIED and ROOT; returns what the word was. The caller holds the queue entry. */
uint64_t state_to_running(uint64_t *state) MARU_MUST_USE;

/* The poll is over, the task waits. QUEUE: it was woken meanwhile, the caller holds the ticket.
 * The caller is the task's runner. */
enum state_after state_to_idle(uint64_t *state) MARU_MUST_USE;

/* The task has ended; returns what the word was. STATE_FREE is for the caller to conclude, with
 * state_is_unowned. The caller is the task's runner. */
uint64_t state_to_done(uint64_t *state) MARU_MUST_USE;

static inline bool state_is_unowned(uint64_t word)
{
    return word < STATE_PIN && !(word & STATE_HANDLE);
}

/* Cancels. QUEUE: the caller now holds the ticket. Any thread; the word of a slot that is not
 * live (shutdown walks over all slots) is left alone. */
enum state_after state_cancel(uint64_t *state) MARU_MUST_USE;

/* Gives the handle back. FREE: the caller frees. The handle's holder. */
enum state_after state_drop_handle(uint64_t *state) MARU_MUST_USE;

/* Publishes the join in the owner word. False: the task is done. The handle's holder. */
bool state_join(uint64_t *state) MARU_MUST_USE;

/* Takes it back. False: too late, the task is done and completes the join. */
bool state_unjoin(uint64_t *state) MARU_MUST_USE;

/* Holds a task that waits: nobody polls, ends or frees it until it is let go. False: it does not
 * wait, or the slot is not live. *ret_word is what the word was. Waits for another onlooker. Any
 * thread, for the word of any slot of a slab that exists. */
bool state_hold(uint64_t *state, uint64_t *ret_word) MARU_MUST_USE;

/* Lets it go. QUEUE: it was woken meanwhile, the caller holds the ticket. Who holds it. */
enum state_after state_let_go(uint64_t *state) MARU_MUST_USE;

#endif
