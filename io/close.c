/* close.c - closing a descriptor that others may wait on and drivers may watch.
 *
 *     raise the generation -> end all waiters -> disarm each side at its home -> close(2)
 *
 * L1 After the generation was raised no event reaches the entry's waiters (E4).
 * L2 The number is closed only when no driver watches it (E5): the kernel holds the file as long
 *    as a poll is in a ring, and the peer would not see its end.
 * L3 close(2) and the entry's renewal are one step under the lock: the number's next owner, who may
 *    have it right after, finds the entry as new (ready_adopt and ready_enter take the lock).
 * L4 The number is closed when nobody is in an attempt on it (E6, ready_shut).
 * L5 Closing cannot be cancelled; a second close meanwhile gives -EBADF. */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/context.h"
#include "runtime/base/lock.h"

#include <unistd.h>

static int begin(struct fd_entry *entry, maru_op *op)
{
    lock_take(&entry->lock);
    bool closing = entry->sides[SIDE_WRITE].flag;
    entry->sides[SIDE_WRITE].flag = 1;
    if (!closing) {
        op->slot_ = entry->generation;          /* what the kernel's events still carry */
        ready_raise(entry);
    }
    lock_give(&entry->lock);
    return closing ? -EBADF : 0;
}

/* True: the side is not watched any more. False: ready_disarmed will complete the leaf. */
static bool disarm(struct fd_entry *entry, maru_op *op, unsigned side, const maru_context *cx)
{
    struct io_driver *own = io_driver_here();
    struct io *io = io_here();
    struct fd_side *s = &entry->sides[side];
    bool elsewhere = false;
    if (own)
        own->backend->reserve(own);
    lock_take(&entry->lock);
    bool armed = s->armed == ARMED;
    if (s->armed == ARMED_ASKED)                /* the request carries the old generation */
        atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);  /* no partner: locked */
    if (armed) {
        struct io_driver *home = &io->drivers[s->home];
        atomic_store_rlx(&s->armed, (uint8_t)ARMED_REMOVING);  /* no partner: locked */
        maru_leaf_wait(&op->leaf_, cx);
        op->side_ = (uint8_t)side;
        op->stage_ = side == SIDE_READ ? STAGE_CLOSING_READ : STAGE_CLOSING_WRITE;
        elsewhere = home != own && !io->backend->disarms_anywhere;
        entry->closer = op;
        op->link_ = (maru_link){ elsewhere ? &op->link_ : NULL, NULL };
        if (!elsewhere && io->backend->disarm(home, op->fd_, op->slot_, entry, side) == 0) {
            atomic_store_rlx(&s->armed, (uint8_t)ARMED_NOT);  /* no partner: locked */
            entry->closer = NULL;
            armed = false;
        }
    }
    lock_give(&entry->lock);
    if (elsewhere)
        io_request(io, s->home, op);
    return !armed;
}

/* Under the lock, so that who is handed the number next (ready_adopt) comes after the renewal, and
 * who uses it until then is refused. */
static maru_result finish(struct fd_entry *entry, int fd)
{
    ready_shut(entry);
    lock_take(&entry->lock);
    int rc = close(fd) == 0 || errno == EINTR ? 0 : -errno;     /* EINTR: Linux has closed it */
    for (unsigned side = 0; side < SIDES; side++) {
        (void)atomic_and_ar(&entry->sides[side].state, SIDE_ATTEMPTS);  /* pairs with seen_now */
        atomic_store_rlx(&entry->sides[side].flag, (uint8_t)0);     /* no partner: a memory */
    }
    lock_give(&entry->lock);
    return rc;
}

static maru_result close_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = (maru_op *)(void *)self;
    struct fd_entry *entry;
    int rc = io_entry_here(op->fd_, &entry);
    if (rc < 0 && (op->fd_ < 0 || rc == -EPERM))
        return rc;
    if (rc < 0)
        return close(op->fd_) == 0 ? 0 : -errno;        /* nobody can wait on it */
    switch (op->stage_) {
    case STAGE_START:
        rc = begin(entry, op);
        if (rc < 0)
            return rc;
        ready_end_waiters(entry, -EBADF);
        if (!disarm(entry, op, SIDE_READ, cx))
            return MARU_PENDING;
        break;
    case STAGE_CLOSING_READ:
    case STAGE_CLOSING_WRITE:
        if (!maru_leaf_is_complete(&op->leaf_))
            return MARU_PENDING;
        if (op->error_)                         /* the number is somebody else's (ready_adopt) */
            return op->error_;
        break;
    }
    if (op->stage_ != STAGE_CLOSING_WRITE && !disarm(entry, op, SIDE_WRITE, cx))
        return MARU_PENDING;
    return finish(entry, op->fd_);
}

static const maru_future_type close_type = { close_poll, "close" };

maru_future *maru_close(maru_op *op, int fd)
{
    return io_start(op, &close_type, fd);
}
