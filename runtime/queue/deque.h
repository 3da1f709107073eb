/* deque.h - the Chase-Lev work-stealing deque: where the children of a computation wait.
 *
 * The owner pushes and takes at the bottom, thieves steal at the top. From Chase and Lev,
 * "Dynamic circular work-stealing deque" (SPAA 2005) and Le, Pop, Cohen, Zappa Nardelli, "Correct
 * and efficient work-stealing for weak memory models" (PPoPP 2013), with two deviations: it never
 * grows (what does not fit is returned to the caller), and it has no fences: the stores and
 * loads that the fences ordered are sequentially consistent themselves, which ThreadSanitizer
 * and the explorer understand and which costs less on x86.
 *
 *        top (CAS by all) -> [t][t][t][ ] <- bottom (owner only)
 *
 * D1 top never decreases.
 * D2 Only the owner writes bottom.
 * D3 bottom - top <= slots; indices are 64-bit and compared by signed difference.
 * D4 A slot is rewritten only when its index < top + slots.
 * D5 Each pushed task is returned exactly once, by take or by steal.
 * D6 A steal fails on a task only because another thread took it.
 * D7 What was written before the push is visible after take or steal.
 * D8 "Empty" is said only if the deque was empty at some moment of the call (for parking).
 *
 * A race that is safely handled: owner and thief want the last task. Both go for top by CAS; the
 * owner has announced itself by lowering bottom first, so a thief that read the old bottom
 * read it before, and then either it or the owner wins the CAS. */
#ifndef MARU_QUEUE_DEQUE_H
#define MARU_QUEUE_DEQUE_H

#include "maru/future.h"
#include "runtime/base/config.h"

struct deque {
    uint64_t top __attribute__((aligned(64)));       /* everybody, by CAS */
    uint64_t bottom __attribute__((aligned(64)));    /* owner writes; thieves read */
    uint64_t top_seen;                               /* owner only: top was at least this */
    maru_task *slots[QUEUE_SLOTS];                   /* owner writes; thieves read (D4) */
};

enum deque_result { DEQUE_OK, DEQUE_EMPTY, DEQUE_RETRY };

void deque_init(struct deque *deque);

/* Pushes at the bottom, and makes it visible before any later look at the sleepers (P1).
 * Owner only. False: full, nothing has changed. */
bool deque_push(struct deque *deque, maru_task *task) MARU_MUST_USE;

/* The task pushed last, or NULL: empty. Owner only. */
maru_task *deque_take(struct deque *deque);

/* The oldest task. Any thread but the owner. RETRY: somebody else was faster. */
enum deque_result deque_steal(struct deque *deque, maru_task **ret_task) MARU_MUST_USE;

/* How many tasks are in it; exact for the owner, a guess for others, never wrong about emptiness
 * that lasts (seq_cst: the re-check of P1). Any thread. */
uint64_t deque_len(struct deque *deque);

#endif
