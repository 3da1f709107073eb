/*
 * Things to put into queues: tasks that are never run, but count how often they are taken and carry
 * a payload of plain memory.  The payload is written before the push, and read and written by who
 * takes the item, so an item that is taken twice, or before it was published, is a data race or a
 * broken check.  The counts are bookkeeping: uninstrumented, so they order nothing.
 */
#ifndef MARU_MODEL_SUPPORT_ITEMS_H
#define MARU_MODEL_SUPPORT_ITEMS_H

#include "mc.h"
#include "runtime/task/task.h"

enum { ITEMS = 16 };

/* At the head of each body. */
void items_begin(void);

/* Item number i, with its payload; i < ITEMS, once an execution. */
maru_task *item_new(unsigned i);

/* The caller has got the item: checks that nobody else has, and the payload. Returns its number. */
unsigned item_taken(maru_task *item);

/* How many were taken so far. */
unsigned items_taken(void);

/* True if item i was taken. */
bool item_is_taken(unsigned i);

#endif
