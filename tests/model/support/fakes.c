/* See fakes.h. */
#include "support/fakes.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/sched/seat.h"
#include "support/workers.h"

#define UNSEEN __attribute__((no_sanitize("thread")))

static struct fake {
    maru_task task; /* first; its owner word is plain memory that every run writes */
    void (*run)(void);
} fakes[FAKES];

static struct {
    unsigned wanted, runs, ends;
    unsigned runs_of[FAKES];
    bool is_queued[FAKES];
} books;

UNSEEN void fakes_begin(unsigned runs)
{
    static const char *const names[] = {"task 0", "task 1", "task 2", "task 3"};
    for (unsigned i = 0; i < FAKES; i++) {
        books.runs_of[i] = 0;
        books.is_queued[i] = false;
    }
    books.runs = books.ends = 0;
    books.wanted = runs;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        mc_label(&fakes[i], names[i]);
}

UNSEEN void fake_set(unsigned i, void (*run)(void))
{
    fakes[i].run = run;
    fakes[i].task.waker.ops_ = &stage_sched.ops.waker;
}

static UNSEEN bool note_queued(unsigned i)
{
    bool before = books.is_queued[i];
    books.is_queued[i] = true;
    return before;
}

static UNSEEN bool note_taken(unsigned i)
{
    bool before = books.is_queued[i];
    books.is_queued[i] = false;
    return before;
}

static UNSEEN void note_run(unsigned i)
{
    books.runs_of[i]++;
    books.runs++;
}

static UNSEEN bool note_end(void)
{
    return ++books.ends == books.wanted;
}

UNSEEN unsigned fakes_runs(void)
{
    return books.runs;
}

UNSEEN unsigned fake_runs(unsigned i)
{
    return books.runs_of[i];
}

void fake_schedule(unsigned i, enum schedule_why why)
{
    if (note_queued(i))
        mc_fail("the model queues task %u twice", i);
    fakes[i].task.owner = &fakes[i];
    sched_schedule(&stage_sched.ops, &fakes[i].task, why);
}

void task_run(struct context *here, maru_task *task)
{
    struct fake *fake = (struct fake *)(void *)task;
    unsigned i = (unsigned)(fake - fakes);
    if (i >= FAKES || !note_taken(i))
        mc_fail("T1: task %u is run and was not queued", i);
    MC_CHECK(task->owner == fake); /* what was written before it was queued */
    task->owner = NULL;
    note_run(i);
    here->task = task;
    if (fake->run)
        fake->run();
    here->task = NULL;
    if (note_end())
        workers_end();
}

/* The library's check_failed is the explorer's; this is its other ending. */
void check_misuse(const char *function, const char *file, unsigned line, const char *why)
{
    mc_fail("%s (%s:%u): %s", function, file ? file : "-", line, why);
}

/* The runtime of fake tasks is never closed. */
bool shutdown_step(struct worker *worker)
{
    (void)worker;
    return false;
}

void fakes_meet(uint32_t *place, uint32_t count)
{
    atomic_add_ar(place, 1u);
    while (atomic_load_acq(place) < count)
        mc_relax();
}

/* No guest is on a stage of fake tasks. */
void seat_schedule(struct seat *seat, maru_task *task, enum schedule_why why)
{
    (void)seat, (void)task, (void)why;
    MC_CHECK(!"a guest");
}
