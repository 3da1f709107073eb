/* test_connect.c - making connections: at once, later, refused, given up, closed meanwhile. */
#include "tests/unit/io_world.h"

#include <fcntl.h>
#include <stdlib.h>

/* ---- made ---- */

struct made {
    maru_frame frame;
    enum family family;
    bool blocking;               /* the socket was made elsewhere */
    int listener, fd, peer;
    maru_op io;
    struct sockaddr_storage to;
    char folder[32];
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
    return maru_listen((struct sockaddr *)path, sizeof *path, 0);
}

static void remove_path(const char *folder, const struct sockaddr_storage *address)
{
    if (!folder[0])
        return;
    unlink(((const struct sockaddr_un *)address)->sun_path);
    rmdir(folder);
}

maru_async(made)
{
    maru_result n;
    me->listener = me->family == UNIX
                       ? listen_on_path(me->folder, (struct sockaddr_un *)&me->to)
                       : listen_on(me->family, 8);
    maru_check(me->listener);
    expect(address_of(me->listener, &me->to) > 0);
    me->fd = me->blocking ? socket(me->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)
                          : maru_socket(me->to.ss_family);
    maru_check(me->fd);
    maru_try(maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to,
                          address_of(me->listener, &me->to)));
    expect(fcntl(me->fd, F_GETFL) & O_NONBLOCK);
    expect((me->peer = accept(me->listener, NULL, NULL)) >= 0);
    maru_try(maru_send_all(&me->io, me->fd, "x", 1));
    expect(recv(me->peer, &me->byte, 1, 0) == 1 && me->byte == 'x');
    maru_await(n, maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to,
                               address_of(me->listener, &me->to)));
    expect(n == -EISCONN || n == 0);            /* 0: TCP has it still in progress */
    maru_try(maru_close(&me->io, me->fd));
    expect(sees_the_end(me->peer));
    close(me->peer);
    maru_try(maru_close(&me->io, me->listener));
maru_finally:
    remove_path(me->folder, &me->to);
}
maru_end;

Test(connect, a_connection_of_each_family, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        for (int blocking = 0; blocking < 2; blocking++)
            run_everywhere(made, .family = family, .blocking = blocking != 0);
}

/* ---- refused ---- */

struct refused {
    maru_frame frame;
    enum family family;
    int nobody, listener, fd;
    socklen_t len;
    maru_op io;
    struct sockaddr_storage to;
};

/* A port that is bound but not listened on is nobody's. A second attempt on the same socket is
 * refused likewise, and a third one may succeed. */
maru_async(refused)
{
    maru_result n;
    maru_check(me->nobody = listen_on(me->family, 1));
    me->len = address_of(me->nobody, &me->to);
    close(me->nobody);
    maru_check(me->nobody = maru_socket(me->to.ss_family));
    expect(bind(me->nobody, (struct sockaddr *)&me->to, me->len) == 0);
    maru_check(me->fd = maru_socket(me->to.ss_family));
    maru_await(n, maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, me->len));
    expect(n == -ECONNREFUSED);
    maru_await(n, maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, me->len));
    expect(n == -ECONNREFUSED || n == -ECONNABORTED);
    maru_check(me->listener = listen_on(me->family, 1));
    me->len = address_of(me->listener, &me->to);
    do
        maru_await(n, maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, me->len));
    while (n == -ECONNABORTED);
    maru_check(n);
    maru_try(maru_close(&me->io, me->fd));
    maru_try(maru_close(&me->io, me->nobody));
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(connect, a_port_of_nobody_refuses, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        if (family != UNIX)
            run_everywhere(refused, .family = family);
}

struct crowded {
    maru_frame frame;
    int listener, fds[16], count;
    maru_result last;
    maru_op io;
    struct sockaddr_storage to;
    char folder[32];
};

maru_async(crowded)
{
    maru_result n;
    maru_check(me->listener = listen_on_path(me->folder, (struct sockaddr_un *)&me->to));
    for (n = 0; n == 0 && me->count < 16; me->count++) {
        maru_check(me->fds[me->count] = maru_socket(AF_UNIX));
        maru_await(n, maru_connect(&me->io, me->fds[me->count], (struct sockaddr *)&me->to,
                                   sizeof(struct sockaddr_un)));
    }
    expect(n == -EAGAIN);                       /* as connect(2) says; there is no event for it */
    while (me->count > 0)
        maru_try(maru_close(&me->io, me->fds[--me->count]));
    maru_try(maru_close(&me->io, me->listener));
    unlink(((struct sockaddr_un *)&me->to)->sun_path);
    maru_check(me->fds[0] = maru_socket(AF_UNIX));
    maru_await(n, maru_connect(&me->io, me->fds[0], (struct sockaddr *)&me->to,
                               sizeof(struct sockaddr_un)));
    expect(n == -ENOENT);
    maru_try(maru_close(&me->io, me->fds[0]));
maru_finally:
    remove_path(me->folder, &me->to);
}
maru_end;

Test(connect, a_full_or_missing_unix_listener_says_so_at_once, .timeout = 30)
{
    run_everywhere(crowded);
}

/* ---- not yet ---- */

struct connector {
    maru_frame frame;
    int fd;
    const struct sockaddr_storage *to;
    maru_result want;
    maru_op io;
};

maru_async(connector)
{
    maru_result n;
    maru_await(n, maru_connect(&me->io, me->fd, (const struct sockaddr *)me->to,
                               sizeof(struct sockaddr_in)));
    expect(n == me->want);
}
maru_end;

/* A listener whose backlog is full leaves connections unanswered: one is given up, one is closed
 * meanwhile, one is answered at last (the kernel asks again after a second). */
struct later {
    maru_frame frame;
    int listener, filler[4], late, closed, given_up, fillers;
    maru_op io;
    maru_timeout limit;
    maru_sleep nap;
    maru_scope scope;
    struct sockaddr_storage to;
};

maru_async(later)
{
    maru_result n;
    maru_check(me->listener = listen_on(TCP4, 0));
    expect(address_of(me->listener, &me->to) > 0);
    for (n = 0; n == 0 && me->fillers < 4; me->fillers++) {
        maru_check(me->filler[me->fillers] = maru_socket(AF_INET));
        maru_await(n, maru_within(&me->limit, 20 * MARU_MSEC,
                                  maru_connect(&me->io, me->filler[me->fillers],
                                               (struct sockaddr *)&me->to,
                                               sizeof(struct sockaddr_in))));
    }
    expect(n == -ETIMEDOUT);
    maru_check(me->late = maru_socket(AF_INET));
    maru_check(me->closed = maru_socket(AF_INET));
    maru_check(maru_scope_spawn(&me->scope, connector, .fd = me->late, .to = &me->to));
    maru_check(maru_scope_spawn(&me->scope, connector, .fd = me->closed, .to = &me->to,
                                .want = -EBADF));
    while (!waiters_of(me->late, SIDE_WRITE) || !waiters_of(me->closed, SIDE_WRITE))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_try(maru_close(&me->io, me->closed));
    while (me->fillers > 0)
        maru_try(maru_close(&me->io, me->filler[--me->fillers]));
    while ((n = accept4(me->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        close((int)n);
    maru_try(maru_scope_wait(&me->scope));
    maru_try(maru_close(&me->io, me->late));
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(connect, an_unanswered_one_can_be_given_up_closed_or_waited_for, .timeout = 30)
{
    run_in(SHAPE_SINGLE, later);
    run_in(SHAPE_TWO, later);
}

/* ---- wrong ---- */

struct wrong {
    maru_frame frame;
    int fd, pipe[2], closed, flags;
    maru_op io;
    struct sockaddr_storage to;
};

maru_async(wrong)
{
    maru_result n;
    int len = maru_address("127.0.0.1", 1, &me->to);
    maru_check(len);
    expect(pipe2(me->pipe, O_CLOEXEC) == 0);
    maru_check(me->fd = maru_socket(AF_INET));
    me->closed = dup(me->fd);
    close(me->closed);
    me->flags = fcntl(me->pipe[0], F_GETFL);
    maru_await(n, maru_connect(&me->io, -1, (struct sockaddr *)&me->to, sizeof me->to));
    expect(n == -EBADF);
    maru_await(n, maru_connect(&me->io, (int)FD_MAX, (struct sockaddr *)&me->to, 16));
    expect(n == -EBADF);
    maru_await(n, maru_connect(&me->io, me->closed, (struct sockaddr *)&me->to, 16));
    expect(n == -EBADF);
    maru_await(n, maru_connect(&me->io, me->pipe[0], (struct sockaddr *)&me->to, 16));
    expect(n == -ENOTSOCK);
    expect(fcntl(me->pipe[0], F_GETFL) == me->flags);   /* its other holders may want to block */
    maru_await(n, maru_connect(&me->io, me->fd, NULL, 16));
    expect(n == -EINVAL);
    maru_await(n, maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, 1));
    expect(n == -EINVAL);
    me->to.ss_family = AF_UNIX;
    maru_await(n, maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, 16));
    expect(n == -EAFNOSUPPORT);
    close(me->pipe[0]);
    close(me->pipe[1]);
    maru_try(maru_close(&me->io, me->fd));
}
maru_end;

Test(connect, wrong_descriptors_and_addresses_are_errors_that_change_nothing, .timeout = 30)
{
    run_in(SHAPE_SINGLE, wrong);
    run_in(SHAPE_TWO, wrong);
}
