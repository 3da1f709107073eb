/* fdtable.h - what the runtime knows of each file descriptor: an entry a number, never freed.
 *
 * An entry has two sides, for reading and for writing. A side is armed when some driver watches
 * it; then READY tells whether the next attempt may succeed.
 *
 * E1 Everything but a side's state word is written under the entry's lock bit; what is read without
 *    it (generation, armed, the flag of READ) is atomic.
 * E2 READY is set by events only, under the lock; it is cleared by whoever met EAGAIN or a short
 *    read, by a CAS that fails if an event came since (TICK counts them).
 * E3 A waiter is in the list of a side, or has been completed; both change under the lock.
 * E4 An event belongs to an entry, and a waiter goes on, only if its generation is the entry's;
 *    closing raises it.
 * E5 While a side is armed on a ring the number is not closed: close(2) under a live poll would
 *    not tell the peer.
 * E6 A system call on the number is made between ready_enter and ready_leave; close(2) comes when
 *    nobody is in between, and nobody enters any more. So an attempt never hits the number's next
 *    owner. */
#ifndef MARU_IO_FDTABLE_H
#define MARU_IO_FDTABLE_H

#include "maru/net.h"
#include "runtime/base/alloc.h"
#include "runtime/base/config.h"

enum { SIDE_READ, SIDE_WRITE, SIDES };

/* Bits of a side's state word; ATTEMPT and TICK are units of counts. HUNG_UP: the peer seems to
 * have ended, and no event may come any more, so READY stays after a short read. EAGAIN clears
 * both: then it was an error that passes. CLOSING: no new attempts. */
enum {
    SIDE_READY = 1 << 0,
    SIDE_HUNG_UP = 1 << 1,
    SIDE_CLOSING = 1 << 2,
    SIDE_ATTEMPT = 1 << 3,       /* one a worker, one a guest */
    SIDE_ATTEMPTS = 0xfff << 3,  /* the mask of that count */
    SIDE_TICK = 1 << 15,         /* of events; wraps, but not within one attempt */
};
_Static_assert(SIDE_ATTEMPTS / SIDE_ATTEMPT >= WORKERS_MAX + GUESTS_MAX,
               "all of them may be in an attempt at one number");

/* What is known of the file: it does not block; a short read does not mean that it is empty (a
 * datagram ends its read; a Unix socket stops behind passed descriptors). TCP stops at an urgent
 * mark, too; watching for POLLPRI would tell, but makes every message 5 % dearer (measured), so
 * net.h says it instead. */
enum { FD_NONBLOCKING = 1, FD_STOPS_SHORT = 2 };

/* ASKED: a guest has asked the side's home to watch it; its request is void once the generation
 * is another. */
enum armed { ARMED_NOT, ARMED, ARMED_REMOVING, ARMED_ASKED };

struct fd_side {
    uint32_t state;              /* events add under the lock, others clear READY (E2) */
    uint16_t home;               /* the worker whose driver watches it */
    uint8_t armed;               /* enum armed */
    uint8_t flag;                /* READ: FD_ bits; WRITE: is being closed */
    maru_link waiters;           /* of maru_ops, oldest first */
};

struct fd_entry {
    uint32_t lock;
    uint32_t generation;
    maru_op *closer;             /* waits for the sides to be disarmed */
    struct fd_side sides[SIDES];
};
_Static_assert(sizeof(struct fd_entry) == 64, "one entry, one cache line");

struct fd_table {
    struct alloc *alloc;
    struct fd_entry *pages[FD_PAGES];    /* installed once each, by CAS */
};

void fd_table_init(struct fd_table *table, struct alloc *alloc);
void fd_table_fini(struct fd_table *table);

/* The entry of a number. Any thread. 0, -EBADF (not a number that the table holds), -ENOMEM. */
int fd_table_get(struct fd_table *table, int fd, struct fd_entry **ret_entry) MARU_MUST_USE;

/* How many operations wait. Any thread; each entry is counted under its lock, one by one. */
size_t fd_table_waiters(struct fd_table *table);

#endif
