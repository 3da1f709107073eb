/* bad_world.h - what the tests of bad arguments share: a table is a function with one line per call
 * that must be refused, and what it must say.
 *
 *     BAD(-EINVAL, maru_listen(NULL, 16, 1));             a call that returns a number
 *     NONE(maru_sleep_reset(NULL, 0));                    one that returns NULL
 *     NOTHING(maru_reader_init(NULL, 0, NULL, 0));        one that cannot say anything
 *     AWAITED(-EBADF, maru_recv(&me->op, -1, me->data, 1));   an error that the await tells
 *
 * Each line also looks at what is there before and after it: descriptors, memory of the runtime,
 * tasks. A table runs twice, and what the first round had to be given (pages of the table of
 * descriptors, chunks of slabs) is no residue: only the second one counts.
 *
 * Tables run in every place: outside of the runtime, in a task, and in maru_block_on. tests/lint
 * (rule badargs) demands that every public function is called in some table. */
#ifndef MARU_TESTS_UNIT_BAD_WORLD_H
#define MARU_TESTS_UNIT_BAD_WORLD_H

#include <maru.h>

#include "runtime/runtime_parts.h"
#include "tests/support/last_words.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

/* A number of a descriptor that no table of ours holds, and one that is just not open. */
enum { FD_BEYOND = 1 << 20, FD_CLOSED = 1000 };

struct residue {
    int fds;
    uint64_t blocks, tasks;
};

struct bad {
    maru_runtime *runtime;
    const char *place;
    bool looks;                  /* the second round */
    bool inside;                 /* of a task */
    unsigned cases, wrong;
    struct residue before;
    int listener, pair[2], pipe[2], file; /* good descriptors */
};

/* ---- what is there ---- */

UNUSED static int count_fds(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

UNUSED static struct residue residue_of(const struct bad *bad)
{
    struct residue residue = { .fds = count_fds() };
    maru_metrics metrics = { .size = sizeof metrics };
    if (!bad->runtime)
        return residue;
    residue.blocks = atomic_load_rlx(&bad->runtime->alloc.live_blocks);
    if (maru_metrics_read(bad->runtime, &metrics) == 0)
        residue.tasks = metrics.live_tasks;
    return residue;
}

/* ---- judging ---- */

UNUSED static void bad_begin(struct bad *bad)
{
    if (bad->looks)
        bad->before = residue_of(bad);
}

UNUSED static void bad_wrong(struct bad *bad, const char *file, int line, const char *call,
                             const char *why)
{
    bad->wrong++;
    fprintf(stderr, "%s:%d: %s: %s: %s\n", file, line, bad->place, call, why);
}

UNUSED static void bad_residue(struct bad *bad, const char *file, int line, const char *call)
{
    char why[128];
    struct residue after = residue_of(bad);
    if (after.fds == bad->before.fds && after.blocks == bad->before.blocks &&
        after.tasks == bad->before.tasks)
        return;
    (void)snprintf(why, sizeof why, "left %d descriptors, %lld blocks, %lld tasks behind",
                   after.fds - bad->before.fds, (long long)(after.blocks - bad->before.blocks),
                   (long long)(after.tasks - bad->before.tasks));
    bad_wrong(bad, file, line, call, why);
}

UNUSED static void bad_end(struct bad *bad, const char *file, int line, const char *call,
                           maru_result got, maru_result wanted)
{
    char why[128];
    bad->cases++;
    if (got != wanted) {
        (void)snprintf(why, sizeof why, "gave %lld (%s), not %lld (%s)", (long long)got,
                       maru_err_name(got < INT32_MIN ? INT32_MIN : (int)got), (long long)wanted,
                       maru_err_name((int)wanted));
        bad_wrong(bad, file, line, call, why);
    }
    if (bad->looks)
        bad_residue(bad, file, line, call);
}

#define BAD(expected, ...)                                                                      \
    do {                                                                                        \
        bad_begin(bad);                                                                         \
        maru_result got_ = (maru_result)(__VA_ARGS__);                                          \
        bad_end(bad, __FILE__, __LINE__, #__VA_ARGS__, got_, (expected));                       \
    } while (0)

#define NONE(...)    BAD(true, (__VA_ARGS__) == NULL)
#define NOTHING(...) BAD(0, ((__VA_ARGS__), 0))

/* The same in an async function with members `bad` and `got`. */
#define AWAITED(expected, ...)                                                                  \
    do {                                                                                        \
        bad_begin(me->bad);                                                                     \
        maru_await(me->got, __VA_ARGS__);                                                       \
        bad_end(me->bad, __FILE__, __LINE__, #__VA_ARGS__, me->got, (expected));                \
    } while (0)

/* ---- places ---- */

UNUSED static void bad_open(struct bad *bad)
{
    cr_assert_geq(bad->listener = maru_listen_ip("127.0.0.1", 0, 4), 0);
    cr_assert_eq(maru_socket_pair(SOCK_STREAM, bad->pair), 0);
    cr_assert_eq(pipe2(bad->pipe, O_CLOEXEC), 0);
    cr_assert_geq(bad->file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), 0);
}

UNUSED static void bad_close(const struct bad *bad)
{
    const int fds[] = { bad->listener, bad->pair[0], bad->pair[1],
                        bad->pipe[0],  bad->pipe[1], bad->file };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
}

/* workers 0: a SINGLE runtime. */
UNUSED static maru_runtime *bad_runtime(uint32_t workers)
{
    maru_runtime *runtime = NULL;
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    return runtime;
}

/* Joins a task from outside. */
struct joins {
    maru_frame frame;
    maru_task *task;
    maru_join_wait join;
};

maru_async(joins)
{
    maru_result n;
    maru_await(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

/* Not before it has ended, so that the table is alone in the runtime. */
UNUSED static maru_result bad_join(maru_runtime *runtime, maru_task *task)
{
    cr_assert_not_null(task);
    while (!maru_task_is_finished(task))
        sched_yield();
    return maru_block_on(runtime, joins, .task = task);
}

/* A table of plain calls, in a task. */
struct calls {
    maru_frame frame;
    struct bad *bad;
    void (*table)(struct bad *bad);
};

maru_async(calls)
{
    me->table(me->bad);
}
maru_end;

struct bad_place {
    const char *name;
    uint32_t workers;
    bool is_guest;
};

/* One worker: what a second one keeps for itself at its first use would look like residue. */
static const struct bad_place bad_places[] = { { "a task of a SINGLE runtime", 0, true },
                                               { "a task of a MULTI runtime", 1, false },
                                               { "inside of maru_block_on", 1, true } };
enum { BAD_PLACES = sizeof bad_places / sizeof *bad_places };

UNUSED static struct bad bad_at(const struct bad_place *place)
{
    struct bad bad = { .place = place->name, .inside = true };
    bad.runtime = bad_runtime(place->workers);
    bad_open(&bad);
    return bad;
}

UNUSED static void bad_over(struct bad *bad, maru_result result)
{
    cr_expect_eq(result, 0, "%s: %s", bad->place, maru_err_name((int)result));
    bad_close(bad);
    cr_expect_eq(maru_runtime_free(bad->runtime), 0);
    cr_expect_eq(bad->wrong, 0, "%s: %u of %u", bad->place, bad->wrong, bad->cases);
    cr_expect_gt(bad->cases, 0);
}

/* Runs an async table, twice in each place. */
#define BAD_TASKS(...)                                                                          \
    do {                                                                                        \
        for (int at_ = 0; at_ < BAD_PLACES; at_++) {                                            \
            struct bad bad_ = bad_at(&bad_places[at_]);                                         \
            maru_result rc_ = 0;                                                                \
            for (int round_ = 0; round_ < 2 && rc_ == 0; round_++) {                            \
                bad_.looks = round_ == 1;                                                       \
                rc_ = bad_places[at_].is_guest                                                  \
                          ? maru_block_on(bad_.runtime, __VA_ARGS__, .bad = &bad_)              \
                          : bad_join(bad_.runtime, maru_spawn_on(bad_.runtime, __VA_ARGS__,     \
                                                                 .bad = &bad_));                \
            }                                                                                   \
            bad_over(&bad_, rc_);                                                               \
        }                                                                                       \
    } while (0)

/* Runs a table of plain calls twice in each place, and outside of them. */
UNUSED static void bad_calls(void (*table)(struct bad *bad))
{
    struct bad bad = { .place = "outside", .runtime = bad_runtime(2) };
    bad_open(&bad);
    for (int round = 0; round < 2; round++) {
        bad.looks = round == 1;
        table(&bad);
    }
    bad_over(&bad, 0);
    BAD_TASKS(calls, .table = table);
}

#endif
