/* turns.h - a future that is ready after some turns of its task: a rival for selects that no clock
 * decides. */
#ifndef MARU_TESTS_UNIT_TURNS_H
#define MARU_TESTS_UNIT_TURNS_H

#include <maru.h>

struct turns {
    maru_future future;
    int left;
};

static inline maru_result turns_poll(maru_future *self, maru_context *cx)
{
    struct turns *turns = (struct turns *)(void *)self;
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    if (turns->left-- <= 0)
        return 0;
    cx->waker->ops_->wake(cx->waker);
    return MARU_PENDING;
}

static const maru_future_type turns_type = { turns_poll, "turns" };

static inline maru_future *turns_start(struct turns *turns, int count)
{
    turns->left = count;
    return maru_future_init(&turns->future, &turns_type);
}

#endif
