/* ready.c - readiness of sockets: attempts, waiters, events, closing. The rules are fdtable.h's.
 *
 * An operation tries its system call when nothing speaks against it, and waits for an event when
 * it met EAGAIN. Pitfalls of multishot polls and edge-triggered epoll, and why they do no harm:
 * an event may come between the attempt and the clearing (TICK makes the CAS fail); the peer's
 * end may be told together with data and never again (HUNG_UP keeps READY); events of a number's
 * earlier life may arrive late (generation). */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"
#include "runtime/task/waker.h"

#include <poll.h>

static maru_op *op_of(maru_link *link)
{
    return container_of(link, maru_op, link_);
}

uint32_t ready_seen(struct fd_entry *entry, unsigned side)
{
    return atomic_load_acq(&entry->sides[side].state);      /* pairs with add_event */
}

/* Nobody watches yet: then only an attempt can tell. */
static bool may_try(struct fd_entry *entry, unsigned side)
{
    const struct fd_side *s = &entry->sides[side];
    return side == SIDE_WRITE || ready_seen(entry, side) & SIDE_READY ||
           atomic_load_rlx(&s->armed) == ARMED_NOT;         /* no partner: ready_wait locks */
}

void ready_clear(struct fd_entry *entry, unsigned side, uint32_t seen)
{
    if (!(seen & SIDE_HUNG_UP) && seen & SIDE_READY)
        (void)atomic_cas_ar(&entry->sides[side].state, &seen,   /* pairs with add_event (E2) */
                            seen & ~(uint32_t)SIDE_READY);
}

/* ---- waiting ---- */

static int arm(struct fd_entry *entry, int fd, unsigned side)
{
    struct io_driver *own = io_driver_here();
    int rc = own->backend->arm(own, fd, entry, side);
    if (rc < 0)
        return rc;
    entry->sides[side].home = (uint16_t)own->id;
    atomic_store_rlx(&entry->sides[side].armed, (uint8_t)ARMED);    /* under lock, but may_try */
    return 0;
}

maru_result ready_wait(struct fd_entry *entry, maru_op *op, unsigned side, uint32_t seen,
                       const maru_context *cx)
{
    struct fd_side *s = &entry->sides[side];
    struct io_driver *own = io_driver_here();
    int rc = 0;
    ready_clear(entry, side, seen);
    own->backend->reserve(own);
    lock_take(&entry->lock);
    bool try_again = s->armed == ARMED && ready_seen(entry, side) & SIDE_READY;
    if (entry->sides[SIDE_WRITE].flag)
        rc = -EBADF;
    else if (!try_again && s->armed == ARMED_NOT)
        rc = arm(entry, op->fd_, side);
    if (rc == 0 && !try_again) {
        maru_leaf_wait(&op->leaf_, cx);
        op->side_ = (uint8_t)side;
        op->stage_ = STAGE_WAITING;
        list_append(&s->waiters, &op->link_);
    }
    lock_give(&entry->lock);
    return rc < 0 ? rc : try_again ? 0 : MARU_PENDING;
}

/* Takes a waiter back. False: it has been completed. */
static bool unlink_waiter(struct fd_entry *entry, maru_op *op)
{
    lock_take(&entry->lock);
    bool linked = list_is_linked(&op->link_);
    if (linked)
        list_remove(&op->link_);
    lock_give(&entry->lock);
    return linked;
}

maru_result ready_before(struct fd_entry *entry, maru_op *op, unsigned side,
                         const maru_context *cx)
{
    bool ending = cx->ending != MARU_GO;
    if (op->stage_ == STAGE_WAITING) {
        bool complete = maru_leaf_is_complete(&op->leaf_);
        if (!complete && !ending)
            return MARU_PENDING;
        if (!complete)
            (void)unlink_waiter(entry, op);     /* either way it is in no list any more (E3) */
        op->stage_ = STAGE_START;
        if (!ending && op->error_)
            return op->error_;
        if (!ending)
            return 0;
    }
    if (ending)
        return -ECANCELED;                      /* readiness stays set for whoever comes next */
    return may_try(entry, side) ? 0 : ready_wait(entry, op, side, 0, cx);
}

/* ---- events ---- */

static void add_event(struct fd_side *side, unsigned events)
{
    uint32_t bits = SIDE_READY;
    if (events & (POLLRDHUP | POLLHUP | POLLERR))
        bits |= SIDE_HUNG_UP;
    uint32_t state = atomic_load_rlx(&side->state);         /* no partner: the cas decides */
    while (!atomic_cas_ar(&side->state, &state, (state + SIDE_TICK) | bits))    /* ready_clear */
        continue;
}

/* Steps 1 and 2 for some of the waiters, under the lock. */
static unsigned publish_some(struct fd_side *side, int error, struct wake *wakes)
{
    unsigned n = 0;
    while (n < WAKE_BATCH && !list_is_empty(&side->waiters)) {
        maru_op *op = op_of(side->waiters.next_);
        list_remove(&op->link_);
        op->error_ = error;
        wakes[n++] = leaf_publish(&op->leaf_);
    }
    return n;
}

static void finish(const struct wake *wakes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        wake_finish(wakes[i]);
}

void ready_event(struct io *io, int fd, uint32_t generation, unsigned side, unsigned events)
{
    struct fd_entry *entry;
    struct wake wakes[WAKE_BATCH];
    unsigned n;
    if (fd_table_get(&io->table, fd, &entry) < 0)
        return;                                 /* no entry was ever made: not ours */
    lock_take(&entry->lock);
    bool current = entry->generation == generation;
    if (current)
        add_event(&entry->sides[side], events);
    do {
        n = current ? publish_some(&entry->sides[side], 0, wakes) : 0;
        lock_give(&entry->lock);
        finish(wakes, n);
        if (n < WAKE_BATCH)
            return;
        lock_take(&entry->lock);
    } while (true);
}

void ready_end_waiters(struct fd_entry *entry, int error)
{
    struct wake wakes[WAKE_BATCH];
    unsigned n;
    for (unsigned side = 0; side < SIDES; side++) {
        do {
            lock_take(&entry->lock);
            n = publish_some(&entry->sides[side], error, wakes);
            lock_give(&entry->lock);
            finish(wakes, n);
        } while (n == WAKE_BATCH);
    }
}

/* ---- disarming ---- */

/* The closer of the entry, if its side is disarmed and it is in no inbox; under the lock. */
static maru_op *take_closer(struct fd_entry *entry, unsigned side)
{
    maru_op *closer = entry->closer;
    if (!closer || closer->side_ != side || entry->sides[side].armed != ARMED_NOT ||
        list_is_linked(&closer->link_))
        return NULL;
    entry->closer = NULL;
    return closer;
}

void ready_disarmed(struct io_driver *io_driver, int fd, uint32_t generation, unsigned side)
{
    struct fd_entry *entry;
    if (fd_table_get(&io_driver->io->table, fd, &entry) < 0)
        return;
    io_driver->backend->reserve(io_driver);
    lock_take(&entry->lock);
    struct fd_side *s = &entry->sides[side];
    maru_op *closer = NULL;
    struct wake wake;
    if (s->armed == ARMED_REMOVING && entry->generation == generation + 1) {
        atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);    /* under lock, but may_try */
        closer = take_closer(entry, side);
    } else if (s->armed == ARMED && entry->generation == generation) {
        /* It ended by itself, on overflow for one. Whoever waits must not miss the next event;
         * if it cannot be armed again, an attempt will tell what is wrong. */
        if (io_driver->backend->arm(io_driver, fd, entry, side) < 0)
            atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);    /* under lock, but may_try */
    }
    if (closer)
        wake = leaf_publish(&closer->leaf_);
    lock_give(&entry->lock);
    if (closer)
        wake_finish(wake);
}

void ready_take_request(struct io_driver *io_driver, maru_op *op)
{
    struct fd_entry *entry;
    int rc = fd_table_get(&io_driver->io->table, op->fd_, &entry);
    CHECK(rc == 0);
    io_driver->backend->reserve(io_driver);
    lock_take(&entry->lock);
    struct fd_side *s = &entry->sides[op->side_];
    maru_op *closer = NULL;
    struct wake wake;
    op->link_.next_ = NULL;                     /* out of the inbox */
    if (s->armed == ARMED_REMOVING &&
        io_driver->backend->disarm(io_driver, op->fd_, op->slot_, entry, op->side_) == 0)
        atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);    /* under lock, but may_try */
    closer = take_closer(entry, op->side_);
    if (closer)
        wake = leaf_publish(&closer->leaf_);
    lock_give(&entry->lock);
    if (closer)
        wake_finish(wake);
}

/* ---- reuse ---- */

/* Asks the home of a stale poll to remove it. Without memory for the request the poll stays
 * until its file ends; its events are told apart by the generation. */
static void remove_stale(struct io *io, int fd, const struct fd_side *side, unsigned which,
                         uint32_t generation)
{
    maru_op *request = alloc_get_zeroed(io->alloc, sizeof *request, _Alignof(maru_op));
    if (!request)
        return;
    request->fd_ = fd;
    request->slot_ = generation;
    request->side_ = (uint8_t)which;
    request->stage_ = STAGE_STALE;
    io_request(io, side->home, request);
}

int ready_adopt(struct io *io, int fd)
{
    struct fd_entry *entry;
    int rc = fd_table_get(&io->table, fd, &entry);
    if (rc < 0)
        return rc;
    lock_take(&entry->lock);
    struct fd_side sides[SIDES] = { entry->sides[0], entry->sides[1] };
    uint32_t generation = entry->generation;
    bool stale = sides[0].armed != ARMED_NOT || sides[1].armed != ARMED_NOT;
    entry->generation += stale;
    for (unsigned i = 0; i < SIDES; i++) {
        atomic_store_rlx(&entry->sides[i].state, 0u);               /* with ready_seen */
        atomic_store_rlx(&entry->sides[i].armed, (uint8_t)ARMED_NOT);   /* under lock, may_try */
        entry->sides[i].flag = 0;
    }
    lock_give(&entry->lock);
    if (!stale)
        return 0;
    ready_end_waiters(entry, -EBADF);
    metric_add(&io_driver_here()->stale_fds, 1);
    for (unsigned i = 0; i < SIDES; i++)
        if (sides[i].armed != ARMED_NOT)
            remove_stale(io, fd, &sides[i], i, generation);
    return 0;
}
