/* test_exhaustion.c - no memory, no descriptors, no threads: every call that needs them says so,
 * has done nothing, and does it the next time.
 *
 * Memory fails by an allocator of the runtime's options, the nth request for every n, until the
 * call succeeds; descriptors by RLIMIT_NOFILE, one more at a time; threads by stacks that are
 * larger than the address space may grow, and by a kernel that refuses them. */
#include "tests/unit/bad_world.h"

#include "tests/unit/seccomp.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- a gate to memory ---- */

static struct {
    uint64_t fail_at;            /* 1: the next request; 0: none */
    uint64_t live;
    bool felt;
} gate;

static void *gate_get(void *arg, size_t size, size_t align)
{
    (void)arg;
    if (atomic_load_rlx(&gate.fail_at) > 0 && atomic_sub_rlx(&gate.fail_at, 1u) == 1) {
        gate.felt = true;
        return NULL;
    }
    atomic_add_rlx(&gate.live, 1u);     /* no partner: a count */
    return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void gate_put(void *arg, void *block, size_t size, size_t align)
{
    (void)arg, (void)size, (void)align;
    atomic_sub_rlx(&gate.live, 1u);     /* no partner: a count */
    free(block);
}

static void gate_set(uint64_t nth)
{
    gate.felt = false;
    atomic_store_rlx(&gate.fail_at, nth);       /* no partner: a test's own */
}

static maru_options options_of(uint32_t workers)
{
    static const maru_allocator allocator = { gate_get, gate_put, NULL };
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    options.allocator = &allocator;
    return options;
}

static maru_runtime *runtime_of(uint32_t workers)
{
    maru_runtime *runtime = NULL;
    const maru_options options = options_of(workers);
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    return runtime;
}

/* ---- calls ----
 *
 * Each gives 0, or what it could not have: a NULL is -ENOMEM, and a descriptor that was made is
 * closed again. */

struct child {
    maru_frame frame;
};

maru_async(child)
{
}
maru_end;

/* A future that has ended, and that every task may await. */
static maru_future *done(void)
{
    static maru_future future;
    return future.type_ ? &future : maru_future_ready(&future, 0);
}

static const struct child image = { .frame = { .future_ = { .type_ = &child_async.type } } };

enum {
    SPAWN,
    SPAWN_FUTURE,
    SCOPE_SPAWN,
    SCOPE_SPAWN_MANY,
    JOIN_SET_SPAWN,
    FD_ADOPT,
    SOCKET,
    SOCKET_PAIR,
    LISTEN,
    UDP,
    DUMP,
    DUMP_EACH,
    DUMP_ON_SIGNAL,
    SIGNAL_OPEN,
    BLOCKING_ABANDON,
    CALLS,                       /* from here on: awaited */
    RECV = CALLS,
    SEND,
    ACCEPT,
    FD_READY,
    SIGNAL_NEXT,
    SIGNAL_ONCE,
    CLOSE,
    BLOCKING,
    BLOCKING_COPY,
    KINDS
};

static const char *const NAMES[KINDS] = {
    [SPAWN] = "spawn",
    [SPAWN_FUTURE] = "spawn_future",
    [SCOPE_SPAWN] = "scope_spawn",
    [SCOPE_SPAWN_MANY] = "scope_spawn_images",
    [JOIN_SET_SPAWN] = "join_set_spawn",
    [FD_ADOPT] = "fd_adopt",
    [SOCKET] = "socket",
    [SOCKET_PAIR] = "socket_pair",
    [LISTEN] = "listen_ip",
    [UDP] = "udp_bind",
    [DUMP] = "dump",
    [DUMP_EACH] = "dump_each",
    [DUMP_ON_SIGNAL] = "dump_on_signal",
    [SIGNAL_OPEN] = "signal_open",
    [BLOCKING_ABANDON] = "blocking_abandon",
    [RECV] = "recv",
    [SEND] = "send",
    [ACCEPT] = "accept",
    [FD_READY] = "fd_ready",
    [SIGNAL_NEXT] = "signal_next",
    [SIGNAL_ONCE] = "signal_once",
    [CLOSE] = "close",
    [BLOCKING] = "blocking",
    [BLOCKING_COPY] = "blocking_copy",
};

struct does {
    maru_frame frame;
    struct bad *bad;
    int kind;
    uint64_t nth;                /* request for memory that fails */
    int fds;                     /* to spare; negative: as many as one likes */
    maru_result rc;
    maru_runtime *runtime;
    maru_scope scope;
    maru_join_set set;
    maru_op op, after;
    maru_timeout limit;
    maru_signal signal;
    maru_signal_wait next;
    maru_signal_once_wait once;
    maru_blocking_job job;
    char byte;
    int extra;
};

static maru_result nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int drop(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

static int drop_task(maru_task *task)
{
    maru_detach(task);
    return task ? 0 : -ENOMEM;
}

static int drop_pair(void)
{
    int fds[2] = { -1, -1 };
    int rc = maru_socket_pair(SOCK_DGRAM, fds);
    (void)drop(fds[0]);
    (void)drop(fds[1]);
    return rc;
}

static int swallow(void *arg, const char *text, size_t len)
{
    (void)arg, (void)text, (void)len;
    return 0;
}

static int begin_and_end_dumps(maru_runtime *runtime, int fd)
{
    int rc = maru_dump_on_signal(runtime, SIGUSR2, fd);
    return rc < 0 ? rc : maru_dump_on_signal(runtime, 0, -1);
}

static maru_result call_of(struct does *me)
{
    maru_frame images[3] = { image.frame, image.frame, image.frame };
    switch (me->kind) {
    case SPAWN:
        return drop_task(maru_spawn_image(&image.frame, sizeof image));
    case SPAWN_FUTURE:
        return drop_task(maru_spawn_future(done()));
    case SCOPE_SPAWN:
        return maru_scope_spawn(&me->scope, child);
    case SCOPE_SPAWN_MANY:
        return maru_scope_spawn_images(&me->frame, &me->scope, images, sizeof *images, 3);
    case JOIN_SET_SPAWN:
        return maru_join_set_spawn(&me->set, child) ? 0 : -ENOMEM;
    case FD_ADOPT:
        return maru_fd_adopt(me->bad->pair[0]);
    case SOCKET:
        return drop(maru_socket(AF_INET));
    case SOCKET_PAIR:
        return drop_pair();
    case LISTEN:
        return drop(maru_listen_ip("127.0.0.1", 0, 1));
    case UDP:
        return drop(maru_udp_bind("127.0.0.1", 0));
    case DUMP:
        return maru_dump(me->bad->runtime, me->bad->pipe[1]);
    case DUMP_EACH:
        return maru_dump_each(me->bad->runtime, swallow, NULL);
    case DUMP_ON_SIGNAL:
        return begin_and_end_dumps(me->bad->runtime, me->bad->pipe[1]);
    case SIGNAL_OPEN:
        return maru_signal_open(&me->signal, SIGUSR1);
    case BLOCKING_ABANDON:
        return maru_blocking_abandon(NULL, nothing, "x", 1);
    }
    return -ENOSYS;
}

/* What nothing comes for waits until its limit: all memory that a wait needs was there then. */
static maru_future *future_of(struct does *me)
{
    maru_future *inner = NULL;
    switch (me->kind) {
    case RECV:
        inner = maru_recv(&me->op, me->bad->pair[0], &me->byte, 1);
        break;
    case SEND:
        return maru_send(&me->op, me->bad->pair[0], "x", 1);
    case ACCEPT:
        inner = maru_accept(&me->op, me->bad->listener);
        break;
    case FD_READY:
        inner = maru_fd_ready(&me->op, me->bad->pipe[0], MARU_READABLE);
        break;
    case SIGNAL_NEXT:
        inner = maru_signal_next(&me->next, &me->signal);
        break;
    case SIGNAL_ONCE:
        inner = maru_signal_once(&me->once, SIGUSR1);
        break;
    case CLOSE:
        return maru_close(&me->op, me->extra);
    case BLOCKING:
        return maru_blocking(&me->job, nothing, NULL);
    case BLOCKING_COPY:
        return maru_blocking_copy(&me->job, nothing, NULL, &me->byte, 1);
    }
    return maru_within(&me->limit, MARU_MSEC, inner);
}

static struct rlimit nofile;

/* Numbers are handed out from the lowest free one on; the files of the test may lie higher. */
static void leave_fds(int spare)
{
    struct rlimit limit = nofile;
    int fds[32], count = 0;
    if (spare < 0)
        return;
    for (; count <= spare; count++)
        fds[count] = dup(0);
    limit.rlim_cur = (rlim_t)fds[spare];
    while (count-- > 0)
        close(fds[count]);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void starve(const struct does *me)
{
    leave_fds(me->fds);
    gate_set(me->nth);
}

static void feed(void)
{
    gate_set(0);
    (void)setrlimit(RLIMIT_NOFILE, &nofile);
}

static maru_result outcome_of(const struct does *me)
{
    if (me->kind == RECV || me->kind == ACCEPT || me->kind == FD_READY || me->kind == SIGNAL_NEXT ||
        me->kind == SIGNAL_ONCE)
        return me->rc == -ETIMEDOUT ? 0 : me->rc;
    return me->rc > 0 ? 0 : me->rc;
}

maru_async(does)
{
    if (me->kind == SIGNAL_NEXT)
        maru_check(maru_signal_open(&me->signal, SIGUSR1));
    if (me->kind == CLOSE && (me->extra = dup(me->bad->pair[1])) < 0)
        maru_return(-errno);
    bool was_felt;
    starve(me);
    if (me->kind < CALLS)
        me->rc = call_of(me);
    else
        maru_await(me->rc, future_of(me));
    was_felt = gate.felt;
    feed();
    gate.felt = was_felt;
    maru_result rc = outcome_of(me);
    if (rc < 0 && (maru_scope_count(&me->scope) > 0 || maru_join_set_count(&me->set) > 0))
        rc = -EPROTO;
    maru_signal_close(&me->signal);
    maru_return(rc);
}
maru_end;

static const struct bad_place *place_of(int at)
{
    return &bad_places[at];
}

static maru_result do_it(const struct bad_place *place, struct bad *bad, int kind, uint64_t nth,
                         int fds)
{
    if (place->is_guest)
        return maru_block_on(bad->runtime, does, .bad = bad, .kind = kind, .nth = nth,
                             .fds = fds);
    return bad_join(bad->runtime, maru_spawn_on(bad->runtime, does, .bad = bad, .kind = kind,
                                                .nth = nth, .fds = fds));
}

/* In the end the tasks that were spawned have ended; abandoned jobs are waited for by nobody. */
static void end_place(struct bad *bad, const char *name, int fds)
{
    bad_close(bad);
    cr_expect_eq(maru_runtime_free(bad->runtime), 0);
    for (int i = 0; i < 5000 && atomic_load_acq(&gate.live) > 0; i++)
        (void)poll(NULL, 0, 1);
    cr_expect_eq(gate.live, 0, "%s, %s: %d blocks", bad->place, name, (int)gate.live);
    cr_expect_eq(count_fds(), fds, "%s, %s", bad->place, name);
}

/* ---- memory ---- */

/* True: the failure was felt. */
static bool without_memory(const struct bad_place *place, int kind, uint64_t nth)
{
    int fds = count_fds();
    struct bad bad = { .place = place->name, .runtime = runtime_of(place->workers) };
    bad_open(&bad);
    maru_result rc = do_it(place, &bad, kind, nth, -1);
    bool felt = gate.felt;
    /* What has no entry in the table is closed all the same. */
    cr_expect_eq(rc, felt && kind != CLOSE ? -ENOMEM : 0, "%s, %s, request %d: %s", place->name,
                 NAMES[kind], (int)nth, maru_err_name((int)rc));
    rc = do_it(place, &bad, kind, 0, -1);
    cr_expect_eq(rc, 0, "%s, %s, after request %d: %s", place->name, NAMES[kind], (int)nth,
                 maru_err_name((int)rc));
    end_place(&bad, NAMES[kind], fds);
    return felt;
}

Test(exhaustion, without_memory_a_call_says_so_and_does_it_the_next_time, .timeout = 60)
{
    enum { REQUESTS = 16 };
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &nofile), 0);
    for (int at = 0; at < BAD_PLACES; at++)
        for (int kind = 0; kind < KINDS; kind++) {
            uint64_t nth = 1;
            while (nth < REQUESTS && without_memory(place_of(at), kind, nth))
                nth++;
            cr_expect_lt(nth, REQUESTS, "%s, %s never succeeds", bad_places[at].name, NAMES[kind]);
        }
}

/* ---- from outside ---- */

enum { BLOCK_ON, BLOCK_ON_FUTURE, SPAWN_ON, SPAWN_FUTURE_ON, OUT_DUMP, OUT_EACH, OUTSIDE };

static maru_result outside(maru_runtime *runtime, int kind, int fd)
{
    switch (kind) {
    case BLOCK_ON:
        return maru_block_on(runtime, child);
    case BLOCK_ON_FUTURE:
        return maru_block_on_future(runtime, done());
    case SPAWN_ON:
        return drop_task(maru_spawn_on(runtime, child));
    case SPAWN_FUTURE_ON:
        return drop_task(maru_spawn_future_on(runtime, done()));
    case OUT_DUMP:
        return maru_dump(runtime, fd);
    case OUT_EACH:
        return maru_dump_each(runtime, swallow, NULL);
    }
    return -ENOSYS;
}

static bool outside_without_memory(uint32_t workers, int kind, uint64_t nth)
{
    maru_runtime *runtime = runtime_of(workers);
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    gate_set(nth);
    maru_result rc = outside(runtime, kind, fds[1]);
    bool felt = gate.felt;
    gate_set(0);
    cr_expect_eq(rc, felt ? -ENOMEM : 0, "%u workers, %d, request %d: %s", workers, kind, (int)nth,
                 maru_err_name((int)rc));
    cr_expect_eq(outside(runtime, kind, fds[1]), 0);
    cr_expect_eq(maru_block_on(runtime, child), 0);
    cr_expect_eq(maru_runtime_free(runtime), 0);
    cr_expect_eq(gate.live, 0);
    close(fds[0]);
    close(fds[1]);
    return felt;
}

Test(exhaustion, without_memory_nothing_begins_from_outside, .timeout = 60)
{
    enum { REQUESTS = 32 };
    for (uint32_t workers = 0; workers < 3; workers++)
        for (int kind = 0; kind < OUTSIDE; kind++) {
            uint64_t nth = 1;
            while (nth < REQUESTS && outside_without_memory(workers, kind, nth))
                nth++;
            cr_expect_gt(nth, 1, "%d needs memory", kind);
            cr_expect_lt(nth, REQUESTS, "%d never succeeds", kind);
        }
}

Test(exhaustion, without_memory_there_is_no_runtime, .timeout = 60)
{
    enum { REQUESTS = 64 };
    for (uint32_t workers = 0; workers < 3; workers++) {
        bool felt = true;
        int fds = count_fds();
        uint64_t nth = 1;
        for (; felt && nth < REQUESTS; nth++) {
            const maru_options options = options_of(workers);
            maru_runtime *runtime = NULL;
            gate_set(nth);
            int rc = maru_runtime_new(&options, &runtime);
            felt = gate.felt;
            gate_set(0);
            /* AUTO goes on with epoll when it is a ring that could not be had. */
            cr_expect(rc == (felt ? -ENOMEM : 0) || (felt && rc == 0), "request %d: %s", (int)nth,
                      maru_err_name(rc));
            cr_expect_eq(runtime == NULL, rc < 0);
            cr_expect_eq(maru_runtime_free(runtime), 0);
            cr_expect_eq(gate.live, 0, "request %d: %d blocks", (int)nth, (int)gate.live);
            cr_expect_eq(count_fds(), fds);
        }
        cr_expect_gt(nth, 4);
        cr_expect_lt(nth, REQUESTS);
    }
}

/* ---- descriptors ---- */

static bool needs_descriptors(int kind)
{
    return kind == SOCKET || kind == SOCKET_PAIR || kind == LISTEN || kind == UDP ||
           kind == DUMP_ON_SIGNAL || kind == SIGNAL_OPEN || kind == SIGNAL_ONCE;
}

/* True: it was refused. On epoll a one-shot poll may need a duplicate; on rings none. */
static bool without_descriptors(const struct bad_place *place, int kind, int spare)
{
    int fds = count_fds();
    struct bad bad = { .place = place->name, .runtime = runtime_of(place->workers) };
    bad_open(&bad);
    maru_result rc = do_it(place, &bad, kind, 0, spare);
    cr_expect(rc == 0 || rc == -EMFILE, "%s, %s with %d: %s", place->name, NAMES[kind], spare,
              maru_err_name((int)rc));
    cr_expect_eq(do_it(place, &bad, kind, 0, -1), 0, "%s, %s after %d", place->name, NAMES[kind],
                 spare);
    end_place(&bad, NAMES[kind], fds);
    return rc < 0;
}

Test(exhaustion, without_descriptors_a_call_says_so_and_does_it_the_next_time, .timeout = 60)
{
    enum { SPARE = 8 };
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &nofile), 0);
    for (int at = 0; at < BAD_PLACES; at++)
        for (int kind = 0; kind < KINDS; kind++) {
            int spare = 0;
            while (spare < SPARE && without_descriptors(place_of(at), kind, spare))
                spare++;
            cr_expect(spare > 0 || !needs_descriptors(kind), "%s needs none", NAMES[kind]);
            cr_expect_lt(spare, SPARE, "%s, %s never succeeds", bad_places[at].name, NAMES[kind]);
        }
}

/* A client that could not be accepted is the next one's. */
struct accepts {
    maru_frame frame;
    struct bad *bad;
    int fds;
    maru_op op, other;
    maru_result first, client;
    maru_timeout limit;
};

maru_async(accepts)
{
    leave_fds(0);
    maru_await(me->first, maru_accept(&me->op, me->bad->listener));
    feed();
    maru_try(me->client, maru_within(&me->limit, 10 * MARU_SEC,
                                     maru_accept(&me->op, me->bad->listener)));
    maru_await(maru_close(&me->op, (int)me->client));
    maru_return(me->first);
}
maru_end;

static int client_of(int listener)
{
    maru_endpoint endpoint;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(maru_local_endpoint(listener, &endpoint), 0);
    cr_assert_eq(connect(fd, &endpoint.any, endpoint.len), 0);
    return fd;
}

Test(exhaustion, a_client_for_whom_there_is_no_descriptor_stays, .timeout = 60)
{
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &nofile), 0);
    for (int at = 0; at < BAD_PLACES; at++) {
        int fds = count_fds();
        struct bad bad = { .place = bad_places[at].name,
                           .runtime = runtime_of(bad_places[at].workers) };
        bad_open(&bad);
        int client = client_of(bad.listener);
        maru_result rc = bad_places[at].is_guest
                             ? maru_block_on(bad.runtime, accepts, .bad = &bad)
                             : bad_join(bad.runtime, maru_spawn_on(bad.runtime, accepts,
                                                                   .bad = &bad));
        cr_expect_eq(rc, -EMFILE, "%s: %s", bad.place, maru_err_name((int)rc));
        close(client);
        end_place(&bad, "accept", fds);
    }
}

Test(exhaustion, a_foreign_loop_asks_again_for_its_descriptor, .timeout = 60)
{
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &nofile), 0);
    maru_runtime *runtime = runtime_of(0);
    bool is_ring = strncmp(maru_runtime_io(runtime), "ring", 4) == 0;
    leave_fds(0);
    int fd = maru_backend_fd(runtime);
    feed();
    cr_assert_eq(fd < 0 ? fd : 0, is_ring ? -EMFILE : 0);
    cr_assert_geq(maru_backend_fd(runtime), 0);
    cr_assert_eq(maru_runtime_free(runtime), 0);
    cr_assert_eq(gate.live, 0);
}

Test(exhaustion, without_descriptors_there_is_no_runtime, .timeout = 60)
{
    enum { SPARE = 24 };
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &nofile), 0);
    for (uint32_t workers = 0; workers < 3; workers++) {
        int spare = 0, rc = -EMFILE, fds = count_fds();
        for (; rc < 0 && spare < SPARE; spare++) {
            const maru_options options = options_of(workers);
            maru_runtime *runtime = NULL;
            leave_fds(spare);
            rc = maru_runtime_new(&options, &runtime);
            feed();
            cr_expect(rc == 0 || rc == -EMFILE, "%d: %s", spare, maru_err_name(rc));
            cr_expect_eq(runtime == NULL, rc < 0);
            cr_expect_eq(maru_runtime_free(runtime), 0);
            cr_expect_eq(gate.live, 0);
            cr_expect_eq(count_fds(), fds);
        }
        cr_expect_gt(spare, 1);
        cr_expect_eq(rc, 0);
    }
}

/* ---- threads ---- */

static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Each stack needs 64 MiB of the address space, and so many of them fit. */
Test(exhaustion, without_the_nth_thread_the_others_are_not_kept, .timeout = 60)
{
    const rlim_t stack = 64 << 20;
    struct rlimit before;
    int refused = 0, fds = count_fds(), rc = -EAGAIN;
    cr_assert_eq(getrlimit(RLIMIT_AS, &before), 0);
    for (rlim_t room = 0; rc < 0 && room < 12; room++) {
        maru_options options = options_of(4);
        struct rlimit limit = before;
        maru_runtime *runtime = NULL;
        options.stack_bytes = stack;
        limit.rlim_cur = address_space() + room * stack + (16 << 20);
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
        rc = maru_runtime_new(&options, &runtime);
        cr_assert_eq(setrlimit(RLIMIT_AS, &before), 0);
        refused += rc == -EAGAIN;
        cr_expect(rc == 0 || rc == -EAGAIN || rc == -ENOMEM, "%d: %s", (int)room,
                  maru_err_name(rc));
        cr_expect_eq(maru_runtime_free(runtime), 0);
        cr_expect_eq(gate.live, 0);
        cr_expect_eq(count_fds(), fds);
    }
    cr_expect_eq(rc, 0);
    cr_expect_gt(refused, 1);
}

Test(exhaustion, a_stack_that_nobody_has_is_refused, .timeout = 60)
{
    int fds = count_fds();
    maru_options options = options_of(2);
    maru_runtime *runtime = NULL;
    options.stack_bytes = (uint64_t)1 << 50;
    cr_assert_eq(maru_runtime_new(&options, &runtime), -EAGAIN);
    options.stack_bytes = UINT64_MAX;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert(rc == -EAGAIN || rc == -EINVAL, "%s", maru_err_name(rc));
    cr_assert_null(runtime);
    cr_assert_eq(gate.live, 0);
    cr_assert_eq(count_fds(), fds);
}

struct threadless {
    maru_frame frame;
    maru_blocking_job job;
    maru_resolver resolver;
    maru_addresses *found;
    maru_result a, b, c, d;
    char byte;
};

maru_async(threadless)
{
    maru_await(me->a, maru_blocking(&me->job, nothing, NULL));
    maru_await(me->b, maru_blocking_try(&me->job, nothing, NULL));
    maru_await(me->c, maru_blocking_copy(&me->job, nothing, NULL, &me->byte, 1));
    maru_await(me->d, maru_resolve(&me->resolver, "a-name-to-look-up", "1", &me->found));
    bool refused = me->a == -EAGAIN && me->b == -EAGAIN && me->c == -EAGAIN && me->d == -EAGAIN;
    maru_return(refused && !me->found ? 0 : -EPROTO);
}
maru_end;

Test(exhaustion, without_threads_only_single_runtimes_are_made, .timeout = 60)
{
    maru_options options = options_of(2);
    maru_runtime *runtime = NULL, *single = NULL;
    int fds = count_fds();
    if (!refuse_call(SYS_clone3, -1, EAGAIN) || !refuse_call(SYS_clone, -1, EAGAIN))
        return;                                 /* no filters here */
    cr_assert_eq(maru_runtime_new(&options, &runtime), -EAGAIN);
    cr_assert_null(runtime);
    cr_assert_eq(gate.live, 0);
    cr_assert_eq(count_fds(), fds);
    options = options_of(0);
    cr_assert_eq(maru_runtime_new(&options, &single), 0);
    fds = count_fds();
    cr_assert_eq(maru_dump_on_signal(single, SIGUSR2, STDERR_FILENO), -EAGAIN);
    cr_assert_eq(maru_blocking_abandon(single, nothing, NULL, 0), -EAGAIN);
    cr_assert_eq(maru_block_on(single, threadless), 0);
    cr_assert_eq(count_fds(), fds);
    cr_assert_eq(maru_block_on(single, child), 0);
    cr_assert_eq(maru_runtime_free(single), 0);
    cr_assert_eq(gate.live, 0);
}
