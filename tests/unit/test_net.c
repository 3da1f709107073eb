/* test_net.c - behaviours of sockets that users of other runtimes rely on: what a shutdown of the
 * runtime tells, what readiness forgets, how a connection ends. */
#include "tests/unit/io_world.h"

/* ---- the runtime shuts down: conformance 71 ---- */

enum waits_for { RECV, PEEK, SEND, RECV_FROM, RECV_VEC, LINE, ACCEPT, CONNECT, READY, WAITS };

struct told {
    maru_result first, second;
};

struct waits {
    maru_frame frame;
    enum waits_for what;
    int fd;
    const maru_endpoint *to;
    struct told *told;
    maru_op io;
    maru_reader in;
    char *data;
    struct iovec piece;
    char buf[64];
};

static maru_future *begin(struct waits *me)
{
    me->piece = (struct iovec){ me->buf, sizeof me->buf };
    maru_reader_init(&me->in, me->fd, me->buf, sizeof me->buf);
    switch (me->what) {
    case PEEK: return maru_peek(&me->io, me->fd, me->buf, sizeof me->buf);
    case SEND: return maru_send_all(&me->io, me->fd, me->data, 10000000);
    case RECV_FROM: return maru_recv_from(&me->io, me->fd, me->buf, sizeof me->buf, NULL);
    case RECV_VEC: return maru_recv_vec(&me->io, me->fd, &me->piece, 1);
    case LINE: return maru_reader_line(&me->in, 0);
    case ACCEPT: return maru_accept(&me->io, me->fd);
    case CONNECT: return maru_connect(&me->io, me->fd, &me->to->any, me->to->len);
    case READY: return maru_fd_ready(&me->io, me->fd, MARU_READABLE);
    default: return maru_recv(&me->io, me->fd, me->buf, sizeof me->buf);
    }
}

/* It goes on waiting after it was told, as one that has not understood. */
maru_async(waits)
{
    maru_await(me->told->first, begin(me));
    maru_await(me->told->second, begin(me));
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct crowd {
    maru_frame frame;
    struct told *told;
    char *data;
    int *peers, *listener;
    maru_endpoint *to;
    int fd, i;
    maru_pause pause;
};

/* A descriptor on which this waits; its peer is the test's. */
static int made(struct crowd *me, enum waits_for what)
{
    int fds[2] = { -1, -1 };
    if (what == RECV_FROM)
        return maru_udp_bind("127.0.0.1", 0);
    if (what == ACCEPT)
        return maru_listen_ip("127.0.0.1", 0, 1);
    if (what == CONNECT) {
        *me->listener = maru_listen_ip("127.0.0.1", 0, 0);
        if (*me->listener < 0 || maru_local_endpoint(*me->listener, me->to) < 0)
            return -1;
        me->peers[what] = plain_connect(*me->listener);     /* now its queue is full */
        return maru_socket(AF_INET);
    }
    if (!pair_new(what % 2 ? TCP4 : UNIX, fds))
        return -1;
    me->peers[what] = fds[1];
    return fds[0];
}

maru_async(crowd)
{
    for (me->i = 0; me->i < WAITS; me->i++) {
        expect((me->fd = made(me, (enum waits_for)me->i)) >= 0);
        maru_task *task = maru_spawn(waits, .what = (enum waits_for)me->i, .fd = me->fd,
                                     .to = me->to, .told = &me->told[me->i], .data = me->data);
        expect(task);
        maru_detach(task);
        while (me->i != READY &&
               waiters_of(me->fd, me->i == SEND || me->i == CONNECT ? SIDE_WRITE : SIDE_READ) == 0)
            maru_try(maru_yield(&me->pause));
    }
    for (me->i = 0; me->i < 100; me->i++)       /* the one-shot poll is with the kernel by now */
        maru_try(maru_yield(&me->pause));
}
maru_end;

/* conformance 71 */
Test(net, shutdown_of_the_runtime_ends_all_waits_and_those_that_begin_in_it, .timeout = 30)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        struct told told[WAITS];
        maru_endpoint to;
        int peers[WAITS], listener = -1, fds = count_fds();
        char *data = calloc(1, 10000000);
        for (int i = 0; i < WAITS; i++) {
            told[i] = (struct told){ 1, 1 };
            peers[i] = -1;
        }
        maru_options options;
        maru_runtime *runtime;
        maru_options_init(&options, sizeof options);
        options.flavor = shapes[shape].flavor;
        options.workers = shapes[shape].workers;
        cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
        cr_assert_eq(maru_block_on(runtime, crowd, .told = told, .data = data, .peers = peers,
                                   .to = &to, .listener = &listener),
                     0);
        cr_assert_eq(maru_runtime_free(runtime), 0);
        for (int i = 0; i < WAITS; i++) {
            cr_assert_eq(told[i].first, -ECANCELED, "%d: %s", i, maru_err_name(told[i].first));
            cr_assert_eq(told[i].second, -ECANCELED, "%d", i);
            if (peers[i] >= 0)
                close(peers[i]);
        }
        free(data);
        close(listener);
        cr_assert_eq(count_fds(), fds);
    }
}

/* Waits on its socket again and again, also until long after it was told to end. */
struct hasty {
    maru_frame frame;
    int fd, i;
    uint32_t *begun;
    maru_op io;
    maru_timeout limit;
    char byte;
};

maru_async(hasty)
{
    maru_result n;
    atomic_add_ar(me->begun, 1u);
    do
        maru_await(n, maru_within(&me->limit, 20000, maru_recv(&me->io, me->fd, &me->byte, 1)));
    while (n != -ECANCELED);
maru_finally:
    for (me->i = 0; me->i < 3; me->i++)         /* here nothing is refused: these do register */
        maru_await(maru_within(&me->limit, 20000, maru_recv(&me->io, me->fd, &me->byte, 1)));
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

enum { HASTY = 20 };

struct pokes {
    int peers[HASTY];
    uint32_t over;
};

static void *poke(void *arg)
{
    struct pokes *pokes = arg;
    while (!atomic_load_acq(&pokes->over))      /* pairs with the end of the runtime */
        for (int i = 0; i < HASTY; i++)
            (void)send(pokes->peers[i], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return NULL;
}

static void end_while_poked(const struct shape *shape)
{
    struct pokes pokes = { .over = 0 };
    struct world world = world_of(shape, MARU_IO_AUTO);
    uint32_t begun = 0;
    pthread_t thread;
    for (int i = 0; i < HASTY; i++) {
        int fds[2];
        cr_assert(pair_new(i % 2 ? TCP4 : UNIX, fds));
        pokes.peers[i] = fds[1];
        maru_task *task = maru_spawn_on(world.runtime, hasty, .fd = fds[0], .begun = &begun);
        cr_assert(task);
        maru_detach(task);
    }
    cr_assert_eq(pthread_create(&thread, NULL, poke, &pokes), 0);
    while (shape->flavor == MARU_FLAVOR_MULTI && atomic_load_acq(&begun) < HASTY)
        (void)sched_yield();
    cr_assert_eq(maru_runtime_free(world.runtime), 0);
    atomic_store_rel(&pokes.over, 1u);          /* pairs with poke */
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(begun, (unsigned)HASTY);
    for (int i = 0; i < HASTY; i++)
        close(pokes.peers[i]);
    cr_assert_eq(count_fds(), world.fds);
}

/* conformance 71 */
Test(net, sockets_that_become_ready_while_the_runtime_ends_do_no_harm, .timeout = 30)
{
    for (int round = 0; round < 10; round++)
        for (int shape = 0; shape < SHAPES; shape++)
            end_while_poked(&shapes[shape]);
}

/* ---- readiness: conformance 72 ---- */

struct ticks {
    maru_frame frame;
    int fds[2];
    maru_op io;
    maru_timeout limit;
    maru_sleep nap;
    char buf[8];
};

static uint32_t state_of(int fd)
{
    struct fd_entry *entry = entry_of(fd);
    return entry ? atomic_load_acq(&entry->sides[SIDE_READ].state) : 0;     /* with add_event */
}

static bool is_ready(int fd)
{
    return state_of(fd) & SIDE_READY;
}

static void event_of(int fd, uint32_t generations)
{
    ready_event(io_here(), fd, entry_of(fd)->generation + generations, SIDE_READ, POLLIN);
}

maru_async(ticks)
{
    maru_result n;
    expect(pair_new(TCP4, me->fds));
    maru_await(n, maru_within(&me->limit, MARU_MSEC, maru_recv(&me->io, me->fds[0], me->buf, 8)));
    expect(n == -ETIMEDOUT && !is_ready(me->fds[0]));
    expect(send(me->fds[1], "x", 1, 0) == 1);
    while (!is_ready(me->fds[0]))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    uint32_t seen = state_of(me->fds[0]);
    event_of(me->fds[0], 0);
    ready_clear(entry_of(me->fds[0]), SIDE_READ, seen);
    expect(is_ready(me->fds[0]));               /* a newer event came */
    seen = state_of(me->fds[0]);
    event_of(me->fds[0], 1);
    ready_clear(entry_of(me->fds[0]), SIDE_READ, seen);
    expect(!is_ready(me->fds[0]));              /* that of another life is none */
    event_of(me->fds[0], 0);
    maru_try(n, maru_recv(&me->io, me->fds[0], me->buf, 8));
    expect(n == 1);
    maru_try(maru_close(&me->io, me->fds[0]));
    close(me->fds[1]);
}
maru_end;

/* conformance 72 */
Test(net, readiness_is_cleared_only_if_no_newer_event_came, .timeout = 30)
{
    run_everywhere(ticks);
}

struct closed {
    maru_frame frame;
    enum family family;
    int fds[2];
    char byte;
    maru_op in;
    maru_sleep nap;
    maru_result told;
    maru_scope scope;
    char *data;
};

struct sender {
    maru_frame frame;
    int fd;
    maru_result *told;
    char *data;
    maru_op io;
};

maru_async(sender)
{
    maru_await(*me->told, maru_send_all(&me->io, me->fd, me->data, 10000000));
}
maru_end;

maru_async(closed)
{
    maru_result n;
    expect(pair_new(me->family, me->fds) && (me->data = calloc(1, 10000000)));
    maru_check(maru_scope_spawn(&me->scope, sender, .fd = me->fds[0], .told = &me->told,
                                .data = me->data));
    while (waiters_of(me->fds[0], SIDE_WRITE) == 0)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    expect(shutdown(me->fds[1], SHUT_WR) == 0);         /* reading has ended, writing waits on */
    maru_try(n, maru_recv(&me->in, me->fds[0], &me->byte, 1));
    expect(n == 0 && waiters_of(me->fds[0], SIDE_WRITE) == 1);
    close(me->fds[1]);
    maru_try(maru_scope_wait(&me->scope));
    expect(me->told == -EPIPE || me->told == -ECONNRESET);
    maru_try(n, maru_fd_ready(&me->in, me->fds[0], MARU_READABLE));
    expect(n == (MARU_READABLE | MARU_WRITABLE));       /* a hang-up counts as both */
    maru_try(maru_close(&me->in, me->fds[0]));
maru_finally:
    free(me->data);
}
maru_end;

/* conformance 72 */
Test(net, the_ends_of_reading_and_of_writing_are_seen, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(closed, .family = family);
}

/* ---- connections: conformance 73 ---- */

struct peeks {
    maru_frame frame;
    enum family family;
    int fds[2], i;
    maru_op io;
    maru_timeout limit;
    maru_sleep nap;
    char buf[16];
};

maru_async(peeks)
{
    maru_result n;
    expect(pair_new(me->family, me->fds));
    maru_await(n, maru_within(&me->limit, MARU_MSEC, maru_peek(&me->io, me->fds[0], me->buf, 16)));
    expect(n == -ETIMEDOUT);
    expect(send(me->fds[1], "look", 4, 0) == 4);
    for (me->i = 0; me->i < 10; me->i++) {      /* short, and READY stays */
        memset(me->buf, 0, sizeof me->buf);
        maru_try(n, maru_peek(&me->io, me->fds[0], me->buf, 16));
        expect(n == 4 && memcmp(me->buf, "look", 4) == 0);
    }
    maru_try(n, maru_peek(&me->io, me->fds[0], me->buf, 0));
    expect(n == 0);
    maru_try(n, maru_recv(&me->io, me->fds[0], me->buf, 1));
    expect(n == 1);
    maru_try(n, maru_peek(&me->io, me->fds[0], me->buf, 16));
    expect(n == 3 && memcmp(me->buf, "ook", 3) == 0);
    maru_try(n, maru_recv(&me->io, me->fds[0], me->buf, 16));
    expect(n == 3);
    maru_await(n, maru_within(&me->limit, MARU_MSEC, maru_peek(&me->io, me->fds[0], me->buf, 16)));
    expect(n == -ETIMEDOUT);
    close(me->fds[1]);
    for (me->i = 0; me->i < 3; me->i++) {
        maru_try(n, maru_peek(&me->io, me->fds[0], me->buf, 16));
        expect(n == 0);
    }
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_await(n, maru_peek(&me->io, -1, me->buf, 16));
    expect(n == -EBADF);
}
maru_end;

/* conformance 73 */
Test(net, a_peek_takes_nothing, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(peeks, .family = family);
}

struct endings {
    maru_frame frame;
    int fds[2];
    maru_op io;
    char byte;
};

maru_async(endings)
{
    maru_result n;
    expect(pair_new(TCP4, me->fds));
    expect(maru_set_linger(me->fds[1], 0) == 0);
    expect(send(me->fds[1], "lost", 4, 0) == 4);
    maru_try(maru_close(&me->io, me->fds[1]));          /* resets */
    do
        maru_await(n, maru_recv(&me->io, me->fds[0], &me->byte, 1));
    while (n > 0);
    expect(n == -ECONNRESET);
    maru_try(maru_shutdown(&me->io, me->fds[0], SHUT_WR));
    maru_try(maru_shutdown(&me->io, me->fds[0], SHUT_RDWR));
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

/* conformance 73 */
Test(net, linger_zero_resets_and_shutting_down_after_it_is_fine, .timeout = 30)
{
    run_everywhere(endings);
}

/* ---- Unix names ---- */

struct named {
    maru_frame frame;
    const char *name;
    int listener, client, served;
    maru_endpoint at, peer;
    maru_op io;
    char byte, text[MARU_ENDPOINT_TEXT_MAX];
};

maru_async(named)
{
    maru_result n;
    expect(maru_endpoint_unix(me->name, &me->at) == 0);
    expect((me->listener = maru_listen_at(&me->at, NULL)) >= 0);
    expect(maru_listen_at(&me->at, NULL) == -EADDRINUSE);
    expect((me->client = maru_socket(AF_UNIX)) >= 0);
    maru_try(maru_connect(&me->io, me->client, &me->at.any, me->at.len));
    maru_try(n, maru_accept(&me->io, me->listener));
    me->served = (int)n;
    expect(maru_peer_endpoint(me->client, &me->peer) == 0);
    expect(maru_endpoint_text(&me->peer, me->text, sizeof me->text) > 0);
    expect(strcmp(me->text, me->name) == 0);
    maru_try(maru_send(&me->io, me->client, "x", 1));
    maru_try(n, maru_recv(&me->io, me->served, &me->byte, 1));
    expect(n == 1 && me->byte == 'x');
    maru_try(maru_close(&me->io, me->client));
    maru_try(maru_close(&me->io, me->served));
    maru_try(maru_close(&me->io, me->listener));
    if (me->name[0] != '@')
        expect(unlink(me->name) == 0);
    expect((me->client = maru_socket(AF_UNIX)) >= 0);
    maru_await(n, maru_connect(&me->io, me->client, &me->at.any, me->at.len));
    expect(n == (me->name[0] == '@' ? -ECONNREFUSED : -ENOENT));
    maru_try(maru_close(&me->io, me->client));
}
maru_end;

Test(net, unix_streams_meet_at_a_path_or_a_name_without_a_file, .timeout = 30)
{
    char name[64], folder[] = "/tmp/maru-net-XXXXXX", path[64]; /* lint: allow words: a scratch */
    (void)snprintf(name, sizeof name, "@maru-net-%d", (int)getpid());
    run_everywhere(named, .name = name);
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    run_everywhere(named, .name = path);
    cr_assert_eq(rmdir(folder), 0);
}
