/* poll.c - one-shot polls of descriptors that foreign libraries own: nothing stays registered.
 *
 * The kernel brings back a slot's index and generation, so an event of an earlier poll cannot
 * hit a later one. A cancel goes to the driver that has the poll; an operation whose cancel is in
 * an inbox is completed by whoever takes it out, for the inbox holds the operation until then:
 *
 *     POLL_ASKED --taken out--> POLLING       (a guest's: its home begins the poll)
 *        `--cancel--> POLL_WITHDRAWN --taken out--> complete
 *     POLLING --cancel--> POLL_CANCEL --event--> POLL_OVER --taken out--> complete
 *        |                     `--taken out--> POLLING, removal under way --event--> complete
 *        `--event--> complete */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/task/waker.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

_Static_assert(MARU_READABLE == POLLIN && MARU_WRITABLE == POLLOUT, "the public bits are poll's");

/* ---- slots ---- */

static int grow(struct io_driver *io_driver)
{
    uint32_t count = io_driver->slot_count ? 2 * io_driver->slot_count : 16;
    struct alloc *alloc = io_driver->io->alloc;
    size_t align = _Alignof(struct poll_slot);
    struct poll_slot *slots = alloc_get_zeroed(alloc, count * sizeof *slots, align);
    if (!slots)
        return -ENOMEM;
    if (io_driver->slot_count)
        memcpy(slots, io_driver->slots, io_driver->slot_count * sizeof *slots);
    for (uint32_t i = count; i-- > io_driver->slot_count;) {
        slots[i].next_free = io_driver->slot_free;
        io_driver->slot_free = i;
    }
    alloc_put(alloc, io_driver->slots, io_driver->slot_count * sizeof *slots, align);
    io_driver->slots = slots;
    io_driver->slot_count = count;
    return 0;
}

int poll_slot_take(struct io_driver *io_driver, maru_op *op)
{
    if (io_driver->slot_free == UINT32_MAX && grow(io_driver) < 0)
        return -ENOMEM;
    op->slot_ = io_driver->slot_free;
    struct poll_slot *slot = &io_driver->slots[op->slot_];
    io_driver->slot_free = slot->next_free;
    slot->op = op;
    slot->generation++;
    metric_add(&io_driver->live_polls, 1);
    return 0;
}

void poll_slot_give(struct io_driver *io_driver, maru_op *op)
{
    struct poll_slot *slot = &io_driver->slots[op->slot_];
    slot->op = NULL;
    slot->next_free = io_driver->slot_free;
    io_driver->slot_free = op->slot_;
    metric_add(&io_driver->live_polls, UINT64_MAX);         /* one less */
}

/* ---- completing; owner of the driver ---- */

static void complete(maru_op *op, int result)
{
    op->error_ = result;
    maru_leaf_complete(&op->leaf_);
}

/* Of an operation that a cancel may be putting into the inbox at this moment. */
static void end(maru_op *op, int result)
{
    op->error_ = result;
    uint8_t stage = STAGE_POLLING;
    if (atomic_cas_ar(&op->stage_, &stage, (uint8_t)STAGE_POLL_OVER))   /* pairs with cancel */
        maru_leaf_complete(&op->leaf_);
    else
        atomic_store_rel(&op->stage_, (uint8_t)STAGE_POLL_OVER);    /* owner: taken out later */
}

void poll_event(struct io_driver *io_driver, uint32_t index, uint32_t generation, int result)
{
    if (index >= io_driver->slot_count || io_driver->slots[index].generation != generation ||
        !io_driver->slots[index].op)
        return;
    maru_op *op = io_driver->slots[index].op;
    if (io_driver->backend->disarms_anywhere)
        (void)io_driver->backend->unpoll(io_driver, op);    /* epoll keeps it, switched off */
    poll_slot_give(io_driver, op);
    end(op, result);
}

/* With the kernel from here on, or an error. Owner of the driver. */
static int submit(struct io_driver *own, maru_op *op)
{
    int rc = poll_slot_take(own, op);
    if (rc < 0)
        return rc;
    own->backend->reserve(own);
    rc = own->backend->poll(own, op, (unsigned)op->done_);
    if (rc < 0)
        poll_slot_give(own, op);
    return rc;
}

/* A guest asks for a poll. */
static void take_asked(struct io_driver *io_driver, maru_op *op)
{
    uint8_t stage = STAGE_POLL_ASKED;
    if (!atomic_cas_ar(&op->stage_, &stage, (uint8_t)STAGE_POLLING)) {  /* pairs with withdraw */
        complete(op, -ECANCELED);
        return;
    }
    int rc = submit(io_driver, op);             /* a cancel comes by the inbox, after this */
    if (rc < 0)
        end(op, rc);
}

void poll_take_request(struct io_driver *io_driver, maru_op *op)
{
    uint8_t stage = atomic_load_acq(&op->stage_);       /* pairs with begin, cancel and end */
    if (stage == STAGE_POLL_ASKED || stage == STAGE_POLL_WITHDRAWN) {
        take_asked(io_driver, op);
        return;
    }
    if (stage == STAGE_POLL_OVER) {
        maru_leaf_complete(&op->leaf_);
        return;
    }
    io_driver->backend->reserve(io_driver);
    if (io_driver->backend->unpoll(io_driver, op) == 0) {
        poll_slot_give(io_driver, op);
        complete(op, -ECANCELED);
    } else {
        atomic_store_rel(&op->stage_, (uint8_t)STAGE_POLLING);      /* with poll_event: cas */
    }
}

/* ---- the future ---- */

static maru_result begin(maru_op *op, const maru_context *cx)
{
    if (UNLIKELY(!context_here()->local))
        return -EPERM;
    struct io_driver *own = io_driver_here();
    maru_leaf_wait(&op->leaf_, cx);
    op->home_ = io_home_here();
    op->stage_ = own ? STAGE_POLLING : STAGE_POLL_ASKED;
    int rc = 0;
    if (LIKELY(own))
        rc = submit(own, op);
    else
        io_request(io_here(), op->home_, op);
    return rc < 0 ? rc : MARU_PENDING;
}

static maru_result result_of(const maru_op *op)
{
    if (op->error_ < 0)
        return op->error_;
    unsigned events = (unsigned)op->error_;
    if (events & POLLNVAL)
        return -EBADF;
    if (events & (POLLERR | POLLHUP))
        return MARU_READABLE | MARU_WRITABLE;
    return events & (MARU_READABLE | MARU_WRITABLE);
}

/* Once. A request that is still in the inbox is withdrawn there. */
static void cancel(maru_op *op)
{
    uint8_t stage = STAGE_POLL_ASKED;
    op->data_ = op;
    if (atomic_cas_ar(&op->stage_, &stage, (uint8_t)STAGE_POLL_WITHDRAWN))  /* with take_asked */
        return;
    if (stage == STAGE_POLLING &&
        atomic_cas_ar(&op->stage_, &stage, (uint8_t)STAGE_POLL_CANCEL))     /* with end */
        io_request(io_here(), op->home_, op);
}

static maru_result ready_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = (maru_op *)(void *)self;
    if (atomic_load_rlx(&self->line_) == LEAF_IDLE)     /* no partner: else is_complete decides */
        return cx->ending != MARU_GO ? -ECANCELED : begin(op, cx);
    if (maru_leaf_is_complete(&op->leaf_))
        return result_of(op);
    if (cx->ending != MARU_GO && !op->data_)
        cancel(op);
    return MARU_PENDING;
}

static const maru_future_type ready_type = { ready_poll, "fd_ready" };

maru_future *maru_fd_ready(maru_op *op, int fd, unsigned interest)
{
    maru_future *self = io_start(op, &ready_type, fd);
    if (UNLIKELY(!self))
        return NULL;
    if (interest == 0 || interest & ~(unsigned)(MARU_READABLE | MARU_WRITABLE))
        return maru_future_ready(self, -EINVAL);
    if (fd < 0)
        return maru_future_ready(self, -EBADF);
    op->done_ = interest;
    op->side_ = POLL_FOREIGN;
    return self;
}

maru_future *poll_own(maru_op *op, int fd)
{
    maru_future *self = io_start(op, &ready_type, fd);
    op->done_ = MARU_READABLE;
    op->side_ = POLL_OWN;
    return self;
}

int maru_fd_adopt(int fd)
{
    return context_here()->local ? ready_adopt(io_here(), fd) : -EBADF;
}
