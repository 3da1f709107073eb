/*
 * Join sets (runtime/task/join_set.c): two tasks end on another runner while their owner joins
 * them, is left, or lets them go.
 */
#include "task_support.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"

#include <errno.h>

static struct stage_box box;
static unsigned joined, ids;

struct kid {
    maru_frame frame;
    struct stage_wait wait;
    bool waits;
    int typed; /* plain: what the owner reads after the join */
};
maru_async(kid)
{
    if (me->waits)
        maru_try(stage_wait(&me->wait, &box));
    me->typed++;
    maru_return(1);
}
maru_end;

enum way { JOIN_ALL, CANCEL, SHUT_DOWN, LEAVE, DETACH };

struct owner {
    maru_frame frame;
    enum way way;
    int count;
    bool waits;
    maru_join_set set;
};
maru_async(owner)
{
    maru_result rc;
    for (int i = 0; i < me->count; i++) {
        maru_task *task = maru_join_set_spawn(&me->set, kid, .typed = i, .waits = me->waits);
        MC_CHECK(task);
    }
    if (me->way == CANCEL)
        maru_join_set_cancel(&me->set);
    while (me->way == JOIN_ALL || me->way == CANCEL) {
        maru_await(rc, maru_join_next(&me->set));
        if (rc == -MARU_EEMPTY)
            break;
        MC_CHECK(rc == 1 || (rc == -ECANCELED && me->way == CANCEL));
        joined++;
        ids += (unsigned)maru_task_frame(maru_joined(&me->set), kid)->typed;
    }
    if (me->way == SHUT_DOWN)
        maru_await(maru_join_set_shutdown(&me->set));
    if (me->way == DETACH)
        maru_join_set_detach(&me->set);
    if (me->way != LEAVE)
        MC_CHECK(maru_join_set_count(&me->set) == 0 && !me->set.closing_);
}
maru_end;

static void run(enum way way, int count, bool waits)
{
    stage_begin();
    joined = ids = 0;
    STAGE_START(0, owner, .way = way, .count = count, .waits = waits);
    mc_spawn(stage_run, &stage_numbers[1]);
    if (waits)
        mc_spawn(stage_complete, &box);
    stage_run(NULL);
    mc_join_all();
}

static void join_meets_ends(void)
{
    run(JOIN_ALL, 2, false);
    MC_CHECK(joined == 2 && ids == 3);
}

static void join_meets_completion(void)
{
    run(JOIN_ALL, 1, true);
    MC_CHECK(joined == 1 && ids == 1);
}

static void cancel_meets_ends(void)
{
    run(CANCEL, 2, false);
    MC_CHECK(joined == 2);
}

static void cancel_meets_completion(void)
{
    run(CANCEL, 1, true);
    MC_CHECK(joined == 1);
}

static void shutdown_meets_ends(void)
{
    run(SHUT_DOWN, 2, false);
}

static void leaving_meets_ends(void)
{
    run(LEAVE, 2, false);
}

static void detach_meets_ends(void)
{
    run(DETACH, 2, false);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(join_meets_ends, 2, "JS1, JS3: each result is joined once, and its frame is there"),
    MODEL(join_meets_completion, 2, "JS2, JS3: the end completes a join that waits"),
    MODEL(cancel_meets_ends, 2, "JS1: a cancel that meets the end changes nothing"),
    MODEL(cancel_meets_completion, 2, "JS1: cancelled or completed, it is joined once"),
    MODEL(shutdown_meets_ends, 2, "JS2: the core is freed after its last task's last touch"),
    MODEL(leaving_meets_ends, 2, "JS2: so it is when the function is left"),
    MODEL(detach_meets_ends, 2, "JS4: the last one frees a core that was let go"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
