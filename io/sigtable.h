/* sigtable.h - who is told of which signal: a slot a listener, walked by signal handlers.
 *
 *     open  -> publish: descriptor, then the signal's number      (under the user's lock)
 *     handler -> enter a slot of this number -> tell its descriptor -> leave
 *     close -> retract: the number goes, handlers inside are waited for   (under the user's lock)
 *
 * G1 A handler takes no lock, waits for nobody and allocates nothing, so it may interrupt anything,
 *    a publish or a retract on its own thread among it.
 * G2 A slot's descriptor is used only between a handler's enter that found its signal's number and
 *    the leave. When retract returns, no handler is in between, and none will be with this
 *    listener's descriptor: the caller may close it, and the number may become another file's.
 * G3 A handler that begins after a publish has returned tells that listener, until its retract.
 * G4 A handler tells no listener of another signal than its own.
 *
 * A race that is safely handled: a handler sees a live slot and is held up; the slot is retracted
 * and published for another listener; the handler goes on and enters. What it finds in the one
 * operation that enters decides: the same number means that the new listener is told of a signal
 * that did arrive while it was there; another number, or none, that it leaves at once. */
#ifndef MARU_IO_SIGTABLE_H
#define MARU_IO_SIGTABLE_H

#include "maru/future.h"
#include "runtime/base/config.h"

struct sig_slot {
    uint32_t state;              /* the number, 0 when free; above it, handlers inside */
    int fd;                      /* its publisher writes; handlers inside read (G2) */
};

/* Zeroed memory is an empty table. */
struct sigtable {
    uint32_t used;               /* slots that were ever published; publishers write */
    struct sig_slot slots[SIGNAL_LISTENERS_MAX];
};

/* Tells the descriptor of signal `signo`, 1 to 255, from now on. One thread at a time, as retract.
 * Returns 0 and sets *ret_slot. Errors: -EMFILE all slots are taken. */
int sigtable_publish(struct sigtable *table, int signo, int fd, uint32_t *ret_slot) MARU_MUST_USE;

/* Ends that; no handler is using the descriptor when it returns. */
void sigtable_retract(struct sigtable *table, uint32_t slot);

/* Makes it empty, in a process that was just forked: the handlers inside were left behind. */
void sigtable_forget(struct sigtable *table);

/* Calls `tell` for the descriptor of each listener of this signal. For handlers; any thread.
 * Returns how many there were. */
unsigned sigtable_tell(struct sigtable *table, int signo, void (*tell)(int fd));

#endif
