/*
 * Scopes (runtime/task/scope.c): an owner and its children, real tasks on two runners.  The owner's
 * frame is freed as soon as its wait is over, so a child that touches the scope on its way out
 * after the decrement that ended the wait is caught (C1, C2).  A child that misses its cancel
 * waits for a box that nobody completes, and the execution is stuck (C4).
 */
#include "task_support.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"

#include <errno.h>

static struct stage_box box_a, box_b;
static maru_result seen;
static int64_t outs[2]; /* plain: a child writes its own, the owner reads after the wait */
static int64_t ends[2]; /* likewise: children that were not cancelled */
static uint32_t told;   /* errors that the callback heard of */

/* A future that hands the child's waker to a thread, and is over at once. */
static maru_waker *bell_waker;

static maru_result bell_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    cx->waker->ops_->retain(cx->waker);
    (void)atomic_exchange_rel(&bell_waker, cx->waker); /* pairs with ring */
    return 0;
}

static const maru_future_type bell_type = {bell_poll, "bell"};

static void ring(void *unused)
{
    (void)unused;
    maru_waker *waker;
    while (!(waker = atomic_exchange_acq(&bell_waker, NULL))) /* pairs with bell_poll */
        mc_relax();
    waker->ops_->wake(waker);
    waker->ops_->release(waker);
}

struct kid {
    maru_frame frame;
    int number;
    struct stage_box *box;
    struct stage_wait wait;
    maru_future ready, bell;
    maru_pause pause;
    bool yields, exposes, rings;
    maru_result result;
};
maru_async(kid)
{
    maru_result rc = 0;
    if (me->yields)
        maru_try(maru_yield(&me->pause));
    if (me->rings)
        maru_try(maru_future_init(&me->bell, &bell_type));
    if (me->exposes)
        context_here()->local->rng.state = 3; /* the leaf goes first, and the other arm wins */
    if (me->box && me->exposes)
        maru_select(rc, stage_wait(&me->wait, me->box), maru_future_ready(&me->ready, 0));
    else if (me->box)
        maru_try(rc, stage_wait(&me->wait, me->box));
    ends[me->number] = 1;
    maru_return(rc < 0 ? rc : me->result);
maru_finally:
    outs[me->number] = 1;
}
maru_end;

struct owner {
    maru_frame frame;
    maru_scope kids;
    struct kid first, second; /* images: what to spawn; a number of -1 is nobody */
    enum maru_scope_policy policy;
    bool leaves;
};

static void hear(void *unused, maru_result error)
{
    (void)unused;
    MC_CHECK(error == -EIO);
    atomic_add_rlx(&told, 1u);
}

static int spawn(maru_frame *frame, maru_scope *scope, const struct kid *kid)
{
    return maru_scope_spawn_image(frame, scope, &kid->frame, sizeof(*kid));
}

maru_async(owner)
{
    maru_scope_init(&me->kids, me->policy);
    if (me->policy == MARU_SCOPE_EACH)
        maru_scope_on_error(&me->kids, hear, NULL);
    maru_check(spawn(&me->frame, &me->kids, &me->first));
    if (me->second.number >= 0)
        maru_check(spawn(&me->frame, &me->kids, &me->second));
    if (me->leaves)
        maru_return(-EPIPE);
    maru_await(seen, maru_scope_wait(&me->kids));
maru_finally:
    MC_CHECK(outs[0] == 1 && (outs[1] == 1 || me->second.number < 0));
    if (me->policy == MARU_SCOPE_EACH)
        MC_CHECK(maru_scope_failed(&me->kids) == told);
}
maru_end;

#define KID(...)   MARU_IMAGE_(kid, __VA_ARGS__)
#define NOBODY     {.number = -1}
#define SECOND(...) KID(.number = 1, __VA_ARGS__)

/* Runs the owner's first poll alone, then everything on two runners. */
static maru_task *owner_begin(uint64_t flags, struct owner image)
{
    stage_begin();
    seen = 1;
    image.frame.future_.type_ = &owner_async.type;
    maru_task *task = stage_start(&image.frame, sizeof(image), flags);
    stage_step();
    return task;
}

static void run_both(void)
{
    mc_spawn(stage_run, &stage_numbers[1]);
    stage_run(NULL);
    mc_join_all();
}

/* ---- ends ---- */

static void end_meets_wait(void)
{
    stage_begin();
    seen = 1;
    struct owner image = {.first = KID(.number = 0), .second = NOBODY};
    image.frame.future_.type_ = &owner_async.type;
    stage_start(&image.frame, sizeof(image), 0);
    run_both();
    MC_CHECK(seen == 0);
}

static void two_ends(void)
{
    owner_begin(0, (struct owner){.first = KID(.number = 0), .second = SECOND(.result = 0)});
    run_both();
    MC_CHECK(seen == 0);
}

static void end_meets_completion(void)
{
    owner_begin(0, (struct owner){.first = KID(.box = &box_a), .second = NOBODY});
    stage_step();
    mc_spawn(stage_complete, &box_a);
    run_both();
    MC_CHECK(seen == 0);
}

/* The child's leaf or waker is out, and it ends in its first poll all the same. */
static void exposed_leaf(void)
{
    owner_begin(0, (struct owner){.first = KID(.box = &box_a, .exposes = true), .second = NOBODY});
    mc_spawn(stage_complete, &box_a);
    run_both();
    MC_CHECK(seen == 0);
}

static void exposed_waker(void)
{
    owner_begin(0, (struct owner){.first = KID(.rings = true), .second = NOBODY});
    mc_spawn(ring, NULL);
    run_both();
    MC_CHECK(seen == 0);
}

/* ---- spawning again while the last child ends ---- */

struct spawner {
    maru_frame frame;
    maru_frame *owner;
    maru_scope *scope;
    struct stage_wait wait;
};
maru_async(spawner)
{
    maru_try(stage_wait(&me->wait, &box_a));
    maru_check(maru_scope_spawn_image(me->owner, me->scope,
                                      MARU_NEW_(kid, .number = 1)));
}
maru_end;

struct grower {
    maru_frame frame;
    maru_scope kids;
    struct spawner spawner;
};
maru_async(grower)
{
    maru_check(maru_scope_spawn(&me->kids, kid, .number = 0));
    maru_join(seen, maru_scope_wait(&me->kids),
              maru_call(spawner, &me->spawner, .owner = &me->frame, .scope = &me->kids));
maru_finally:
    MC_CHECK(outs[0] == 1 && outs[1] == 1);
}
maru_end;

static void spawn_again(void)
{
    stage_begin();
    seen = 1;
    STAGE_START(0, grower);
    stage_step();
    stage_complete(&box_a);
    run_both();
    MC_CHECK(seen == 0);
}

/* Waited for, and used again. */
struct reuser {
    maru_frame frame;
    maru_scope kids;
};
maru_async(reuser)
{
    maru_check(maru_scope_spawn(&me->kids, kid, .number = 0, .result = -EIO));
    maru_await(seen, maru_scope_wait(&me->kids));
    MC_CHECK(seen == -EIO && outs[0] == 1);
    maru_check(maru_scope_spawn(&me->kids, kid, .number = 1));
    maru_await(seen, maru_scope_wait(&me->kids));
maru_finally:
    MC_CHECK(outs[1] == 1);
}
maru_end;

static void used_again(void)
{
    stage_begin();
    STAGE_START(0, reuser);
    stage_step();
    run_both();
    MC_CHECK(seen == 0);
}

/* ---- errors and cancelling ---- */

/* The sibling has suspended; its completer comes at the same time as the cancel. */
static void cancels_suspended(void)
{
    owner_begin(0, (struct owner){.first = KID(.box = &box_a), .second = SECOND(.result = -EIO)});
    stage_step();
    mc_spawn(stage_complete, &box_a);
    stage_run(NULL);
    MC_CHECK(seen == -EIO);
}

/* Not started, about to suspend, or suspended: all are tried, and nobody completes the box. */
static void cancels_any(void)
{
    owner_begin(0, (struct owner){.first = KID(.box = &box_a), .second = SECOND(.result = -EIO)});
    run_both();
    MC_CHECK(seen == -EIO && ends[0] == 0);
}

static void cancels_yielder(void)
{
    owner_begin(0, (struct owner){.first = KID(.box = &box_a, .yields = true),
                                  .second = SECOND(.result = -EIO)});
    run_both();
    MC_CHECK(seen == -EIO);
}

static void two_errors(void)
{
    owner_begin(0, (struct owner){.first = KID(.result = -EPIPE),
                                  .second = SECOND(.result = -EIO)});
    run_both();
    MC_CHECK(seen == -EIO || seen == -EPIPE);
}

static void each(void)
{
    owner_begin(0, (struct owner){.policy = MARU_SCOPE_EACH,
                                  .first = KID(.result = -EIO),
                                  .second = SECOND(.result = -EIO)});
    run_both();
    MC_CHECK(seen == 0 && told == 2);
}

/* The owner leaves with an error: its children are cancelled, and still waited for. */
static void owner_leaves(void)
{
    owner_begin(0, (struct owner){.first = KID(.box = &box_a),
                                  .second = SECOND(.box = &box_b),
                                  .leaves = true});
    run_both();
}

/* A child that had not started when it was cancelled is refused its first wait. */
static void refuses_unstarted(void)
{
    owner_begin(0, (struct owner){.first = KID(.box = &box_a), .second = NOBODY, .leaves = true});
    mc_spawn(stage_complete, &box_a);
    stage_run(NULL);
    MC_CHECK(stage_polls() == 3 && ends[0] == 0);
}

/* Two who cancel: a child that fails, and the owner that is being cancelled. */
static void owner_is_cancelled(void)
{
    maru_task *task = owner_begin(
        STATE_HANDLE,
        (struct owner){.first = KID(.box = &box_a), .second = SECOND(.result = -EIO)});
    stage_step();
    maru_cancel(task);
    maru_detach(task);
    run_both();
    MC_CHECK(seen == -EIO || seen == -ECANCELED);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(end_meets_wait, 3, "C1, C2: the last child wakes the owner and touches nothing after"),
    MODEL(two_ends, 3, "C1, C2: two children end at once, one of them wakes the owner"),
    MODEL(end_meets_completion, 3, "T9, C1: a child's completer may be the last to leave it"),
    MODEL(exposed_leaf, 3, "T6, T9: a child whose completer is on its way ends like any other"),
    MODEL(exposed_waker, 2, "T6, T8: so does a child whose waker is out"),
    MODEL(spawn_again, 2, "C2: the owner spawns while its last child ends"),
    MODEL(used_again, 3, "C2: a scope that was waited for is as good as new"),
    MODEL(cancels_suspended, 3, "C4, C5: an error cancels a sibling that has suspended"),
    MODEL(cancels_any, 2, "C4: also one that has not started or is about to suspend"),
    MODEL(cancels_yielder, 2, "C3, C4: also one that yields"),
    MODEL(two_errors, 2, "C5: one of two errors is kept"),
    MODEL(each, 3, "C5: an EACH scope counts errors and cancels nobody"),
    MODEL(owner_leaves, 2, "C4: an owner that fails cancels, and waits"),
    MODEL(refuses_unstarted, 2, "C4, T7: a child cancelled before its start begins nothing"),
    MODEL(owner_is_cancelled, 2, "C4, C5: two may cancel at once"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
