/* io.c - choosing a backend, and the inboxes of drivers. */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/task/frame.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- here ---- */

struct io_driver *io_driver_here(void)
{
    const struct local *local = context_here()->local;
    return local->is_guest ? NULL : (struct io_driver *)(void *)local->driver;
}

struct io *io_here(void)
{
    return context_here()->local->io;
}

int io_entry_here(int fd, struct fd_entry **ret_entry)
{
    const struct local *local = context_here()->local;
    return LIKELY(local) ? fd_table_get(&((struct io *)local->io)->table, fd, ret_entry) : -EPERM;
}

uint16_t io_home_here(void)
{
    return (uint16_t)context_here()->local->id;
}

maru_future *io_start(maru_op *op, const maru_future_type *type, int fd)
{
    if (UNLIKELY(!op))
        return NULL;
    maru_future_init(&op->leaf_.future, type)->flags_ = FUTURE_OP;
    op->link_ = (maru_link){ NULL, NULL };
    op->data_ = NULL;
    op->len_ = op->done_ = 0;
    op->fd_ = fd;
    op->error_ = 0;
    op->stage_ = STAGE_START;
    return &op->leaf_.future;
}

maru_future *io_start_data(maru_op *op, const maru_future_type *type, int fd, const void *data,
                           size_t len)
{
    maru_future *self = io_start(op, type, fd);
    if (UNLIKELY(!self))
        return NULL;
    if (UNLIKELY(!data && len > 0))
        return maru_future_ready(self, -EINVAL);
    op->data_ = (void *)(uintptr_t)data;
    op->len_ = len;
    return self;
}

/* ---- choosing ---- */

int io_kind_from_env(uint32_t *ret_kind)
{
    static const char *const names[] = { "auto", "ring", "ring-coop", "ring-none", "epoll" };
    const char *value = getenv("MARU_IO");
    *ret_kind = MARU_IO_AUTO;
    if (!value || !*value)
        return 0;
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) == 0) {
            *ret_kind = i;
            return 0;
        }
    }
    return -EINVAL;
}

static const struct backend *backend_of(uint32_t kind)
{
    static const struct backend *const backends[] = { &backend_ring, &backend_ring,
                                                      &backend_ring_coop, &backend_ring_none,
                                                      &backend_epoll };
    return kind < sizeof backends / sizeof *backends ? backends[kind] : NULL;
}

/* ---- opening ---- */

static int open_driver(struct io *io, uint32_t id)
{
    struct io_driver *io_driver = &io->drivers[id];
    *io_driver = (struct io_driver){ .driver = { .ops = &io->backend->driver },
                                     .io = io,
                                     .backend = io->backend,
                                     .slot_free = UINT32_MAX,
                                     .id = id,
                                     .ring_event_fd = -1,
                                     .epoll_fd = -1 };
    io->by_id[id] = &io_driver->driver;
    io_driver->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (io_driver->event_fd < 0)
        return -errno;
    int rc = io->backend->open(io_driver);
    if (rc < 0) {
        (void)close(io_driver->event_fd);       /* an eventfd's close has nothing to report */
        io_driver->event_fd = -1;
    }
    return rc;
}

/* Operations have ended with their tasks; unless `abandoned`, and then they are their tasks'. */
static void free_requests(struct io_driver *io_driver, bool abandoned)
{
    maru_op *op = io_driver->inbox;
    while (op) {
        maru_op *next = (maru_op *)(void *)op->link_.prev_;
        bool is_ours = op->stage_ == STAGE_STALE || op->stage_ == STAGE_ASKED;
        CHECK(is_ours || abandoned);
        if (is_ours)
            io_request_free(io_driver->io, op);
        op = next;
    }
}

static void close_driver(struct io_driver *io_driver, bool abandoned)
{
    if (io_driver->event_fd < 0)
        return;
    if (abandoned)
        io_driver->backend->abandon(io_driver);
    else
        io_driver->backend->close(io_driver);
    free_requests(io_driver, abandoned);
    (void)close(io_driver->event_fd);           /* an eventfd's close has nothing to report */
    alloc_put(io_driver->io->alloc, io_driver->slots,
              io_driver->slot_count * sizeof *io_driver->slots, _Alignof(struct poll_slot));
}

static int open_all(struct io *io)
{
    for (uint32_t id = 0; id < io->count; id++) {
        int rc = open_driver(io, id);
        if (rc == 0)
            continue;
        while (id-- > 0)
            close_driver(&io->drivers[id], false);
        return rc;
    }
    return 0;
}

int io_init(struct io *io, struct alloc *alloc, uint32_t kind, uint32_t workers)
{
    memset(io, 0, sizeof *io);
    io->alloc = alloc;
    io->count = workers;
    io->backend = backend_of(kind);
    if (!io->backend)
        return -EINVAL;
    fd_table_init(&io->table, alloc);
    io->drivers = alloc_get_zeroed(alloc, workers * sizeof *io->drivers, 64);
    io->by_id = alloc_get_zeroed(alloc, workers * sizeof *io->by_id, sizeof(void *));
    int rc = io->drivers && io->by_id ? open_all(io) : -ENOMEM;
    if (rc < 0 && kind == MARU_IO_AUTO && io->drivers && io->by_id) {
        io->refused = rc;
        io->backend = &backend_epoll;           /* never a mix of backends in one runtime */
        rc = open_all(io);
    }
    if (rc < 0) {
        alloc_put(alloc, io->drivers, workers * sizeof *io->drivers, 64);
        alloc_put(alloc, io->by_id, workers * sizeof *io->by_id, sizeof(void *));
        io->count = 0;
    }
    return rc;
}

static void fini(struct io *io, bool abandoned)
{
    if (io->count == 0)
        return;
    for (uint32_t id = 0; id < io->count; id++)
        close_driver(&io->drivers[id], abandoned);
    fd_table_fini(&io->table);
    alloc_put(io->alloc, io->drivers, io->count * sizeof *io->drivers, 64);
    alloc_put(io->alloc, io->by_id, io->count * sizeof *io->by_id, sizeof(void *));
}

void io_fini(struct io *io)
{
    fini(io, false);
}

void io_abandon(struct io *io)
{
    fini(io, true);
}

/* ---- inboxes ----
 *
 * A stack through link_.prev_, taken whole; link_.next_ tells that a request is in an inbox. */

void io_request(struct io *io, uint16_t home, maru_op *op)
{
    struct io_driver *to = &io->drivers[home];
    maru_op *first = atomic_load_rlx(&to->inbox);           /* no partner: the cas decides */
    op->link_.next_ = &op->link_;
    do
        op->link_.prev_ = (maru_link *)(void *)first;
    while (!atomic_cas_rel(&to->inbox, &first, op));        /* pairs with io_take_inbox */
    if (to != io_driver_here())
        to->driver.ops->kick(&to->driver);
}

maru_op *io_request_new(struct io *io, int fd, unsigned side, uint8_t stage)
{
    maru_op *request = alloc_get_zeroed(io->alloc, sizeof *request, _Alignof(maru_op));
    if (!request)
        return NULL;
    request->fd_ = fd;
    request->side_ = (uint8_t)side;
    request->stage_ = stage;
    return request;
}

void io_request_free(struct io *io, maru_op *request)
{
    alloc_put(io->alloc, request, sizeof *request, _Alignof(maru_op));
}

static void take_request(struct io_driver *io_driver, maru_op *op)
{
    struct io *io = io_driver->io;
    switch (atomic_load_rlx(&op->stage_)) {     /* no partner: of a poll that is being withdrawn */
    case STAGE_STALE:
        io_driver->backend->reserve(io_driver);
        (void)io_driver->backend->disarm(io_driver, op->fd_, op->slot_, NULL, op->side_);
        io_request_free(io, op);
        break;
    case STAGE_ASKED:
        ready_take_asked(io_driver, op);
        io_request_free(io, op);
        break;
    case STAGE_CLOSING_READ:
    case STAGE_CLOSING_WRITE:
        ready_take_request(io_driver, op);
        break;
    default:
        poll_take_request(io_driver, op);
        break;
    }
}

bool io_take_inbox(struct io_driver *io_driver)
{
    if (!atomic_load_rlx(&io_driver->inbox))                /* no partner: the kick comes after */
        return false;
    maru_op *op = atomic_exchange_acq(&io_driver->inbox, NULL);     /* pairs with io_request */
    while (op) {
        maru_op *next = (maru_op *)(void *)op->link_.prev_;
        take_request(io_driver, op);
        op = next;
    }
    return true;
}
