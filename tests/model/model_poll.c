/*
 * Models of one-shot polls (io/poll.c) and of the inbox that leads to a driver (io/io.c).  Thread 0
 * is a guest: it has no driver, asks its home for a poll, and gives up at any moment.  The other
 * thread is the home: it empties its inbox and takes the kernel's events.  A wait that nobody
 * completes shows as a deadlock; an operation that is touched after its end, as a race.
 */
#include "io/io.h"
#include "maru/err.h"
#include "mc.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/context.h"
#include "runtime/task/task.h"

#include <poll.h>

/* ---- the kernel ---- */

static struct io io;
static struct io_driver driver;
static bool is_armed, is_cancelled, unpoll_is_late, poll_fails; /* the home's alone */
static uint32_t armed_slot, armed_generation;
static unsigned patience; /* how often the kernel may still keep an event to itself */

static int fake_poll(struct io_driver *own, maru_op *op, unsigned interest)
{
    MC_CHECK(interest == MARU_READABLE);
    if (poll_fails)
        return -EMFILE;
    is_armed = true;
    armed_slot = op->slot_;
    armed_generation = own->slots[op->slot_].generation;
    is_cancelled = false;
    return 0;
}

static int fake_unpoll(struct io_driver *own, maru_op *op)
{
    (void)own, (void)op;
    MC_CHECK(is_armed);
    is_cancelled = true;
    is_armed = unpoll_is_late; /* then the ring brings it back */
    return unpoll_is_late;
}

static void fake_reserve(struct io_driver *own)
{
    (void)own;
}

static void fake_kick(struct driver *kicked)
{
    (void)kicked;
}

static const struct backend fake = {
    .name = "fake",
    .driver = {.kick = fake_kick},
    .reserve = fake_reserve,
    .poll = fake_poll,
    .unpoll = fake_unpoll,
};

/* What io.c chooses from, and hands other requests to. */
const struct backend backend_ring, backend_ring_coop, backend_ring_none, backend_epoll;

void fd_table_init(struct fd_table *table, struct alloc *alloc)
{
    (void)table, (void)alloc;
}

void fd_table_fini(struct fd_table *table)
{
    (void)table;
}

int fd_table_get(struct fd_table *table, int fd, struct fd_entry **ret_entry)
{
    (void)table, (void)fd, (void)ret_entry;
    return -EBADF;
}

void ready_take_request(struct io_driver *own, maru_op *op)
{
    (void)own, (void)op;
    MC_CHECK(!"a request to disarm");
}

void ready_take_asked(struct io_driver *own, maru_op *request)
{
    (void)own, (void)request;
    MC_CHECK(!"a request to watch");
}

int ready_adopt(struct io *of, int fd)
{
    (void)of, (void)fd;
    return 0;
}

/* ---- the two threads ---- */

static struct local guest_local, home_local;
static struct poll_slot slots[2];
static uint32_t woken, is_over;

static void keep(maru_waker *waker)
{
    (void)waker;
}

static void wake(maru_waker *waker)
{
    (void)waker;
    atomic_store_rel(&woken, 1u); /* pairs with wait_until_woken: exchange */
}

static const maru_waker_ops waker_ops = {keep, wake, keep};

static void home(void *unused)
{
    (void)unused;
    context_here()->local = &home_local;
    while (!atomic_load_acq(&is_over)) { /* pairs with finish: store */
        bool took = io_take_inbox(&driver);
        if (is_armed && patience > 0 && mc_choose(2) == 0) {
            patience--;
            mc_yield();
        } else if (is_armed) {
            is_armed = false;
            poll_event(&driver, armed_slot, armed_generation, is_cancelled ? -ECANCELED : POLLIN);
        } else if (!took) {
            mc_relax();
        }
    }
}

static void begin(bool late, bool fails)
{
    mc_thread_local(context_here(), sizeof(struct context));
    unpoll_is_late = late;
    poll_fails = fails;
    patience = 2;
    io.backend = &fake;
    io.drivers = &driver;
    io.count = 1;
    driver.driver.ops = &fake.driver;
    driver.io = &io;
    driver.backend = &fake;
    driver.slots = slots;
    driver.slot_count = 2;
    driver.slot_free = 0;
    slots[0].next_free = 1;
    slots[1].next_free = UINT32_MAX;
    home_local.io = guest_local.io = &io;
    home_local.driver = guest_local.driver = &driver.driver;
    guest_local.is_guest = true;
    context_here()->local = &guest_local;
    mc_spawn(home, NULL);
}

static void wait_until_woken(void)
{
    while (!atomic_exchange_acq(&woken, 0u)) /* pairs with wake: store */
        mc_relax();
}

/* Until it has ended, whatever it is told; the memory is written over, as its frame's would be. */
static maru_result finish(maru_op *op, enum maru_ending ending)
{
    static maru_waker waker = {&waker_ops};
    maru_future *future = &op->leaf_.future;
    maru_context cx = {&waker, NULL, ending};
    maru_result result;
    while ((result = future->type_->poll(future, &cx)) == MARU_PENDING)
        wait_until_woken();
    *op = (maru_op){.fd_ = -1};
    return result;
}

static maru_result wait_for(maru_op *op, enum maru_ending ending)
{
    static maru_waker waker = {&waker_ops};
    maru_context cx = {&waker, NULL, MARU_GO};
    maru_future *future = maru_fd_ready(op, 5, MARU_READABLE);
    MC_CHECK(future->type_->poll(future, &cx) == MARU_PENDING);
    return finish(op, ending);
}

static void end(void)
{
    atomic_store_rel(&is_over, 1u); /* pairs with home: load */
    mc_join_all();
    MC_CHECK(!driver.inbox);
    MC_CHECK(!slots[0].op && !slots[1].op);
    context_here()->local = NULL;
}

static maru_op op;

static void guest_is_told(void)
{
    begin(false, false);
    MC_CHECK(wait_for(&op, MARU_GO) == MARU_READABLE);
    end();
}

static void guest_gives_up(void)
{
    begin(false, false);
    maru_result n = wait_for(&op, MARU_CANCEL);
    MC_CHECK(n == MARU_READABLE || n == -ECANCELED);
    end();
}

static void guest_gives_up_late(void)
{
    begin(true, false);
    maru_result n = wait_for(&op, MARU_CANCEL);
    MC_CHECK(n == MARU_READABLE || n == -ECANCELED);
    end();
}

static void guest_gives_up_what_fails(void)
{
    begin(false, true);
    maru_result n = wait_for(&op, MARU_LOSE);
    MC_CHECK(n == -EMFILE || n == -ECANCELED);
    end();
}

/* The memory of one wait is used for the next one at once. */
static void guest_asks_again(void)
{
    begin(false, false);
    maru_result n = wait_for(&op, MARU_CANCEL);
    MC_CHECK(n == MARU_READABLE || n == -ECANCELED);
    MC_CHECK(wait_for(&op, MARU_GO) == MARU_READABLE);
    end();
}

static const struct mc_model models[] = {
    {.name = "guest_is_told",
     .claim = "a request reaches the home, its event the guest",
     .body = guest_is_told,
     .bound = 4},
    {.name = "guest_gives_up",
     .claim = "ASKED, WITHDRAWN, POLLING, CANCEL, OVER: completed once, and touched no more",
     .body = guest_gives_up,
     .bound = 4},
    {.name = "guest_gives_up_late",
     .claim = "the same where the kernel brings a cancelled poll back",
     .body = guest_gives_up_late,
     .bound = 4},
    {.name = "guest_gives_up_what_fails",
     .claim = "the same where the kernel refuses the poll",
     .body = guest_gives_up_what_fails,
     .bound = 4},
    {.name = "guest_asks_again",
     .claim = "an event of the wait before does not reach the next one",
     .body = guest_asks_again,
     .bound = 2},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
