/*
 * Models of the blocking pool (runtime/sched/blocking.c) and of waiting for its jobs, with real
 * tasks.  Threads of the system are the model's, starting one may fail, a nap is a word, and an
 * idle thread's time is up at any moment.  What is not run, or not freed, shows as a deadlock, a
 * leak or a use after free.
 */
#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"
#include "runtime/sched/blocking.h"
#include "task_support.h"

#include "maru/err.h"

#define UNSEEN __attribute__((no_sanitize("thread")))

/* ---- the system ---- */

static struct {
    unsigned starts_that_fail;   /* each of the first ones may */
    int started, joined, detached;
} system_;

static UNSEEN void system_begin(unsigned starts_that_fail)
{
    system_.starts_that_fail = starts_that_fail;
    system_.started = system_.joined = system_.detached = 0;
}

static UNSEEN bool start_may_fail(void)
{
    if (system_.starts_that_fail == 0)
        return false;
    system_.starts_that_fail--;
    return true;
}

static UNSEEN void count(int *what)
{
    ++*what;
}

static void thread_main(void *job)
{
    blocking_run(job);
}

int blocking_thread_start(const struct blocking_options *options, maru_blocking_job *job)
{
    (void)options;
    if (start_may_fail() && mc_choose(2) == 1)
        return -EAGAIN;
    count(&system_.started);
    mc_spawn(thread_main, job);
    return 0;
}

pthread_t blocking_thread_self(void)
{
    return mc_self();
}

void blocking_thread_name(uint32_t number)
{
    (void)number;
}

void blocking_thread_join(pthread_t handle)
{
    count(&system_.joined);
    mc_join((int)handle);
}

void blocking_thread_detach(pthread_t handle)
{
    (void)handle;
    count(&system_.detached);
}

/* ---- naps ---- */

static uint32_t *posts(struct nap *nap)
{
    return &nap->posts;
}

void nap_init(struct nap *nap)
{
    atomic_store_rlx(posts(nap), 0u);
}

void nap_fini(struct nap *nap)
{
    MC_CHECK(atomic_load_rlx(posts(nap)) == 0); /* B3: each post was taken */
}

void nap_post(struct nap *nap)
{
    uint32_t before = atomic_exchange_rel(posts(nap), 1u); /* pairs with nap_wait */
    MC_CHECK(before == 0);                                 /* B3: one post for each taking */
}

bool nap_wait(struct nap *nap, int64_t ns)
{
    while (!atomic_exchange_acq(posts(nap), 0u)) { /* pairs with nap_post */
        if (ns >= 0) {
            mc_yield();
            return atomic_exchange_acq(posts(nap), 0u);
        }
        mc_relax();
    }
    return true;
}

/* ---- the pool and its jobs ---- */

static struct blocking *pool;
static struct clock clock_of_all;
static uint32_t runs, drops;

static void begin(uint32_t threads, int64_t keep_alive_ns)
{
    const struct blocking_options options = {
        .threads = threads, .queue = 4, .keep_alive_ns = keep_alive_ns};
    stage_begin();
    system_begin(0);
    MC_CHECK(blocking_new(&options, &pool) == 0);
    for (unsigned i = 0; i < STAGE_RUNNERS; i++) {
        stage_local(i)->blocking = pool;
        stage_local(i)->clock = &clock_of_all;
    }
    mc_label(&pool->lock, "lock");
    mc_label(&runs, "runs");
}

static maru_result run_once(void *unused)
{
    (void)unused;
    atomic_add_rlx(&runs, 1u);
    return 7;
}

static void drop_once(void *unused)
{
    (void)unused;
    atomic_add_rlx(&drops, 1u);
}

static uint32_t gate, accepted;

/* Runs until it is let go, as one that hangs would. */
static maru_result hang(void *unused)
{
    (void)unused;
    while (!atomic_load_acq(&gate)) /* pairs with the model's store */
        mc_relax();
    return run_once(NULL);
}

static void abandon(void *unused)
{
    (void)unused;
    if (blocking_abandon(pool, run_once, NULL, 0) == 0)
        atomic_add_rlx(&accepted, 1u);
}

/* The runtime has gone, and so have all threads; the explorer looks for leaks. */
static void end(void)
{
    blocking_free(pool);
    MC_CHECK(system_.joined == system_.started);
    MC_CHECK(system_.detached == 0);
}

/* ---- without tasks: submitting, resting, starting, leaving ---- */

static void two_submitters(void)
{
    begin(1, NAP_FOR_EVER);
    int other = mc_spawn(abandon, NULL);
    abandon(NULL);
    mc_join(other);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(accepted == 2 && runs == 2);
}

static void two_submitters_of_two(void)
{
    begin(2, NAP_FOR_EVER);
    int other = mc_spawn(abandon, NULL);
    abandon(NULL);
    mc_join(other);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(accepted == 2 && runs == 2);
}

static void time_is_up_against_submit(void)
{
    begin(1, 0);
    abandon(NULL);
    abandon(NULL);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(accepted == 2 && runs == 2);
}

static void time_is_up_against_end(void)
{
    begin(2, 0);
    abandon(NULL);
    while (atomic_load_rlx(&runs) < 1)
        mc_relax();
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(runs == 1);
}

/* Each of two starts may fail: what was accepted runs, what was not does not. */
static void starts_fail(void)
{
    begin(2, NAP_FOR_EVER);
    system_begin(2);
    int other = mc_spawn(abandon, NULL);
    abandon(NULL);
    mc_join(other);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(runs == accepted);
    MC_CHECK(system_.started > 0 || accepted == 0);
    MC_CHECK(system_.started == 0 || accepted > 0);
}

static void only_start_fails(void)
{
    begin(1, NAP_FOR_EVER);
    system_begin(2);
    int other = mc_spawn(abandon, NULL);
    abandon(NULL);
    mc_join(other);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(runs == accepted);
}

/* The first job hangs, the second waits behind it: the runtime goes, and they run. */
static void end_leaves_what_hangs(void)
{
    begin(1, NAP_FOR_EVER);
    MC_CHECK(blocking_abandon(pool, hang, NULL, 0) == 0);
    abandon(NULL);
    blocking_free(pool); /* a deadlock, if it waited */
    atomic_store_rel(&gate, 1u);
    mc_join_all();
    MC_CHECK(runs == 2);
    MC_CHECK(system_.joined + system_.detached == system_.started);
}

/* One hangs, one is done and idle, or about to leave. */
static void end_joins_the_other(void)
{
    begin(2, 0);
    MC_CHECK(blocking_abandon(pool, hang, NULL, 0) == 0);
    abandon(NULL);
    blocking_free(pool);
    atomic_store_rel(&gate, 1u);
    mc_join_all();
    MC_CHECK(runs == 2);
    MC_CHECK(system_.joined + system_.detached == system_.started);
}

/* ---- with tasks ---- */

static uint32_t resolved, cancelled;

static void tell(maru_result result)
{
    MC_CHECK(result == 7 || result == -ECANCELED || result == -EAGAIN);
    atomic_add_rlx(&resolved, 1u);
    if (result < 0)
        atomic_add_rlx(&cancelled, 1u);
}

struct waits {
    maru_frame frame;
    maru_blocking_job job;
};

maru_async(waits)
{
    maru_result result;
    maru_await(result, maru_blocking(&me->job, run_once, NULL));
    tell(result);
}
maru_end;

struct copies {
    maru_frame frame;
    maru_blocking_job job;
    uint64_t arg;
};

static maru_result set_arg(void *arg)
{
    *(uint64_t *)arg += 1; /* plain: a race, if the frame looked at it */
    return run_once(NULL);
}

maru_async(copies)
{
    maru_result result;
    me->arg = 40;
    maru_await(result, maru_blocking_copy(&me->job, set_arg, drop_once, &me->arg, sizeof me->arg));
    tell(result);
    MC_CHECK(me->arg == (result == 7 ? 41 : 40));
}
maru_end;

static void cancel_it(maru_task *task)
{
    maru_cancel(task);
    maru_detach(task);
}

static void awaited(void)
{
    begin(1, NAP_FOR_EVER);
    (void)STAGE_START(0, waits);
    stage_run(NULL);
    end();
    MC_CHECK(runs == 1 && resolved == 1 && cancelled == 0);
}

static void two_awaited(void)
{
    begin(1, NAP_FOR_EVER);
    (void)STAGE_START(0, waits);
    (void)STAGE_START(0, waits);
    stage_run(NULL);
    end();
    MC_CHECK(runs == 2 && resolved == 2 && cancelled == 0);
}

static void awaited_starts_fail(void)
{
    begin(2, NAP_FOR_EVER);
    system_begin(1);
    (void)STAGE_START(0, waits);
    (void)STAGE_START(0, waits);
    stage_run(NULL);
    end();
    MC_CHECK(resolved == 2 && runs + cancelled == 2);
}

/* The only thread is busy: the cancel takes the job back, or its thread has it. */
static void cancel_against_take(void)
{
    begin(1, NAP_FOR_EVER);
    abandon(NULL);
    maru_task *task = STAGE_START(STATE_HANDLE, waits);
    stage_step();
    cancel_it(task);
    stage_run(NULL);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(resolved == 1 && runs + cancelled == 2);
}

/* A copy that runs is given up, or delivered; or withdrawn before it ran. */
static void copy_is_given_up(void)
{
    begin(1, NAP_FOR_EVER);
    maru_task *task = STAGE_START(STATE_HANDLE, copies);
    stage_step();
    cancel_it(task);
    stage_run(NULL);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(resolved == 1 && (cancelled == 1 ? runs == drops : runs == 1 && drops == 0));
}

static void queued_copy_is_withdrawn(void)
{
    begin(1, NAP_FOR_EVER);
    abandon(NULL);
    maru_task *task = STAGE_START(STATE_HANDLE, copies);
    stage_step();
    cancel_it(task);
    stage_run(NULL);
    blocking_free(pool);
    mc_join_all();
    MC_CHECK(resolved == 1 && (cancelled == 1 ? runs == drops + 1 : runs == 2 && drops == 0));
}

static const struct mc_model models[] = {
    {.name = "two_submitters",
     .claim = "B2 B6: a job that finds the only thread busy, or being started, is run by it",
     .body = two_submitters,
     .bound = 1},
    {.name = "two_submitters_of_two",
     .claim = "B1 B6: two jobs and two threads: each job runs once",
     .body = two_submitters_of_two,
     .bound = 1,
     .limit = 80000},
    {.name = "time_is_up_against_submit",
     .claim = "B2 B3: a thread whose time is up has left, or runs the job it was given",
     .body = time_is_up_against_submit,
     .bound = 2},
    {.name = "time_is_up_against_end",
     .claim = "B3 B7: a thread whose time is up leaves once, and is joined",
     .body = time_is_up_against_end,
     .bound = 2},
    {.name = "starts_fail",
     .claim = "B2: no job is orphaned if a thread cannot be made",
     .body = starts_fail,
     .bound = 1,
     .limit = 80000},
    {.name = "only_start_fails",
     .claim = "B2: the same with one thread at most, which both want to make",
     .body = only_start_fails,
     .bound = 1},
    {.name = "end_leaves_what_hangs",
     .claim = "B7: the runtime goes while a job hangs; what is queued runs; the last one frees",
     .body = end_leaves_what_hangs,
     .bound = 2},
    {.name = "end_joins_the_other",
     .claim = "B7: of two threads the one that hangs is left alone",
     .body = end_joins_the_other,
     .bound = 1},
    {.name = "awaited",
     .claim = "B4: a job completes its wait, and the pool ends after it",
     .body = awaited,
     .bound = 2},
    {.name = "two_awaited",
     .claim = "B2 B4: the same with one that waits for its turn",
     .body = two_awaited,
     .bound = 1},
    {.name = "awaited_starts_fail",
     .claim = "B2: a wait whose thread cannot be made ends with an error, or runs elsewhere",
     .body = awaited_starts_fail,
     .bound = 1,
     .limit = 80000},
    {.name = "cancel_against_take",
     .claim = "B1: a queued job is withdrawn or run, never both",
     .body = cancel_against_take,
     .bound = 1,
     .limit = 120000},
    {.name = "copy_is_given_up",
     .claim = "B5: a copy is delivered, or dropped by its thread, and its memory freed once",
     .body = copy_is_given_up,
     .bound = 1},
    {.name = "queued_copy_is_withdrawn",
     .claim = "B1 B5: the same while it may still be queued",
     .body = queued_copy_is_withdrawn,
     .bound = 1,
     .limit = 120000},
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
