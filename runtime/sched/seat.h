/* seat.h - where a guest sits: what a thread from outside needs to poll its own future.
 *
 * A guest (maru_block_on) polls its own future and the one task that its polls woke last, and
 * nothing else. It has slabs and a random number generator of its own, but no ring, no wheel and
 * no queue: it is homed on a worker, whose wheel takes its timers (timer.c) and whose driver is
 * asked to watch its sockets (ready.c). What it spawns goes to the workers.
 *
 *     guest's future --wakes--> next-slot --> polled by the guest, right after its own poll
 *                               (the watch takes it if that poll does not end)
 *     anybody --wakes--> guest's future: ready, and its thread is unparked
 *
 * G1 Only its guest polls a guest's future: its waker leads here, and to no queue.
 * G2 ready is set by the holder of the ticket, before it notifies (P4): the guest looks at it
 *    before it sleeps.
 * G3 A seat outlives its guest: tasks live in its slabs. Seats are freed with the runtime.
 * G4 Who leaves hands on what is in the next-slot.
 * G5 Who leaves a closing runtime wakes a worker, who counts tasks again: the last one may have
 *    ended here, where nobody counts. Closing is asked under the lock under which it is set.
 *
 * Seats are pushed on a list and reused, so there are as many as guests have ever been at once. */
#ifndef MARU_SCHED_SEAT_H
#define MARU_SCHED_SEAT_H

#include "runtime/sched/worker.h"

/* Of a worker, at its last look as the watch. */
struct seat_look {
    uint64_t fills, polls;
};

struct seat {
    struct local local;          /* first: a context's local is its guest's */
    struct task_ops ops;         /* of the guest's own future: who wakes it comes to seat_ready */
    struct sched *sched;
    struct seat *next;           /* in the sched's seats; constant once it is there */
    struct seat_look *looks;     /* one a worker, its own */
    struct park park;
    maru_task *ready;            /* the guest's own future, woken; anybody sets, the guest takes */
    maru_task *next_slot;        /* woken by its poll; the guest and the watch exchange */
    uint64_t fills, polls;       /* the guest writes, the watch reads */
    bool taken;                  /* under the sched's outside_lock */
    bool polling;                /* guest only: its own future's poll is running */
};

/* The first of the list. Any thread. */
static inline struct seat *seats_of(struct sched *sched)
{
    return atomic_load_sc(&sched->seats);       /* pairs with push: store (N1) */
}

/* A seat that nobody sits in. 0; -ENOMEM; -EAGAIN there are GUESTS_MAX guests. Any thread. */
int seat_take(struct sched *sched, struct seat **ret_seat) MARU_MUST_USE;

/* Leaves it. The guest. */
void seat_give(struct seat *seat);

/* The future of the guest: NOTIFIED and ready. NULL: no memory, or the runtime is closing. */
maru_task *seat_spawn(struct seat *seat, const maru_frame *image, size_t size) MARU_MUST_USE;

/* The next task to poll, after sleeping if there is none: its own future, or what that has woken;
 * *ret_own tells. The guest. */
maru_task *seat_next(struct seat *seat, bool *ret_own);

/* Where a task goes that the guest's polls make ready. The guest. */
void seat_schedule(struct seat *seat, maru_task *task, enum schedule_why why);

/* With the runtime's end. */
void seats_free(struct sched *sched, struct alloc *alloc);

#endif
