/* writer.c - buffered writing: small pieces are collected, large ones go past the buffer.
 *
 *     buffer_ |  sent  | written, not sent |  free  |
 *             0        begin_              end_     size_
 *
 * W1 Bytes go out in the order in which they were written: past the buffer only when it is empty.
 * W2 What the buffer took stays until it was sent, whatever ends the request. */
#include "maru/stream.h"

#include "maru/err.h"
#include "maru/frame.h"
#include "runtime/base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t buffered(const maru_writer *writer)
{
    return writer->end_ - writer->begin_;
}

/* ---- steps ---- */

/* Everything was taken, and sent if that is wanted. */
static bool is_complete(const maru_writer *writer)
{
    return writer->done_ == writer->len_ && !(writer->flushes_ && buffered(writer) > 0);
}

static void send_from(maru_writer *writer, const char *data, size_t len)
{
    writer->inner_ = writer->stream_ ? writer->stream_->ops->write(writer->stream_, data, len)
                                     : maru_send(&writer->op_, writer->fd_, data, len);
}

/* Starts a send, if one is needed. The result of the request, or MARU_PENDING. */
static maru_result send_on(maru_writer *writer)
{
    size_t rest = writer->len_ - writer->done_, room = writer->size_ - writer->end_;
    writer->direct_ = buffered(writer) == 0 && rest >= writer->size_;
    if (!writer->direct_) {
        size_t count = rest < room ? rest : room;
        if (count > 0)
            memcpy(writer->buffer_ + writer->end_, writer->data_ + writer->done_, count);
        writer->end_ += count;
        writer->done_ += count;
        if (is_complete(writer))
            return (maru_result)writer->len_;
    }
    if (writer->direct_)
        send_from(writer, writer->data_ + writer->done_, rest);
    else
        send_from(writer, writer->buffer_ + writer->begin_, buffered(writer));
    return MARU_PENDING;
}

/* What the send in flight took is counted, whatever becomes of the request. */
static maru_result sent(maru_writer *writer, maru_context *cx)
{
    maru_result n = maru_future_poll(writer->inner_, cx);
    if (n == MARU_PENDING)
        return n;
    writer->inner_ = NULL;
    if (n <= 0)
        return n < 0 ? n : -EIO;                /* a stream that takes nothing would never end */
    *(writer->direct_ ? &writer->done_ : &writer->begin_) += (size_t)n;
    CHECK(writer->begin_ <= writer->end_ && writer->done_ <= writer->len_);
    if (buffered(writer) == 0)
        writer->begin_ = writer->end_ = 0;
    return 0;
}

static maru_result writer_poll(maru_future *self, maru_context *cx)
{
    maru_writer *writer = (maru_writer *)(void *)self;
    for (bool again = false;; again = true) {
        bool has_sent = writer->inner_;
        maru_result result = has_sent ? sent(writer, cx) : 0;
        if (result < 0)
            return result;                      /* pending, too */
        if (has_sent && is_complete(writer))    /* told even of a loser: it cannot be given back */
            return (maru_result)writer->len_;
        if (cx->ending != MARU_GO)
            return -ECANCELED;
        if (again && !maru_budget_take()) {     /* a peer that takes everything is not alone */
            cx->waker->ops_->wake(cx->waker);
            return MARU_PENDING;
        }
        result = send_on(writer);
        if (result != MARU_PENDING)
            return result;
    }
}

static const maru_future_type writer_type = { writer_poll, "writer" };

/* ---- the public face ---- */

static void init(maru_writer *writer, void *buffer, size_t size)
{
    maru_future_fresh(&writer->future_);
    *writer = (maru_writer){ .buffer_ = buffer, .size_ = buffer && size > 1 ? size - 1 : 0 };
}

void maru_writer_init(maru_writer *writer, int fd, void *buffer, size_t size)
{
    if (!writer)
        return;
    init(writer, buffer, size);
    writer->fd_ = fd;
}

void maru_writer_init_stream(maru_writer *writer, maru_stream *stream, void *buffer, size_t size)
{
    if (!writer)
        return;
    bool can = stream && stream->ops && stream->ops->write;
    init(writer, can ? buffer : NULL, size);
    writer->stream_ = stream;
}

static maru_future *start(maru_writer *writer, const void *data, size_t len, bool flushes)
{
    if (!writer)
        return NULL;
    maru_future_init(&writer->future_, &writer_type);
    writer->inner_ = NULL;
    writer->data_ = data;
    writer->len_ = len;
    writer->done_ = 0;
    writer->flushes_ = flushes;
    if (writer->size_ == 0 || (len > 0 && !data))
        return maru_future_ready(&writer->future_, -EINVAL);
    return &writer->future_;
}

maru_future *maru_writer_write(maru_writer *writer, const void *data, size_t len)
{
    return start(writer, data, len, false);
}

maru_future *maru_writer_flush(maru_writer *writer)
{
    return start(writer, NULL, 0, true);
}

int maru_writer_printf(maru_writer *writer, const char *format, ...)
{
    va_list arguments;
    if (!writer || writer->size_ == 0 || !format)
        return -EINVAL;
    memmove(writer->buffer_, writer->buffer_ + writer->begin_, buffered(writer));
    writer->end_ = buffered(writer);
    writer->begin_ = 0;
    size_t room = writer->size_ - writer->end_;
    va_start(arguments, format);
    int n = vsnprintf(writer->buffer_ + writer->end_, room + 1, format, arguments);
    va_end(arguments);
    if (n < 0)
        return -EINVAL;
    if ((size_t)n > room)
        return (size_t)n > writer->size_ ? -EMSGSIZE : -ENOSPC;
    writer->end_ += (size_t)n;
    return n;
}

size_t maru_writer_progress(const maru_writer *writer)
{
    return writer ? writer->done_ : 0;
}

size_t maru_writer_buffered(const maru_writer *writer)
{
    return writer ? buffered(writer) : 0;
}
