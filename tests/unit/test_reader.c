/* test_reader.c - buffered reading: every request against a simple reference, over random pieces,
 * limits, buffers and cancels; then the ends, errors and wrong arguments by name. */
#include "tests/unit/io_world.h"
#include "tests/unit/turns.h"

#include "runtime/base/rng.h"

/* ---- a stream of random pieces ---- */

/* Keeps its reader waiting at random, and may give bytes even when it was told to end, as a file
 * may. */
struct source {
    maru_stream stream;
    maru_future future;
    struct rng *rng;
    const char *data;
    size_t len, at, room;
    uint32_t piece;              /* bytes at once, at the most */
    int turns;
    char *to;
};

static maru_result source_poll(maru_future *self, maru_context *cx)
{
    struct source *source = container_of(self, struct source, future);
    if (cx->ending != MARU_GO && rng_below(source->rng, 2))
        return -ECANCELED;
    if (source->turns-- > 0) {
        cx->waker->ops_->wake(cx->waker);
        return MARU_PENDING;
    }
    size_t n = 1 + rng_below(source->rng, source->piece), rest = source->len - source->at;
    n = n < rest ? n : rest;
    n = n < source->room ? n : source->room;
    memcpy(source->to, source->data + source->at, n);
    source->at += n;
    return (maru_result)n;
}

static const maru_future_type source_type = { source_poll, "source" };

static maru_future *source_read(maru_stream *stream, void *data, size_t len)
{
    struct source *source = container_of(stream, struct source, stream);
    source->to = data;
    source->room = len;
    source->turns = (int)rng_below(source->rng, 3);
    return maru_future_init(&source->future, &source_type);
}

static const maru_stream_ops source_ops = { source_read, NULL };

/* ---- the reference ---- */

enum request { LINE, UNTIL, EXACT, SOME, FILL, SKIP, REQUESTS };

struct model {
    const char *data;
    size_t len, at, capacity;
};

struct asked {
    enum request request;
    size_t want;                 /* the limit, or the count */
    unsigned char delimiter;
};

/* What a request gives when it is not cancelled, and how many bytes it shows. SOME: the least. */
static maru_result expected(const struct model *model, const struct asked *asked, size_t *ret_len)
{
    const char *from = model->data + model->at;
    size_t rest = model->len - model->at, want = asked->want;
    bool is_counted = asked->request == EXACT || asked->request == FILL;
    if (is_counted && want > model->capacity)
        return -EMSGSIZE;
    if (!is_counted && (want == 0 || want > model->capacity))
        want = model->capacity;
    const char *found = memchr(from, asked->delimiter, rest);
    size_t until = found ? (size_t)(found - from) + 1 : rest;
    switch (asked->request) {
    case LINE:
    case UNTIL:
        if (found ? until > want : rest >= want)
            return -EMSGSIZE;
        *ret_len = until;
        if (asked->request == LINE && found)
            *ret_len -= until > 1 && found[-1] == '\r' ? 2 : 1;
        return (maru_result)until;
    case EXACT:
        *ret_len = rest >= want ? want : 0;
        return rest >= want ? (maru_result)want : rest == 0 ? 0 : -ENODATA;
    case SKIP:
        *ret_len = 0;
        return (maru_result)until;
    default:
        *ret_len = rest < want ? rest : want;
        return (maru_result)*ret_len;
    }
}

/* ---- a walk: requests, cancels, and the comparison of each result ---- */

struct walk {
    maru_frame frame;
    uint64_t seed;
    int fd;                      /* a socket that somebody writes data to, or -1: a source */
    struct model model;
    struct rng rng;
    struct source source;
    struct asked asked;
    bool again;
    int ends, lost, turns;
    maru_reader in;
    maru_timeout limit;
    struct turns tick;
    char buffer[100];
};

static struct asked any_request(struct rng *rng)
{
    struct asked asked = { .request = (enum request)rng_below(rng, REQUESTS), .delimiter = '\n' };
    asked.want = rng_below(rng, 4) ? rng_below(rng, 40) : rng_below(rng, 130);
    if ((asked.request == UNTIL || asked.request == SKIP) && rng_below(rng, 2))
        asked.delimiter = (unsigned char)"\r a"[rng_below(rng, 3)];
    return asked;
}

static maru_future *begin(maru_reader *in, const struct asked *asked)
{
    switch (asked->request) {
    case LINE: return maru_reader_line(in, asked->want);
    case UNTIL: return maru_reader_until(in, asked->delimiter, asked->want);
    case EXACT: return maru_reader_exact(in, asked->want);
    case SOME: return maru_reader_some(in, asked->want);
    case FILL: return maru_reader_fill(in, asked->want);
    default: return maru_reader_skip_until(in, asked->delimiter);
    }
}

/* Compares, and moves the reference on. */
static bool is_right(struct walk *me, maru_result n)
{
    struct model *model = &me->model;
    size_t len = 0, rest = model->len - model->at;
    maru_result want = expected(model, &me->asked, &len);
    bool is_open = me->asked.request == SOME || me->asked.request == FILL;
    bool right = n == want;
    if (me->asked.request == SKIP && me->again)
        right = n <= want;                      /* a part was thrown away before */
    else if (me->asked.request == SOME && want > 0)
        right = n > 0 && n <= want;
    else if (me->asked.request == FILL && want >= 0)
        right = n >= want && (size_t)n <= rest;
    if (n < 0)
        return right && n == want && maru_reader_len(&me->in) == 0;
    if (is_open)
        len = (size_t)n;
    const char *data = maru_reader_data(&me->in);
    right = right && maru_reader_len(&me->in) == len;
    right = right && (len == 0 || memcmp(data, model->data + model->at, len) == 0);
    if (me->asked.request == LINE && n > 0)
        right = right && data && data[len] == '\0';
    bool has_end = n > 0 && (me->asked.request == LINE || me->asked.request == UNTIL) &&
                   model->data[model->at + (size_t)n - 1] == (char)me->asked.delimiter;
    if ((me->asked.request == LINE || me->asked.request == UNTIL) && n > 0)
        right = right && maru_reader_is_partial(&me->in) == !has_end;
    if (me->asked.request == SKIP)
        n = want;
    if (me->asked.request == FILL)
        n = (maru_result)maru_reader_take(&me->in, rng_below(&me->rng, 8));
    model->at += (size_t)n;
    return right;
}

maru_async(walk)
{
    maru_result n, won;
    me->rng = (struct rng){ me->seed };
    me->model.capacity = 1 + rng_below(&me->rng, rng_below(&me->rng, 2) ? 99 : 9);
    me->source = (struct source){ .stream = { &source_ops },
                                  .rng = &me->rng,
                                  .data = me->model.data,
                                  .len = me->model.len,
                                  .piece = 1 + rng_below(&me->rng, 50) };
    if (me->fd < 0)
        maru_reader_init_stream(&me->in, &me->source.stream, me->buffer, me->model.capacity + 1);
    else
        maru_reader_init(&me->in, me->fd, me->buffer, me->model.capacity + 1);
    while (me->ends < 20) {
        if (!me->again)
            me->asked = any_request(&me->rng);
        me->turns = (int)rng_below(&me->rng, 4);
        if (me->turns == 3) {
            maru_await(n, begin(&me->in, &me->asked));
        } else if (rng_below(&me->rng, 2)) {
            maru_select(won, begin(&me->in, &me->asked), turns_start(&me->tick, me->turns));
            n = maru_result_of(&me->in);
            /* A loser has taken nothing; what is refused at the start is told all the same. */
            expect(won == 0 || (won == 1 && (n == -ECANCELED || n == -EMSGSIZE)));
        } else {
            maru_await(n, maru_within(&me->limit, me->turns * 20 * MARU_USEC,
                                      begin(&me->in, &me->asked)));
        }
        if (n == -ECANCELED || n == -ETIMEDOUT) {
            me->lost++;
            me->again = me->asked.request == SKIP;      /* it may have thrown a part away */
            continue;
        }
        expect(is_right(me, n));
        me->again = false;
        me->ends += me->model.at == me->model.len;
    }
    maru_return(me->lost > 0 ? 0 : -ERANGE);
}
maru_end;

enum { DATA_MAX = 3000 };

static size_t random_text(struct rng *rng, char *data)
{
    static const char usual[] = "\n\n\n\r a";
    size_t len = rng_below(rng, DATA_MAX);
    for (size_t i = 0; i < len; i++)
        data[i] = rng_below(rng, 5) ? (char)rng_below(rng, 256) : usual[rng_below(rng, 6)];
    return len;
}

struct walks {
    maru_frame frame;
    uint64_t seed, seeds;
    bool socket;
    int fds[2];
    size_t len;
    maru_op io;
    struct rng rng;
    maru_scope writers;
    struct walk walk;
    char data[DATA_MAX];
};

struct feeder {
    maru_frame frame;
    int fd;
    uint64_t seed;
    const char *data;
    size_t len, at;
    struct rng rng;
    maru_op io;
    maru_pause pause;
};

maru_async(feeder)
{
    me->rng = (struct rng){ me->seed };
    while (me->at < me->len) {
        size_t n = 1 + rng_below(&me->rng, 60), rest = me->len - me->at;
        maru_result sent;
        maru_try(sent, maru_send(&me->io, me->fd, me->data + me->at, n < rest ? n : rest));
        me->at += (size_t)sent;
        if (rng_below(&me->rng, 2))
            maru_try(maru_yield(&me->pause));
    }
    maru_try(maru_shutdown(&me->io, me->fd, SHUT_WR));
}
maru_end;

maru_async(walks)
{
    maru_result rc;
    for (; me->seeds > 0; me->seeds--, me->seed++) {
        me->rng = (struct rng){ ~me->seed };
        me->len = random_text(&me->rng, me->data);
        me->fds[0] = -1;
        if (me->socket) {
            expect(maru_socket_pair(SOCK_STREAM, me->fds) == 0);
            maru_check(maru_scope_spawn(&me->writers, feeder, .fd = me->fds[1], .seed = me->seed,
                                        .data = me->data, .len = me->len));
        }
        maru_await(rc, maru_call(walk, &me->walk, .seed = me->seed, .fd = me->fds[0],
                                 .model = { .data = me->data, .len = me->len }));
        if (rc < 0 && rc != -ERANGE)            /* a walk without a cancel is short */
            fprintf(stderr, "seed %llu\n", (unsigned long long)me->seed);
        maru_check(rc == -ERANGE ? 0 : rc);
        if (me->socket) {
            maru_try(maru_scope_wait(&me->writers));
            maru_try(maru_close(&me->io, me->fds[0]));
            maru_try(maru_close(&me->io, me->fds[1]));
        }
    }
}
maru_end;

Test(reader, every_request_agrees_with_a_simple_reference, .timeout = 60)
{
    run_in(SHAPE_SINGLE, walks, .seed = 1, .seeds = 300);
    run_in(SHAPE_TWO, walks, .seed = 1000, .seeds = 100);
}

Test(reader, every_request_agrees_with_the_reference_on_sockets, .timeout = 60)
{
    run_in(SHAPE_SINGLE, walks, .seed = 2000, .seeds = 100, .socket = true);
    run_in(SHAPE_FOUR, walks, .seed = 3000, .seeds = 100, .socket = true);
}

/* ---- by name ---- */

struct lines {
    maru_frame frame;
    int fds[2];
    maru_reader in;
    maru_op io;
    char buffer[16];
};

static bool is_line(const maru_reader *in, const char *want)
{
    return maru_reader_data(in) && strcmp(maru_reader_data(in), want) == 0 &&
           maru_reader_len(in) == strlen(want);
}

maru_async(lines)
{
    static const char text[] = "a\r\n\n\r\nb\rc\n0123456789abcde\n\n0123456789abcd\nlast";
    maru_result n;
    expect(maru_socket_pair(SOCK_STREAM, me->fds) == 0);
    expect(send(me->fds[1], text, sizeof text - 1, 0) == sizeof text - 1);
    maru_try(maru_close(&me->io, me->fds[1]));
    maru_reader_init(&me->in, me->fds[0], me->buffer, sizeof me->buffer);
    expect(!maru_reader_data(&me->in) && maru_reader_len(&me->in) == 0);
    maru_try(n, maru_reader_line(&me->in, 0));
    expect(n == 3 && is_line(&me->in, "a") && !maru_reader_is_partial(&me->in));
    maru_try(n, maru_reader_line(&me->in, 0));
    expect(n == 1 && is_line(&me->in, ""));     /* an empty line is no end */
    maru_try(n, maru_reader_line(&me->in, 2));
    expect(n == 2 && is_line(&me->in, ""));
    maru_try(n, maru_reader_line(&me->in, 4));
    expect(n == 4 && is_line(&me->in, "b\rc"));
    for (int i = 0; i < 2; i++)
        expect(maru_reader_buffered(&me->in) > 0);
    maru_await(n, maru_reader_line(&me->in, 5));
    expect(n == -EMSGSIZE && !maru_reader_data(&me->in));
    maru_await(n, maru_reader_line(&me->in, 0));
    expect(n == -EMSGSIZE);                     /* 15 bytes and an end are more than 15 */
    maru_try(n, maru_reader_some(&me->in, 3));
    expect(n == 3 && memcmp(maru_reader_data(&me->in), "012", 3) == 0);
    maru_try(n, maru_reader_skip_until(&me->in, '\n'));
    expect(n == 13 && !maru_reader_is_partial(&me->in));
    maru_try(n, maru_reader_line(&me->in, 0));
    expect(n == 1);
    maru_try(n, maru_reader_line(&me->in, 0));
    expect(n == 15 && is_line(&me->in, "0123456789abcd"));
    maru_try(n, maru_reader_line(&me->in, 0));
    expect(n == 4 && is_line(&me->in, "last") && maru_reader_is_partial(&me->in));
    for (int i = 0; i < 2; i++)
        expect(maru_reader_buffered(&me->in) == 0);
    maru_try(n, maru_reader_line(&me->in, 0));
    expect(n == 0 && !maru_reader_data(&me->in) && !maru_reader_is_partial(&me->in));
    maru_try(n, maru_reader_skip_until(&me->in, '\n'));
    expect(n == 0);
    maru_try(n, maru_reader_some(&me->in, 0));
    expect(n == 0);
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

Test(reader, lines_are_cut_and_long_ones_are_got_over, .timeout = 30)
{
    run_everywhere(lines);
}

struct wrong {
    maru_frame frame;
    int fds[2];
    maru_reader in;
    maru_op io;
    char buffer[8];
};

maru_async(wrong)
{
    maru_result n;
    expect(pair_new(TCP4, me->fds));
    maru_reader_init(&me->in, me->fds[0], NULL, 8);
    maru_await(n, maru_reader_line(&me->in, 0));
    expect(n == -EINVAL);
    maru_reader_init(&me->in, me->fds[0], me->buffer, 1);
    maru_await(n, maru_reader_some(&me->in, 0));
    expect(n == -EINVAL);
    maru_reader_init_stream(&me->in, NULL, me->buffer, 8);
    maru_await(n, maru_reader_exact(&me->in, 0));
    expect(n == -EINVAL);
    expect(maru_reader_take(&me->in, 5) == 0 && maru_reader_buffered(&me->in) == 0);
    maru_reader_init(&me->in, -1, me->buffer, 8);
    maru_await(n, maru_reader_fill(&me->in, 1));
    expect(n == -EBADF);
    maru_reader_init(&me->in, me->fds[0], me->buffer, 8);
    expect(send(me->fds[1], "0123456789", 10, 0) == 10);
    maru_await(n, maru_reader_exact(&me->in, 8));
    expect(n == -EMSGSIZE);
    maru_await(n, maru_reader_fill(&me->in, SIZE_MAX));
    expect(n == -EMSGSIZE);
    maru_try(n, maru_reader_exact(&me->in, 7));
    expect(n == 7 && memcmp(maru_reader_data(&me->in), "0123456", 7) == 0);
    maru_try(n, maru_reader_fill(&me->in, 2));
    reset(me->fds[1]);
    maru_await(n, maru_reader_exact(&me->in, 4));
    expect(n == -ECONNRESET);                   /* what is there stays */
    expect(maru_reader_buffered(&me->in) >= 2);
    maru_await(n, maru_reader_exact(&me->in, 4));
    expect(n == -ENODATA);
    maru_try(n, maru_reader_some(&me->in, 0));
    expect(n == 3 && memcmp(maru_reader_data(&me->in), "789", 3) == 0);
    maru_try(n, maru_reader_exact(&me->in, 4));
    expect(n == 0);
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

Test(reader, errors_lose_nothing_and_wrong_arguments_are_told, .timeout = 30)
{
    run_in(SHAPE_SINGLE, wrong);
    run_in(SHAPE_TWO, wrong);
}

/* A stream that always has more must leave room for others. */
struct endless {
    maru_stream stream;
    maru_future future;
};

static maru_future *endless_read(maru_stream *stream, void *data, size_t len)
{
    memset(data, 'x', len);
    return maru_future_ready(&container_of(stream, struct endless, stream)->future,
                             (maru_result)len);
}

static const maru_stream_ops endless_ops = { endless_read, NULL };

struct greedy {
    maru_frame frame;
    struct endless source;
    maru_reader in;
    struct turns tick;
    char buffer[8];
};

maru_async(greedy)
{
    maru_result won;
    me->source.stream.ops = &endless_ops;
    maru_reader_init_stream(&me->in, &me->source.stream, me->buffer, sizeof me->buffer);
    maru_select(won, maru_reader_skip_until(&me->in, '\n'), turns_start(&me->tick, 3));
    expect(won == 1 && maru_result_of(&me->in) == -ECANCELED);
}
maru_end;

Test(reader, a_stream_that_never_runs_dry_does_not_keep_the_worker, .timeout = 30)
{
    run_everywhere(greedy);
}
