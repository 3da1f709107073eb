/* uring.c - the ring backends, and the only user of liburing: set-up, polls, turns.
 *
 * A ring a worker, entered by its owner only. Sockets are watched by multishot polls, one a side;
 * nothing of a task's memory is ever in the kernel's hands. "ring" defers completions until the
 * owner enters (DEFER_TASKRUN, Linux 6.1): 4 to 14 % cheaper a message than "ring-coop" and
 * "ring-none", which exist to be compared with and for kernels that lack it.
 *
 * Pitfalls, and why they do no harm here:
 *   CQ overflow ends a multishot poll (no F_MORE): ready_disarmed arms it again, and the CQ has
 *     FEAT_NODROP. A DEFER enter takes 20 items: turn enters again while SQ_TASKRUN is set, up to
 *     ENTERS_PER_TURN times. SQ full: reserve submits first, so get_sqe never fails. A bad SQE
 *     does not stop the batch (SUBMIT_ALL). EINTR, EAGAIN, EBUSY of an enter: the CQ is reaped,
 *     what was not submitted stays in the SQ for the next one. The cancel's own completion
 *     carries no pointer (TAG_IGNORE). The eventfd is never read: every write makes a new event.
 *     O_CLOEXEC is set on ring descriptors by the kernel; DONTFORK makes a child fault instead of
 *     corrupting the parent. No linked timeouts, buffers, zero copy, SQPOLL: not used. */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TAG_READ, TAG_WRITE, TAG_SLOT, TAG_KICK, TAG_IGNORE };
_Static_assert((int)TAG_READ == (int)SIDE_READ && (int)TAG_WRITE == (int)SIDE_WRITE,
               "a side is its tag");

struct ring {
    struct io_uring uring;
    struct io_uring as_opened;   /* before the descriptor was registered */
    pthread_t owner;             /* if attached */
    bool attached;
    bool kick_armed;
};

static struct ring *ring_of(struct io_driver *io_driver)
{
    return io_driver->ring;
}

static uint64_t data_of(unsigned tag, uint32_t index, uint32_t generation)
{
    return tag | (uint64_t)index << 8 | (uint64_t)generation << 32;
}

/* ---- submitting ---- */

/* EAGAIN and EBUSY want the CQ to be emptied first; EINTR and a short count want another try.
 * All of them leave the rest in the SQ, for the next turn. */
static void submit(struct io_driver *io_driver)
{
    metric_add(&io_driver->driver.enters, 1);
    (void)io_uring_submit_and_get_events(&ring_of(io_driver)->uring);
}

static void ring_reserve(struct io_driver *io_driver)
{
    while (UNLIKELY(io_uring_sq_space_left(&ring_of(io_driver)->uring) < 2))
        submit(io_driver);
}

static struct io_uring_sqe *next_sqe(struct io_driver *io_driver)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring_of(io_driver)->uring);
    CHECK(sqe);                                 /* ring_reserve came before */
    return sqe;
}

static void watch(struct io_driver *io_driver, int fd, unsigned events, uint64_t data)
{
    struct io_uring_sqe *sqe = next_sqe(io_driver);
    io_uring_prep_poll_multishot(sqe, fd, events);
    io_uring_sqe_set_data64(sqe, data);
}

/* A cancel, not a poll's removal: that one gives up (EALREADY) when an event is on its way. */
static void unwatch(struct io_driver *io_driver, uint64_t data)
{
    struct io_uring_sqe *sqe = next_sqe(io_driver);
    io_uring_prep_cancel64(sqe, data, 0);
    io_uring_sqe_set_data64(sqe, data_of(TAG_IGNORE, 0, 0));
}

/* ---- opening ---- */

enum {
    FLAGS_COMMON = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
    FLAGS_DEFER = FLAGS_COMMON | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                  IORING_SETUP_TASKRUN_FLAG,
    FLAGS_COOP = FLAGS_COMMON | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG,
    FLAGS_NONE = FLAGS_COMMON,
    FEATURES = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL |
               IORING_FEAT_CQE_SKIP,
};

static int init(struct io_uring *uring, unsigned entries, unsigned flags)
{
    struct io_uring_params params = { .flags = flags, .cq_entries = RING_CQ_ENTRIES };
    int rc = io_uring_queue_init_params(entries, uring, &params);
    if (rc < 0)
        return rc;
    if ((params.features & FEATURES) == FEATURES)
        return 0;
    io_uring_queue_exit(uring);
    return -ENOSYS;
}

/* liburing 2.3 declares io_uring_enable_rings but does not export it. */
static int enable(struct io_uring *uring)
{
    const int what = IORING_REGISTER_ENABLE_RINGS;
    return syscall(__NR_io_uring_register, uring->ring_fd, what, NULL, 0) < 0 ? -errno : 0;
}

/* One multishot poll that is seen to fire and to go on: what everything here stands on. */
static int try_poll(struct io_uring *uring, int event_fd)
{
    struct io_uring_cqe *cqe;
    const uint64_t one = 1;
    struct __kernel_timespec limit = { .tv_sec = 1 };
    io_uring_prep_poll_multishot(io_uring_get_sqe(uring), event_fd, POLLIN);
    if (write(event_fd, &one, sizeof one) != (ssize_t)sizeof one)
        return -errno;
    int rc;
    do
        rc = io_uring_submit_and_wait_timeout(uring, &cqe, 1, &limit, NULL);
    while (rc == -EINTR);                       /* what was submitted stays so */
    if (rc < 0)
        return rc;
    if (io_uring_peek_cqe(uring, &cqe) < 0)
        return -ENOSYS;
    return cqe->res > 0 && cqe->flags & IORING_CQE_F_MORE ? 0 : -ENOSYS;
}

/* A throw-away ring tells whether the kernel and its rules allow what we need. */
static int probe(struct io_driver *io_driver, unsigned flags)
{
    struct io_uring uring;
    if (io_driver->id > 0)
        return 0;
    int rc = init(&uring, 8, flags | IORING_SETUP_R_DISABLED);
    if (rc < 0)
        return rc;
    rc = enable(&uring);
    if (rc == 0)
        rc = try_poll(&uring, io_driver->event_fd);
    io_uring_queue_exit(&uring);
    return rc;
}

/* Disabled until its owner attaches: so that all errors come to who makes the runtime. */
static int open_with(struct io_driver *io_driver, unsigned flags)
{
    int rc = probe(io_driver, flags);
    if (rc < 0)
        return rc;
    struct ring *ring = alloc_get_zeroed(io_driver->io->alloc, sizeof *ring, 64);
    if (!ring)
        return -ENOMEM;
    rc = init(&ring->uring, RING_SQ_ENTRIES, flags | IORING_SETUP_R_DISABLED);
    if (rc == 0) {
        rc = io_uring_ring_dontfork(&ring->uring);
        if (rc < 0)
            io_uring_queue_exit(&ring->uring);
    }
    if (rc < 0) {
        alloc_put(io_driver->io->alloc, ring, sizeof *ring, 64);
        return rc;
    }
    ring->as_opened = ring->uring;
    io_driver->ring = ring;
    return 0;
}

static int open_defer(struct io_driver *io_driver)
{
    return open_with(io_driver, FLAGS_DEFER);
}

static int open_coop(struct io_driver *io_driver)
{
    return open_with(io_driver, FLAGS_COOP);
}

static int open_none(struct io_driver *io_driver)
{
    return open_with(io_driver, FLAGS_NONE);
}

static void arm_kick(struct io_driver *io_driver)
{
    watch(io_driver, io_driver->event_fd, POLLIN, data_of(TAG_KICK, 0, 0));
    ring_of(io_driver)->kick_armed = true;
}

static int ring_attach(struct io_driver *io_driver)
{
    struct ring *ring = ring_of(io_driver);
    struct io_uring *uring = &ring->uring;
    int rc = enable(uring);
    if (rc < 0)
        return rc;
    ring->owner = pthread_self();
    ring->attached = true;
    (void)io_uring_register_ring_fd(uring);     /* only saves time; a kernel may have no room */
    arm_kick(io_driver);
    submit(io_driver);
    return 0;
}

/* The index of a registered descriptor belongs to the thread that registered it, and is gone with
 * it: unregistered by another thread, it would be that thread's own ring. */
static void ring_close(struct io_driver *io_driver)
{
    struct ring *ring = ring_of(io_driver);
    bool is_ours = ring->attached && pthread_equal(ring->owner, pthread_self());
    io_uring_queue_exit(is_ours ? &ring->uring : &ring->as_opened);
    if (io_driver->ring_event_fd >= 0)
        (void)close(io_driver->ring_event_fd);  /* an eventfd's close has nothing to report */
    alloc_put(io_driver->io->alloc, ring, sizeof *ring, 64);
}

/* Its memory is not in the child of a fork (dontfork), and what is submitted there is the parent's:
 * only our copies of descriptors go. */
static void ring_abandon(struct io_driver *io_driver)
{
    struct ring *ring = ring_of(io_driver);
    (void)close(ring->as_opened.ring_fd);       /* neither close has anything to report */
    if (io_driver->ring_event_fd >= 0)
        (void)close(io_driver->ring_event_fd);
    alloc_put(io_driver->io->alloc, ring, sizeof *ring, 64);
}

/* ---- sides ---- */

static unsigned events_of(unsigned side)
{
    return side == SIDE_READ ? POLLIN | POLLRDHUP : POLLOUT;
}

static int ring_arm(struct io_driver *io_driver, int fd, struct fd_entry *entry, unsigned side)
{
    watch(io_driver, fd, events_of(side), data_of(side, (uint32_t)fd, entry->generation));
    return 0;
}

static int ring_disarm(struct io_driver *io_driver, int fd, uint32_t generation,
                       struct fd_entry *entry, unsigned side)
{
    (void)entry;
    unwatch(io_driver, data_of(side, (uint32_t)fd, generation));
    return 1;
}

/* ---- one-shot polls ---- */

static uint64_t slot_data(const struct io_driver *io_driver, const maru_op *op)
{
    return data_of(TAG_SLOT, op->slot_, io_driver->slots[op->slot_].generation);
}

/* A ring calls a file that has no poll ready; an epoll refuses it, and so do we. */
static int ring_poll(struct io_driver *io_driver, maru_op *op, unsigned interest)
{
    struct stat stat;
    if (fstat(op->fd_, &stat) < 0)
        return -errno;
    if (S_ISREG(stat.st_mode) || S_ISDIR(stat.st_mode) || S_ISBLK(stat.st_mode))
        return -EPERM;
    struct io_uring_sqe *sqe = next_sqe(io_driver);
    io_uring_prep_poll_add(sqe, op->fd_, interest);
    io_uring_sqe_set_data64(sqe, slot_data(io_driver, op));
    return 0;
}

static int ring_unpoll(struct io_driver *io_driver, maru_op *op)
{
    unwatch(io_driver, slot_data(io_driver, op));
    return 1;
}

/* ---- turning ---- */

static void take_side(struct io_driver *io_driver, const struct io_uring_cqe *cqe, unsigned tag,
                      uint32_t fd, uint32_t generation)
{
    if (cqe->res > 0)
        ready_event(io_driver->io, (int)fd, generation, tag, (unsigned)cqe->res);
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    bool failed = cqe->res < 0 && cqe->res != -ECANCELED && cqe->res != -EINTR;
    ready_disarmed(io_driver, (int)fd, generation, tag, failed ? cqe->res : 0);
}

static void take(struct io_driver *io_driver, const struct io_uring_cqe *cqe)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    uint32_t index = (uint32_t)data >> 8, generation = (uint32_t)(data >> 32);
    switch ((unsigned)data & 255) {
    case TAG_READ:
    case TAG_WRITE:
        take_side(io_driver, cqe, (unsigned)data & 255, index, generation);
        break;
    case TAG_SLOT:
        poll_event(io_driver, index, generation, cqe->res);
        break;
    case TAG_KICK:
        if (!(cqe->flags & IORING_CQE_F_MORE))
            ring_of(io_driver)->kick_armed = false;
        break;
    default:
        break;                                  /* a removal's own completion */
    }
}

/* Each is given back before it is taken, for taking it may enter the kernel (ring_reserve), which
 * may want room. */
static unsigned reap(struct io_driver *io_driver)
{
    struct io_uring *uring = &ring_of(io_driver)->uring;
    unsigned n = 0;
    while (n < RING_CQ_ENTRIES && io_uring_cq_ready(uring) > 0) {
        const struct io_uring_cq *cq = &uring->cq;
        const struct io_uring_cqe *next = &cq->cqes[*cq->khead & cq->ring_mask];
        struct io_uring_cqe cqe = { .user_data = next->user_data,
                                    .res = next->res,
                                    .flags = next->flags };
        io_uring_cq_advance(uring, 1);
        take(io_driver, &cqe);
        n++;
    }
    return n;
}

static bool has_task_work(const struct io_uring *uring)
{
    return atomic_load_rlx(uring->sq.kflags) &      /* with the kernel, which sets it */
           (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static bool ring_has_events(struct driver *driver)
{
    struct io_uring *uring = &ring_of((struct io_driver *)(void *)driver)->uring;
    return io_uring_cq_ready(uring) > 0 || has_task_work(uring);
}

static void wait(struct io_driver *io_driver, int64_t timeout_ns)
{
    struct io_uring *uring = &ring_of(io_driver)->uring;
    struct io_uring_cqe *cqe;
    struct __kernel_timespec limit = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    metric_add(&io_driver->driver.enters, 1);
    /* What it returns tells nothing: the CQ does. */
    if (timeout_ns < 0)
        (void)io_uring_submit_and_wait(uring, 1);
    else
        (void)io_uring_submit_and_wait_timeout(uring, &cqe, 1, &limit, NULL);
}

static unsigned ring_turn(struct driver *driver, int64_t timeout_ns)
{
    struct io_driver *io_driver = (struct io_driver *)(void *)driver;
    struct io_uring *uring = &ring_of(io_driver)->uring;
    if (io_take_inbox(io_driver))
        timeout_ns = DRIVER_NO_WAIT;
    if (UNLIKELY(!ring_of(io_driver)->kick_armed)) {
        ring_reserve(io_driver);
        arm_kick(io_driver);
    }
    unsigned n = reap(io_driver);
    for (int enters = 0; enters < ENTERS_PER_TURN; enters++) {
        bool waits = n == 0 && timeout_ns != DRIVER_NO_WAIT && enters == 0;
        bool submits = io_uring_sq_ready(uring) > 0;
        if (waits)
            wait(io_driver, timeout_ns);
        else if (submits || has_task_work(uring))
            submit(io_driver);
        else
            break;
        unsigned taken = reap(io_driver);
        metric_add(&driver->empty_enters, !waits && !submits && taken == 0);
        n += taken;
    }
    metric_add(&driver->events, n);
    return n;
}

static void ring_kick(struct driver *driver)
{
    struct io_driver *io_driver = (struct io_driver *)(void *)driver;
    const uint64_t one = 1;
    atomic_add_rlx(&driver->kicks, 1u);         /* no partner: a metric */
    (void)!write(io_driver->event_fd, &one, sizeof one);    /* full counts as kicked */
}

/* The descriptor of a ring with DEFER_TASKRUN tells nobody of work that its owner must fetch; a
 * registered eventfd does. It is readable at first, for what came before it. */
static int ring_descriptor(struct io_driver *io_driver)
{
    if (io_driver->ring_event_fd >= 0)
        return io_driver->ring_event_fd;
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int rc = io_uring_register_eventfd(&ring_of(io_driver)->uring, fd);
    if (rc < 0) {
        (void)close(fd);                        /* new and unused */
        return rc;
    }
    io_driver->ring_event_fd = fd;
    return fd;
}

/* Before the events are taken: those that come later make it readable again. */
static void ring_descriptor_taken(struct io_driver *io_driver)
{
    uint64_t count;
    if (io_driver->ring_event_fd >= 0)
        (void)!read(io_driver->ring_event_fd, &count, sizeof count);    /* empty already is fine */
}

#define RING_BACKEND(name_, open_)                                                              \
    { .name = name_,                                                                            \
      .driver = { ring_turn, ring_kick, ring_has_events },                                      \
      .open = open_,                                                                            \
      .attach = ring_attach,                                                                    \
      .close = ring_close,                                                                      \
      .descriptor = ring_descriptor,                                                            \
      .descriptor_taken = ring_descriptor_taken,                                                \
      .abandon = ring_abandon,                                                                  \
      .reserve = ring_reserve,                                                                  \
      .arm = ring_arm,                                                                          \
      .disarm = ring_disarm,                                                                    \
      .poll = ring_poll,                                                                        \
      .unpoll = ring_unpoll }

const struct backend backend_ring = RING_BACKEND("ring", open_defer);
const struct backend backend_ring_coop = RING_BACKEND("ring-coop", open_coop);
const struct backend backend_ring_none = RING_BACKEND("ring-none", open_none);
