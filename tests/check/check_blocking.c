/* check_blocking.c - the blocking pool as a plain program, for the sanitizers: thousands of jobs,
 * cancelled at random; a runtime that goes while a job hangs; names, looked up and given up.
 *
 *     check_blocking */
#include "tests/support/blocking_jobs.h"

#include <unistd.h>

static bool jobs_on_one_thread(void)
{
    return jobs_run(0, 0, 0);
}

static bool jobs_on_workers(void)
{
    return jobs_run(1, 2, 0);
}

static bool threads_come_and_go(void)
{
    return jobs_run(2, 2, 1);
}

static bool keep_alive_runs_out(void)
{
    struct blocking_options options = { .threads = 3, .queue = 64, .keep_alive_ns = 0 };
    struct blocking *pool;
    static uint32_t id = RUNS_MOST * JOBS - 1;
    uint32_t wanted = 0;
    if (blocking_new(&options, &pool) < 0)
        return false;
    for (int i = 0; i < 2000; i++)
        wanted += blocking_abandon(pool, work, &id, sizeof id) == 0;
    EVENTUALLY(atomic_load_sc(&records[id].ran) == wanted);
    blocking_free(pool);
    return true;
}

/* ---- what hangs is left behind ---- */

static struct gate hung;

struct gives_up {
    maru_frame frame;
    struct gate *gate;
    maru_blocking_job job;
    maru_timeout limit;
};

static maru_result pass(void *gate)
{
    return gate_pass(*(struct gate **)gate);
}

maru_async(gives_up)
{
    maru_result n;
    me->gate = &hung;
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_blocking_copy(&me->job, pass, NULL, &me->gate,
                                                 sizeof me->gate)));
    maru_return(n == -ETIMEDOUT ? 0 : -EPROTO);
}
maru_end;

static bool runtime_goes_first(void)
{
    maru_runtime *runtime;
    if (maru_runtime_new(NULL, &runtime) < 0)
        return false;
    bool right = maru_block_on(runtime, gives_up) == 0;
    right &= maru_blocking_abandon(runtime, gate_pass, &hung, 0) == 0;
    right &= maru_runtime_free(runtime) == 0;
    gate_open(&hung);
    EVENTUALLY(atomic_load_sc(&hung.passed) == atomic_load_sc(&hung.inside) &&
               atomic_load_sc(&hung.passed) > 0);
    return right;
}

/* ---- names ---- */

/* A machine without /etc/hosts would ask the network; then the numeric address must do. */
static const char *own_host(void)
{
    return access("/etc/hosts", R_OK) == 0 ? "localhost" : "127.0.0.1";
}

struct meets {
    maru_frame frame;
    const char *host;
    maru_binder binder;
    maru_dialer dialer;
    maru_op io;
    char port[8];
    int fds[2];
};

maru_async(meets)
{
    maru_result n;
    me->fds[0] = me->fds[1] = -1;
    maru_try(n, maru_listen_host(&me->binder, me->host, NULL, 4));
    me->fds[0] = (int)n;
    snprintf(me->port, sizeof me->port, "%d", maru_local_port(me->fds[0]));
    maru_try(n, maru_dial(&me->dialer, me->host, me->port));
    me->fds[1] = (int)n;
maru_finally:
    if (me->fds[1] >= 0)
        maru_await(maru_close(&me->io, me->fds[1]));
    if (me->fds[0] >= 0)
        maru_await(maru_close(&me->io, me->fds[0]));
}
maru_end;

static bool names_are_found(void)
{
    maru_runtime *runtime;
    bool right = true;
    if (maru_runtime_new(NULL, &runtime) < 0)
        return false;
    const char *host = own_host();
    for (int i = 0; i < 20; i++)
        right &= maru_block_on(runtime, meets, .host = host) == 0;
    return maru_runtime_free(runtime) == 0 && right;
}

static const struct part {
    const char *name;
    bool (*run)(void);
} parts[] = {
    { "jobs on one thread", jobs_on_one_thread },   { "jobs on workers", jobs_on_workers },
    { "threads come and go", threads_come_and_go }, { "keep-alive runs out", keep_alive_runs_out },
    { "the runtime goes first", runtime_goes_first }, { "names", names_are_found },
};

int main(void)
{
    unsigned passed = 0, failed = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        bool right = parts[i].run();
        printf("%-6s  %s\n", right ? "ok" : "FAILED", parts[i].name);
        passed += right;
        failed += !right;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
