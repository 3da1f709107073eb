/* io_world.h - what the tests of I/O share: runtimes of every shape, connected pairs of every
 * family, looks into the table of descriptors, and the check that nothing is left behind.
 *
 * An expectation inside an async function makes it return -EPROTO, so that it holds on whichever
 * thread the task runs; world_end then fails the test on Criterion's own thread. */
#ifndef MARU_TESTS_UNIT_IO_WORLD_H
#define MARU_TESTS_UNIT_IO_WORLD_H

#include <maru.h>

#include "io/io.h"
#include "runtime/base/context.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"
#include "tests/support/join_outside.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

/* ---- expectations ---- */

UNUSED static maru_result expect_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: expected %s\n", file, line, what);
    return -EPROTO;
}

#define expect(condition)                                                                       \
    do {                                                                                        \
        if (!(condition))                                                                       \
            maru_return(expect_failed(__FILE__, __LINE__, #condition));                         \
    } while (0)

/* ---- runtimes ---- */

struct shape {
    const char *name;
    uint32_t flavor, workers;
};

enum { SHAPE_SINGLE, SHAPE_ONE, SHAPE_TWO, SHAPE_FOUR, SHAPES };

static const struct shape shapes[SHAPES] = { { "single", MARU_FLAVOR_SINGLE, 1 },
                                             { "one worker", MARU_FLAVOR_MULTI, 1 },
                                             { "two workers", MARU_FLAVOR_MULTI, 2 },
                                             { "four workers", MARU_FLAVOR_MULTI, 4 } };

struct world {
    const struct shape *shape;
    maru_runtime *runtime;
    int fds;
};

UNUSED static int count_fds(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

UNUSED static struct world world_of(const struct shape *shape, uint32_t io)
{
    struct world world = { .shape = shape, .fds = count_fds() };
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = shape->flavor;
    options.workers = shape->workers;
    options.io = io;
    int rc = maru_runtime_new(&options, &world.runtime);
    cr_assert_eq(rc, 0, "%s: %s", shape->name, maru_err_name(rc));
    return world;
}

UNUSED static maru_metrics metrics_of(maru_runtime *runtime)
{
    maru_metrics metrics = { .size = sizeof metrics };
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    return metrics;
}

/* A sum of metrics may be a moment old. */
UNUSED static uint64_t live_tasks_in_the_end(maru_runtime *runtime)
{
    uint64_t live = metrics_of(runtime).live_tasks;
    for (int i = 0; i < 2000 && live > 0; i++) {
        (void)poll(NULL, 0, 1);
        live = metrics_of(runtime).live_tasks;
    }
    return live;
}

UNUSED static void world_end(struct world *world, maru_result result)
{
    cr_assert_eq(result, 0, "%s on %s: %s", world->shape->name, maru_runtime_io(world->runtime),
                 maru_err_name(result));
    cr_assert_eq(live_tasks_in_the_end(world->runtime), 0);
    cr_assert_eq(maru_runtime_free(world->runtime), 0);
    cr_assert_eq(count_fds(), world->fds, "%s left %d descriptors behind", world->shape->name,
                 count_fds() - world->fds);
}

UNUSED static maru_result world_join(const struct world *world, maru_task *task)
{
    cr_assert_not_null(task);
    return join_outside(world->runtime, task);
}

/* As a task of the workers. */
#define run_on(io, shape, ...)                                                                  \
    do {                                                                                        \
        struct world world_ = world_of(&shapes[shape], io);                                     \
        world_end(&world_, world_join(&world_, maru_spawn_on(world_.runtime, __VA_ARGS__)));    \
    } while (0)

/* By a thread from outside, whose own driver is another's (its home's). */
#define run_as_guest(shape, ...)                                                                \
    do {                                                                                        \
        struct world world_ = world_of(&shapes[shape], MARU_IO_AUTO);                           \
        world_end(&world_, maru_block_on(world_.runtime, __VA_ARGS__));                         \
    } while (0)

#define run_in(shape, ...) run_on(MARU_IO_AUTO, shape, __VA_ARGS__)

#define run_everywhere(...)                                                                     \
    do {                                                                                        \
        for (int shape_ = 0; shape_ < SHAPES; shape_++)                                         \
            run_in(shape_, __VA_ARGS__);                                                        \
    } while (0)

/* ---- families ---- */

enum family { TCP4, TCP6, UNIX, FAMILIES };

/* IPv6 may be switched off in a container. */
UNUSED static bool family_is_there(enum family family)
{
    int fd = family == TCP6 ? maru_listen_ip("::1", 0, 1) : 0;
    if (family == TCP6 && fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The next one that is there, for loops; TCP4 is always there. */
UNUSED static enum family family_after(enum family family)
{
    return family == TCP4 && family_is_there(TCP6) ? TCP6 : family == UNIX ? FAMILIES : UNIX;
}

UNUSED static int listen_on(enum family family, int backlog)
{
    return maru_listen_ip(family == TCP6 ? "::1" : "127.0.0.1", 0, backlog);
}

UNUSED static socklen_t address_of(int fd, struct sockaddr_storage *address)
{
    socklen_t len = sizeof *address;
    return getsockname(fd, (struct sockaddr *)address, &len) == 0 ? len : 0;
}

/* A blocking socket that is connected to `listener`, whose backlog has room. */
UNUSED static int plain_connect(int listener)
{
    struct sockaddr_storage address;
    socklen_t len = address_of(listener, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool tcp_pair(enum family family, int fds[2])
{
    int listener = listen_on(family, 1);
    fds[0] = fds[1] = -1;
    if (listener < 0)
        return false;
    fds[0] = plain_connect(listener);
    struct pollfd incoming = { .fd = listener, .events = POLLIN };
    if (fds[0] >= 0 && poll(&incoming, 1, 2000) == 1)
        fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    return fds[1] >= 0;
}

/* Two connected, blocking stream sockets; a storm of signals is not meant for these calls. */
UNUSED static bool pair_new(enum family family, int fds[2])
{
    sigset_t all, before;
    if (family == UNIX)
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool made = tcp_pair(family, fds);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return made;
}

UNUSED static void reset(int fd)
{
    const struct linger linger = { .l_onoff = 1 };
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

/* True if the peer of a plain socket ends within two seconds. */
UNUSED static bool sees_the_end(int fd)
{
    char byte;
    struct pollfd incoming = { .fd = fd, .events = POLLIN };
    return poll(&incoming, 1, 2000) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

UNUSED static unsigned char pattern_at(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

/* ---- looks inside; in a task ---- */

UNUSED static struct fd_entry *entry_of(int fd)
{
    struct fd_entry *entry = NULL;
    return fd_table_get(&io_here()->table, fd, &entry) == 0 ? entry : NULL;
}

UNUSED static size_t waiters_of(int fd, unsigned side)
{
    struct fd_entry *entry = entry_of(fd);
    size_t count = 0;
    if (!entry)
        return 0;
    lock_take(&entry->lock);
    maru_link *head = &entry->sides[side].waiters;
    for (maru_link *link = head->next_; link != head; link = link->next_)
        count++;
    lock_give(&entry->lock);
    return count;
}

UNUSED static unsigned armed_of(int fd, unsigned side)
{
    struct fd_entry *entry = entry_of(fd);
    lock_take(&entry->lock);
    unsigned armed = entry->sides[side].armed;
    lock_give(&entry->lock);
    return armed;
}

UNUSED static uint32_t home_of(int fd, unsigned side)
{
    return entry_of(fd)->sides[side].home;
}

/* Blocks the worker until somebody waits on the descriptor; false after five seconds. */
UNUSED static bool block_until_waited(int fd, unsigned side)
{
    for (int64_t limit = maru_now() + 5 * MARU_SEC; maru_now() < limit; sched_yield())
        if (waiters_of(fd, side) > 0)
            return true;
    return false;
}

/* Blocks the worker until `count` tasks are here, each on a worker of its own. */
UNUSED static bool meet(uint32_t *here, uint32_t count)
{
    atomic_add_ar(here, 1u);                    /* pairs with the load below */
    for (int64_t limit = maru_now() + 5 * MARU_SEC; maru_now() < limit; sched_yield())
        if (atomic_load_acq(here) >= count)     /* pairs with the add above */
            return true;
    return false;
}

/* ---- async functions that many tests use ---- */

/* Sends back what it receives, then closes. */
struct echo {
    maru_frame frame;
    int fd;
    maru_op io;
    char buf[512];
};

UNUSED maru_async(echo)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, me->buf, sizeof me->buf));
        if (n == 0)
            break;
        maru_try(maru_send_all(&me->io, me->fd, me->buf, (size_t)n));
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

/* Sends `total` bytes of the pattern in pieces, then ends its side. */
struct writer {
    maru_frame frame;
    int fd;
    size_t total, piece, done, len;
    maru_op io;
    unsigned char buf[4096];
};

UNUSED maru_async(writer)
{
    while (me->done < me->total) {
        me->len = me->total - me->done < me->piece ? me->total - me->done : me->piece;
        for (size_t i = 0; i < me->len; i++)
            me->buf[i] = pattern_at(me->done + i);
        maru_try(maru_send_all(&me->io, me->fd, me->buf, me->len));
        me->done += me->len;
    }
    maru_try(maru_shutdown(&me->io, me->fd, SHUT_WR));
}
maru_end;

/* Receives exactly `total` bytes of the pattern in pieces, then the end. */
struct reader {
    maru_frame frame;
    int fd;
    size_t total, piece, done;
    int64_t pause_ns;
    maru_op io;
    maru_sleep nap;
    unsigned char buf[4096];
};

UNUSED maru_async(reader)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, me->buf, me->piece));
        if (n == 0)
            break;
        for (size_t i = 0; i < (size_t)n; i++)
            expect(me->buf[i] == pattern_at(me->done + i));
        me->done += (size_t)n;
        if (me->pause_ns > 0)
            maru_try(maru_sleep_for(&me->nap, me->pause_ns));
    }
    expect(me->done == me->total);
}
maru_end;

/* One descriptor's writer and reader against an echo on the other end. */
struct round_trip {
    maru_frame frame;
    enum family family;
    size_t total, piece;
    int fds[2];
    maru_op io;
    maru_scope servers;
    struct writer writer;
    struct reader reader;
};

UNUSED maru_async(round_trip)
{
    maru_result rc;
    expect(pair_new(me->family, me->fds));
    maru_check(maru_scope_spawn(&me->servers, echo, .fd = me->fds[1]));
    maru_join(rc,
              maru_call(writer, &me->writer, .fd = me->fds[0], .total = me->total,
                        .piece = me->piece),
              maru_call(reader, &me->reader, .fd = me->fds[0], .total = me->total,
                        .piece = me->piece));
    maru_check(rc);
    maru_try(maru_scope_wait(&me->servers));
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

#endif
