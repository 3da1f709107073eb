/* seat.c - see seat.h. */
#include "runtime/sched/seat.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"
#include "runtime/task/hook.h"

#include <string.h>

/* ---- the list ---- */

static struct alloc *alloc_of(struct sched *sched)
{
    return sched->outside.tasks.alloc;
}

static size_t looks_size(const struct sched *sched)
{
    return sched->count * sizeof(struct seat_look);
}

/* Its own future has been woken: nobody else may poll it (G1). */
static void seat_ready(const struct task_ops *ops, maru_task *task, enum schedule_why why)
{
    struct seat *seat = container_of((uintptr_t)ops, struct seat, ops);
    (void)why;
    atomic_store_rel(&seat->ready, task);       /* pairs with take_ready: exchange (G2) */
    if (context_here()->local != &seat->local && park_notify(&seat->park))
        park_kick(&seat->park);
}

static struct seat *seat_new(struct sched *sched)
{
    struct alloc *alloc = alloc_of(sched);
    struct seat *seat = alloc_get_zeroed(alloc, sizeof *seat, 64);
    struct seat_look *looks = alloc_get_zeroed(alloc, looks_size(sched), sizeof(uint64_t));
    if (!seat || !looks) {
        alloc_put(alloc, seat, sizeof *seat, 64);
        alloc_put(alloc, looks, looks_size(sched), sizeof(uint64_t));
        return NULL;
    }
    seat->sched = sched;
    seat->looks = looks;
    seat->taken = true;
    seat->ops = sched->ops;
    seat->ops.schedule = seat_ready;
    return seat;
}

static void seat_free(const struct sched *sched, struct seat *seat, struct alloc *alloc)
{
    alloc_put(alloc, seat->looks, looks_size(sched), sizeof(uint64_t));
    alloc_put(alloc, seat, sizeof *seat, 64);
}

/* What is constant in the one for calls from outside. Not the rest: its slabs are given tasks back
 * at this moment. */
static void copy_constants(struct local *local, const struct local *outside)
{
    const size_t from = offsetof(struct local, wheels), to = offsetof(struct local, spawned);
    memcpy((char *)local + from, (const char *)outside + from, to - from);
    local->ops = outside->ops;
    local->budget = outside->budget;
}

/* Guests are spread over the workers by their number. */
static void local_init(struct seat *seat, struct sched *sched, uint32_t number)
{
    struct local *local = &seat->local;
    copy_constants(local, &sched->outside);
    slab_init(&local->tasks, alloc_of(sched), local, TASK_LIVENESS);
    slab_init(&local->children, alloc_of(sched), local, CHILD_LIVENESS);
    local->is_guest = true;
    local->id = number % sched->count;
    local->driver = sched->workers[local->id].local.driver;
    local->rng.state = local->seed + sched->count + number + 1;
    local->now_ns = clock_coarse_now(&sched->clock);
}

/* False: there are as many as can be. */
static bool push(struct sched *sched, struct seat *seat)
{
    uint32_t number = 0;
    lock_take(&sched->outside_lock);
    for (struct seat *other = sched->seats; other; other = other->next)
        number++;
    bool fits = number < GUESTS_MAX;
    if (fits) {
        local_init(seat, sched, number);
        seat->next = sched->seats;
        atomic_store_sc(&sched->seats, seat);   /* pairs with seats_of: load (N1) */
    }
    lock_give(&sched->outside_lock);
    return fits;
}

static struct seat *take_free(struct sched *sched)
{
    lock_take(&sched->outside_lock);
    struct seat *seat = sched->seats;
    while (seat && seat->taken)
        seat = seat->next;
    if (seat)
        seat->taken = true;
    lock_give(&sched->outside_lock);
    return seat;
}

int seat_take(struct sched *sched, struct seat **ret_seat)
{
    struct seat *seat = take_free(sched);
    if (!seat) {
        seat = seat_new(sched);
        if (!seat)
            return -ENOMEM;
        if (!push(sched, seat)) {
            seat_free(sched, seat, alloc_of(sched));
            return -EAGAIN;
        }
    }
    *ret_seat = seat;
    return 0;
}

static maru_task *take_slot(struct seat *seat)
{
    if (!atomic_load_rlx(&seat->next_slot))             /* owner: only the watch empties it */
        return NULL;
    return atomic_exchange_acq(&seat->next_slot, NULL); /* pairs with watch.c: exchange */
}

void seat_give(struct seat *seat)
{
    maru_task *task = take_slot(seat);
    if (task)
        sched_inject(seat->sched, task);        /* G4 */
    lock_take(&seat->sched->outside_lock);
    seat->taken = false;
    bool closing = atomic_load_rlx(&seat->sched->closing);  /* no partner: stored under the lock */
    lock_give(&seat->sched->outside_lock);
    if (closing)                                /* G5 */
        worker_notify(&seat->sched->workers[seat->local.id]);
}

void seats_free(struct sched *sched, struct alloc *alloc)
{
    struct seat *seat = sched->seats;
    while (seat) {
        struct seat *next = seat->next;
        slab_fini(&seat->local.tasks);
        slab_fini(&seat->local.children);
        seat_free(sched, seat, alloc);
        seat = next;
    }
    sched->seats = NULL;
}

/* ---- tasks ---- */

maru_task *seat_spawn(struct seat *seat, const maru_frame *image, size_t size)
{
    struct sched *sched = seat->sched;
    maru_task *task = NULL;
    lock_take(&sched->outside_lock);
    if (!atomic_load_rlx(&sched->closing))      /* no partner: sched_close stores under this lock */
        task = task_new(&seat->local, image, size, STATE_HANDLE);
    lock_give(&sched->outside_lock);
    if (!task)
        return NULL;
    hook_spawned(&seat->local, task);
    task->waker.ops_ = &seat->ops.waker;
    seat->local.now_ns = clock_coarse_now(&seat->sched->clock);
    atomic_store_rlx(&seat->ready, task);       /* owner: nobody knows the task yet */
    return task;
}

void seat_schedule(struct seat *seat, maru_task *task, enum schedule_why why)
{
    if (why != SCHEDULE_WOKEN || !seat->polling) {
        sched_inject(seat->sched, task);
        return;
    }
    maru_task *before = atomic_exchange_sc(&seat->next_slot, task);     /* pairs with watch.c */
    metric_add(&seat->fills, 1);
    if (before)
        sched_inject(seat->sched, before);
    watch_after_fill(seat->sched);
}

/* ---- sleeping ---- */

static maru_task *take_ready(struct seat *seat)
{
    if (!atomic_load_rlx(&seat->ready))                 /* no partner: park_begin looks again */
        return NULL;
    return atomic_exchange_acq(&seat->ready, NULL);     /* pairs with seat_ready: store */
}

/* As a worker does: who looks around for a moment spares the waker a system call. */
static bool spin(struct seat *seat)
{
    const int64_t most = seat->sched->spin_ns_max;
    if (most == 0)
        return false;
    const int64_t began = clock_now(seat->local.clock);
    struct relax relax = { 0 };
    do {
        for (int i = 0; i < RELAX_TURNS; i++) {
            if (atomic_load_rlx(&seat->ready))          /* no partner: take_ready decides */
                return true;
            relax_turn(&relax);
        }
    } while (clock_now(seat->local.clock) - began < most);
    return false;
}

maru_task *seat_next(struct seat *seat, bool *ret_own)
{
    for (;;) {
        maru_task *task = take_slot(seat);      /* first: only its own polls fill it, so they */
        *ret_own = !task;                       /* take turns, also when that one yields */
        if (!task)
            task = take_ready(seat);
        if (task)
            return task;
        if (!spin(seat) && park_begin(&seat->park)) {
            park_wait(&seat->park);
            park_end(&seat->park);
        }
        seat->local.now_ns = clock_coarse_now(&seat->sched->clock);
    }
}
