/* nap.h - one thread sleeps, another wakes it: for threads that are no workers.
 *
 * Each post ends exactly one wait, the next one if nobody waits. Whoever has been woken may give
 * the memory back at once: the post does not touch it any more. */
#ifndef MARU_SCHED_NAP_H
#define MARU_SCHED_NAP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct nap {
    pthread_mutex_t mutex;
    pthread_cond_t posted;
    uint32_t posts;              /* under mutex */
};

#define NAP_FOR_EVER INT64_C(-1)

void nap_init(struct nap *nap);
void nap_fini(struct nap *nap);

/* Any thread. */
void nap_post(struct nap *nap);

/* Sleeps at most so long, or NAP_FOR_EVER. True: a post was taken; false: time is up. */
bool nap_wait(struct nap *nap, int64_t ns);

#endif
