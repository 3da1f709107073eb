/* idle.h - who sleeps, who searches: the meeting point of producers and sleepers.
 *
 *     producer                                sleeper
 *     1 publish the work        (seq_cst)     1 give up searching      (seq_cst)
 *     2 anybody searching?      (seq_cst)     2 set its bit            (seq_cst)
 *     3 a bit set? clear it,    (seq_cst)     3 look at all queues again
 *       hand over a search token                (seq_cst loads)
 *     4 notify that worker (park.h)           4 sleep (park.h)
 *
 * P1 A producer publishes before it looks for sleepers; a sleeper announces itself before it
 *    looks for work again; all four are sequentially consistent, so they cannot both miss.
 * P2 If work exists and nobody searches, somebody is being woken, or the work is in a next-slot
 *    and somebody is on watch.
 * P3 The last searcher to stop looks again.
 * P6 Whoever clears a worker's bit has counted it as a searcher and notifies it: so a burst of
 *    producers kicks one worker, and nobody is kicked while somebody searches.
 *
 * A race that is safely handled: a producer holds the token and finds no bit; meanwhile another
 * producer sees the token and stops, and a worker falls asleep between the two. The first one
 * gives the token back and looks again (idle_wake_one's loop). */
#ifndef MARU_SCHED_IDLE_H
#define MARU_SCHED_IDLE_H

#include "maru/future.h"
#include "runtime/base/config.h"

struct idle {
    uint64_t sleeping[IDLE_WORDS] __attribute__((aligned(64)));  /* a bit a worker; anybody */
    uint32_t searchers;          /* anybody */
    uint32_t on_watch;           /* 1 + the worker that watches next-slots; 0 nobody; anybody */
    uint32_t workers;            /* constant */
};

void idle_init(struct idle *idle, uint32_t workers);

/* A worker to notify, now counted as a searcher; or -1: nobody sleeps, or somebody searches.
 * Any thread, after publishing (P1). */
int idle_wake_one(struct idle *idle) MARU_MUST_USE;

/* May this worker search? At most half of the workers do, rounded up. Its own worker. */
bool idle_search_begin(struct idle *idle) MARU_MUST_USE;

/* True: it was the last one, and must look again (P3). Its own worker, if it searches. */
bool idle_search_end(struct idle *idle) MARU_MUST_USE;

/* Announces its sleep. Its own worker. */
void idle_sleep_begin(struct idle *idle, uint32_t id);

/* Ends it. True: a producer had cleared the bit, so this worker is a searcher. Its own worker. */
bool idle_sleep_end(struct idle *idle, uint32_t id) MARU_MUST_USE;

/* True: somebody sleeps. Any thread, after publishing. */
bool idle_any_asleep(struct idle *idle);

/* The watch over next-slots (watch.c). */
bool idle_watch_begin(struct idle *idle, uint32_t id) MARU_MUST_USE;
void idle_watch_end(struct idle *idle);
bool idle_is_watched(struct idle *idle);

#endif
