/* program.c - a program of somebody else's: an echo server and its clients, in a scope, with a
 * time limit. It knows of Maru what was installed. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

enum { CLIENTS = 5 };

struct serve { maru_frame frame; int fd; maru_op io; char data[64]; };

maru_async(serve)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, me->data, sizeof me->data));
        if (n == 0)
            break;
        maru_try(maru_send_all(&me->io, me->fd, me->data, (size_t)n));
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct ask {
    maru_frame frame;
    int fd, len;
    uint16_t port;
    struct sockaddr_storage address;
    maru_op io;
    char data[8];
};

maru_async(ask)
{
    maru_result n;
    maru_check(me->len = maru_address("127.0.0.1", me->port, &me->address));
    maru_check(me->fd = maru_socket(AF_INET));
    maru_try(maru_connect(&me->io, me->fd, (struct sockaddr *)&me->address,
                          (socklen_t)me->len));
    maru_try(maru_send_all(&me->io, me->fd, "outside", 8));
    maru_try(n, maru_recv(&me->io, me->fd, me->data, sizeof me->data));
    maru_return(n == 8 && strcmp(me->data, "outside") == 0 ? 0 : -EIO);
maru_finally:
    if (me->fd >= 0)
        maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct everybody {
    maru_frame frame;
    int listen_fd, turn;
    maru_op io;
    maru_scope all;
    maru_timeout limit;
};

maru_async(everybody)
{
    maru_result fd;
    maru_check(me->listen_fd = maru_listen_ip("127.0.0.1", 0, CLIENTS));
    for (int i = 0; i < CLIENTS; i++)
        maru_check(maru_scope_spawn(&me->all, ask,
                                    .port = (uint16_t)maru_local_port(me->listen_fd)));
    for (me->turn = 0; me->turn < CLIENTS; me->turn++) {
        maru_try(fd, maru_within(&me->limit, 10 * MARU_SEC,
                                 maru_accept(&me->io, me->listen_fd)));
        maru_check(maru_scope_spawn(&me->all, serve, .fd = (int)fd));
    }
    maru_try(maru_within(&me->limit, 10 * MARU_SEC, maru_scope_wait(&me->all)));
    puts("outside: all clients were served");
maru_finally:
    maru_await(maru_close(&me->io, me->listen_fd));
}
maru_end;

int main(void)
{
    return maru_main(everybody);
}
