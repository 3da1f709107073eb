/* reader.c - buffered reading: requests that look into the buffer until it satisfies them.
 *
 *     buffer_ |  taken  | received, not taken |  free  |
 *             0         begin_                end_     size_
 *
 * R1 A request takes bytes only in the poll that gives its result; what a cancel or a lost select
 *    leaves is as it was, with more bytes behind it at the most (skip_until says otherwise).
 * R2 What the last request gave is not moved or overwritten before the next one reads on.
 * R3 A read is started only if the request cannot be satisfied, and there is room then: a limit, or
 *    a count, is at most size_. */
#include "maru/stream.h"

#include "maru/err.h"
#include "maru/frame.h"
#include "runtime/base/check.h"

#include <string.h>

enum kind { LINE, UNTIL, EXACT, SOME, FILL, SKIP_UNTIL };

static maru_reader *reader_of(maru_future *self)
{
    return (maru_reader *)(void *)self;
}

static size_t buffered(const maru_reader *reader)
{
    return reader->end_ - reader->begin_;
}

/* ---- taking ---- */

static void show(maru_reader *reader, size_t len)
{
    reader->data_ = len > 0 ? reader->buffer_ + reader->begin_ : NULL;
    reader->len_ = len;
}

static maru_result take(maru_reader *reader, size_t count)
{
    show(reader, count);
    reader->begin_ += count;
    return (maru_result)count;
}

/* Cuts the end of a line off what was taken, and makes it a C string. */
static void strip(maru_reader *reader)
{
    if (!reader->partial_)
        reader->len_--;
    if (!reader->partial_ && reader->len_ > 0 && reader->data_[reader->len_ - 1] == '\r')
        reader->len_--;
    reader->data_[reader->len_] = '\0';         /* in the end's place, or in the byte kept free */
}

/* Where the delimiter is, among the first `len` bytes; len: not there. */
static size_t find(maru_reader *reader, size_t len)
{
    const char *from = reader->buffer_ + reader->begin_;
    const char *at = memchr(from + reader->scanned_, reader->delimiter_, len - reader->scanned_);
    reader->scanned_ = at ? 0 : len;
    return at ? (size_t)(at - from) : len;
}

/* ---- requests: the result, or MARU_PENDING: more is needed ---- */

static maru_result take_until(maru_reader *reader)
{
    size_t have = buffered(reader), len = have < reader->want_ ? have : reader->want_;
    size_t at = find(reader, len);
    if (at == len && len == reader->want_)
        return -EMSGSIZE;
    if (at == len && !reader->ended_)
        return MARU_PENDING;
    reader->partial_ = at == len && len > 0;
    maru_result taken = take(reader, at == len ? len : at + 1);
    if (reader->kind_ == LINE && taken > 0)
        strip(reader);
    return taken;
}

static maru_result take_exact(maru_reader *reader)
{
    if (buffered(reader) >= reader->want_)
        return take(reader, reader->want_);
    if (!reader->ended_)
        return MARU_PENDING;
    return buffered(reader) == 0 ? 0 : -ENODATA;
}

static maru_result take_some(maru_reader *reader)
{
    size_t have = buffered(reader);
    if (have == 0 && !reader->ended_)
        return MARU_PENDING;
    return take(reader, have < reader->want_ ? have : reader->want_);
}

static maru_result fill(maru_reader *reader)
{
    if (buffered(reader) < reader->want_ && !reader->ended_)
        return MARU_PENDING;
    show(reader, buffered(reader));
    return (maru_result)buffered(reader);
}

static maru_result skip_until(maru_reader *reader)
{
    size_t have = buffered(reader), at = find(reader, have);
    size_t gone = at == have ? have : at + 1;
    reader->begin_ += gone;
    reader->skipped_ += gone;
    reader->scanned_ = 0;
    if (at == have && !reader->ended_)
        return MARU_PENDING;
    reader->partial_ = at == have && reader->skipped_ > 0;
    return (maru_result)reader->skipped_;
}

static maru_result look(maru_reader *reader)
{
    switch ((enum kind)reader->kind_) {
    case LINE:
    case UNTIL:
        return take_until(reader);
    case EXACT:
        return take_exact(reader);
    case SOME:
        return take_some(reader);
    case FILL:
        return fill(reader);
    case SKIP_UNTIL:
        return skip_until(reader);
    }
    return -EINVAL;
}

/* ---- reading on ---- */

/* Moves what is there to the front when there is little room behind it. */
static void make_room(maru_reader *reader)
{
    size_t have = buffered(reader), room = reader->size_ - reader->end_;
    bool is_counted = reader->kind_ == EXACT || reader->kind_ == FILL;
    if (reader->begin_ == 0)
        return;
    if (have == 0 || room <= reader->size_ / 4 ||
        (is_counted && reader->begin_ + reader->want_ > reader->size_)) {
        memmove(reader->buffer_, reader->buffer_ + reader->begin_, have);
        reader->begin_ = 0;
        reader->end_ = have;
    }
}

static void read_on(maru_reader *reader)
{
    make_room(reader);
    char *to = reader->buffer_ + reader->end_;
    size_t room = reader->size_ - reader->end_;
    CHECK(room > 0);
    reader->inner_ = reader->stream_ ? reader->stream_->ops->read(reader->stream_, to, room)
                                     : maru_recv(&reader->op_, reader->fd_, to, room);
}

/* What the read in flight gave is kept, whatever becomes of the request. */
static maru_result receive(maru_reader *reader, maru_context *cx)
{
    maru_result n = maru_future_poll(reader->inner_, cx);
    if (n == MARU_PENDING)
        return n;
    reader->inner_ = NULL;
    if (n > 0)
        reader->end_ += (size_t)n;
    reader->ended_ |= n == 0;
    CHECK(reader->end_ <= reader->size_);
    return n < 0 ? n : 0;
}

static maru_result reader_poll(maru_future *self, maru_context *cx)
{
    maru_reader *reader = reader_of(self);
    for (bool again = false;; again = true) {
        if (reader->inner_) {
            maru_result rc = receive(reader, cx);
            if (rc < 0)
                return rc;                      /* pending, too */
        } else if (cx->ending != MARU_GO) {
            return -ECANCELED;
        }
        if (cx->ending == MARU_LOSE)
            return -ECANCELED;
        maru_result result = look(reader);
        if (result != MARU_PENDING)
            return result;
        if (cx->ending != MARU_GO)
            return -ECANCELED;
        if (again && !maru_budget_take()) {     /* a stream that never runs dry is not alone */
            cx->waker->ops_->wake(cx->waker);
            return MARU_PENDING;
        }
        read_on(reader);
    }
}

static const maru_future_type reader_type = { reader_poll, "reader" };

/* ---- the public face ---- */

static void init(maru_reader *reader, void *buffer, size_t size)
{
    maru_future_fresh(&reader->future_);
    *reader = (maru_reader){ .buffer_ = buffer, .size_ = buffer && size > 1 ? size - 1 : 0 };
}

void maru_reader_init(maru_reader *reader, int fd, void *buffer, size_t size)
{
    if (!reader)
        return;
    init(reader, buffer, size);
    reader->fd_ = fd;
}

void maru_reader_init_stream(maru_reader *reader, maru_stream *stream, void *buffer, size_t size)
{
    if (!reader)
        return;
    bool can = stream && stream->ops && stream->ops->read;
    init(reader, can ? buffer : NULL, size);
    reader->stream_ = stream;
}

static maru_future *start(maru_reader *reader, enum kind kind, unsigned char delimiter,
                          size_t want)
{
    if (!reader)
        return NULL;
    maru_future_init(&reader->future_, &reader_type);
    reader->kind_ = (uint8_t)kind;
    reader->delimiter_ = delimiter;
    reader->want_ = want;
    reader->inner_ = NULL;
    reader->scanned_ = reader->skipped_ = reader->len_ = 0;
    reader->data_ = NULL;
    reader->partial_ = false;
    if (reader->size_ == 0)
        return maru_future_ready(&reader->future_, -EINVAL);
    bool is_counted = kind == EXACT || kind == FILL;
    if (is_counted && want > reader->size_)
        return maru_future_ready(&reader->future_, -EMSGSIZE);
    if (!is_counted && (want == 0 || want > reader->size_))
        reader->want_ = reader->size_;
    return &reader->future_;
}

maru_future *maru_reader_line(maru_reader *reader, size_t limit)
{
    return start(reader, LINE, '\n', limit);
}

maru_future *maru_reader_until(maru_reader *reader, unsigned char delimiter, size_t limit)
{
    return start(reader, UNTIL, delimiter, limit);
}

maru_future *maru_reader_exact(maru_reader *reader, size_t count)
{
    return start(reader, EXACT, 0, count);
}

maru_future *maru_reader_some(maru_reader *reader, size_t most)
{
    return start(reader, SOME, 0, most);
}

maru_future *maru_reader_fill(maru_reader *reader, size_t count)
{
    return start(reader, FILL, 0, count);
}

maru_future *maru_reader_skip_until(maru_reader *reader, unsigned char delimiter)
{
    return start(reader, SKIP_UNTIL, delimiter, 0);
}

char *maru_reader_data(const maru_reader *reader)
{
    return reader ? reader->data_ : NULL;
}

size_t maru_reader_len(const maru_reader *reader)
{
    return reader ? reader->len_ : 0;
}

bool maru_reader_is_partial(const maru_reader *reader)
{
    return reader && reader->partial_;
}

size_t maru_reader_buffered(const maru_reader *reader)
{
    return reader ? buffered(reader) : 0;
}

size_t maru_reader_take(maru_reader *reader, size_t count)
{
    if (!reader)
        return 0;
    size_t have = buffered(reader), taken = count < have ? count : have;
    reader->begin_ += taken;
    return taken;
}
