/* runtime_threads.c - the threads of workers: starting, pinning, their loop, joining. */
#include "runtime/runtime_parts.h"

#include <signal.h>

static void pin_to(uint32_t id)
{
    cpu_set_t allowed, one;
    uint32_t nth = id % runtime_allowed_cpus(&allowed);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || nth-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);     /* a wish */
        return;
    }
}

int runtime_attach(maru_runtime *runtime, uint32_t id)
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

void runtime_run_worker(struct worker *worker)
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
    int rc = runtime_attach(runtime, worker->local.id);
    report_start(runtime, rc);
    if (rc == 0)
        runtime_run_worker(worker);
    worker_leave(worker);
    return NULL;
}

void runtime_block_signals(sigset_t *ret_before)
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

int runtime_start_threads(maru_runtime *runtime)
{
    sigset_t before;
    int rc = 0;
    runtime_block_signals(&before);
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

void runtime_join_threads(maru_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->started; i++)
        pthread_join(runtime->threads[runtime->first_thread + i], NULL);
}
