/*
 * A stage of real workers: the scheduler's objects without allocation, drivers whose wait ends only
 * when it is kicked (or, if it has a limit, at any time), and at most one timer, of worker 0's
 * paused clock.  What is bookkeeping of the stage is not instrumented: it costs no scheduling
 * points and orders nothing.
 */
#ifndef MARU_MODEL_SUPPORT_WORKERS_H
#define MARU_MODEL_SUPPORT_WORKERS_H

#include "mc.h"
#include "runtime/sched/worker.h"

enum { STAGE_WORKERS = 3 };

extern struct sched stage_sched;
extern struct worker stage_workers[STAGE_WORKERS];

/* At the head of each body: `count` workers that have done nothing yet. */
void workers_begin(uint32_t count);

/* Arguments for mc_spawn(workers_run, &worker_numbers[i]). */
extern uint32_t worker_numbers[STAGE_WORKERS];

/* The loop of one worker: until it is stopped, or workers_end. */
void workers_run(void *number);

/* All workers leave their loops, outside of any protocol: the model has seen what it wanted. */
void workers_end(void);

/* The worker sleeps when workers_run begins, or for good, if that is never called. */
void worker_set_asleep(uint32_t id);

/* The calling thread is inside a poll of this worker from now on. */
void worker_set_polling(uint32_t id);

/* Called in each turn of the worker's driver, before its wait and after it; NULL: nothing. */
extern void (*worker_on_turn)(struct worker *worker);

/* As the kernel does when it has an event: ends the driver's wait. Any thread. */
void worker_event(uint32_t id);

/* The timer: when it is due (INT64_MAX: never), and what it does then, once. */
extern int64_t worker_deadline_ns;
extern void (*worker_on_timer)(void);

/* Kicks of all drivers so far, events not included. */
unsigned worker_kicks(void);

#endif
