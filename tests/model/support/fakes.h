/*
 * Fake tasks for models of the scheduler: a task is a function that is called once each time the
 * task was queued.  They replace runtime/task: what is looked at is who runs them and when.
 */
#ifndef MARU_MODEL_SUPPORT_FAKES_H
#define MARU_MODEL_SUPPORT_FAKES_H

#include "runtime/task/task.h"

enum { FAKES = 16 };

/* At the head of each body, after workers_begin: the workers end after so many runs. */
void fakes_begin(unsigned runs);

/* Task i will call this function. */
void fake_set(unsigned i, void (*run)(void));

/* Queues task i, as the running poll, a driver or the outside would. */
void fake_schedule(unsigned i, enum schedule_why why);

/* Runs so far, of all tasks and of task i, those that have just begun included. */
unsigned fakes_runs(void);
unsigned fake_runs(unsigned i);

/* Waits until `count` callers have come to this place. */
void fakes_meet(uint32_t *place, uint32_t count);

#endif
