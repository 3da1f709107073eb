/* echo_client.c - sends a line to an echo server and prints what comes back.
 *
 *     echo_client PORT [TEXT] */
#include <maru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ask {
    maru_frame frame;
    uint16_t port;
    const char *text;
    int fd, to_len;
    size_t len, have;
    struct sockaddr_storage to;
    maru_op io;
    maru_timeout limit;
    char reply[1024];
};

maru_async(ask)
{
    maru_result n;
    me->fd = -1;
    me->len = strlen(me->text);
    maru_check(me->to_len = maru_address("127.0.0.1", me->port, &me->to));
    maru_check(me->fd = maru_socket(AF_INET));
    maru_try(maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, (socklen_t)me->to_len));
    maru_try(maru_send_all(&me->io, me->fd, me->text, me->len));
    while (me->have < me->len) {
        maru_try(n, maru_within(&me->limit, 5 * MARU_SEC,
                                maru_recv(&me->io, me->fd, me->reply + me->have,
                                          me->len - me->have)));
        if (n == 0)
            maru_return(-ECONNRESET);
        me->have += (size_t)n;
    }
    printf("%.*s\n", (int)me->have, me->reply);
maru_finally:
    if (me->fd >= 0)
        maru_await(maru_close(&me->io, me->fd));
}
maru_end;

int main(int argc, char **argv)
{
    const char *text = argc > 2 ? argv[2] : "hello";
    long port = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    if (argc > 3 || port <= 0 || port > 65535 || strlen(text) > 1024) {
        fprintf(stderr, "usage: %s PORT [TEXT of at most 1024 bytes]\n", argv[0]);
        return 2;
    }
    return maru_main(ask, .port = (uint16_t)port, .text = text);
}
