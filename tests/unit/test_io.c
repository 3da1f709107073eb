/* test_io.c - choosing a backend, opening and closing drivers, their inboxes. */
#include "tests/unit/io_world.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

static const char *const kinds[] = { "auto", "ring", "ring-coop", "ring-none", "epoll" };
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Rings may be refused here; then the loops below pass them over. */
static bool is_there(uint32_t kind)
{
    struct alloc alloc = { 0 };
    struct io io;
    bool there = io_init(&io, &alloc, kind, 1) == 0;
    if (there)
        io_fini(&io);
    return there;
}

/* The first kind from this one on that is there. */
static uint32_t kind_from(uint32_t kind)
{
    while (kind < KINDS && !is_there(kind))
        kind++;
    return kind;
}

/* ---- choosing ---- */

Test(io, each_kind_has_a_name_in_the_environment, .timeout = 30)
{
    uint32_t kind = 99;
    for (uint32_t i = 0; i < KINDS; i++) {
        setenv("MARU_IO", kinds[i], 1);
        cr_assert_eq(io_kind_from_env(&kind), 0);
        cr_assert_eq(kind, i);
    }
    setenv("MARU_IO", "", 1);
    cr_assert_eq(io_kind_from_env(&kind), 0);
    cr_assert_eq(kind, MARU_IO_AUTO);
    unsetenv("MARU_IO");
    cr_assert_eq(io_kind_from_env(&kind), 0);
    cr_assert_eq(kind, MARU_IO_AUTO);
}

Test(io, a_name_that_is_none_is_refused_without_a_trace, .timeout = 30)
{
    const char *const wrong[] = { "nonsense", "Ring", "ring ", "ring-", "epol", "epolll", "0" };
    int before = count_fds();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        maru_runtime *runtime = NULL;
        setenv("MARU_IO", wrong[i], 1);
        cr_assert_eq(maru_runtime_new(NULL, &runtime), -EINVAL, "%s", wrong[i]);
        cr_assert_null(runtime);
    }
    cr_assert_eq(count_fds(), before);
}

Test(io, a_kind_named_in_the_options_wins_over_the_environment, .timeout = 30)
{
    setenv("MARU_IO", "nonsense", 1);
    struct world world = world_of(&shapes[SHAPE_TWO], MARU_IO_EPOLL);
    cr_assert_str_eq(maru_runtime_io(world.runtime), "epoll");
    world_end(&world, 0);
    setenv("MARU_IO", "epoll", 1);
    world = world_of(&shapes[SHAPE_TWO], MARU_IO_AUTO);
    cr_assert_str_eq(maru_runtime_io(world.runtime), "epoll");
    world_end(&world, 0);
}

Test(io, every_backend_passes_an_echo, .timeout = 30)
{
    for (uint32_t kind = kind_from(MARU_IO_AUTO); kind < KINDS; kind = kind_from(kind + 1)) {
        for (int shape = 0; shape < SHAPES; shape++) {
            struct world world = world_of(&shapes[shape], kind);
            if (kind != MARU_IO_AUTO)
                cr_assert_str_eq(maru_runtime_io(world.runtime), kinds[kind]);
            world_end(&world, maru_block_on(world.runtime, round_trip, .family = TCP4,
                                            .total = 100000, .piece = 3000));
        }
    }
}

/* ---- opening ---- */

Test(io, without_descriptors_no_runtime_and_no_trace, .timeout = 30)
{
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (uint32_t kind = kind_from(MARU_IO_AUTO); kind < KINDS; kind = kind_from(kind + 1)) {
        int fds = count_fds(), rc = -EMFILE, spare = 0;
        maru_options options;
        maru_options_init(&options, sizeof options);
        options.io = kind;
        options.workers = 3;
        for (; rc == -EMFILE && spare < 32; spare++) {
            maru_runtime *runtime = NULL;
            /* Descriptors are numbered without holes: 0 to fds - 3 ("." and ".." do not count). */
            struct rlimit limit = before;
            limit.rlim_cur = (rlim_t)(fds - 3 + spare);
            cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
            rc = maru_runtime_new(&options, &runtime);
            cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
            cr_assert(rc == 0 || rc == -EMFILE, "%s: %s", kinds[kind], maru_err_name(rc));
            cr_assert_eq(runtime == NULL, rc < 0);
            cr_assert_eq(maru_runtime_free(runtime), 0);
            cr_assert_eq(count_fds(), fds);
        }
        cr_assert_eq(rc, 0);
        cr_assert_gt(spare, 1, "the limit was felt");
    }
}

Test(io, without_memory_no_driver_and_no_trace, .timeout = 30)
{
    for (uint32_t kind = kind_from(MARU_IO_AUTO); kind < KINDS; kind = kind_from(kind + 1)) {
        int fds = count_fds();
        bool was_felt = true;
        for (uint64_t nth = 1; was_felt; nth++) {
            struct alloc alloc = { .fail_at = nth };
            struct io io;
            int rc = io_init(&io, &alloc, kind, 3);
            was_felt = alloc.fail_at == 0;
            /* AUTO goes on with the other backend when a ring's memory is what failed. */
            cr_assert(rc == (was_felt ? -ENOMEM : 0) || (rc == 0 && kind == MARU_IO_AUTO),
                      "%s, request %d: %d", kinds[kind], (int)nth, rc);
            io_fini(&io);
            cr_assert_eq(alloc.live_blocks, 0);
            cr_assert_eq(count_fds(), fds);
            cr_assert_lt(nth, 32);
        }
    }
}

/* ---- two at once ---- */

Test(io, two_runtimes_live_side_by_side, .timeout = 30)
{
    for (int a = 0; a < SHAPES; a++) {
        struct world first = world_of(&shapes[a], MARU_IO_AUTO);
        struct world second = world_of(&shapes[SHAPE_TWO], MARU_IO_EPOLL);
        struct world third = world_of(&shapes[SHAPE_SINGLE], MARU_IO_AUTO);
        struct world *const all[] = { &first, &second, &third };
        for (int i = 0; i < 6; i++)
            cr_assert_eq(maru_block_on(all[i % 3]->runtime, round_trip, .family = TCP4,
                                       .total = 20000, .piece = 500),
                         0);
        world_end(&third, 0);
        cr_assert_eq(maru_block_on(first.runtime, round_trip, .family = UNIX, .total = 20000,
                                   .piece = 500),
                     0);
        world_end(&second, 0);
        world_end(&first, maru_block_on(first.runtime, round_trip, .family = UNIX,
                                        .total = 20000, .piece = 500));
    }
}

/* ---- inboxes ---- */

static unsigned woken;

static void keep(maru_waker *waker)
{
    (void)waker;
}

static void wake(maru_waker *waker)
{
    (void)waker;
    woken++;
}

/* The kick that came with a request may have been taken by the turn before. */
Test(io, a_turn_that_takes_a_request_does_not_wait, .timeout = 30)
{
    static const maru_waker_ops ops = { keep, wake, keep };
    maru_waker waker = { &ops };
    const maru_context cx = { &waker, NULL, MARU_GO };
    for (uint32_t kind = kind_from(MARU_IO_RING); kind < KINDS; kind = kind_from(kind + 1)) {
        struct alloc alloc = { 0 };
        struct io io;
        maru_op op = { .stage_ = STAGE_POLL_OVER };
        struct clock clock = { 0 };
        struct local local = { .clock = &clock };
        cr_assert_eq(io_init(&io, &alloc, kind, 1), 0);
        struct driver *driver = io.by_id[0];
        local.driver = driver;
        context_here()->local = &local;
        cr_assert_eq(io.backend->attach(&io.drivers[0]), 0);
        for (int i = 0; i < 10; i++)            /* what setting up has left */
            driver->ops->turn(driver, DRIVER_NO_WAIT);
        woken = 0;
        maru_leaf_wait(&op.leaf_, &cx);
        io_request(&io, 0, &op);
        int64_t began = maru_now();
        driver->ops->turn(driver, 10 * MARU_SEC);
        cr_assert_lt(maru_now() - began, 5 * MARU_SEC, "%s waited", kinds[kind]);
        cr_assert_eq(woken, 1);
        context_here()->local = NULL;
        io_fini(&io);
        cr_assert_eq(alloc.live_blocks, 0);
    }
}

Test(io, a_kick_ends_the_wait_that_comes_after_it, .timeout = 30)
{
    for (uint32_t kind = kind_from(MARU_IO_RING); kind < KINDS; kind = kind_from(kind + 1)) {
        struct alloc alloc = { 0 };
        struct io io;
        cr_assert_eq(io_init(&io, &alloc, kind, 1), 0);
        struct driver *driver = io.by_id[0];
        cr_assert_eq(io.backend->attach(&io.drivers[0]), 0);
        for (int i = 0; i < 50; i++) {
            driver->ops->kick(driver);
            int64_t began = maru_now();
            driver->ops->turn(driver, 10 * MARU_SEC);
            cr_assert_lt(maru_now() - began, 5 * MARU_SEC, "%s waited", kinds[kind]);
        }
        cr_assert_eq(driver->kicks, 50);
        io_fini(&io);
        cr_assert_eq(alloc.live_blocks, 0);
    }
}

Test(io, a_wait_ends_when_its_time_is_up_and_not_before, .timeout = 30)
{
    for (uint32_t kind = kind_from(MARU_IO_RING); kind < KINDS; kind = kind_from(kind + 1)) {
        struct alloc alloc = { 0 };
        struct io io;
        cr_assert_eq(io_init(&io, &alloc, kind, 1), 0);
        struct driver *driver = io.by_id[0];
        cr_assert_eq(io.backend->attach(&io.drivers[0]), 0);
        /* What the kernel still cleans up after the rings before may interrupt a wait. */
        int64_t waited = 0;
        for (int i = 0; i < 10 && waited < 20 * MARU_MSEC; i++) {
            int64_t began = maru_now();
            driver->ops->turn(driver, 20 * MARU_MSEC);
            waited = maru_now() - began;
        }
        cr_assert_geq(waited, 20 * MARU_MSEC, "%s", kinds[kind]);
        cr_assert_lt(waited, 5 * MARU_SEC, "%s", kinds[kind]);
        io_fini(&io);
    }
}
