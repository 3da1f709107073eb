/* test_dial.c - connecting to hosts and listening on them by name: each address in turn, the first
 * error, and nothing left when it is cancelled in the middle. */
#include "tests/unit/io_world.h"
#include "tests/unit/resolve_world.h"

#include <string.h>

TestSuite(dial, .timeout = 60);

static void port_text(char text[8], int fd)
{
    snprintf(text, 8, "%d", maru_local_port(fd));
}

/* ---- both ends ---- */

struct both {
    maru_frame frame;
    const char *listen_host, *dial_host;
    maru_binder binder;
    maru_dialer dialer;
    maru_op io;
    char port[8], byte;
    int listener, client, server;
};

maru_async(both)
{
    maru_result n;
    maru_try(n, maru_listen_host(&me->binder, me->listen_host, "0", 8));
    me->listener = (int)n;
    port_text(me->port, me->listener);
    maru_try(n, maru_dial(&me->dialer, me->dial_host, me->port));
    me->client = (int)n;
    maru_try(n, maru_accept(&me->io, me->listener));
    me->server = (int)n;
    maru_try(maru_send_all(&me->io, me->client, "x", 1));
    maru_try(n, maru_recv(&me->io, me->server, &me->byte, 1));
    expect(n == 1 && me->byte == 'x');
    maru_try(maru_close(&me->io, me->client));
    maru_try(maru_close(&me->io, me->server));
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(dial, a_host_is_reached_by_number_and_by_name)
{
    run_everywhere(both, .listen_host = "127.0.0.1", .dial_host = "127.0.0.1");
    run_everywhere(both, .listen_host = "127.0.0.1", .dial_host = "localhost");
    run_everywhere(both, .listen_host = "localhost", .dial_host = "localhost");
    run_everywhere(both, .listen_host = "0.0.0.0", .dial_host = "127.0.0.1");
    if (family_is_there(TCP6))
        run_everywhere(both, .listen_host = "::1", .dial_host = "::1");
}

/* Nobody listens at the first two; what is not this machine's address cannot be listened on. */
Test(dial, addresses_are_tried_in_turn)
{
    run_everywhere(both, .listen_host = "127.0.0.1",
                   .dial_host = "127.0.0.2+127.0.0.3+127.0.0.1.test");
    run_everywhere(both, .listen_host = "192.0.2.1+127.0.0.1.test", .dial_host = "127.0.0.1");
}

/* ---- failing ---- */

struct refused {
    maru_frame frame;
    const char *host;
    maru_dialer dialer;
    maru_op io;
    char port[8];
    int nobody;
};

/* The port is bound, so that nobody else takes it, but not listened on. */
maru_async(refused)
{
    struct sockaddr_storage any;
    maru_result n;
    maru_check(me->nobody = maru_socket(AF_INET));
    expect(bind(me->nobody, (struct sockaddr *)&any,
                (socklen_t)maru_address("0.0.0.0", 0, &any)) == 0);
    port_text(me->port, me->nobody);
    maru_await(n, maru_dial(&me->dialer, me->host, me->port));
    me->dialer.error_ = (int)n;
maru_finally:
    maru_await(maru_close(&me->io, me->nobody));
    maru_return(me->dialer.error_);
}
maru_end;

static maru_result dial_nobody(const char *host)
{
    struct world world = world_of(&shapes[SHAPE_TWO], MARU_IO_AUTO);
    maru_result n = maru_block_on(world.runtime, refused, .host = host);
    world_end(&world, 0);
    return n;
}

Test(dial, the_first_error_is_kept)
{
    cr_assert_eq(dial_nobody("127.0.0.1"), -ECONNREFUSED);
    maru_result other = dial_nobody("255.255.255.255");
    cr_assert(other < 0 && other != -ECONNREFUSED);
    cr_assert_eq(dial_nobody("255.255.255.255+127.0.0.1.test"), other);
    cr_assert_eq(dial_nobody("127.0.0.1+255.255.255.255.test"), -ECONNREFUSED);
    cr_assert_eq(dial_nobody("EAI_AGAIN.test"), -MARU_EHOSTLATER);
}

struct misused {
    maru_frame frame;
    maru_dialer dialer;
    maru_binder binder;
    maru_op io;
    char port[8];
    int taken;
};

maru_async(misused)
{
    maru_result n;
    maru_await(n, maru_dial(&me->dialer, NULL, "80"));
    expect(n == -EINVAL);
    maru_await(n, maru_dial(&me->dialer, "127.0.0.1", NULL));
    expect(n == -EINVAL);
    maru_await(n, maru_listen_host(&me->binder, NULL, "80", 1));
    expect(n == -EINVAL);
    maru_await(n, maru_listen_host(&me->binder, "127.0.0.1", "0", -1));
    expect(n == -EINVAL);
    maru_await(n, maru_listen_host(&me->binder, "EAI_NONAME.test", "0", 1));
    expect(n == -MARU_EHOST);
    maru_await(n, maru_listen_host(&me->binder, "192.0.2.1", "0", 1));
    expect(n == -EADDRNOTAVAIL);
    maru_try(n, maru_listen_host(&me->binder, "127.0.0.1", NULL, 1));
    me->taken = (int)n;
    port_text(me->port, me->taken);
    maru_await(n, maru_listen_host(&me->binder, "127.0.0.1+192.0.2.1.test", me->port, 1));
    expect(n == -EADDRINUSE);
    maru_try(maru_close(&me->io, me->taken));
}
maru_end;

Test(dial, bad_arguments_and_taken_ports_are_errors)
{
    run_everywhere(misused);
}

/* ---- cancelled in the middle ---- */

enum { FULL_ENOUGH = 8 };

struct stuck {
    maru_frame frame;
    maru_dialer dialer;
    maru_timeout limit;
    maru_op io;
    char port[8];
    int listener, fds[FULL_ENOUGH], count;
};

/* The backlog fills up, so that in the end a connection attempt gets no answer. */
maru_async(stuck)
{
    maru_result n;
    maru_check(me->listener = maru_listen_ip("127.0.0.1", 0, 0));
    port_text(me->port, me->listener);
    for (n = 0; n >= 0 && me->count < FULL_ENOUGH; me->count += n >= 0) {
        maru_await(n, maru_within(&me->limit, 20 * MARU_MSEC,
                                  maru_dial(&me->dialer, "localhost", me->port)));
        if (n >= 0)
            me->fds[me->count] = (int)n;
    }
    expect(n == -ETIMEDOUT);
    while (me->count-- > 0)
        maru_try(maru_close(&me->io, me->fds[me->count]));
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(dial, a_dial_that_gets_no_answer_leaves_no_socket_when_it_is_cancelled)
{
    run_everywhere(stuck);
}

struct hanging {
    maru_frame frame;
    maru_dialer dialer;
    maru_binder binder;
    maru_timeout limit;
    maru_sleep nap;
};

maru_async(hanging)
{
    maru_result n;
    maru_await(n, maru_within(&me->limit, MARU_MSEC, maru_dial(&me->dialer, "hangs.test", "80")));
    expect(n == -ETIMEDOUT);
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_listen_host(&me->binder, "hangs.test", "0", 1)));
    expect(n == -ETIMEDOUT);
    gate_open(&service.gate);
    while (!pool_rests(pool_here()))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

Test(dial, a_name_that_hangs_is_given_up)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        memset(&service.gate, 0, sizeof service.gate);
        run_in(shape, hanging);
    }
}

struct cancelled_first {
    maru_frame frame;
    maru_dialer dialer;
    maru_binder binder;
};

maru_async(cancelled_first)
{
    maru_result n;
    maru_await_cancel();
    maru_await(n, maru_dial(&me->dialer, "127.0.0.1", "1"));
    expect(n == -ECANCELED);
    maru_await(n, maru_listen_host(&me->binder, "127.0.0.1", "0", 1));
    expect(n == -ECANCELED);
}
maru_end;

struct cancels {
    maru_frame frame;
    maru_task *task;
    maru_join_wait join;
};

maru_async(cancels)
{
    maru_result n;
    expect((me->task = maru_spawn(cancelled_first)) != NULL);
    maru_cancel(me->task);
    maru_await(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

Test(dial, a_cancelled_task_begins_neither)
{
    run_everywhere(cancels);
}
