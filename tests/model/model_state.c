/*
 * The task state word alone (runtime/task/state.c), with a queue of one entry and the least of a
 * runner.  The word and what a poll reads and writes lie in one block of the heap, freed by whoever
 * was told to, so freeing too early, twice or never is seen, and so is a word that does not order.
 */
#include "mc.h"
#include "runtime/base/atomic.h"
#include "runtime/task/state.h"

enum { FIRST = 1, SECOND = 2, BOTH = 3, CANCEL = 4 };

struct job {
    uint64_t state;
    uint64_t polls;  /* plain: written by whoever runs */
    uint64_t result; /* plain: written before done */
    uint64_t hint;   /* plain: the ticket's holder writes, the runner reads */
    uint64_t *owner; /* plain: written before a join */
    uint64_t next;   /* plain: a queue chains its entries through the tasks */
};
static struct job *job;

static uint32_t queued;
static uint32_t events; /* what the runner has to hear of; relaxed bits */

static void job_begin(uint64_t flags)
{
    job = mc_alloc(sizeof(*job));
    *job = (struct job){.state = STATE_LIVE | flags};
    mc_label(&job->state, "state");
    mc_label(&queued, "queued");
    mc_label(&events, "events");
}

static void put(void)
{
    job->next = 1;
    MC_CHECK(atomic_exchange_rel(&queued, 1u) == 0); /* T1: one entry at most */
}

static void wait_for_entry(void)
{
    while (!atomic_exchange_acq(&queued, 0u))
        mc_relax();
    MC_CHECK(job->next == 1);
}

static void happen(uint32_t event)
{
    __atomic_fetch_or(&events, event, __ATOMIC_RELAXED);
}

static void after(enum state_after after)
{
    if (after == STATE_QUEUE)
        put();
    if (after == STATE_FREE)
        mc_free(job);
}

static void finish(void)
{
    uint64_t word = state_to_done(&job->state);
    MC_CHECK(!(word & (STATE_NOTIFIED | STATE_RUNNING)));
    if (state_is_unowned(word))
        mc_free(job);
}

/* ---- waking ---- */

static void notify(void *event)
{
    happen(*(uint32_t *)event);
    after(state_notify(&job->state));
}

/* Completing, with nothing to publish but the event. */
static void complete(void *event)
{
    bool has_ticket = state_wake_begin(&job->state) == STATE_TICKET;
    happen(*(uint32_t *)event);
    if (has_ticket)
        put();
    else
        after(state_wake_pinned(&job->state));
}

static void cancel(void *unused)
{
    (void)unused;
    happen(CANCEL);
    after(state_cancel(&job->state));
}

static uint32_t first = FIRST, second = SECOND;

/* Polls until all `wanted` events were seen. */
static void run_until(uint32_t wanted)
{
    for (;;) {
        wait_for_entry();
        uint64_t before = state_to_running(&job->state);
        MC_CHECK(!(before & STATE_RUNNING));
        job->polls++;
        if ((atomic_load_rlx(&events) & wanted) == wanted)
            return;
        after(state_to_idle(&job->state));
    }
}

static void end_run(void)
{
    mc_join_all();
    finish();
}

static void two_wakers(void)
{
    job_begin(0);
    mc_spawn(notify, &first);
    mc_spawn(notify, &second);
    run_until(BOTH);
    MC_CHECK(job->polls <= 2);
    end_run();
}

static void two_completers(void)
{
    job_begin(0);
    mc_spawn(complete, &first);
    mc_spawn(complete, &second);
    run_until(BOTH);
    MC_CHECK(job->polls <= 3);
    end_run();
}

static void waker_and_completer(void)
{
    job_begin(0);
    mc_spawn(notify, &first);
    mc_spawn(complete, &second);
    run_until(BOTH);
    end_run();
}

/* One event while the task runs: whoever gets the ticket polls once, from the root. */
static void wake_meets_idle(void)
{
    job_begin(STATE_RUNNING);
    mc_spawn(mc_choose(2) ? complete : notify, &first);
    job->polls = 1;
    after(state_to_idle(&job->state));
    wait_for_entry();
    MC_CHECK(state_to_running(&job->state) & STATE_NOTIFIED);
    MC_CHECK(atomic_load_rlx(&events) == FIRST);
    MC_CHECK(job->polls == 1);
    after(state_to_idle(&job->state));
    mc_join_all();
    /* A pin that came late in the first poll may notify in the second: then there is a third. */
    bool again = atomic_exchange_acq(&queued, 0u);
    MC_CHECK(again == !!(job->state & STATE_NOTIFIED));
    MC_CHECK(again || !(job->state & STATE_ROOT));
    mc_free(job);
}

/* Two runners, whose polls must exclude each other and see each other's writes. */
static void second_runner(void *unused)
{
    (void)unused;
    wait_for_entry();
    MC_CHECK(state_to_running(&job->state) & STATE_NOTIFIED);
    job->polls++;
    MC_CHECK(job->polls == 2);
    MC_CHECK(atomic_load_rlx(&events) == FIRST);
}

static void two_runners(void)
{
    job_begin(STATE_RUNNING);
    mc_spawn(second_runner, NULL);
    mc_spawn(notify, &first);
    job->polls = 1;
    after(state_to_idle(&job->state));
    mc_join_all();
    finish();
}

/* It yielded: it stays RUNNING, with an entry, while it is woken. */
static void yielded(void)
{
    job_begin(STATE_RUNNING);
    mc_spawn(mc_choose(2) ? complete : notify, &first);
    put();
    wait_for_entry();
    uint64_t before = state_to_running(&job->state);
    MC_CHECK(before & STATE_RUNNING);
    MC_CHECK(!(before & STATE_ROOT) == !(before & STATE_NOTIFIED));
    while (!(before & STATE_NOTIFIED)) {
        after(state_to_idle(&job->state));
        wait_for_entry();
        before = state_to_running(&job->state);
    }
    MC_CHECK(atomic_load_rlx(&events) == FIRST);
    mc_join_all();
    MC_CHECK(!(atomic_load_rlx(&job->state) & STATE_NOTIFIED));
    finish();
}

/* ---- hints ---- */

static void complete_with_hint(void *event)
{
    uint32_t bit = *(uint32_t *)event;
    bool has_ticket = state_wake_begin(&job->state) == STATE_TICKET;
    happen(bit);
    if (has_ticket) {
        job->hint = bit;
        put();
    } else {
        after(state_wake_pinned(&job->state));
    }
}

/* A poll from a hint looks at nothing but the event that the hint names. */
static void hints(void)
{
    job_begin(0);
    mc_spawn(complete_with_hint, &first);
    mc_spawn(complete_with_hint, &second);
    for (uint32_t seen = 0; seen != BOTH;) {
        wait_for_entry();
        uint64_t before = state_to_running(&job->state);
        uint32_t looked_at = before & STATE_ROOT ? BOTH : (uint32_t)job->hint;
        seen |= atomic_load_rlx(&events) & looked_at;
        if (seen != BOTH)
            after(state_to_idle(&job->state));
    }
    end_run();
}

/* ---- cancelling ---- */

static void cancel_and_wake(void)
{
    job_begin(0);
    mc_spawn(cancel, NULL);
    mc_spawn(mc_choose(2) ? complete : notify, &first);
    for (bool was_cancelled = false;;) {
        wait_for_entry();
        uint64_t before = state_to_running(&job->state);
        MC_CHECK(!was_cancelled || before & STATE_CANCELLED);
        if (before & STATE_CANCELLED && !was_cancelled)
            MC_CHECK(before & STATE_ROOT);
        was_cancelled = before & STATE_CANCELLED;
        uint32_t seen = atomic_load_rlx(&events);
        MC_CHECK(!was_cancelled || seen & CANCEL);
        if (was_cancelled && seen & FIRST)
            break;
        after(state_to_idle(&job->state));
    }
    end_run();
}

/* A done word is final, but for handle and pins; the caller has one of these. */
static void check_final(void)
{
    uint64_t word = atomic_load_rlx(&job->state);
    MC_CHECK(!(word & STATE_DONE) || !(word & (STATE_NOTIFIED | STATE_ROOT)));
}

static void cancel_and_drop(void *unused)
{
    cancel(unused);
    check_final();
    after(state_drop_handle(&job->state));
}

static void cancel_meets_done(void)
{
    job_begin(STATE_RUNNING | STATE_HANDLE);
    mc_spawn(cancel_and_drop, NULL);
    finish();
    mc_join_all();
    MC_CHECK(!queued);
}

/* Shutdown cancels whatever a walk over the slots finds; a slot that is free stays free. */
static void cancel_meets_free(void)
{
    job_begin(STATE_RUNNING);
    mc_spawn(cancel, NULL);
    if (state_is_unowned(state_to_done(&job->state)))
        atomic_store_rlx(&job->state, 0u);
    mc_join_all();
    MC_CHECK(!queued && job->state == 0);
    mc_free(job);
}

/* ---- ends ---- */

static void finish_with_result(void)
{
    job->result = 42;
    finish();
}

static void wake_late(void *unused)
{
    (void)unused;
    if (mc_choose(2))
        MC_CHECK(state_notify(&job->state) == STATE_NOTHING);
    check_final();
    after(mc_choose(2) ? state_unpin(&job->state) : state_wake_pinned(&job->state));
}

static void wake_meets_done(void)
{
    job_begin(STATE_RUNNING | STATE_PIN);
    mc_spawn(wake_late, NULL);
    finish_with_result();
    mc_join_all();
    MC_CHECK(!queued);
}

static void unpin(void *unused)
{
    (void)unused;
    after(state_unpin(&job->state));
}

static void pins_meet_done(void)
{
    job_begin(STATE_RUNNING | 2 * STATE_PIN);
    mc_spawn(unpin, NULL);
    mc_spawn(wake_late, NULL);
    finish_with_result();
}

/* A waker that hands out another reference of its own. */
static void pin_twice(void *unused)
{
    (void)unused;
    state_pin(&job->state);
    after(state_unpin(&job->state));
    after(state_unpin(&job->state));
}

static void new_pin_meets_done(void)
{
    job_begin(STATE_RUNNING | STATE_PIN);
    mc_spawn(pin_twice, NULL);
    finish_with_result();
}

static void look_and_drop(void *unused)
{
    (void)unused;
    if (atomic_load_acq(&job->state) & STATE_DONE) /* as maru_task_is_finished does */
        MC_CHECK(job->result == 42);
    after(state_drop_handle(&job->state));
}

static void handle_meets_done(void)
{
    job_begin(STATE_RUNNING | STATE_HANDLE);
    mc_spawn(look_and_drop, NULL);
    finish_with_result();
}

static void handle_pin_and_done(void)
{
    job_begin(STATE_RUNNING | STATE_HANDLE | STATE_PIN);
    mc_spawn(look_and_drop, NULL);
    mc_spawn(unpin, NULL);
    finish_with_result();
}

/* ---- joining ---- */

static uint64_t joined;

/* The end of a task that may be joined: completes the join that it finds. */
static void finish_joined(void *unused)
{
    (void)unused;
    job->result = 42;
    uint64_t word = state_to_done(&job->state);
    if (word & STATE_JOINER)
        atomic_exchange_rel(job->owner, 1u);
    else if (state_is_unowned(word))
        mc_free(job);
}

static void deliver(void)
{
    MC_CHECK(job->result == 42);
    after(state_drop_handle(&job->state));
}

static void wait_for_join(void)
{
    while (!atomic_exchange_acq(&joined, 0u))
        mc_relax();
    deliver();
}

static void join_meets_done(void)
{
    job_begin(STATE_RUNNING | STATE_HANDLE);
    mc_spawn(finish_joined, NULL);
    job->owner = &joined;
    if (state_join(&job->state))
        wait_for_join();
    else
        deliver();
    mc_join_all();
    MC_CHECK(!joined);
}

static void unjoin_meets_done(void)
{
    job_begin(STATE_RUNNING | STATE_HANDLE | STATE_JOINER);
    job->owner = &joined;
    mc_spawn(finish_joined, NULL);
    if (!state_unjoin(&job->state)) {
        wait_for_join();
    } else {
        job->owner = NULL; /* nobody may look at it any more */
        after(state_drop_handle(&job->state));
    }
    mc_join_all();
    MC_CHECK(!joined);
}

/* Joined, given up, joined again. */
static void join_again(void)
{
    job_begin(STATE_RUNNING | STATE_HANDLE | STATE_JOINER);
    job->owner = &joined;
    mc_spawn(finish_joined, NULL);
    if (!state_unjoin(&job->state)) {
        wait_for_join();
    } else {
        job->owner = NULL;
        job->owner = &joined;
        if (state_join(&job->state))
            wait_for_join();
        else
            deliver();
    }
    mc_join_all();
    MC_CHECK(!joined);
}

/* ---- onlookers ---- */

/* Reads what only the runner writes, and gives the task back. */
static void look(void *unused)
{
    (void)unused;
    uint64_t word;
    if (!state_hold(&job->state, &word))
        return;
    MC_CHECK(word & STATE_LIVE && !(word & (STATE_RUNNING | STATE_NOTIFIED | STATE_DONE)));
    uint64_t polls = job->polls;
    mc_yield();
    MC_CHECK(job->polls == polls);
    if (state_let_go(&job->state) == STATE_QUEUE)
        put();
}

static void look_meets_wake(void)
{
    job_begin(0);
    mc_spawn(look, NULL);
    mc_spawn(mc_choose(2) ? complete : notify, &first);
    run_until(FIRST);
    end_run();
}

static void look_meets_two_wakes(void)
{
    job_begin(0);
    mc_spawn(look, NULL);
    mc_spawn(notify, &first);
    mc_spawn(complete, &second);
    run_until(BOTH);
    end_run();
}

static void look_meets_hints(void)
{
    job_begin(0);
    mc_spawn(look, NULL);
    mc_spawn(complete_with_hint, &first);
    for (uint32_t seen = 0; seen != FIRST;) {
        wait_for_entry();
        uint64_t before = state_to_running(&job->state);
        uint32_t looked_at = before & STATE_ROOT ? BOTH : (uint32_t)job->hint;
        seen |= atomic_load_rlx(&events) & looked_at;
        if (seen != FIRST)
            after(state_to_idle(&job->state));
    }
    end_run();
}

static void look_meets_cancel(void)
{
    job_begin(0);
    mc_spawn(look, NULL);
    mc_spawn(cancel, NULL);
    wait_for_entry();
    uint64_t before = state_to_running(&job->state);
    MC_CHECK(before & STATE_CANCELLED && before & STATE_ROOT && !(before & STATE_HELD));
    job->polls++;
    end_run();
}

static void two_onlookers(void)
{
    job_begin(0);
    mc_spawn(look, NULL);
    mc_spawn(look, NULL);
    mc_spawn(notify, &first);
    run_until(FIRST);
    end_run();
}

static void look_meets_handle(void)
{
    job_begin(STATE_HANDLE);
    mc_spawn(look, NULL);
    after(state_drop_handle(&job->state));
    mc_join_all();
    MC_CHECK(!queued && job->state == STATE_LIVE);
    mc_free(job);
}

/* The task ends while somebody looks for it, and its slot is the next task's, which waits too. The
 * stores are those of task.c: at the end, for a new task, for the first poll of a child. */
static void look_meets_next_life(void)
{
    const uint64_t fresh = STATE_LIVE | STATE_FRESH | STATE_NOTIFIED | STATE_ROOT;
    job_begin(STATE_NOTIFIED);
    mc_spawn(look, NULL);
    MC_CHECK(state_to_running(&job->state) & STATE_NOTIFIED);
    job->polls = 1;
    MC_CHECK(state_is_unowned(state_to_done(&job->state)));
    atomic_store_rlx(&job->state, 0u);
    job->polls = 10;
    atomic_store_rel(&job->state, fresh | STATE_CHILD);
    atomic_store_rel(&job->state, (uint64_t)(STATE_LIVE | STATE_CHILD | STATE_RUNNING));
    job->polls = 11;
    after(state_to_idle(&job->state));
    mc_join_all();
    MC_CHECK(!queued && job->state == (STATE_LIVE | STATE_CHILD));
    mc_free(job);
}

/* Small enough for every schedule, or for all up to `most` preemptions. */
#define MODEL(symbol, text) {.name = #symbol, .claim = text, .body = symbol, .bound = -1}
#define LARGE(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(two_wakers, "T1, T3, T4: both wakes are heard, each poll has one queue entry"),
    LARGE(two_completers, 4, "T1, T3, T4: tickets and pins are heard alike"),
    LARGE(waker_and_completer, 4, "T4: a kept waker and a completer are both heard"),
    MODEL(wake_meets_idle, "T3: a wake while the task runs leads to another poll"),
    MODEL(two_runners, "T2: polls exclude each other and see each other's writes"),
    MODEL(yielded, "T1, T3: a yielded task has one entry and hears a wake"),
    LARGE(hints, 4, "T10: a second waker's event is never hidden by the first one's hint"),
    LARGE(cancel_and_wake, 4, "T7: cancel is a level, polls from the root, and hides no wake"),
    MODEL(cancel_meets_done, "T5, T7: cancel after done queues nothing"),
    MODEL(cancel_meets_free, "T7, SL5: cancel leaves a slot that is not live alone"),
    MODEL(wake_meets_done, "T8: a wake after done changes nothing but its own pin"),
    MODEL(pins_meet_done, "T6: the last pin frees, exactly once"),
    MODEL(new_pin_meets_done, "T6: a pin taken on the way out counts"),
    MODEL(handle_meets_done, "T5, T6: the handle reads the result, and one of two frees"),
    MODEL(handle_pin_and_done, "T6: of handle, pin and end the last one frees"),
    MODEL(join_meets_done, "J2: a join that was in time is completed, a late one delivers at once"),
    MODEL(unjoin_meets_done, "J3: a join taken back is never completed, else always"),
    MODEL(join_again, "J3: after giving up, another join may wait"),
    MODEL(look_meets_wake, "T2, T3, T11: a wake of a held task is heard, once"),
    LARGE(look_meets_two_wakes, 2, "T1, T4, T11: of two wakes none is lost, and one queues"),
    LARGE(look_meets_hints, 4, "T10, T11: a hint is written by nobody while the task is held"),
    MODEL(look_meets_cancel, "T7, T11: a cancel of a held task is heard"),
    LARGE(two_onlookers, 3, "T11: onlookers take turns"),
    MODEL(look_meets_handle, "T6, T11: a handle may go while the task is held"),
    MODEL(look_meets_next_life, "T11, SL5: who is held is one task, and what is seen is its own"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
