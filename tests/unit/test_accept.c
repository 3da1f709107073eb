/* test_accept.c - taking connections: each once, none lost to a cancel, none when descriptors
 * have run out, and again when there are some. */
#include "tests/unit/io_world.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

/* ---- one ---- */

struct one {
    maru_frame frame;
    enum family family;
    int listener, client, fd;
    maru_op io;
    char folder[32];
    struct sockaddr_un path;
    char byte;
};

static int listen_on_path(char *folder, struct sockaddr_un *path)
{
    /* lint: allow words: a folder of its own, removed after the test */
    (void)memcpy(folder, "/tmp/maru-test-XXXXXX", sizeof "/tmp/maru-test-XXXXXX");
    if (!mkdtemp(folder))
        return -errno;
    path->sun_family = AF_UNIX;
    snprintf(path->sun_path, sizeof path->sun_path, "%s/socket", folder);
    return maru_listen((struct sockaddr *)path, sizeof *path, 8);
}

maru_async(one)
{
    maru_result n;
    me->listener = me->family == UNIX ? listen_on_path(me->folder, &me->path)
                                      : listen_on(me->family, 8);
    maru_check(me->listener);
    expect((me->client = plain_connect(me->listener)) >= 0);
    maru_try(n, maru_accept(&me->io, me->listener));
    me->fd = (int)n;
    expect(fcntl(me->fd, F_GETFL) & O_NONBLOCK && fcntl(me->fd, F_GETFD) & FD_CLOEXEC);
    expect(send(me->client, "x", 1, 0) == 1);
    maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == 1 && me->byte == 'x');
    maru_try(maru_close(&me->io, me->fd));
    expect(sees_the_end(me->client));
    close(me->client);
    maru_try(maru_close(&me->io, me->listener));
maru_finally:
    if (me->folder[0]) {
        unlink(me->path.sun_path);
        rmdir(me->folder);
    }
}
maru_end;

Test(accept, a_connection_of_each_family, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(one, .family = family);
}

/* ---- many ---- */

struct acceptor {
    maru_frame frame;
    int listener, count;
    uint32_t *accepted;
    maru_op io;
};

maru_async(acceptor)
{
    maru_result fd;
    while (me->count-- > 0) {
        maru_try(fd, maru_accept(&me->io, me->listener));
        atomic_add_ar(me->accepted, 1u);        /* read after the scope's wait */
        maru_try(maru_close(&me->io, (int)fd));
    }
}
maru_end;

struct many {
    maru_frame frame;
    int listener, clients[40];
    uint32_t accepted;
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(many)
{
    maru_check(me->listener = listen_on(TCP4, 64));
    for (int i = 0; i < 20; i++)
        maru_check(maru_scope_spawn(&me->scope, acceptor, .listener = me->listener, .count = 2,
                                    .accepted = &me->accepted));
    while (waiters_of(me->listener, SIDE_READ) < 20)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    for (int i = 0; i < 40; i++)
        expect((me->clients[i] = plain_connect(me->listener)) >= 0);
    maru_try(maru_scope_wait(&me->scope));
    expect(me->accepted == 40);
    for (int i = 0; i < 40; i++) {
        expect(sees_the_end(me->clients[i]));
        close(me->clients[i]);
    }
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(accept, many_acceptors_share_a_listener, .timeout = 30)
{
    run_everywhere(many);
}

/* ---- cancelled, closed, reset ---- */

struct hasty {
    maru_frame frame;
    int listener, client, rounds, accepted;
    maru_op io;
    maru_timeout limit;
};

maru_async(hasty)
{
    maru_result fd;
    maru_check(me->listener = listen_on(TCP4, 8));
    while (me->accepted < me->rounds) {
        expect((me->client = plain_connect(me->listener)) >= 0);
        do
            maru_await(fd, maru_within(&me->limit, (me->accepted % 3) * 50 * MARU_USEC,
                                       maru_accept(&me->io, me->listener)));
        while (fd == -ETIMEDOUT);
        maru_check(fd);
        me->accepted++;
        maru_try(maru_close(&me->io, (int)fd));
        expect(sees_the_end(me->client));
        close(me->client);
        maru_await(fd, maru_within(&me->limit, (me->accepted % 3) * 50 * MARU_USEC,
                                   maru_accept(&me->io, me->listener)));
        expect(fd == -ETIMEDOUT);
    }
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(accept, a_cancelled_accept_loses_no_connection, .timeout = 30)
{
    run_everywhere(hasty, .rounds = 50);
}

struct hopeful {
    maru_frame frame;
    int listener;
    maru_op io;
};

maru_async(hopeful)
{
    maru_result fd;
    maru_await(fd, maru_accept(&me->io, me->listener));
    expect(fd == -EBADF);
}
maru_end;

struct closed {
    maru_frame frame;
    int listener;
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(closed)
{
    maru_check(me->listener = listen_on(TCP4, 8));
    for (int i = 0; i < 3; i++)
        maru_check(maru_scope_spawn(&me->scope, hopeful, .listener = me->listener));
    while (waiters_of(me->listener, SIDE_READ) < 3)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_try(maru_close(&me->io, me->listener));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

Test(accept, closing_the_listener_ends_those_who_wait, .timeout = 30)
{
    run_everywhere(closed);
}

/* Linux hands out a connection that was reset before it was accepted; others skip it. Either way
 * the good client after the bad ones is served. */
struct resets {
    maru_frame frame;
    int listener, client;
    char byte;
    maru_op io;
};

maru_async(resets)
{
    maru_result fd, n;
    maru_check(me->listener = listen_on(TCP4, 16));
    for (int i = 0; i < 8; i++) {
        expect((me->client = plain_connect(me->listener)) >= 0);
        reset(me->client);
    }
    expect((me->client = plain_connect(me->listener)) >= 0);
    expect(send(me->client, "x", 1, 0) == 1);
    for (me->byte = 0; me->byte != 'x';) {
        maru_try(fd, maru_accept(&me->io, me->listener));
        n = recv((int)fd, &me->byte, 1, 0);
        expect(n == 1 || n == -1);
        maru_try(maru_close(&me->io, (int)fd));
    }
    close(me->client);
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(accept, clients_that_have_gone_do_no_harm, .timeout = 30)
{
    run_everywhere(resets);
}

/* ---- no descriptors ---- */

enum { SPARE = 64 };

struct exhausted {
    maru_frame frame;
    bool waited;                 /* the listener is watched before */
    int listener, clients[2], spare[SPARE], spares, served;
    maru_op io;
    maru_timeout limit;
};

maru_async(exhausted)
{
    maru_result fd;
    maru_check(me->listener = listen_on(TCP4, 8));
    if (me->waited) {
        maru_await(fd, maru_within(&me->limit, MARU_MSEC, maru_accept(&me->io, me->listener)));
        expect(fd == -ETIMEDOUT && armed_of(me->listener, SIDE_READ) == ARMED);
    }
    for (int i = 0; i < 2; i++)
        expect((me->clients[i] = plain_connect(me->listener)) >= 0);
    while (me->spares < SPARE && (me->spare[me->spares] = dup(me->listener)) >= 0)
        me->spares++;
    expect(me->spares > 0 && me->spares < SPARE);
    for (int i = 0; i < 3; i++)
        expect(dup(me->listener) < 0 && errno == EMFILE);
    for (me->served = 0; me->served < 3; me->served++) {
        maru_await(fd, maru_accept(&me->io, me->listener));
        expect(fd == -EMFILE);
    }
    while (me->spares > 0)
        close(me->spare[--me->spares]);
    for (me->served = 0; me->served < 2; me->served++) {
        maru_try(fd, maru_accept(&me->io, me->listener));
        maru_try(maru_close(&me->io, (int)fd));
    }
    for (int i = 0; i < 2; i++) {
        expect(sees_the_end(me->clients[i]));
        close(me->clients[i]);
    }
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(accept, goes_on_when_descriptors_have_come_back, .timeout = 30)
{
    for (int waited = 0; waited < 2; waited++) {
        for (int shape = 0; shape < SHAPES; shape++) {
            struct rlimit limit, before;
            struct world world = world_of(&shapes[shape], MARU_IO_AUTO);
            cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
            limit = before;
            limit.rlim_cur = (rlim_t)count_fds() + SPARE / 2;
            cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
            maru_result rc = maru_block_on(world.runtime, exhausted, .waited = waited != 0);
            cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
            world_end(&world, rc);
        }
    }
}

/* ---- wrong ---- */

struct wrong {
    maru_frame frame;
    int fds[2], pipe[2], idle, datagram, closed, flags;
    maru_op io;
};

maru_async(wrong)
{
    maru_result n;
    expect(pair_new(TCP4, me->fds) && pipe2(me->pipe, O_CLOEXEC) == 0);
    me->idle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    me->datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    me->closed = dup(me->idle);
    close(me->closed);
    me->flags = fcntl(me->pipe[0], F_GETFL);
    maru_await(n, maru_accept(&me->io, -1));
    expect(n == -EBADF);
    maru_await(n, maru_accept(&me->io, (int)FD_MAX));
    expect(n == -EBADF);
    maru_await(n, maru_accept(&me->io, me->closed));
    expect(n == -EBADF);
    maru_await(n, maru_accept(&me->io, me->pipe[0]));
    expect(n == -ENOTSOCK);
    expect(fcntl(me->pipe[0], F_GETFL) == me->flags);   /* its other holders may want to block */
    maru_await(n, maru_accept(&me->io, me->fds[0]));
    expect(n == -EINVAL);
    maru_await(n, maru_accept(&me->io, me->idle));
    expect(n == -EINVAL);
    maru_await(n, maru_accept(&me->io, me->datagram));
    expect(n == -EOPNOTSUPP);
    close(me->pipe[0]);
    close(me->pipe[1]);
    close(me->idle);
    close(me->datagram);
    close(me->fds[0]);
    close(me->fds[1]);
}
maru_end;

Test(accept, wrong_descriptors_are_errors_that_change_nothing, .timeout = 30)
{
    run_in(SHAPE_SINGLE, wrong);
    run_in(SHAPE_TWO, wrong);
}
