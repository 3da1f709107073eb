/* io.h - what all drivers of a runtime share, and the face of a backend.
 *
 *     operation -> ready.c -> entry -> backend->arm     (worker, own driver)
 *     kernel -> backend->turn -> ready_event -> entry -> waiters -> tasks
 *
 * A driver belongs to one worker. What another worker wants of it (take a poll out of a ring,
 * cancel a one-shot poll) goes into its inbox, which every turn empties. */
#ifndef MARU_IO_IO_H
#define MARU_IO_IO_H

#include "io/fdtable.h"
#include "maru/runtime.h"
#include "runtime/base/driver.h"
#include "runtime/base/local.h"

struct io;
struct io_driver;

struct backend {
    const char *name;
    bool disarms_anywhere;       /* disarm may be called by any worker, and is done at once */
    struct driver_ops driver;
    /* Makes the kernel's side of a driver; by the thread that makes the runtime. */
    int (*open)(struct io_driver *io_driver);
    /* Makes the calling thread its owner. */
    int (*attach)(struct io_driver *io_driver);
    void (*close)(struct io_driver *io_driver);
    /* For a foreign loop: a descriptor that is readable when there is something to take, a kick
     * included; and what a turn does about it. Owner. descriptor: or a negative errno. */
    int (*descriptor)(struct io_driver *io_driver);
    void (*descriptor_taken)(struct io_driver *io_driver);
    /* The same in the child of a fork: what the kernel shares with the parent stays as it is. */
    void (*abandon)(struct io_driver *io_driver);
    /* Makes room for one arm or disarm, so that these do not fail or wait. Owner. */
    void (*reserve)(struct io_driver *io_driver);
    /* Watches a side / stops it. Under the entry's lock, owner only. arm: 0 or a negative errno.
     * disarm: 0: it is done; 1: ready_disarmed will be called. */
    int (*arm)(struct io_driver *io_driver, int fd, struct fd_entry *entry, unsigned side);
    int (*disarm)(struct io_driver *io_driver, int fd, uint32_t generation,
                  struct fd_entry *entry, unsigned side);
    /* One-shot polls (poll.c). Owner only. poll: 0 or a negative errno. unpoll: 0: it will not
     * come any more; 1: it will, soon. */
    int (*poll)(struct io_driver *io_driver, maru_op *op, unsigned interest);
    int (*unpoll)(struct io_driver *io_driver, maru_op *op);
};

extern const struct backend backend_ring, backend_ring_coop, backend_ring_none, backend_epoll;

/* One-shot polls in flight: what the kernel brings back is an index and a generation. */
struct poll_slot {
    maru_op *op;                 /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct io_driver {
    struct driver driver;        /* first */
    struct io *io;
    const struct backend *backend;
    maru_op *inbox;              /* pushed by anybody, taken whole by the owner */
    struct poll_slot *slots;     /* owner only */
    uint32_t slot_count, slot_free;
    uint32_t id;
    int event_fd;                /* of kicks */
    int ring_event_fd;           /* told of every event of a ring in a foreign loop; else -1 */
    int epoll_fd;
    bool has_no_pwait2;          /* owner only: the kernel refuses epoll_pwait2 */
    void *ring;                  /* of the ring backends */
    uint64_t stale_fds;          /* metric; any thread */
    uint64_t live_polls;         /* metric: slots that are taken */
};

struct io {
    struct alloc *alloc;
    const struct backend *backend;
    struct fd_table table;
    struct io_driver *drivers;
    struct driver **by_id;
    uint32_t count;
    int refused;                 /* AUTO: why it is not a ring; 0: it is one */
};

/* Chooses a backend for the whole runtime and opens all drivers. `kind` is enum maru_io.
 * 0, or why the backend that was asked for is refused. */
int io_init(struct io *io, struct alloc *alloc, uint32_t kind, uint32_t workers) MARU_MUST_USE;
void io_fini(struct io *io);

/* The same in the child of a fork, where tasks did not end. */
void io_abandon(struct io *io);

/* The kind that MARU_IO of the environment names; -EINVAL: none that we know. */
int io_kind_from_env(uint32_t *ret_kind) MARU_MUST_USE;

/* The calling worker's driver; NULL: a guest's thread, which has none. */
struct io_driver *io_driver_here(void);

/* What all drivers of the calling thread's runtime share. */
struct io *io_here(void);

/* The entry of a number in the calling task's runtime. 0, -EBADF, -ENOMEM, or -EPERM: no task runs
 * here. */
int io_entry_here(int fd, struct fd_entry **ret_entry) MARU_MUST_USE;

/* The driver that waits of the calling thread are at home in: its own; a guest's by request. */
uint16_t io_home_here(void);

/* Hands a request to another thread's driver. Any worker or guest. */
void io_request(struct io *io, uint16_t home, maru_op *op);

/* A request that is not an operation's: freed by who takes it. NULL: no memory. */
maru_op *io_request_new(struct io *io, int fd, unsigned side, uint8_t stage);
void io_request_free(struct io *io, maru_op *request);

/* Does what the inbox asks for. Owner, at the start of each turn, which must not wait if this is
 * true: tasks may have been woken, and the kick that came with the request taken already. */
bool io_take_inbox(struct io_driver *io_driver) MARU_MUST_USE;

/* How every operation starts; what is not named here is 0. The start functions' end; NULL for
 * NULL. */
maru_future *io_start(maru_op *op, const maru_future_type *type, int fd);

/* The same of one that names memory, which may be NULL only if there is nothing in it. */
maru_future *io_start_data(maru_op *op, const maru_future_type *type, int fd, const void *data,
                           size_t len);

/* ---- readiness (ready.c) ---- */

/* An event of a side: poll(2) bits. Owner of some driver. */
void ready_event(struct io *io, int fd, uint32_t generation, unsigned side, unsigned events);

/* A watch has ended: because it was disarmed, or by itself, or `error` tells why it cannot be.
 * Owner of the side's home. */
void ready_disarmed(struct io_driver *io_driver, int fd, uint32_t generation, unsigned side,
                    int error);

/* A request to disarm (close.c) has arrived at home; a guest's request to watch a side. */
void ready_take_request(struct io_driver *io_driver, maru_op *op);
void ready_take_asked(struct io_driver *io_driver, maru_op *request);

/* Before an attempt: 0 try now; MARU_PENDING; or a negative errno: end with it. */
maru_result ready_before(struct fd_entry *entry, maru_op *op, unsigned side,
                         const maru_context *cx);

/* After an attempt that gave EAGAIN when the state was `seen`: 0 try again; MARU_PENDING; or a
 * negative errno. */
maru_result ready_wait(struct fd_entry *entry, maru_op *op, unsigned side, uint32_t seen,
                       const maru_context *cx);

/* Enters an attempt (E6), and tells the state at its beginning, for ready_wait and ready_clear.
 * False: the number is being closed, or is another file's since the operation waited. */
bool ready_enter(struct fd_entry *entry, maru_op *op, unsigned side,
                 uint32_t *ret_seen) MARU_MUST_USE;

/* Leaves it; nothing may touch the number after it, but ready_wait and ready_clear. */
void ready_leave(struct fd_entry *entry, unsigned side);

/* Forbids attempts and waits for those under way: they are system calls that do not block. */
void ready_shut(struct fd_entry *entry);

/* After a short read: there is no more, unless an event came since. */
void ready_clear(struct fd_entry *entry, unsigned side, uint32_t seen);

/* Begins the number's next life. Under the entry's lock. */
void ready_raise(struct fd_entry *entry);

/* Ends all waiters with an error. Takes the lock by itself; `under_lock` holds it already. */
void ready_end_waiters(struct fd_entry *entry, int error);

/* A number was handed out: whatever the table knew of it belongs to a file that is gone. */
int ready_adopt(struct io *io, int fd) MARU_MUST_USE;

/* The same for a new number that is about to be returned to a caller: the number, or, after
 * closing it, -EMFILE (beyond the table) or -ENOMEM. Any thread. */
int io_hand_out(int fd) MARU_MUST_USE;

/* accept4 and connect have no flag like MSG_DONTWAIT, so the socket itself must not block. What
 * is not a socket stays as it is. 0 or a negative errno. Any thread. */
int io_set_nonblocking(int fd) MARU_MUST_USE;

/* ---- one-shot polls (poll.c) ---- */

/* As maru_fd_ready for reading, of a descriptor of our own that is in no table of readiness: so
 * epoll needs no duplicate of it, unless two polls of it meet in one driver. */
maru_future *poll_own(maru_op *op, int fd);

/* An operation's side_: whose descriptor is polled. */
enum { POLL_FOREIGN, POLL_OWN };

int poll_slot_take(struct io_driver *io_driver, maru_op *op) MARU_MUST_USE;
void poll_slot_give(struct io_driver *io_driver, maru_op *op);
void poll_event(struct io_driver *io_driver, uint32_t index, uint32_t generation, int result);
void poll_take_request(struct io_driver *io_driver, maru_op *op);

/* The life of an operation (maru_op's stage_). */
enum {
    STAGE_START,
    STAGE_WAITING,               /* in the waiters of a side */
    STAGE_TRYING,                /* has used the number, in generation slot_ */
    STAGE_CONNECTING,
    STAGE_CLOSING_READ,          /* waits for a side to be disarmed */
    STAGE_CLOSING_WRITE,
    STAGE_POLLING,               /* a one-shot poll is with the kernel */
    STAGE_POLL_CANCEL,           /* and its cancel is in an inbox */
    STAGE_POLL_OVER,             /* its event came before the cancel was taken */
    STAGE_POLL_ASKED,            /* a guest's: its home is asked for the poll */
    STAGE_POLL_WITHDRAWN,        /* and it wants it no more */
    STAGE_STALE,                 /* not an operation: a poll of a number that was reused */
    STAGE_ASKED,                 /* not an operation: a guest asks its home to watch a side */
};

#endif
