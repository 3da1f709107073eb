/* watch.c - the watch over silent next-slots.
 *
 * A wake inside a poll fills the next-slot and tells nobody, for the woken task runs next. If
 * the poll then blocks its thread on what that task would do, the program would hang. So while
 * next-slots are being filled one sleeper is on watch: it sleeps at most WATCH_NS at a time, and
 * takes the next-slot of a worker whose poll counter has not moved since its last look.
 *
 * N1 A fill looks for a watch after it has filled; a watch that ends looks at all next-slots
 *    after it has resigned; all four are sequentially consistent (as P1).
 * N2 A fill that finds no watch wakes a sleeper, who becomes the watch before it sleeps again.
 * N3 The watch stays as long as slots were filled since its last look: so a busy program pays
 *    one wake of one sleeper in WATCH_NS, an idle one nothing.
 * N4 A watch that has found other work hands the watch on. */
#include "runtime/sched/worker.h"

#include "runtime/base/atomic.h"
#include "runtime/sched/seat.h"

/* Somebody else than the filler could watch. */
static bool has_watchers(struct sched *sched)
{
    return sched->count > 1 || seats_of(sched);
}

void watch_after_fill(struct sched *sched)
{
    if (has_watchers(sched) && !idle_is_watched(&sched->idle))
        sched_announce(sched);
}

static bool is_filled(maru_task **next_slot)
{
    return atomic_load_sc(next_slot) != NULL;   /* pairs with fill_next_slot, seat_schedule (N1) */
}

/* Was any slot filled since the last look, or is one filled now? */
static bool is_needed(struct worker *worker)
{
    struct sched *sched = worker->sched;
    bool needed = false;
    for (uint32_t i = 0; i < sched->count; i++) {
        struct worker *other = &sched->workers[i];
        uint64_t fills = metric_read(&other->fills);
        needed |= is_filled(&other->next_slot) || fills != worker->fills_seen[i];
        worker->fills_seen[i] = fills;
        worker->polls_seen[i] = metric_read(&other->polls);
    }
    for (struct seat *seat = seats_of(sched); seat; seat = seat->next) {
        struct seat_look *seen = &seat->looks[worker->local.id];
        struct seat_look now = { metric_read(&seat->fills), metric_read(&seat->polls) };
        needed |= is_filled(&seat->next_slot) || now.fills != seen->fills;
        *seen = now;
    }
    return needed;
}

static void resign(struct worker *worker)
{
    worker->watching = false;
    idle_watch_end(&worker->sched->idle);
}

/* Before its sleep a worker becomes the watch if one is needed, or stays it. */
void watch_before_sleep(struct worker *worker)
{
    struct sched *sched = worker->sched;
    if (!has_watchers(sched))
        return;
    bool needed = is_needed(worker);
    if (!worker->watching && needed)
        worker->watching = idle_watch_begin(&sched->idle, worker->local.id);
    if (!worker->watching || needed)
        return;
    resign(worker);
    if (is_needed(worker))                                  /* N1: a fill that saw us */
        worker->watching = idle_watch_begin(&sched->idle, worker->local.id);
}

/* The program may want to know of a stall; but it is told of one in a thousand only. */
static void tell_stall(struct worker *worker)
{
    if (metric_read(&worker->watch_steals) % STALLS_PER_TELLING == 1)
        log_write(worker->local.log, MARU_LOG_WARNING,
                  "a poll takes milliseconds: worker %u runs what it has woken", worker->local.id);
}

static maru_task *empty(struct worker *worker, maru_task **next_slot)
{
    maru_task *task = atomic_exchange_acq(next_slot, NULL);         /* pairs with the fill */
    if (!task)
        return NULL;
    metric_add(&worker->watch_steals, 1);
    tell_stall(worker);
    return task;
}

/* After its sleep the watch takes the task of a worker, or guest, that is stuck in a poll. */
maru_task *watch_after_sleep(struct worker *worker)
{
    struct sched *sched = worker->sched;
    maru_task *task = NULL;
    if (!worker->watching)
        return NULL;
    for (uint32_t i = 0; !task && i < sched->count; i++) {
        struct worker *other = &sched->workers[i];
        if (other != worker && is_filled(&other->next_slot) &&
            metric_read(&other->polls) == worker->polls_seen[i])
            task = empty(worker, &other->next_slot);
    }
    for (struct seat *seat = seats_of(sched); !task && seat; seat = seat->next)
        if (is_filled(&seat->next_slot) &&
            metric_read(&seat->polls) == seat->looks[worker->local.id].polls)
            task = empty(worker, &seat->next_slot);
    return task;
}

/* True: a slot is filled and nobody is on watch. Whoever was woken to watch, but found other
 * work, asks this before it goes to work (N4). */
bool watch_is_missing(struct sched *sched)
{
    if (idle_is_watched(&sched->idle))
        return false;
    for (uint32_t i = 0; i < sched->count; i++)
        if (is_filled(&sched->workers[i].next_slot))
            return true;
    for (struct seat *seat = seats_of(sched); seat; seat = seat->next)
        if (is_filled(&seat->next_slot))
            return true;
    return false;
}

/* The watch goes to work: somebody else must watch, if a slot is filled (N4). */
void watch_give_up(struct worker *worker)
{
    if (!worker->watching)
        return;
    resign(worker);
    if (watch_is_missing(worker->sched))
        sched_announce(worker->sched);
}
