/* epoll.c - the backend for kernels and containers that refuse rings: an epoll a worker, edge-
 * triggered, with the same entries, waiters and rules above it. */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the kernel brings back: a number and its generation, or a slot of one-shot polls, or
 * a kick. */
enum { TAG_FD, TAG_SLOT, TAG_KICK };

static uint64_t data_of(unsigned tag, uint32_t index, uint32_t generation)
{
    return tag | (uint64_t)index << 8 | (uint64_t)generation << 32;
}

static int control(struct io_driver *io_driver, int how, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = { .events = events, .data.u64 = data };
    return epoll_ctl(io_driver->epoll_fd, how, fd, &event) == 0 ? 0 : -errno;
}

/* ---- opening ---- */

static int epoll_open(struct io_driver *io_driver)
{
    io_driver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (io_driver->epoll_fd < 0)
        return -errno;
    int rc = control(io_driver, EPOLL_CTL_ADD, io_driver->event_fd, EPOLLIN | EPOLLET,
                     data_of(TAG_KICK, 0, 0));
    if (rc < 0)
        (void)close(io_driver->epoll_fd);       /* nothing is in it */
    return rc;
}

static int epoll_attach(struct io_driver *io_driver)
{
    (void)io_driver;                            /* any thread may wait in an epoll */
    return 0;
}

static int epoll_descriptor(struct io_driver *io_driver)
{
    return io_driver->epoll_fd;
}

static void epoll_descriptor_taken(struct io_driver *io_driver)
{
    (void)io_driver;                            /* it is readable as long as there are events */
}

static void epoll_close(struct io_driver *io_driver)
{
    (void)close(io_driver->epoll_fd);           /* registrations go with it */
}

/* ---- sides ---- */

static void epoll_reserve(struct io_driver *io_driver)
{
    (void)io_driver;
}

static uint32_t events_of(unsigned side)
{
    return side == SIDE_READ ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
}

/* One registration serves both sides if they are at home in one driver. */
static uint32_t events_here(const struct io_driver *io_driver, const struct fd_entry *entry,
                            unsigned side)
{
    const struct fd_side *s = &entry->sides[side];
    return s->armed == ARMED && s->home == io_driver->id ? events_of(side) : 0;
}

static int epoll_arm(struct io_driver *io_driver, int fd, struct fd_entry *entry, unsigned side)
{
    uint32_t other = events_here(io_driver, entry, 1 - side);
    uint32_t events = EPOLLET | events_of(side) | other;
    uint64_t data = data_of(TAG_FD, (uint32_t)fd, entry->generation);
    int rc = control(io_driver, other ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events, data);
    if (rc == -EEXIST)                          /* left behind by an earlier life of the number */
        rc = control(io_driver, EPOLL_CTL_MOD, fd, events, data);
    if (rc == -ENOENT)                          /* the other way round */
        rc = control(io_driver, EPOLL_CTL_ADD, fd, events, data);
    return rc;
}

/* The other side is disarmed too, or there is none: nobody removes one side alone. */
static int epoll_disarm(struct io_driver *io_driver, int fd, uint32_t generation,
                        struct fd_entry *entry, unsigned side)
{
    (void)generation, (void)side;
    if (entry)                                  /* a stale number's registration died with it */
        (void)control(io_driver, EPOLL_CTL_DEL, fd, 0, 0);  /* gone already is as good */
    return 0;
}

/* ---- one-shot polls: a duplicate, so as not to meet a registration of the number itself; of our
 * own descriptors only if it does ---- */

static int watch(struct io_driver *io_driver, maru_op *op, int fd, unsigned interest)
{
    const struct poll_slot *slot = &io_driver->slots[op->slot_];
    op->len_ = (size_t)fd;
    return control(io_driver, EPOLL_CTL_ADD, fd, interest | EPOLLONESHOT,
                   data_of(TAG_SLOT, op->slot_, slot->generation));
}

static int epoll_poll(struct io_driver *io_driver, maru_op *op, unsigned interest)
{
    int rc = op->side_ == POLL_OWN ? watch(io_driver, op, op->fd_, interest) : -EEXIST;
    if (rc != -EEXIST)
        return rc;
    int twin = fcntl(op->fd_, F_DUPFD_CLOEXEC, 0);
    if (twin < 0)
        return -errno;
    rc = watch(io_driver, op, twin, interest);
    if (rc < 0)
        (void)close(twin);                      /* a duplicate: nothing is lost */
    return rc;
}

static int epoll_unpoll(struct io_driver *io_driver, maru_op *op)
{
    int fd = (int)op->len_;
    (void)control(io_driver, EPOLL_CTL_DEL, fd, 0, 0);      /* it is registered */
    if (fd != op->fd_)
        (void)close(fd);                        /* a duplicate: nothing is lost */
    return 0;
}

/* ---- turning ---- */

static void take(struct io_driver *io_driver, const struct epoll_event *event)
{
    uint64_t data = event->data.u64;
    uint32_t index = (uint32_t)data >> 8, generation = (uint32_t)(data >> 32);
    unsigned events = event->events;            /* EPOLLIN is POLLIN, and so on */
    switch ((unsigned)data & 255) {
    case TAG_FD:
        if (events & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
            ready_event(io_driver->io, (int)index, generation, SIDE_READ, events);
        if (events & (POLLOUT | POLLHUP | POLLERR))
            ready_event(io_driver->io, (int)index, generation, SIDE_WRITE,
                        events & ~(unsigned)POLLRDHUP);
        break;
    case TAG_SLOT:
        poll_event(io_driver, index, generation, (int)events);
        break;
    default:
        break;                                  /* a kick: we are awake */
    }
}

static int64_t round_up_ms(int64_t ns)
{
    int64_t ms = ns / 1000000 + (ns % 1000000 != 0);
    return ms < INT32_MAX ? ms : INT32_MAX;
}

/* Before Linux 5.11, and under filters that do not know it, epoll_pwait2 is refused; then waits
 * are in milliseconds, rounded up. Called by its number, for not every libc has a name for it. */
static int wait_events(struct io_driver *io_driver, struct epoll_event *events, int64_t timeout_ns)
{
    struct timespec limit = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    int n = -1;
    if (!io_driver->has_no_pwait2)
        n = (int)syscall(SYS_epoll_pwait2, io_driver->epoll_fd, events, EVENTS_PER_TURN,
                         timeout_ns < 0 ? NULL : &limit, NULL, (size_t)0);
    if (n < 0 && (io_driver->has_no_pwait2 || errno != EINTR)) {
        io_driver->has_no_pwait2 = true;
        n = epoll_wait(io_driver->epoll_fd, events, EVENTS_PER_TURN,
                       timeout_ns < 0 ? -1 : (int)round_up_ms(timeout_ns));
    }
    return n < 0 ? 0 : n;                       /* EINTR: the worker's loop comes again */
}

static unsigned epoll_turn(struct driver *driver, int64_t timeout_ns)
{
    struct io_driver *io_driver = (struct io_driver *)(void *)driver;
    struct epoll_event events[EVENTS_PER_TURN];
    if (io_take_inbox(io_driver))
        timeout_ns = DRIVER_NO_WAIT;
    int n = wait_events(io_driver, events, timeout_ns);
    metric_add(&driver->enters, 1);
    metric_add(&driver->empty_enters, timeout_ns == DRIVER_NO_WAIT && n == 0);
    metric_add(&driver->events, (uint64_t)n);
    for (int i = 0; i < n; i++)
        take(io_driver, &events[i]);
    return (unsigned)n;
}

static void epoll_kick(struct driver *driver)
{
    struct io_driver *io_driver = (struct io_driver *)(void *)driver;
    const uint64_t one = 1;
    atomic_add_rlx(&driver->kicks, 1u);         /* no partner: a metric */
    (void)!write(io_driver->event_fd, &one, sizeof one);    /* full counts as kicked */
}

/* There is no way to know without asking the kernel. */
static bool epoll_has_events(struct driver *driver)
{
    (void)driver;
    return false;
}

const struct backend backend_epoll = { .name = "epoll",
                                       .disarms_anywhere = true,
                                       .driver = { epoll_turn, epoll_kick, epoll_has_events },
                                       .open = epoll_open,
                                       .attach = epoll_attach,
                                       .close = epoll_close,
                                       .descriptor = epoll_descriptor,
                                       .descriptor_taken = epoll_descriptor_taken,
                                       .abandon = epoll_close,
                                       .reserve = epoll_reserve,
                                       .arm = epoll_arm,
                                       .disarm = epoll_disarm,
                                       .poll = epoll_poll,
                                       .unpoll = epoll_unpoll };
