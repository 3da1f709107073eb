/* ready.c - readiness of sockets: attempts, waiters, events, closing. The rules are fdtable.h's.
 *
 * An operation tries its system call when nothing speaks against it, and waits for an event when
 * it met EAGAIN. Pitfalls of multishot polls and edge-triggered epoll, and why they do no harm:
 * an event may come between the attempt and the clearing (TICK makes the CAS fail); the peer's
 * end may be told together with data and never again (HUNG_UP keeps READY over short reads); an
 * error event may be about something that passes, as a refused datagram (EAGAIN clears HUNG_UP
 * too, or the next attempt would follow at once, for ever); events of a number's earlier life may
 * arrive late, and a waiter that was woken may try only when the number has been closed and is
 * another file's (generation); and the number may be closed in the middle of an attempt (E6). */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"
#include "runtime/task/waker.h"

#include <netinet/in.h>
#include <poll.h>

static maru_op *op_of(maru_link *link)
{
    return container_of(link, maru_op, link_);
}

static uint32_t seen_now(struct fd_entry *entry, unsigned side)
{
    return atomic_load_acq(&entry->sides[side].state);      /* pairs with add_event */
}

static uint32_t generation_of(const struct fd_entry *entry)
{
    return atomic_load_acq(&entry->generation);             /* pairs with ready_raise */
}

void ready_raise(struct fd_entry *entry)
{
    atomic_store_rel(&entry->generation, entry->generation + 1);    /* pairs with generation_of */
}

/* ---- attempts ---- */

/* The number was closed since the operation first used it. */
static bool is_another(const struct fd_entry *entry, const maru_op *op)
{
    return op->stage_ == STAGE_TRYING && generation_of(entry) != op->slot_;
}

/* close(2) and the end of CLOSING are one step under the lock (L3): who has the number from the
 * kernel in between, and has not told us (ready_adopt), waits for the lock. */
static bool is_closing(struct fd_entry *entry, unsigned side)
{
    lock_take(&entry->lock);
    bool closing = seen_now(entry, side) & SIDE_CLOSING;
    lock_give(&entry->lock);
    return closing;
}

bool ready_enter(struct fd_entry *entry, maru_op *op, unsigned side, uint32_t *ret_seen)
{
    for (;;) {
        *ret_seen = atomic_add_ar(&entry->sides[side].state, SIDE_ATTEMPT); /* with ready_shut */
        if (op->stage_ == STAGE_START) {
            op->slot_ = generation_of(entry);
            op->stage_ = STAGE_TRYING;
        }
        if (LIKELY(!(*ret_seen & SIDE_CLOSING) && !is_another(entry, op)))
            return true;
        ready_leave(entry, side);
        if (is_another(entry, op) || is_closing(entry, side))
            return false;
    }
}

void ready_leave(struct fd_entry *entry, unsigned side)
{
    (void)atomic_sub_ar(&entry->sides[side].state, SIDE_ATTEMPT);   /* pairs with ready_shut */
}

void ready_shut(struct fd_entry *entry)
{
    for (unsigned side = 0; side < SIDES; side++) {
        struct relax relax = { 0 };
        uint32_t *state = &entry->sides[side].state;
        (void)atomic_or_ar(state, SIDE_CLOSING);            /* pairs with ready_enter */
        while (atomic_load_acq(state) & SIDE_ATTEMPTS)      /* pairs with ready_leave */
            relax_turn(&relax);
    }
}

/* Nobody watches yet: then only an attempt can tell. */
static bool may_try(struct fd_entry *entry, unsigned side)
{
    const struct fd_side *s = &entry->sides[side];
    return side == SIDE_WRITE || seen_now(entry, side) & SIDE_READY ||
           atomic_load_rlx(&s->armed) == ARMED_NOT;         /* no partner: ready_wait locks */
}

static void clear(struct fd_entry *entry, unsigned side, uint32_t seen)
{
    const uint32_t bits = SIDE_READY | SIDE_HUNG_UP, ticks = ~(uint32_t)(SIDE_TICK - 1);
    uint32_t *state = &entry->sides[side].state;
    uint32_t now = atomic_load_rlx(state);      /* no partner: the cas decides */
    if (!(seen & bits))
        return;
    while ((now & ticks) == (seen & ticks))     /* others may enter and leave meanwhile */
        if (atomic_cas_ar(state, &now, now & ~bits))        /* pairs with add_event (E2) */
            return;
}

void ready_clear(struct fd_entry *entry, unsigned side, uint32_t seen)
{
    const uint8_t *flag = &entry->sides[side].flag;
    if (!(seen & SIDE_HUNG_UP) &&
        !(atomic_load_rlx(flag) & FD_STOPS_SHORT))      /* no partner: set before the first event */
        clear(entry, side, seen);
}

/* ---- waiting ---- */

/* Only TCP is sure to have been emptied: datagrams come one a read, whatever room there is. */
static bool stops_short(int fd)
{
    int protocol;
    socklen_t len = sizeof protocol;
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0 || protocol != IPPROTO_TCP;
}

static int arm(struct io_driver *own, struct fd_entry *entry, int fd, unsigned side)
{
    int rc = own->backend->arm(own, fd, entry, side);
    if (rc < 0)
        return rc;
    entry->sides[side].home = (uint16_t)own->id;
    if (side == SIDE_READ && stops_short(fd))
        (void)atomic_or_ar(&entry->sides[side].flag, FD_STOPS_SHORT);   /* pairs with ready_clear */
    atomic_store_rlx(&entry->sides[side].armed, (uint8_t)ARMED);  /* no partner: locked */
    return 0;
}

static void append_waiter(struct fd_entry *entry, maru_op *op, unsigned side,
                          const maru_context *cx)
{
    maru_leaf_wait(&op->leaf_, cx);
    op->side_ = (uint8_t)side;
    op->stage_ = STAGE_WAITING;
    op->slot_ = generation_of(entry);
    list_append(&entry->sides[side].waiters, &op->link_);
}

/* A guest may not touch a driver: it asks its home to watch. `request` is NULL if the side seemed
 * to be watched: then 1, try once more. Under the lock. */
static int ask(struct fd_entry *entry, maru_op *request, unsigned side)
{
    if (!request)
        return 1;
    request->slot_ = generation_of(entry);
    entry->sides[side].home = io_home_here();
    atomic_store_rlx(&entry->sides[side].armed, (uint8_t)ARMED_ASKED);  /* no partner: locked */
    return 0;
}

static maru_result guest_wait(struct fd_entry *entry, maru_op *op, unsigned side,
                              const maru_context *cx)
{
    struct fd_side *s = &entry->sides[side];
    struct io *io = io_here();
    maru_op *request = NULL;
    int rc = 0;
    if (atomic_load_rlx(&s->armed) == ARMED_NOT) {          /* no partner: looked at again below */
        request = io_request_new(io, op->fd_, side, STAGE_ASKED);
        if (!request)
            return -ENOMEM;
    }
    lock_take(&entry->lock);
    bool asks = false, try_again = s->armed == ARMED && seen_now(entry, side) & SIDE_READY;
    if (entry->sides[SIDE_WRITE].flag || is_another(entry, op)) {
        rc = -EBADF;
    } else if (!try_again && s->armed == ARMED_NOT) {
        try_again = ask(entry, request, side) > 0;
        asks = !try_again;
    }
    if (rc == 0 && !try_again)
        append_waiter(entry, op, side, cx);
    lock_give(&entry->lock);
    if (asks)
        io_request(io, io_home_here(), request);
    else
        io_request_free(io, request);
    return rc < 0 ? rc : try_again ? 0 : MARU_PENDING;
}

maru_result ready_wait(struct fd_entry *entry, maru_op *op, unsigned side, uint32_t seen,
                       const maru_context *cx)
{
    struct fd_side *s = &entry->sides[side];
    struct io_driver *own = io_driver_here();
    int rc = 0;
    clear(entry, side, seen);
    if (UNLIKELY(!own))
        return guest_wait(entry, op, side, cx);
    own->backend->reserve(own);
    lock_take(&entry->lock);
    bool try_again = s->armed == ARMED && seen_now(entry, side) & SIDE_READY;
    if (entry->sides[SIDE_WRITE].flag || is_another(entry, op))
        rc = -EBADF;
    else if (!try_again && s->armed == ARMED_NOT)
        rc = arm(own, entry, op->fd_, side);
    if (rc == 0 && !try_again)
        append_waiter(entry, op, side, cx);
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
        op->stage_ = STAGE_TRYING;              /* closed since? ready_enter sees to it */
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
    while (!atomic_cas_ar(&side->state, &state, (state + SIDE_TICK) | bits))  /* pairs with clear */
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

/* As long as the number is still of that generation. */
static void end_waiters(struct fd_entry *entry, struct fd_side *side, uint32_t generation,
                        int error)
{
    struct wake wakes[WAKE_BATCH];
    unsigned n;
    do {
        lock_take(&entry->lock);
        n = entry->generation == generation ? publish_some(side, error, wakes) : 0;
        lock_give(&entry->lock);
        finish(wakes, n);
    } while (n == WAKE_BATCH);
}

void ready_end_waiters(struct fd_entry *entry, int error)
{
    uint32_t generation = generation_of(entry);
    for (unsigned side = 0; side < SIDES; side++)
        end_waiters(entry, &entry->sides[side], generation, error);
}

/* ---- a guest's request to watch ---- */

void ready_take_asked(struct io_driver *io_driver, maru_op *request)
{
    struct fd_entry *entry;
    unsigned side = request->side_;
    int rc = fd_table_get(&io_driver->io->table, request->fd_, &entry);
    CHECK(rc == 0);
    io_driver->backend->reserve(io_driver);
    lock_take(&entry->lock);
    struct fd_side *s = &entry->sides[side];
    if (entry->generation == request->slot_ && s->armed == ARMED_ASKED) {
        rc = arm(io_driver, entry, request->fd_, side);
        if (rc < 0)
            atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);    /* no partner: locked */
    }
    lock_give(&entry->lock);
    if (rc < 0)
        end_waiters(entry, s, request->slot_, rc);
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

void ready_disarmed(struct io_driver *io_driver, int fd, uint32_t generation, unsigned side,
                    int error)
{
    struct fd_entry *entry;
    if (fd_table_get(&io_driver->io->table, fd, &entry) < 0)
        return;
    io_driver->backend->reserve(io_driver);
    lock_take(&entry->lock);
    struct fd_side *s = &entry->sides[side];
    maru_op *closer = NULL;
    struct wake wake;
    bool failed = false;
    if (s->armed == ARMED_REMOVING && entry->generation == generation + 1) {
        atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);  /* no partner: locked */
        closer = take_closer(entry, side);
    } else if (s->armed == ARMED && entry->generation == generation) {
        /* It ended by itself, on overflow for one. Whoever waits must not miss the next event,
         * or is told why there will be none. */
        if (error == 0)
            error = io_driver->backend->arm(io_driver, fd, entry, side);
        failed = error < 0;
        if (failed)
            atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);  /* no partner: locked */
    }
    if (closer)
        wake = leaf_publish(&closer->leaf_);
    lock_give(&entry->lock);
    if (closer)
        wake_finish(wake);
    if (failed)
        end_waiters(entry, s, generation, error);
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
    bool is_robbed = op->error_ != 0;           /* of its number, by ready_adopt */
    if (!is_robbed && s->armed == ARMED_REMOVING &&
        io_driver->backend->disarm(io_driver, op->fd_, op->slot_, entry, op->side_) == 0)
        atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);  /* no partner: locked */
    closer = is_robbed ? op : take_closer(entry, op->side_);
    if (closer)
        wake = leaf_publish(&closer->leaf_);
    lock_give(&entry->lock);
    if (closer)
        wake_finish(wake);
}

/* ---- reuse ---- */

/* Asks the home of a stale poll to remove it. Without memory for the request the poll stays
 * until its file ends; its events are told apart by the generation. */
static void remove_stale(struct io *io, int fd, uint16_t home, unsigned side, uint32_t generation)
{
    maru_op *request = io_request_new(io, fd, side, STAGE_STALE);
    if (!request)
        return;
    request->slot_ = generation;
    io_request(io, home, request);
}

/* Everything as new; under the lock. */
static void forget(struct fd_entry *entry)
{
    for (unsigned i = 0; i < SIDES; i++) {
        struct fd_side *side = &entry->sides[i];
        (void)atomic_and_ar(&side->state, SIDE_ATTEMPTS);       /* pairs with seen_now */
        atomic_store_rlx(&side->armed, (uint8_t)ARMED_NOT);     /* no partner: locked */
        atomic_store_rlx(&side->flag, (uint8_t)0);              /* no partner: a memory */
    }
}

/* Somebody closed a number that is being closed by us: it must not be closed once more. Returns
 * the closer, unless it is in an inbox, where ready_take_request completes it. */
static maru_op *rob_closer(struct fd_entry *entry)
{
    maru_op *closer = entry->closer;
    if (!closer)
        return NULL;
    entry->closer = NULL;
    closer->error_ = -EBADF;
    return list_is_linked(&closer->link_) ? NULL : closer;
}

int ready_adopt(struct io *io, int fd)
{
    struct fd_entry *entry;
    struct wake wake;
    int rc = fd_table_get(&io->table, fd, &entry);
    if (rc < 0)
        return rc;
    lock_take(&entry->lock);
    const uint8_t armed[SIDES] = { entry->sides[0].armed, entry->sides[1].armed };
    const uint16_t homes[SIDES] = { entry->sides[0].home, entry->sides[1].home };
    /* What the polls carry: closing has raised it already. */
    uint32_t generation = entry->generation - entry->sides[SIDE_WRITE].flag;
    bool stale = armed[0] != ARMED_NOT || armed[1] != ARMED_NOT;
    if (stale)
        ready_raise(entry);
    forget(entry);
    maru_op *closer = rob_closer(entry);
    if (closer)
        wake = leaf_publish(&closer->leaf_);
    lock_give(&entry->lock);
    if (closer)
        wake_finish(wake);
    if (!stale)
        return 0;
    ready_end_waiters(entry, -EBADF);
    atomic_add_rlx(&io->drivers[io_home_here()].stale_fds, 1u);     /* no partner: a metric */
    log_write(context_here()->local->log, MARU_LOG_WARNING,
              "descriptor %d was closed behind our back, and is handed out anew: use maru_close",
              fd);
    for (unsigned i = 0; i < SIDES; i++)
        if (armed[i] != ARMED_NOT)
            remove_stale(io, fd, homes[i], i, generation);
    return 0;
}
