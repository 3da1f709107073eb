/* runtime.c - the composition root: options, workers with their drivers and threads, main. The
 * only file that knows everybody. */
#include "maru/runtime.h"

#include "io/io.h"
#include "maru/err.h"
#include "maru/metrics.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/sched/guest.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct maru_runtime {
    struct sched sched;
    struct io io;
    struct alloc alloc;
    pthread_t *threads;          /* of workers [first_thread, count) */
    uint32_t first_thread;       /* 1 if worker 0 is the caller's own thread */
    uint32_t started;            /* threads that exist */
    uint32_t flavor;
    uint32_t guests;             /* threads inside maru_block_on; any thread */
    pthread_t owner;             /* of worker 0, if first_thread is 1 */
    bool pin;
    pthread_mutex_t start_mutex;
    pthread_cond_t start_changed;
    uint32_t ready;              /* threads that are attached, or failed to; under start_mutex */
    int start_error;             /* under start_mutex */
};

/* ---- options ---- */

void maru_options_init(maru_options *options, size_t size)
{
    if (!options || size < sizeof options->size)
        return;
    memset(options, 0, size);
    options->size = (uint32_t)size;
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static uint32_t allowed_cpus(cpu_set_t *ret_set)
{
    CPU_ZERO(ret_set);
    if (sched_getaffinity(0, sizeof *ret_set, ret_set) < 0)
        return 1;
    int count = CPU_COUNT(ret_set);
    return count > 0 ? (uint32_t)count : 1;
}

static int workers_from_env(uint32_t *ret_workers)
{
    const char *value = getenv("MARU_WORKERS");
    char *end;
    if (!value || !*value)
        return 0;
    unsigned long workers = strtoul(value, &end, 10);
    if (*end || value[0] == '-' || workers == 0 || workers > WORKERS_MAX)
        return -EINVAL;
    *ret_workers = (uint32_t)workers;
    return 0;
}

/* What the user left at zero; with the environment's word in between. */
static int fill_in(maru_options *options)
{
    cpu_set_t set;
    uint32_t cpus = allowed_cpus(&set);
    if (options->flavor == MARU_FLAVOR_SINGLE)
        options->workers = 1;
    int rc = options->workers == 0 ? workers_from_env(&options->workers) : 0;
    if (rc < 0)
        return rc;
    if (options->workers == 0)
        options->workers = cpus < WORKERS_MAX ? cpus : WORKERS_MAX;
    if (options->budget == 0)
        options->budget = BUDGET_DEFAULT;
    if (options->spin_us == 0)                  /* spinning takes the CPU from who would wake us */
        options->spin_us = options->workers > cpus ? UINT32_MAX
                                                   : (uint32_t)(SPIN_NS_DEFAULT / 1000);
    if (options->seed == 0 && getrandom(&options->seed, sizeof options->seed, GRND_NONBLOCK) < 0)
        options->seed = (uint64_t)clock_real_now();
    return options->io == MARU_IO_AUTO ? io_kind_from_env(&options->io) : 0;
}

static int options_of(const maru_options *user, maru_options *ret_options)
{
    maru_options options = { .size = sizeof options };
    if (user && user->size < sizeof user->size)
        return -EINVAL;
    if (user && user->size > sizeof options &&
        !is_zero((const unsigned char *)user + sizeof options, user->size - sizeof options))
        return -E2BIG;
    if (user)
        memcpy(&options, user, user->size < sizeof options ? user->size : sizeof options);
    if (options.workers > WORKERS_MAX || options.flavor > MARU_FLAVOR_SINGLE ||
        options.io > MARU_IO_EPOLL || options.pin > 1 || options.reserved)
        return -EINVAL;
    if (options.flavor == MARU_FLAVOR_SINGLE && options.workers > 1)
        return -EINVAL;
    int rc = fill_in(&options);
    *ret_options = options;
    return rc;
}

/* ---- threads ---- */

static void pin_to(uint32_t id)
{
    cpu_set_t allowed, one;
    uint32_t nth = id % allowed_cpus(&allowed);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || nth-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);     /* a wish */
        return;
    }
}

static int attach(maru_runtime *runtime, uint32_t id)
{
    struct io_driver *io_driver = &runtime->io.drivers[id];
    return io_driver->backend->attach(io_driver);
}

static void report_start(maru_runtime *runtime, int rc)
{
    pthread_mutex_lock(&runtime->start_mutex);
    runtime->ready++;
    if (rc < 0)
        runtime->start_error = rc;
    pthread_cond_signal(&runtime->start_changed);
    pthread_mutex_unlock(&runtime->start_mutex);
}

static void run_until_stopped(struct worker *worker)
{
    enum step step;
    while ((step = worker_step(worker)) != STEP_STOPPED)
        if (step == STEP_PARK)
            worker_sleep(worker);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    maru_runtime *runtime = worker->sched->ops.runtime;
    if (runtime->pin)
        pin_to(worker->local.id);
    worker_enter(worker);
    int rc = attach(runtime, worker->local.id);
    report_start(runtime, rc);
    if (rc == 0)
        run_until_stopped(worker);
    worker_leave(worker);
    return NULL;
}

/* Signals are the program's business: our threads take none but those they cause. */
static void block_signals(sigset_t *ret_before)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGSEGV);
    sigdelset(&set, SIGBUS);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGILL);
    sigdelset(&set, SIGTRAP);
    sigdelset(&set, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &set, ret_before);
}

static int start_threads(maru_runtime *runtime)
{
    sigset_t before;
    int rc = 0;
    block_signals(&before);
    for (uint32_t id = runtime->first_thread; id < runtime->sched.count && rc == 0; id++) {
        rc = -pthread_create(&runtime->threads[id], NULL, worker_main,
                             &runtime->sched.workers[id]);
        runtime->started += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&runtime->start_mutex);
    while (runtime->ready < runtime->started)
        pthread_cond_wait(&runtime->start_changed, &runtime->start_mutex);
    if (rc == 0)
        rc = runtime->start_error;
    pthread_mutex_unlock(&runtime->start_mutex);
    return rc;
}

static void join_threads(maru_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->started; i++)
        pthread_join(runtime->threads[runtime->first_thread + i], NULL);
}

/* ---- making and freeing ---- */

static size_t threads_size(const maru_runtime *runtime)
{
    return runtime->sched.count * sizeof(pthread_t);
}

static void release(maru_runtime *runtime)
{
    struct alloc alloc;
    if (runtime->io.count)
        io_fini(&runtime->io);
    alloc_put(&runtime->alloc, runtime->threads, threads_size(runtime), sizeof(void *));
    sched_fini(&runtime->sched, &runtime->alloc);
    pthread_mutex_destroy(&runtime->start_mutex);
    pthread_cond_destroy(&runtime->start_changed);
    alloc = runtime->alloc;
    alloc_put(&alloc, runtime, sizeof *runtime, 64);
}

static void connect_rooms(maru_runtime *runtime)
{
    struct sched *sched = &runtime->sched;
    sched->outside.drivers = runtime->io.by_id;
    for (uint32_t id = 0; id < sched->count; id++) {
        struct local *local = &sched->workers[id].local;
        local->driver = runtime->io.by_id[id];
        local->drivers = runtime->io.by_id;
        local->io = &runtime->io;
    }
}

static int build(maru_runtime *runtime, const maru_options *options)
{
    bool spin = options->spin_us != UINT32_MAX;
    struct sched_options sched = { .alloc = &runtime->alloc,
                                   .workers = options->workers,
                                   .budget = options->budget,
                                   .seed = options->seed,
                                   .spin_ns = spin ? options->spin_us * INT64_C(1000) : 0,
                                   .runtime = runtime };
    int rc = sched_init(&runtime->sched, &sched);
    if (rc < 0)
        return rc;
    runtime->threads = alloc_get_zeroed(&runtime->alloc, threads_size(runtime), sizeof(void *));
    if (!runtime->threads)
        return -ENOMEM;
    rc = io_init(&runtime->io, &runtime->alloc, options->io, options->workers);
    if (rc == 0)
        connect_rooms(runtime);
    return rc;
}

/* The caller becomes worker 0, or gets threads for all. */
static int start(maru_runtime *runtime)
{
    int rc = runtime->first_thread ? attach(runtime, 0) : 0;
    if (rc < 0)
        return rc;
    rc = start_threads(runtime);
    if (rc == 0)
        return 0;
    /* Those that run must stop; those that failed are gone. They count as closed. */
    runtime->sched.closed_workers = runtime->sched.count - runtime->started;
    sched_close(&runtime->sched);
    atomic_store_sc(&runtime->sched.stopped, 1u);       /* pairs with is_over: load */
    for (uint32_t id = 0; id < runtime->sched.count; id++)
        worker_notify(&runtime->sched.workers[id]);
    join_threads(runtime);
    return rc;
}

static int runtime_new(const maru_options *user, bool caller_is_worker,
                       maru_runtime **ret_runtime)
{
    struct alloc alloc = { 0 };
    maru_options options;
    int rc = options_of(user, &options);
    if (rc < 0)
        return rc;
    maru_runtime *runtime = alloc_get_zeroed(&alloc, sizeof *runtime, 64);
    if (!runtime)
        return -ENOMEM;
    runtime->alloc = alloc;
    runtime->flavor = options.flavor;
    runtime->first_thread = caller_is_worker || options.flavor == MARU_FLAVOR_SINGLE;
    runtime->owner = pthread_self();
    runtime->pin = options.pin;
    pthread_mutex_init(&runtime->start_mutex, NULL);
    pthread_cond_init(&runtime->start_changed, NULL);
    rc = build(runtime, &options);
    if (rc == 0)
        rc = start(runtime);
    if (rc < 0)
        release(runtime);
    else
        *ret_runtime = runtime;
    return rc;
}

int maru_runtime_new(const maru_options *options, maru_runtime **ret_runtime)
{
    return ret_runtime ? runtime_new(options, false, ret_runtime) : -EINVAL;
}

static bool is_foreign_thread(const maru_runtime *runtime)
{
    return runtime->first_thread && !pthread_equal(runtime->owner, pthread_self());
}

int maru_runtime_free(maru_runtime *runtime)
{
    if (!runtime)
        return 0;
    if (context_here()->local)
        return -EDEADLK;
    if (is_foreign_thread(runtime))
        return -EPERM;
    if (atomic_load_acq(&runtime->guests) > 0)          /* pairs with maru_block_on_image */
        return -EBUSY;
    sched_close(&runtime->sched);
    if (runtime->first_thread) {
        worker_enter(&runtime->sched.workers[0]);
        run_until_stopped(&runtime->sched.workers[0]);
        worker_leave(&runtime->sched.workers[0]);
    }
    join_threads(runtime);
    sched_wait_for_visitors(&runtime->sched);
    release(runtime);
    return 0;
}

/* ---- entering ---- */

maru_task *maru_spawn_image_on(maru_runtime *runtime, const maru_frame *image, size_t size)
{
    if (!runtime)
        return NULL;
    const struct context *here = context_here();
    if (here->task && here->local->ops == &runtime->sched.ops)
        return maru_spawn_image(image, size);
    return guest_spawn(&runtime->sched, image, size);
}

static maru_result block_on(maru_runtime *runtime, const maru_frame *image, size_t size)
{
    struct worker *worker = runtime->first_thread ? &runtime->sched.workers[0] : NULL;
    maru_task *task = guest_spawn(&runtime->sched, image, size);
    bool closing = atomic_load_acq(&runtime->sched.closing);    /* pairs with sched_close */
    if (!task)
        return closing ? -MARU_ESHUTDOWN : -ENOMEM;
    if (worker)
        worker_enter(worker);
    maru_result result = guest_join(task, worker);
    if (worker)
        worker_leave(worker);
    return result;
}

maru_result maru_block_on_image(maru_runtime *runtime, const maru_frame *image, size_t size)
{
    if (!runtime || !image || size < sizeof *image)
        return -EINVAL;
    if (context_here()->local)
        return -EDEADLK;
    if (is_foreign_thread(runtime))
        return -EPERM;
    atomic_add_ar(&runtime->guests, 1u);                /* pairs with maru_runtime_free */
    maru_result result = block_on(runtime, image, size);
    atomic_sub_ar(&runtime->guests, 1u);                /* pairs with maru_runtime_free */
    return result;
}

int maru_main_image(const maru_frame *image, size_t size)
{
    maru_runtime *runtime;
    const char *name = image ? image->future_.type_->name : "maru_main";
    maru_result result = context_here()->local ? -EDEADLK : runtime_new(NULL, true, &runtime);
    if (result == 0) {
        result = maru_block_on_image(runtime, image, size);
        int rc = maru_runtime_free(runtime);
        CHECK(rc == 0);
    }
    if (result < 0)
        fprintf(stderr, "%s: %s (%s)\n", name, maru_err_text((int)result),
                maru_err_name((int)result));
    return result < 0;
}

/* ---- asking ---- */

maru_runtime *maru_runtime_current(void)
{
    const struct context *here = context_here();
    return here->task ? here->local->ops->runtime : NULL;
}

uint32_t maru_runtime_workers(const maru_runtime *runtime)
{
    return runtime->sched.count;
}

const char *maru_runtime_io(const maru_runtime *runtime)
{
    return runtime->io.backend->name;
}

static void add_worker(maru_metrics *metrics, const struct worker *worker,
                       const struct io_driver *io_driver)
{
    metrics->live_tasks += metric_read(&worker->local.spawned);
    metrics->live_tasks -= metric_read(&worker->local.ended);
    metrics->polls += metric_read(&worker->polls);
    metrics->steals += metric_read(&worker->steals);
    metrics->parks += metric_read(&worker->parks);
    metrics->watch_steals += metric_read(&worker->watch_steals);
    metrics->timers_fired += metric_read(&worker->local.timers_fired);
    metrics->kicks += metric_read(&io_driver->driver.kicks);
    metrics->enters += metric_read(&io_driver->driver.enters);
    metrics->empty_enters += metric_read(&io_driver->driver.empty_enters);
    metrics->events += metric_read(&io_driver->driver.events);
    metrics->stale_fds += metric_read(&io_driver->stale_fds);
}

int maru_metrics_read(maru_runtime *runtime, maru_metrics *metrics)
{
    if (!runtime || !metrics || metrics->size < offsetof(maru_metrics, live_tasks))
        return -EINVAL;
    uint32_t size = metrics->size < sizeof *metrics ? metrics->size : sizeof *metrics;
    const struct sched *sched = &runtime->sched;
    maru_metrics sum = { .size = metrics->size, .workers = sched->count };
    sum.live_tasks = metric_read(&sched->outside.spawned) - metric_read(&sched->outside.ended);
    for (uint32_t id = 0; id < sched->count; id++)
        add_worker(&sum, &sched->workers[id], &runtime->io.drivers[id]);
    sum.bytes_allocated = atomic_load_rlx(&runtime->alloc.live_bytes);  /* no partner: a metric */
    memcpy(metrics, &sum, size);
    return 0;
}
