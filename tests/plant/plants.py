"""The plants: bugs that were made in schedulers before, each with the model that must find it.

A plant is an exact replacement in one file. Its old text must stand there once; a plant whose
text is gone is a failure, so whoever changes a line that a plant names moves the plant along.
"""

from collections import namedtuple

# name; file, old text, new text; the model's program and name; the invariant;
# further options for the program.
Plant = namedtuple("Plant", "name file old new program model invariant options",
                   defaults=((),))

PLANTS = (
    # ---- wakes ----
    Plant("early return in wake",
          "runtime/task/state.c",
          "    do\n"
          "        next = word & STATE_DONE ? word : word | STATE_NOTIFIED | STATE_ROOT;\n",
          "    if (word & STATE_NOTIFIED)\n"
          "        return STATE_NOTHING;\n"
          "    do\n"
          "        next = word & STATE_DONE ? word : word | STATE_NOTIFIED | STATE_ROOT;\n",
          "state", "two_wakers", "T4"),
    Plant("early return in wake, with a pin",
          "runtime/task/state.c",
          "        next = word - STATE_PIN;\n"
          "        after = STATE_NOTHING;\n",
          "        if (word & STATE_NOTIFIED) {\n"
          "            atomic_sub_rlx(state, STATE_PIN);\n"
          "            return STATE_NOTHING;\n"
          "        }\n"
          "        next = word - STATE_PIN;\n"
          "        after = STATE_NOTHING;\n",
          "state", "two_completers", "T4"),

    # ---- sleeping ----
    Plant("no re-check before park",
          "runtime/sched/worker.c",
          "    if (has_work(worker)) {\n        wake_up(worker);\n",
          "    if (false && has_work(worker)) {\n        wake_up(worker);\n",
          "worker", "one_worker_alone", "P1"),
    Plant("producer looks for sleepers before it pushes",
          "runtime/sched/schedule.c",
          "    inject_push_live(&sched->inject, task);\n"
          "    sched_announce(sched);\n",
          "    sched_announce(sched);\n"
          "    inject_push_live(&sched->inject, task);\n",
          "worker", "one_worker_alone", "P1"),
    Plant("sleeper's bit is set too weakly",
          "runtime/sched/idle.c",
          "    uint64_t before = atomic_or_sc(&idle->sleeping[id / 64], bit(id));",
          "    uint64_t before = atomic_or_ar(&idle->sleeping[id / 64], bit(id));",
          "idle", "producer_and_sleeper", "P1"),
    Plant("last searcher does not look again",
          "runtime/sched/worker.c",
          "        sched_announce(worker->sched);          /* P3: the last one looks again */\n",
          "        (void)sched_announce;\n",
          "worker", "hushed_by_a_searcher", "P3"),
    Plant("who finds no bit gives up",
          "runtime/sched/idle.c",
          "        atomic_sub_sc(&idle->searchers, 1u);                    "
          "/* pairs with idle_wake_one: load */\n    }\n",
          "        atomic_sub_sc(&idle->searchers, 1u);\n        return -1;\n    }\n",
          "idle", "token_without_bit", "P6"),
    Plant("a notification is overwritten by the sleep",
          "runtime/sched/park.c",
          "    if (atomic_cas_ar(&park->word, &word, (uint32_t)PARKED))",
          "    word = atomic_exchange_ar(&park->word, (uint32_t)PARKED);\n    if (word != PARKED)",
          "idle", "notify_before_park", "P4"),

    # ---- queues ----
    Plant("weakened steal",
          "runtime/queue/deque.c",
          "    uint64_t bottom = atomic_load_sc(&deque->bottom);       "
          "/* pairs with deque_push, deque_take */",
          "    uint64_t bottom = atomic_load_acq(&deque->bottom);",
          "deque", "one_thief", "D5"),
    Plant("weakened take",
          "runtime/queue/deque.c",
          "    atomic_store_sc(&deque->bottom, bottom);                "
          "/* pairs with deque_steal: bottom */",
          "    atomic_store_rel(&deque->bottom, bottom);",
          "deque", "two_thieves", "D5"),
    Plant("steal says empty of one task",
          "runtime/queue/deque.c",
          "    if ((int64_t)(bottom - top) <= 0)\n",
          "    if ((int64_t)(bottom - top) <= 1)\n",
          "deque", "never_empty", "D8"),
    Plant("thief reads its slot too late",
          "runtime/queue/deque.c",
          "    *ret_task = task;\n",
          "    *ret_task = atomic_load_rlx(&deque->slots[top & MASK]);\n",
          "deque", "slot_reuse", "D4"),
    Plant("quiet push does not publish",
          "runtime/queue/fifo.c",
          "    atomic_store_rel(&fifo->tail, fifo->tail + 1);      "
          "/* pairs with fifo_steal: load of tail */",
          "    atomic_store_rlx(&fifo->tail, fifo->tail + 1);",
          "fifo", "quiet_publication", "Q7"),
    Plant("thief does not tell what it saw",
          "runtime/queue/fifo.c",
          "        if (atomic_cas_ar(&victim->head, &head, head + 1 + more)) {",
          "        if (atomic_cas_acq(&victim->head, &head, head + 1 + more)) {",
          "fifo", "two_thieves_quiet", "Q5"),
    Plant("thief takes more than fits",
          "runtime/queue/fifo.c",
          "        more = more < room ? more : room;\n",
          "",
          "fifo", "small_room", "Q3"),
    Plant("closed is asked before the lock",
          "runtime/queue/inject.c",
          "    lock_take(&inject->lock);\n    bool open = !inject->closed;\n",
          "    bool open = !inject->closed;\n    lock_take(&inject->lock);\n",
          "inject", "push_against_close", "I3"),
    Plant("a lock that does not release",
          "runtime/base/lock.h",
          "    atomic_store_rel(lock, 0u);",
          "    atomic_store_rlx(lock, 0u);",
          "inject", "two_poppers", "I2"),

    # ---- the watch, fairness, the end ----
    Plant("a fill tells nobody",
          "runtime/sched/watch.c",
          "    if (has_watchers(sched) && !idle_is_watched(&sched->idle))\n"
          "        sched_announce(sched);\n",
          "    (void)sched;\n",
          "watch", "fill_meets_sleeper", "N2"),
    Plant("a watch resigns without another look",
          "runtime/sched/watch.c",
          "    if (is_needed(worker))                                  "
          "/* N1: a fill that saw us */\n",
          "    if (false)\n",
          "watch", "fill_meets_resigning", "N1"),
    Plant("a watch goes to work and stays on watch",
          "runtime/sched/worker.c",
          "    if (worker->watching)\n        watch_give_up(worker);\n",
          "",
          "watch", "watch_is_handed_on", "N4"),
    Plant("the next-slot always comes first",
          "runtime/sched/pick.c",
          "        { take_fifo, take_next_slot, take_deque },\n"
          "        { take_deque, take_fifo, take_next_slot },\n",
          "        { take_next_slot, take_fifo, take_deque },\n"
          "        { take_next_slot, take_deque, take_fifo },\n",
          "worker", "ping_pong", "F1"),
    Plant("who waits is not cancelled by the close",
          "runtime/sched/shutdown.c",
          "        cancel_all(sched);\n",
          "        (void)cancel_all;\n",
          "shutdown", "waiting_task_of_two", "X2"),
    Plant("nobody hears that all has stopped",
          "runtime/sched/shutdown.c",
          "    notify_all(sched);\n    return true;\n",
          "    return true;\n",
          "shutdown", "close_idle", "X1"),
    # ---- onlookers ----
    Plant("who held a task keeps its wake to himself",
          "runtime/task/task.c",
          "    if (state_let_go(&task->state) == STATE_QUEUE)\n",
          "    if (state_let_go(&task->state) == STATE_FREE)\n",
          "dump", "look_meets_completion", "T11"),
    Plant("who lets a task go has not looked yet",
          "runtime/task/state.c",
          "    } while (!atomic_cas_ar(state, &word, next));   "
          "/* pairs with every ticket: we have read */",
          "    } while (!atomic_cas_acq(state, &word, next));",
          "state", "look_meets_wake", "T11"),
    Plant("a queued task is held",
          "runtime/task/state.c",
          "    const uint64_t busy = STATE_RUNNING | STATE_NOTIFIED | STATE_DONE;\n",
          "    const uint64_t busy = STATE_RUNNING | STATE_DONE;\n",
          "state", "look_meets_cancel", "T11"),
    Plant("a new task is seen before its function",
          "runtime/task/task.c",
          "    atomic_store_rel(&task->state, fresh | flags);",
          "    atomic_store_rlx(&task->state, fresh | flags);",
          "dump", "look_meets_reuse", "SL5"),
    Plant("a descriptor is closed while a handler writes",
          "runtime/base/doorbell.h",
          "    while (atomic_load_acq(&bell->word) >> 32)          /* pairs with doorbell_leave */\n"
          "        relax_turn(&relax);\n",
          "    (void)relax;\n",
          "doorbell", "ring_meets_close", "B2"),
    # ---- signals ----
    Plant("a listener goes while a handler is inside",
          "io/sigtable.c",
          "    while (atomic_load_acq(state) != 0) ",
          "    while (false && atomic_load_acq(state) != 0) ",
          "sigtable", "descriptor_of_nobody", "G2"),
    Plant("a handler believes what it saw before it entered",
          "io/sigtable.c",
          "        if (enter(slot, signo)) {\n",
          "        (void)enter(slot, signo);\n        {\n",
          "sigtable", "slot_used_again", "G2, G4"),
    Plant("who lets a join set go frees what its tasks use",
          "runtime/task/join_set.c",
          "    bool is_unused = core->running == 0;\n",
          "    bool is_unused = true;\n",
          "join_set", "detach_meets_ends", "JS4"),
    Plant("an ended task forgets who waits for it",
          "runtime/task/join_set.c",
          "    bool wakes_next = publish(&core->next_wait, &next);\n",
          "    bool wakes_next = false;\n    (void)next;\n",
          "join_set", "join_meets_ends", "JS3"),
    # ---- found by the models, and fixed ----
    Plant("a searcher that falls asleep forgets whom it hushed",
          "runtime/sched/worker.c",
          "        search_again(worker);\n",
          "        (void)search_again;\n",
          "worker", "hushed_by_a_searcher", "P3"),
    Plant("who was woken to watch goes to work instead",
          "runtime/sched/worker.c",
          "(sched_has_work(worker->sched) || watch_is_missing(worker->sched))",
          "sched_has_work(worker->sched)",
          "watch", "woken_to_watch_finds_work", "N2"),
    Plant("a worker counts with old counts when it closes",
          "runtime/sched/worker.c",
          "atomic_load_acq(&sched->closing)",
          "atomic_load_rlx(&sched->closing)",
          "shutdown", "waiting_task_is_cancelled", "X2"),
    Plant("a spawn is counted before it is refused",
          "runtime/sched/guest.c",
          "    if (!atomic_load_rlx(&sched->closing))      "
          "/* no partner: sched_close stores under this lock */\n",
          "",
          "shutdown", "spawn_against_close", "X1"),
    Plant("a guest is notified before it is ready",
          "runtime/sched/seat.c",
          "    atomic_store_rel(&seat->ready, task);       /* pairs with take_ready: exchange (G2) */\n"
          "    if (context_here()->local != &seat->local && park_notify(&seat->park))\n"
          "        park_kick(&seat->park);",
          "    if (context_here()->local != &seat->local && park_notify(&seat->park))\n"
          "        park_kick(&seat->park);\n"
          "    atomic_store_rel(&seat->ready, task);       /* pairs with take_ready: exchange (G2) */",
          "guest", "sleeper_is_woken", "G2"),
    Plant("a guest leaves with a task in its slot",
          "runtime/sched/seat.c",
          "        sched_inject(seat->sched, task);        /* G4 */",
          "        (void)task;",
          "guest", "slot_is_handed_on", "G4"),
    Plant("a guest leaves a closing runtime silently",
          "runtime/sched/seat.c",
          "    if (closing)                                /* G5 */\n",
          "    if (false && closing)\n",
          "guest", "leaves_while_closing", "G5"),

    # ---- time ----
    Plant("a moved sleep is complete already",
          "timer/sleep.c",
          "        atomic_store_rlx(&sleep->leaf_.future.line_, (uint32_t)LEAF_WAITING);   "
          "/* owner */\n",
          "        return;\n",
          "wheel", "reset_meets_expiry", "W3"),
    Plant("who lets go of a clock tells nobody",
          "runtime/sched/pace.c",
          "        worker_notify(&sched->workers[0]);\n",
          "        (void)sched;\n",
          "pace", "letting_go_wakes", "V4"),
    Plant("a clock asks for work before it asks for holds",
          "runtime/sched/pace.c",
          "    if (!clock->is_paused || clock_is_held(clock) || worker->dirty || sched_has_work(sched))\n",
          "    if (!clock->is_paused || worker->dirty || sched_has_work(sched) || clock_is_held(clock))\n",
          "pace", "two_hold", "V3"),

    # ---- the blocking pool ----
    Plant("a job is queued behind a thread that may never be",
          "runtime/sched/blocking.c",
          "    if (pool->live == 0)\n"
          "        return pool->starting > 0 ? PLACE_LATER : PLACE_NOBODY;\n",
          "    if (pool->live + pool->starting == 0)\n"
          "        return PLACE_NOBODY;\n",
          "blocking", "only_start_fails", "B2"),
    Plant("a thread whose time is up leaves after it has let go of the lock",
          "runtime/sched/blocking.c",
          "    pool->resting--;\n    return leave(pool, self);\n",
          "    pool->resting--;\n    lock_give(&pool->lock);\n    lock_take(&pool->lock);\n"
          "    return leave(pool, self);\n",
          "blocking", "time_is_up_against_submit", "B2"),
    Plant("a thread does not wait for the post of who took it",
          "runtime/sched/blocking.c",
          "    if (taken && !woken)\n"
          "        (void)nap_wait(&self->nap, NAP_FOR_EVER);       "
          "/* the post is on its way (B3) */\n",
          "    (void)woken;\n",
          "blocking", "time_is_up_against_submit", "B3"),
    Plant("a copy is given up without a word to its thread",
          "runtime/sched/blocking.c",
          "        copy_of(job)->owner = NULL;             /* its thread drops it (B5) */\n",
          "",
          "blocking", "copy_is_given_up", "B5"),
    Plant("a job that was taken is withdrawn",
          "runtime/sched/blocking.c",
          "    *ret_withdrawn = job->stage_ == BLOCKING_QUEUED;\n",
          "    *ret_withdrawn = job->stage_ == BLOCKING_QUEUED || job->stage_ == BLOCKING_TAKEN;\n",
          "blocking", "cancel_against_take", "B1"),
    Plant("the end waits for what nobody waits for",
          "runtime/sched/blocking.c",
          "    while (pool->live + pool->starting != pool->abandoned) {\n",
          "    while (pool->live + pool->starting > 0) {\n",
          "blocking", "end_leaves_what_hangs", "B7"),
    # ---- one-shot polls of guests ----
    Plant("an event completes what is in the inbox",
          "io/poll.c",
          "        atomic_store_rel(&op->stage_, (uint8_t)STAGE_POLL_OVER);    "
          "/* owner: taken out later */",
          "        maru_leaf_complete(&op->leaf_);",
          "poll", "guest_gives_up", "POLL_OVER"),
    Plant("a withdrawn request is begun",
          "io/poll.c",
          "    if (!atomic_cas_ar(&op->stage_, &stage, (uint8_t)STAGE_POLLING)) {",
          "    op->stage_ = STAGE_POLLING;\n    if (false) {",
          "poll", "guest_gives_up", "POLL_WITHDRAWN"),
)
