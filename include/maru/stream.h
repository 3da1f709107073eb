/* stream.h - buffered reading and writing of streams: lines, exact counts, small pieces.
 *
 *     struct greet { maru_frame frame; int fd; maru_reader in; char buffer[512]; };
 *     ...
 *     maru_reader_init(&me->in, me->fd, me->buffer, sizeof me->buffer);
 *     maru_try(n, maru_reader_line(&me->in, 0));
 *     if (n > 0)
 *         printf("%s\n", maru_reader_data(&me->in));
 *
 * A reader and a writer are members of a frame, as all that can be awaited; each carries one
 * request at a time, and the two of one descriptor do not know each other. The buffer is the
 * caller's and stays as long as they are used. Nothing is lost by a cancel, a lost select or a time
 * limit: what was received stays in the reader, what was not sent stays in the writer, and the
 * same request may be made again. They close nothing. */
#ifndef MARU_STREAM_H
#define MARU_STREAM_H

#include "net.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- streams other than sockets ----
 *
 * The first member of each kind of stream. A start function's future lives in the stream, and is
 * polled by the reader or writer until it has ended; one that was told to end may still give a
 * count, which is kept. */

typedef struct maru_stream maru_stream;

typedef struct maru_stream_ops {
    /* Its result: at least one byte, at most len, which is not 0; or 0: the end. */
    maru_future *(*read)(maru_stream *stream, void *data, size_t len);
    /* Its result: at least one byte, at most len, which is not 0. */
    maru_future *(*write)(maru_stream *stream, const void *data, size_t len);
} maru_stream_ops;

struct maru_stream {
    const maru_stream_ops *ops;
};

/* A socket as a stream, for what takes any stream; one read and one write at a time. */
typedef struct maru_socket_stream {
    maru_stream stream;
    int32_t fd_;
    maru_op in_, out_;
} maru_socket_stream;

/* Makes a stream of a stream socket, which it does not close. Aborts while one of its reads or
 * writes is in flight.
 * Threads: task only.
 * Returns &socket->stream. */
maru_stream *maru_socket_stream_init(maru_socket_stream *socket, int fd);

/* ---- readers ---- */

typedef struct maru_reader {
    maru_future future_;
    maru_op op_;
    maru_stream *stream_;    /* NULL: the socket fd_ */
    maru_future *inner_;     /* the read in flight, or NULL */
    char *buffer_;
    size_t size_;            /* one byte less than the buffer: room for a line's zero byte */
    size_t begin_, end_;     /* what was received and not taken */
    size_t want_;            /* of the request: bytes, or the limit */
    size_t scanned_;         /* bytes after begin_ that hold no delimiter */
    size_t skipped_;
    char *data_;             /* what the last request gave */
    size_t len_;
    int32_t fd_;
    uint8_t kind_;
    uint8_t delimiter_;
    bool ended_;             /* the stream, not the buffer */
    bool partial_;
} maru_reader;

/* Makes a reader of a stream socket with an empty buffer of `size` bytes, of which it uses one less
 * for data. What is wrong is told by the requests: -EINVAL buffer is NULL or size below 2; -EBADF.
 * Aborts while a request is in flight.
 * Threads: task only. */
void maru_reader_init(maru_reader *reader, int fd, void *buffer, size_t size);

/* The same of another stream, which must stay as long as the reader is used. -EINVAL also: stream
 * is NULL or cannot read.
 * Threads: task only. */
void maru_reader_init_stream(maru_reader *reader, maru_stream *stream, void *buffer, size_t size);

/* Takes a line. Its end, "\n" or "\r\n", is cut off, and a zero byte is put there: what
 * maru_reader_data gives is a C string. `limit` bounds the bytes of the line with its end; 0, or
 * more than the buffer holds: as much as it holds.
 * Threads: start function, task only.
 * Result: the number of bytes taken with the end, so an empty line is 1 or 2; 0: the stream has
 * ended. A last line without an end is a line: maru_reader_is_partial. Errors: -EMSGSIZE no end
 * within the limit: nothing was taken; maru_reader_skip_until leaves the line out,
 * maru_reader_some takes what is there of it; -ECANCELED; what the stream says. */
maru_future *maru_reader_line(maru_reader *reader, size_t limit) MARU_MUST_USE;

/* Takes everything up to and including a byte. Nothing is cut off, no zero byte is written.
 * Threads: start function, task only.
 * Result: the number of bytes, else as maru_reader_line. Errors: as maru_reader_line. */
maru_future *maru_reader_until(maru_reader *reader, unsigned char delimiter,
                               size_t limit) MARU_MUST_USE;

/* Takes exactly `count` bytes.
 * Threads: start function, task only.
 * Result: count; 0: the stream has ended, or count is 0. Errors: -EMSGSIZE more than the buffer
 * holds; -ENODATA the stream ended in the middle: what is there stays, for maru_reader_some;
 * -ECANCELED; what the stream says. */
maru_future *maru_reader_exact(maru_reader *reader, size_t count) MARU_MUST_USE;

/* Takes what is there, at least one byte, at most `most`; 0: no bound but the buffer.
 * Threads: start function, task only.
 * Result: the number of bytes; 0: the stream has ended. Errors: -ECANCELED; what the stream
 * says. */
maru_future *maru_reader_some(maru_reader *reader, size_t most) MARU_MUST_USE;

/* Waits until `count` bytes are in the buffer, and takes none: maru_reader_data shows all that are
 * there, maru_reader_take takes.
 * Threads: start function, task only.
 * Result: the bytes in the buffer; less than count: the stream has ended after them. Errors:
 * -EMSGSIZE more than the buffer holds; -ECANCELED; what the stream says. */
maru_future *maru_reader_fill(maru_reader *reader, size_t count) MARU_MUST_USE;

/* Throws everything away up to and including a byte, however much it is. Cancelled, it has thrown
 * away a part; the same request goes on.
 * Threads: start function, task only.
 * Result: the number of bytes; 0, or maru_reader_is_partial: the stream has ended before one.
 * Errors: -ECANCELED; what the stream says. */
maru_future *maru_reader_skip_until(maru_reader *reader, unsigned char delimiter) MARU_MUST_USE;

/* What the last request gave, and how many bytes it is. It is in the buffer, may be changed there,
 * and is valid until the next request. NULL and 0 if it gave nothing.
 * Threads: task only, after the request. */
char *maru_reader_data(const maru_reader *reader);
size_t maru_reader_len(const maru_reader *reader);

/* True if what the last request gave was ended by the stream's end, not by its delimiter.
 * Threads: task only, after the request. */
bool maru_reader_is_partial(const maru_reader *reader);

/* How many bytes have been received and not taken.
 * Threads: task only, after the request. */
size_t maru_reader_buffered(const maru_reader *reader);

/* Takes `count` of the bytes in the buffer, or all if they are fewer. Does not wait.
 * Threads: task only, after the request.
 * Returns how many were taken. */
size_t maru_reader_take(maru_reader *reader, size_t count);

/* ---- writers ---- */

typedef struct maru_writer {
    maru_future future_;
    maru_op op_;
    maru_stream *stream_;    /* NULL: the socket fd_ */
    maru_future *inner_;     /* the send in flight, or NULL */
    char *buffer_;
    size_t size_;            /* one byte less than the buffer: room for printf's zero byte */
    size_t begin_, end_;     /* what was written and not sent */
    const char *data_;       /* of the write under way */
    size_t len_, done_;
    int32_t fd_;
    bool flushes_;           /* the request is a flush */
    bool direct_;            /* the send in flight is of data_, not of the buffer */
} maru_writer;

/* Makes a writer of a stream socket with an empty buffer of `size` bytes, of which it uses one less
 * for data. What is wrong is told by the requests: -EINVAL buffer is NULL or size below 2; -EBADF.
 * Aborts while a request is in flight.
 * Threads: task only. */
void maru_writer_init(maru_writer *writer, int fd, void *buffer, size_t size);

/* The same of another stream, which must stay as long as the writer is used. -EINVAL also: stream
 * is NULL or cannot write.
 * Threads: task only. */
void maru_writer_init_stream(maru_writer *writer, maru_stream *stream, void *buffer, size_t size);

/* Writes `len` bytes: into the buffer, which is sent when it is full; what is larger than the
 * buffer goes past it. `data` must stay until the future has ended.
 * Threads: start function, task only.
 * Result: len. Errors: -EINVAL data is NULL; -ECANCELED; what the stream says: the first
 * maru_writer_progress bytes have been taken, sent or kept in the buffer, the others have not. */
maru_future *maru_writer_write(maru_writer *writer, const void *data, size_t len) MARU_MUST_USE;

/* Sends all that is in the buffer. On an error and when cancelled the rest stays there.
 * Threads: start function, task only.
 * Result: 0. Errors: -ECANCELED; what the stream says. */
maru_future *maru_writer_flush(maru_writer *writer) MARU_MUST_USE;

/* Formats into the buffer as printf, all of it or nothing. Does not wait.
 * Threads: task only, while no request is in flight.
 * Returns the number of bytes. Errors: -ENOSPC no room now: flush first; -EMSGSIZE longer than the
 * whole buffer; -EINVAL a wrong format, or as maru_writer_init. */
int maru_writer_printf(maru_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3))) MARU_MUST_USE;

/* How many bytes of the last write have been taken. How many are in the buffer.
 * Threads: task only. */
size_t maru_writer_progress(const maru_writer *writer);
size_t maru_writer_buffered(const maru_writer *writer);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
