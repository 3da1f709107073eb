/* guest.c - see guest.h. */
#include "runtime/sched/guest.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/sched/seat.h"
#include "runtime/task/hook.h"

#include <pthread.h>

/* ---- hosts ---- */

struct host {
    maru_waker waker;            /* first */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned pins;               /* under mutex */
    bool woken;                  /* written under mutex; a worker looks at it between polls */
    struct worker *worker;       /* constant */
};

static struct host *host_of(maru_waker *waker)
{
    return (struct host *)(void *)waker;
}

static void host_retain(maru_waker *waker)
{
    struct host *host = host_of(waker);
    pthread_mutex_lock(&host->mutex);
    host->pins++;
    pthread_mutex_unlock(&host->mutex);
}

static void host_wake(maru_waker *waker)
{
    struct host *host = host_of(waker);
    pthread_mutex_lock(&host->mutex);
    atomic_store_rel(&host->woken, true);      /* pairs with take_wake: load */
    pthread_cond_signal(&host->changed);
    pthread_mutex_unlock(&host->mutex);
    worker_notify(host->worker);
}

static void host_release(maru_waker *waker)
{
    struct host *host = host_of(waker);
    pthread_mutex_lock(&host->mutex);
    host->pins--;
    pthread_cond_signal(&host->changed);
    pthread_mutex_unlock(&host->mutex);
}

static const maru_waker_ops host_ops = { host_retain, host_wake, host_release };

static void take_wake(struct host *host)
{
    atomic_store_rlx(&host->woken, false);     /* no partner: the join is polled after it */
}

static bool is_woken(struct host *host)
{
    return atomic_load_acq(&host->woken);      /* pairs with host_wake: store */
}

static void work_until_woken(struct host *host)
{
    while (!is_woken(host)) {
        enum step step = worker_step(host->worker);
        if (step == STEP_PARK)
            worker_sleep(host->worker);
        CHECK(step != STEP_STOPPED);            /* our own task has not ended */
    }
    take_wake(host);
}

static void wait_for_pins(struct host *host)
{
    pthread_mutex_lock(&host->mutex);
    while (host->pins > 0)
        pthread_cond_wait(&host->changed, &host->mutex);
    pthread_mutex_unlock(&host->mutex);
}

maru_result host_join(struct worker *worker, maru_task *task)
{
    maru_join_wait join = { .task_ = NULL };
    struct host host = { .waker = { &host_ops },
                         .mutex = PTHREAD_MUTEX_INITIALIZER,
                         .changed = PTHREAD_COND_INITIALIZER,
                         .worker = worker };
    maru_context cx = { &host.waker, NULL, MARU_GO };
    maru_future *future = maru_join_task(&join, task);
    maru_result result;
    while ((result = maru_future_poll(future, &cx)) == MARU_PENDING)
        work_until_woken(&host);
    wait_for_pins(&host);
    pthread_cond_destroy(&host.changed);
    pthread_mutex_destroy(&host.mutex);
    return result;
}

/* ---- spawning ---- */

maru_task *guest_spawn(struct sched *sched, const maru_frame *image, size_t size)
{
    maru_task *task = NULL;
    lock_take(&sched->outside_lock);
    if (!atomic_load_rlx(&sched->closing))      /* no partner: sched_close stores under this lock */
        task = task_new(&sched->outside, image, size, STATE_HANDLE);
    if (task && !sched->outside.hooks) {
        bool entered = inject_push(&sched->inject, task);
        CHECK(entered);                         /* it is closed under this lock, too */
    }
    lock_give(&sched->outside_lock);
    if (!task)
        return NULL;
    if (sched->outside.hooks) {                 /* not under the lock; it is counted already (X1) */
        hook_spawned(&sched->outside, task);
        inject_push_live(&sched->inject, task);
    }
    sched_announce(sched);
    return task;
}

/* ---- guests ---- */

static void sit_down(struct seat *seat)
{
    struct context *here = context_here();
    here->local = &seat->local;
    here->worker_id = seat->local.id;
}

static void poll_own(struct context *here, struct seat *seat, maru_task *own)
{
    seat->polling = true;
    task_run(here, own);
    seat->polling = false;
}

/* Its result is there when it has ended; the handle, which is ours, keeps it. */
static maru_result run_to_end(struct seat *seat, maru_task *own)
{
    struct context *here = context_here();
    while (!maru_task_is_finished(own)) {
        bool is_own;
        maru_task *task = seat_next(seat, &is_own);
        metric_add(&seat->polls, 1);
        if (is_own)
            poll_own(here, seat, task);
        else
            task_run(here, task);
        sched_must_be_alive(seat->sched);
    }
    maru_result result = task_root(own)->future_.u_.result_;
    maru_detach(own);
    return result;
}

maru_result guest_run(struct sched *sched, const maru_frame *image, size_t size)
{
    struct seat *seat;
    maru_result result = seat_take(sched, &seat);
    if (result < 0)
        return result;
    maru_task *own = seat_spawn(seat, image, size);
    bool closing = atomic_load_acq(&sched->closing);        /* pairs with sched_close */
    result = closing ? -MARU_ESHUTDOWN : -ENOMEM;
    if (own) {
        sit_down(seat);
        result = run_to_end(seat, own);
    }
    seat_give(seat);
    context_here()->local = NULL;
    return result;
}
