/* test_socket_stream.c - a socket as a stream: readers and writers do not see the difference. */
#include "tests/unit/io_world.h"

struct exchange {
    maru_frame frame;
    enum family family;
    int fds[2], i;
    maru_socket_stream socket;
    maru_stream *stream;
    maru_reader in;
    maru_writer out;
    maru_op io;
    maru_timeout limit;
    maru_scope servers;
    char received[64], written[64];
};

maru_async(exchange)
{
    maru_result n;
    expect(pair_new(me->family, me->fds));
    maru_check(maru_scope_spawn(&me->servers, echo, .fd = me->fds[1]));
    me->stream = maru_socket_stream_init(&me->socket, me->fds[0]);
    maru_reader_init_stream(&me->in, me->stream, me->received, sizeof me->received);
    maru_writer_init_stream(&me->out, me->stream, me->written, sizeof me->written);
    for (me->i = 0; me->i < 100; me->i++) {
        maru_await(n, maru_within(&me->limit, 0, maru_reader_line(&me->in, 0)));
        expect(n == -ETIMEDOUT);                /* the read was given up, and nothing with it */
        maru_check(maru_writer_printf(&me->out, "line %d\n", me->i));
        maru_try(maru_writer_flush(&me->out));
        maru_try(n, maru_reader_until(&me->in, ' ', 0));
        expect(n == 5);
        maru_try(n, maru_reader_line(&me->in, 0));
        expect(n > 0 && strtol(maru_reader_data(&me->in), NULL, 10) == me->i);
    }
    maru_try(maru_shutdown(&me->io, me->fds[0], SHUT_WR));
    maru_try(n, maru_reader_line(&me->in, 0));
    expect(n == 0);
    maru_try(maru_scope_wait(&me->servers));
    maru_await(n, me->stream->ops->write(me->stream, "x", 1));
    expect(n == -EPIPE);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_socket_stream_init(&me->socket, -1);
    maru_await(n, me->stream->ops->read(me->stream, me->received, 1));
    expect(n == -EBADF);
}
maru_end;

Test(socket_stream, readers_and_writers_do_not_see_the_difference, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(exchange, .family = family);
}
