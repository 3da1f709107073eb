/* test_net_guest.c - sockets awaited by threads from outside: they have no driver of their own,
 * and ask the worker that they are homed on to watch. */
#include "tests/unit/io_world.h"

TestSuite(net_guest, .timeout = 30);

#define RUN_AS_GUESTS(...)                                                                      \
    do {                                                                                        \
        for (int shape_ = SHAPE_ONE; shape_ < SHAPES; shape_++)                                 \
            run_as_guest(shape_, __VA_ARGS__);                                                  \
    } while (0)

/* ---- a whole conversation ---- */

struct peer {
    maru_frame frame;
    int fd, rounds;
    maru_op io;
    char byte;
};

maru_async(peer)
{
    maru_result n;
    while (me->rounds-- > 0) {
        maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
        expect(n == 1);
        maru_try(maru_send_all(&me->io, me->fd, &me->byte, 1));
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct converses {
    maru_frame frame;
    maru_op io;
    struct sockaddr_storage address;
    maru_scope scope;
    int listener, fd, accepted, i;
    char byte;
};

maru_async(converses)
{
    maru_result n;
    me->fd = me->accepted = -1;
    me->listener = maru_listen_ip("127.0.0.1", 0, 8);
    maru_check(me->listener);
    int port = maru_local_port(me->listener);
    maru_check(port);
    int len = maru_address("127.0.0.1", (uint16_t)port, &me->address);
    me->fd = maru_socket(AF_INET);
    maru_check(me->fd);
    maru_try(maru_connect(&me->io, me->fd, (struct sockaddr *)&me->address, (socklen_t)len));
    maru_try(n, maru_accept(&me->io, me->listener));
    me->accepted = (int)n;
    maru_check(maru_scope_spawn(&me->scope, peer, .fd = me->accepted, .rounds = 100));
    for (me->i = 0; me->i < 100; me->i++) {
        me->byte = (char)me->i;
        maru_try(maru_send_all(&me->io, me->fd, &me->byte, 1));
        maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
        expect(n == 1 && me->byte == (char)me->i);
    }
    maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == 0);
maru_finally:
    if (me->fd >= 0)
        maru_await(maru_close(&me->io, me->fd));
    if (me->listener >= 0)
        maru_await(maru_close(&me->io, me->listener));
}
maru_end;

Test(net_guest, connects_accepts_and_talks_to_a_task)
{
    RUN_AS_GUESTS(converses);
}

enum { THREADS = 4 };

static void *converse(void *runtime)
{
    maru_result rc = maru_block_on(runtime, converses);
    return (void *)(intptr_t)rc;
}

Test(net_guest, several_guests_talk_at_once)
{
    struct world world = world_of(&shapes[SHAPE_TWO], MARU_IO_AUTO);
    pthread_t threads[THREADS];
    maru_result worst = 0;
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, converse, world.runtime), 0);
    for (int i = 0; i < THREADS; i++) {
        void *rc;
        pthread_join(threads[i], &rc);
        worst = (intptr_t)rc < worst ? (intptr_t)rc : worst;
    }
    world_end(&world, worst);
}

/* ---- giving up ---- */

struct gives_up {
    maru_frame frame;
    enum family family;
    int fds[2], rounds;
    maru_op io;
    maru_timeout limit;
    char byte;
};

/* The request to watch is under way, or has just been taken, when the wait ends. */
maru_async(gives_up)
{
    maru_result n;
    while (me->rounds-- > 0) {
        expect(pair_new(me->family, me->fds));
        int64_t ns = me->rounds % 2 ? 1 : MARU_MSEC;
        maru_await(n, maru_within(&me->limit, ns, maru_recv(&me->io, me->fds[0], &me->byte, 1)));
        expect(n == -ETIMEDOUT);
        expect(!waiters_of(me->fds[0], SIDE_READ));
        if (me->rounds % 3 == 0) {
            expect(send(me->fds[1], "b", 1, MSG_NOSIGNAL) == 1);
            maru_try(n, maru_recv(&me->io, me->fds[0], &me->byte, 1));
            expect(n == 1);
        }
        maru_try(maru_close(&me->io, me->fds[0]));
        expect(recv(me->fds[1], &me->byte, 1, 0) == 0);
        close(me->fds[1]);
    }
}
maru_end;

Test(net_guest, a_wait_that_is_given_up_leaves_a_number_that_can_be_closed)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        RUN_AS_GUESTS(gives_up, .family = family, .rounds = 60);
}

struct closes_at_once {
    maru_frame frame;
    int fds[2], rounds;
    maru_op io, closing;
    maru_scope scope;
    maru_result arm;
    char byte;
};

/* One arm waits, the other one closes what it waits for. */
maru_async(closes_at_once)
{
    while (me->rounds-- > 0) {
        maru_result rc;
        expect(pair_new(UNIX, me->fds));
        maru_join(rc, maru_recv(&me->io, me->fds[0], &me->byte, 1),
                  maru_close(&me->closing, me->fds[0]));
        expect(rc == -EBADF);
        expect(recv(me->fds[1], &me->byte, 1, 0) == 0);
        close(me->fds[1]);
    }
}
maru_end;

Test(net_guest, a_close_voids_the_request_to_watch)
{
    RUN_AS_GUESTS(closes_at_once, .rounds = 200);
}

/* ---- one-shot polls ---- */

struct polls {
    maru_frame frame;
    int fds[2], rounds;
    maru_op io;
    maru_timeout limit;
    char byte;
};

maru_async(polls)
{
    maru_result n;
    while (me->rounds-- > 0) {
        expect(pair_new(UNIX, me->fds));
        maru_await(n, maru_within(&me->limit, me->rounds % 2 ? 1 : MARU_MSEC,
                                  maru_fd_ready(&me->io, me->fds[0], MARU_READABLE)));
        expect(n == -ETIMEDOUT);
        expect(send(me->fds[1], "b", 1, MSG_NOSIGNAL) == 1);
        maru_try(n, maru_fd_ready(&me->io, me->fds[0], MARU_READABLE | MARU_WRITABLE));
        expect(n == (MARU_READABLE | MARU_WRITABLE));
        maru_await(n, maru_fd_ready(&me->io, 1000000, MARU_READABLE));
        expect(n == -EBADF);
        close(me->fds[0]);
        close(me->fds[1]);
    }
}
maru_end;

Test(net_guest, one_shot_polls_are_begun_and_cancelled_at_home)
{
    RUN_AS_GUESTS(polls, .rounds = 100);
}

/* ---- nothing but -ENOMEM ---- */

struct waits_once {
    maru_frame frame;
    int fd;
    maru_op io;
    char byte;
};

maru_async(waits_once)
{
    maru_result n;
    io_here()->alloc->fail_at = 1;
    maru_await(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    io_here()->alloc->fail_at = 0;
    expect(n == -ENOMEM);
    expect(!waiters_of(me->fd, SIDE_READ));
    maru_try(maru_close(&me->io, me->fd));
}
maru_end;

Test(net_guest, no_memory_for_the_request_is_an_error_of_the_wait)
{
    int fds[2];
    cr_assert(pair_new(UNIX, fds));
    close(fds[0]);
    close(fds[1]);
    for (int shape = SHAPE_ONE; shape < SHAPES; shape++) {
        struct world world = world_of(&shapes[shape], MARU_IO_AUTO);
        cr_assert(pair_new(UNIX, fds));
        maru_result rc = maru_block_on(world.runtime, polls, .rounds = 1);
        cr_assert_eq(rc, 0);
        rc = maru_block_on(world.runtime, waits_once, .fd = fds[0]);
        close(fds[1]);
        world_end(&world, rc);
    }
}
