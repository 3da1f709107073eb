/* runtime_threads.c - the threads of workers: starting, naming, pinning, their loop, joining.
 *
 *     made -> attached to its driver -> (all are, or one failed) -> runs -> has left its loop
 *
 * Nothing runs before all threads are there, so a runtime that cannot be made has done nothing. */
#include "runtime/runtime_parts.h"

#include "runtime/base/signals.h"
#include "runtime/runtime_cpus.h"

#include <stdio.h>
#include <string.h>

/* ---- what a thread is like ---- */

static void pin_to(uint32_t id)
{
    struct cpus allowed;
    (void)cpus_allowed(&allowed);
    cpus_pin(cpus_nth(&allowed, id));
}

/* The number is what tells threads apart: a long name loses its end to it. */
void runtime_name_thread(const maru_runtime *runtime, char kind, uint32_t number)
{
    char name[2 * THREAD_NAME_BYTES], tail[THREAD_NAME_BYTES];
    size_t tail_len = (size_t)snprintf(tail, sizeof tail, "-%c-%u", kind, number);
    size_t len = strnlen(runtime->name, THREAD_NAME_BYTES - 1 - tail_len);
    memcpy(name, runtime->name, len);
    memcpy(name + len, tail, tail_len + 1);
    (void)pthread_setname_np(pthread_self(), name);     /* a wish */
}

int runtime_attach(maru_runtime *runtime, uint32_t id)
{
    struct io_driver *io_driver = &runtime->io.drivers[id];
    return io_driver->backend->attach(io_driver);
}

/* ---- a worker's thread ---- */

/* True: all threads are there. */
static bool meet(maru_runtime *runtime, int rc)
{
    pthread_mutex_lock(&runtime->mutex);
    runtime->ready++;
    if (rc < 0)
        runtime->start_error = rc;
    pthread_cond_broadcast(&runtime->changed);
    while (runtime->verdict == START_UNDECIDED)
        pthread_cond_wait(&runtime->changed, &runtime->mutex);
    bool go = runtime->verdict == START_GO;
    pthread_mutex_unlock(&runtime->mutex);
    return go;
}

static void leave(maru_runtime *runtime)
{
    pthread_mutex_lock(&runtime->mutex);
    runtime->left++;
    pthread_cond_broadcast(&runtime->changed);
    pthread_mutex_unlock(&runtime->mutex);
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
    uint32_t id = worker->local.id;
    runtime_name_thread(runtime, 'w', id);
    if (runtime->pin)
        pin_to(id);
    worker_enter(worker);
    if (meet(runtime, runtime_attach(runtime, id))) {
        hooks_thread_start(worker->local.hooks, id);
        runtime_run_worker(worker);
        hooks_thread_stop(worker->local.hooks, id);
    }
    worker_leave(worker);
    leave(runtime);
    return NULL;
}

/* ---- all of them ---- */

static int make_threads(maru_runtime *runtime)
{
    pthread_attr_t attr;
    int rc = -pthread_attr_init(&attr);
    if (rc < 0)
        return rc;
    if (runtime->stack_bytes > 0)
        rc = -pthread_attr_setstacksize(&attr, runtime->stack_bytes);
    for (uint32_t id = runtime->first_thread; id < runtime->sched.count && rc == 0; id++) {
        rc = -pthread_create(&runtime->threads[id], &attr, worker_main,
                             &runtime->sched.workers[id]);
        runtime->started += rc == 0;
    }
    (void)pthread_attr_destroy(&attr);          /* it cannot fail */
    return rc;
}

int runtime_start_threads(maru_runtime *runtime)
{
    sigset_t before;
    signals_block(&before);
    int rc = make_threads(runtime);
    signals_restore(&before);
    pthread_mutex_lock(&runtime->mutex);
    while (runtime->ready < runtime->started)
        pthread_cond_wait(&runtime->changed, &runtime->mutex);
    if (rc == 0)
        rc = runtime->start_error;
    runtime->verdict = rc == 0 ? START_GO : START_LEAVE;
    pthread_cond_broadcast(&runtime->changed);
    pthread_mutex_unlock(&runtime->mutex);
    if (rc < 0)
        runtime_join_threads(runtime);
    return rc;
}

void runtime_join_threads(maru_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->started; i++)
        pthread_join(runtime->threads[runtime->first_thread + i], NULL);
    runtime->started = 0;
}
