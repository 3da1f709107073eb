/* guest.c - see guest.h. */
#include "runtime/sched/guest.h"

#include "runtime/base/check.h"
#include "runtime/base/lock.h"

#include <pthread.h>

struct guest {
    maru_waker waker;            /* first */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned pins;               /* under mutex */
    bool woken;                  /* written under mutex; a worker looks at it between polls */
    struct worker *worker;       /* constant */
};

static struct guest *guest_of(maru_waker *waker)
{
    return (struct guest *)(void *)waker;
}

static void guest_retain(maru_waker *waker)
{
    struct guest *guest = guest_of(waker);
    pthread_mutex_lock(&guest->mutex);
    guest->pins++;
    pthread_mutex_unlock(&guest->mutex);
}

static void guest_wake(maru_waker *waker)
{
    struct guest *guest = guest_of(waker);
    pthread_mutex_lock(&guest->mutex);
    atomic_store_rel(&guest->woken, true);      /* pairs with take_wake: load */
    pthread_cond_signal(&guest->changed);
    pthread_mutex_unlock(&guest->mutex);
    if (guest->worker)
        worker_notify(guest->worker);
}

static void guest_release(maru_waker *waker)
{
    struct guest *guest = guest_of(waker);
    pthread_mutex_lock(&guest->mutex);
    guest->pins--;
    pthread_cond_signal(&guest->changed);
    pthread_mutex_unlock(&guest->mutex);
}

static const maru_waker_ops guest_ops = { guest_retain, guest_wake, guest_release };

static void take_wake(struct guest *guest)
{
    atomic_store_rlx(&guest->woken, false);     /* no partner: the join is polled after it */
}

static bool is_woken(struct guest *guest)
{
    return atomic_load_acq(&guest->woken);      /* pairs with guest_wake: store */
}

static void sleep_until_woken(struct guest *guest)
{
    pthread_mutex_lock(&guest->mutex);
    while (!is_woken(guest))
        pthread_cond_wait(&guest->changed, &guest->mutex);
    take_wake(guest);
    pthread_mutex_unlock(&guest->mutex);
}

static void work_until_woken(struct guest *guest)
{
    while (!is_woken(guest)) {
        enum step step = worker_step(guest->worker);
        if (step == STEP_PARK)
            worker_sleep(guest->worker);
        CHECK(step != STEP_STOPPED);            /* our own task has not ended */
    }
    take_wake(guest);
}

static void wait_for_pins(struct guest *guest)
{
    pthread_mutex_lock(&guest->mutex);
    while (guest->pins > 0)
        pthread_cond_wait(&guest->changed, &guest->mutex);
    pthread_mutex_unlock(&guest->mutex);
}

maru_result guest_join(maru_task *task, struct worker *worker)
{
    maru_join_wait join = { .task_ = NULL };
    struct guest guest = { .waker = { &guest_ops },
                           .mutex = PTHREAD_MUTEX_INITIALIZER,
                           .changed = PTHREAD_COND_INITIALIZER,
                           .worker = worker };
    maru_context cx = { &guest.waker, NULL, MARU_GO };
    maru_future *future = maru_join_task(&join, task);
    maru_result result;
    while ((result = maru_future_poll(future, &cx)) == MARU_PENDING) {
        if (worker)
            work_until_woken(&guest);
        else
            sleep_until_woken(&guest);
    }
    wait_for_pins(&guest);
    pthread_cond_destroy(&guest.changed);
    pthread_mutex_destroy(&guest.mutex);
    return result;
}

maru_task *guest_spawn(struct sched *sched, const maru_frame *image, size_t size)
{
    maru_task *task = NULL;
    lock_take(&sched->outside_lock);
    if (!atomic_load_rlx(&sched->closing))      /* no partner: sched_close stores under this lock */
        task = task_new(&sched->outside, image, size, STATE_HANDLE);
    if (task) {
        bool entered = inject_push(&sched->inject, task);
        CHECK(entered);                         /* it is closed under this lock, too */
    }
    lock_give(&sched->outside_lock);
    if (task)
        sched_announce(sched);
    return task;
}
