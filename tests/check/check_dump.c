/* check_dump.c - dumps in a loop, of a runtime whose workers never rest; for the sanitizers as
 * well as for the plain build.
 *
 *     check_dump [--rounds N] [--quick]
 *
 * Two threads dump, and a signal does, while four workers spawn, cancel, join, race, sleep, limit,
 * send and receive. Every part of a dump is whole, its sums are right, no wake is lost (a task that
 * is not woken is never joined, and the program hangs), and as many tasks end as began. Timing
 * decides nothing. */
#include "runtime/base/rng.h"
#include "tests/check/stress.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS = 4, CHURNERS = 24, PAIRS = 4 };

static maru_runtime *runtime;
static uint64_t begun, ended;    /* any thread */
static uint32_t over;            /* the dumpers have seen enough */

/* ---- the churn ---- */

struct nap {
    maru_frame frame;
    int64_t ns;
    maru_sleep sleep;
};

maru_async(nap)
{
    atomic_add_rlx(&begun, UINT64_C(1));
    maru_try(maru_sleep_for(&me->sleep, me->ns));
maru_finally:
    atomic_add_rlx(&ended, UINT64_C(1));
}
maru_end;

struct quick {
    maru_frame frame;
};

maru_async(quick)
{
    atomic_add_rlx(&begun, UINT64_C(1));
    atomic_add_rlx(&ended, UINT64_C(1));
    maru_return(0);
}
maru_end;

struct churner {
    maru_frame frame;
    struct rng rng;
    maru_task *task;
    maru_join_wait join;
    maru_scope kids;
    maru_pause pause;
    maru_timeout limit;
    struct nap a, b;
    unsigned turn;
};

maru_async(churner)
{
    maru_result rc;
    atomic_add_rlx(&begun, UINT64_C(1));
    while (!atomic_load_acq(&over)) {
        me->turn = rng_below(&me->rng, 6);
        if (me->turn == 0) {
            me->task = maru_spawn(nap, .ns = MARU_SEC * 3600);
            maru_try(maru_yield(&me->pause));
            maru_cancel(me->task);
            maru_await(rc, maru_join_task(&me->join, me->task));
        } else if (me->turn == 1) {
            for (uint32_t n = rng_below(&me->rng, 8); n > 0; n--)
                maru_check(maru_scope_spawn(&me->kids, quick));
            maru_check(maru_scope_spawn(&me->kids, nap, .ns = MARU_USEC * 300));
            maru_try(maru_scope_wait(&me->kids));
        } else if (me->turn == 2) {
            maru_select(rc, maru_call(nap, &me->a, .ns = MARU_USEC * 200),
                        maru_call(nap, &me->b, .ns = MARU_SEC * 3600));
            maru_check(rc);
        } else if (me->turn == 3) {
            maru_await(rc, maru_within(&me->limit, MARU_USEC * 200,
                                       maru_call(nap, &me->a, .ns = MARU_SEC * 3600)));
        } else if (me->turn == 4) {
            maru_check(maru_scope_spawn(&me->kids, nap, .ns = MARU_SEC * 3600));
            maru_try(maru_yield(&me->pause));
            maru_scope_cancel(&me->kids);
            maru_await(rc, maru_scope_wait(&me->kids));
        } else {
            maru_task *task = maru_spawn(nap, .ns = MARU_USEC * 100);
            maru_detach(task);
            maru_try(maru_yield(&me->pause));
        }
    }
maru_finally:
    atomic_add_rlx(&ended, UINT64_C(1));
}
maru_end;

/* Sends a byte to and fro; who begins sends the first, and the end by shutting down. */
struct player {
    maru_frame frame;
    int fd;
    bool begins;
    char byte;
    maru_op op;
    maru_timeout limit;
};

maru_async(player)
{
    maru_result n;
    atomic_add_rlx(&begun, UINT64_C(1));
    if (me->begins)
        maru_try(maru_send_all(&me->op, me->fd, &me->byte, 1));
    for (;;) {
        maru_try(n, maru_within(&me->limit, MARU_SEC * 3600,
                                maru_recv(&me->op, me->fd, &me->byte, 1)));
        if (n == 0 || (me->begins && atomic_load_acq(&over)))
            break;
        maru_try(maru_send_all(&me->op, me->fd, &me->byte, 1));
    }
maru_finally:
    maru_await(maru_close(&me->op, me->fd));
    atomic_add_rlx(&ended, UINT64_C(1));
}
maru_end;

struct everything {
    maru_frame frame;
    maru_scope kids;
};

maru_async(everything)
{
    for (unsigned i = 0; i < CHURNERS; i++)
        maru_check(maru_scope_spawn(&me->kids, churner, .rng = { settings.seed + i }));
    for (unsigned i = 0; i < PAIRS; i++) {
        int fds[2];
        maru_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
        for (int side = 0; side < 2; side++)
            maru_check(maru_scope_spawn(&me->kids, player, .fd = fds[side], .begins = side == 0));
    }
    maru_try(maru_scope_wait(&me->kids));
}
maru_end;

/* ---- the dumps ---- */

struct seen {
    unsigned long long tasks, parts, sum;
    bool right;
};

static int check_part(void *arg, const char *text, size_t len)
{
    struct seen *seen = arg;
    bool is_task = strncmp(text, "task 0x", 7) == 0;
    unsigned long long n[4];
    seen->parts++;
    seen->tasks += is_task;
    seen->right &= len == strlen(text) && text[len - 1] == '\n' && strstr(text, " ...\n") == NULL;
    if (is_task)
        seen->right &= strstr(text, " function=") != NULL;
    else if (sscanf(text, "end tasks=%llu idle=%llu queued=%llu running=%llu done=%llu\n",
                    &seen->sum, &n[0], &n[1], &n[2], &n[3]) == 5)
        seen->right &= n[0] + n[1] + n[2] + n[3] == seen->sum;
    else
        seen->right &= strncmp(text, "runtime 0x", 10) == 0 && seen->parts == 1;
    return 0;
}

static bool dump_once(void)
{
    struct seen seen = { .right = true };
    REQUIRE(maru_dump_each(runtime, check_part, &seen) == 0);
    REQUIRE(seen.right && seen.sum == seen.tasks && seen.parts == seen.tasks + 2);
    return true;
}

static void *dump_beside(void *null)
{
    bool right = true;
    while (right && !atomic_load_acq(&over))
        right = maru_dump(runtime, *(int *)null) == 0 && dump_once();
    return right ? null : NULL;
}

static bool dump_often(int *null)
{
    pthread_t beside;
    void *right;
    REQUIRE(pthread_create(&beside, NULL, dump_beside, null) == 0);
    for (uint64_t round = 0; round < settings.rounds; round++) {
        raise(SIGUSR1);
        REQUIRE(dump_once());
    }
    atomic_store_rel(&over, 1u);
    pthread_join(beside, &right);
    REQUIRE(right);
    return true;
}

static bool part_dump(void)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.workers = WORKERS;
    REQUIRE(maru_runtime_new(&options, &runtime) == 0);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    REQUIRE(maru_dump_on_signal(runtime, SIGUSR1, null) == 0);
    maru_task *task = maru_spawn_on(runtime, everything);
    REQUIRE(task);
    bool right = dump_often(&null);
    atomic_store_rel(&over, 1u);
    while (!maru_task_is_finished(task))
        REQUIRE(dump_once());                   /* also while they all end */
    maru_detach(task);
    REQUIRE(maru_runtime_free(runtime) == 0);
    close(null);
    REQUIRE(begun == ended);
    printf("%llu tasks\n", (unsigned long long)begun);
    return right;
}

/* Freed in the middle of it all. */
static bool part_free(void)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.workers = WORKERS;
    over = 0;
    for (uint64_t round = 0; round < settings.rounds / 100; round++) {
        begun = ended = 0;
        REQUIRE(maru_runtime_new(&options, &runtime) == 0);
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        REQUIRE(maru_dump_on_signal(runtime, SIGUSR1, null) == 0);
        maru_task *task = maru_spawn_on(runtime, everything);
        REQUIRE(task);
        maru_detach(task);
        REQUIRE(dump_once());
        raise(SIGUSR1);                         /* it dumps while the tasks are cancelled */
        REQUIRE(maru_runtime_free(runtime) == 0);
        close(null);
        REQUIRE(begun == ended);
    }
    return true;
}

int main(int argc, char **argv)
{
    unsigned passed = 0;
    settings.rounds = 3000;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            settings.rounds = 60;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            settings.rounds = strtoull(argv[++i], NULL, 10);
    }
    passed += part_dump();
    passed += part_free();
    printf("%u passed, %u failed\n", passed, 2 - passed);
    return passed != 2;
}
