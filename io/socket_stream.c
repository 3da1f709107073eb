/* socket_stream.c - a socket as one of many kinds of streams. */
#include "maru/stream.h"

#include "maru/frame.h"

static maru_future *read_socket(maru_stream *stream, void *data, size_t len)
{
    maru_socket_stream *socket = (maru_socket_stream *)(void *)stream;
    return maru_recv(&socket->in_, socket->fd_, data, len);
}

static maru_future *write_socket(maru_stream *stream, const void *data, size_t len)
{
    maru_socket_stream *socket = (maru_socket_stream *)(void *)stream;
    return maru_send(&socket->out_, socket->fd_, data, len);
}

static const maru_stream_ops socket_ops = { read_socket, write_socket };

maru_stream *maru_socket_stream_init(maru_socket_stream *socket, int fd)
{
    if (!socket)
        return NULL;
    maru_future_fresh(&socket->in_.leaf_.future);
    maru_future_fresh(&socket->out_.leaf_.future);
    *socket = (maru_socket_stream){ .stream = { &socket_ops }, .fd_ = fd };
    return &socket->stream;
}
