/* state.c - see state.h. Each transition is one read-modify-write; they all pair with each other
 * through the one word, so what is said at a line is only who reads what it publishes. */
#include "runtime/task/state.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

static bool is_idle(uint64_t word)
{
    const uint64_t busy = STATE_RUNNING | STATE_NOTIFIED | STATE_DONE;
    return (word & (STATE_LIVE | busy)) == STATE_LIVE;
}

/* The first guess of each loop; the compare-and-swap that follows decides. */
static uint64_t glance(uint64_t *state)
{
    return atomic_load_rlx(state);              /* no partner: the cas decides */
}

enum state_wake state_wake_begin(uint64_t *state)
{
    uint64_t word = glance(state), next;
    do {
        DCHECK(word & STATE_LIVE);
        next = is_idle(word) ? word | STATE_NOTIFIED : word + STATE_PIN;
    } while (!atomic_cas_ar(state, &word, next));   /* pairs with state_to_idle, state_to_done */
    return is_idle(word) ? STATE_TICKET : STATE_PINNED;
}

enum state_after state_wake_pinned(uint64_t *state)
{
    uint64_t word = glance(state), next;
    enum state_after after;
    do {
        DCHECK(word >= STATE_PIN);
        next = word - STATE_PIN;
        after = STATE_NOTHING;
        if (!(word & STATE_DONE)) {
            after = is_idle(word) ? STATE_QUEUE : STATE_NOTHING;
            next |= STATE_NOTIFIED | STATE_ROOT;
        } else if (state_is_unowned(next)) {
            after = STATE_FREE;
        }
    } while (!atomic_cas_ar(state, &word, next));   /* pairs with state_to_running (T4) */
    return after;
}

void state_pin(uint64_t *state)
{
    atomic_add_rlx(state, STATE_PIN);           /* no partner: the caller keeps it alive already */
}

enum state_after state_notify(uint64_t *state)
{
    uint64_t word = glance(state), next;
    do
        next = word & STATE_DONE ? word : word | STATE_NOTIFIED | STATE_ROOT;
    while (!atomic_cas_ar(state, &word, next));     /* pairs with state_to_running (T4) */
    return is_idle(word) ? STATE_QUEUE : STATE_NOTHING;
}

enum state_after state_unpin(uint64_t *state)
{
    uint64_t word = atomic_sub_ar(state, STATE_PIN) - STATE_PIN;    /* pairs with state_to_done */
    return word & STATE_DONE && state_is_unowned(word) ? STATE_FREE : STATE_NOTHING;
}

uint64_t state_to_running(uint64_t *state)
{
    uint64_t word = atomic_load_acq(state);     /* pairs with wakes: a yielded task may have none */
    if ((word & STATE_RUNNING) && !(word & STATE_NOTIFIED))
        return word;
    uint64_t next;
    do {
        DCHECK(word & STATE_NOTIFIED && !(word & STATE_DONE));
        next = (word & ~(uint64_t)(STATE_NOTIFIED | STATE_ROOT | STATE_FRESH)) | STATE_RUNNING;
    } while (!atomic_cas_ar(state, &word, next));   /* pairs with every wake (T4, T10) */
    return word;
}

enum state_after state_to_idle(uint64_t *state)
{
    uint64_t word = glance(state), next;
    do {
        DCHECK(word & STATE_RUNNING);
        next = word & ~(uint64_t)STATE_RUNNING;
    } while (!atomic_cas_ar(state, &word, next));   /* pairs with state_wake_begin: what we wrote */
    return word & STATE_NOTIFIED ? STATE_QUEUE : STATE_NOTHING;
}

uint64_t state_to_done(uint64_t *state)
{
    uint64_t word = glance(state), next;
    do {
        DCHECK(word & STATE_RUNNING);
        next = (word | STATE_DONE) & ~(uint64_t)(STATE_RUNNING | STATE_NOTIFIED | STATE_ROOT);
    } while (!atomic_cas_ar(state, &word, next));   /* pairs with state_join, pins, handles (T5) */
    return next;
}

enum state_after state_cancel(uint64_t *state)
{
    const uint64_t wanted = STATE_CANCELLED | STATE_NOTIFIED | STATE_ROOT;
    uint64_t word = glance(state), next;
    do
        next = word & STATE_DONE || !(word & STATE_LIVE) ? word : word | wanted;
    while (!atomic_cas_ar(state, &word, next));     /* pairs with state_to_running (T4, T7) */
    return is_idle(word) ? STATE_QUEUE : STATE_NOTHING;
}

enum state_after state_drop_handle(uint64_t *state)
{
    uint64_t word = glance(state), next;
    do {
        DCHECK(word & STATE_HANDLE);
        next = word & ~(uint64_t)STATE_HANDLE;
    } while (!atomic_cas_ar(state, &word, next));   /* pairs with state_to_done (T6) */
    return word & STATE_DONE && state_is_unowned(next) ? STATE_FREE : STATE_NOTHING;
}

bool state_join(uint64_t *state)
{
    uint64_t word = atomic_load_acq(state);     /* pairs with state_to_done: the result (T5) */
    do {
        if (word & STATE_DONE)
            return false;
        DCHECK(!(word & STATE_JOINER));
    } while (!atomic_cas_ar(state, &word, word | STATE_JOINER));    /* pairs with state_to_done */
    return true;
}

bool state_unjoin(uint64_t *state)
{
    uint64_t word = atomic_load_acq(state);     /* pairs with state_to_done: the result (T5) */
    do {
        if (word & STATE_DONE)
            return false;
    } while (!atomic_cas_ar(state, &word, word & ~(uint64_t)STATE_JOINER)); /* with to_done */
    return true;
}

bool state_hold(uint64_t *state, uint64_t *ret_word)
{
    struct relax relax = { 0 };
    uint64_t word = atomic_load_acq(state);     /* pairs with task_new: what a slot is */
    while (is_idle(word) || word & STATE_HELD) {
        if (word & STATE_HELD) {
            relax_turn(&relax);
            word = atomic_load_acq(state);      /* pairs with state_let_go */
            continue;
        }
        uint64_t held = word | STATE_RUNNING | STATE_HELD;
        if (atomic_cas_acq(state, &word, held))         /* pairs with state_to_idle: the frames */
            break;
    }
    *ret_word = word;
    return is_idle(word);
}

enum state_after state_let_go(uint64_t *state)
{
    uint64_t word = glance(state), next;
    do {
        DCHECK(word & STATE_RUNNING && word & STATE_HELD);
        next = word & ~(uint64_t)(STATE_RUNNING | STATE_HELD);
    } while (!atomic_cas_ar(state, &word, next));   /* pairs with every ticket: we have read */
    return word & STATE_NOTIFIED ? STATE_QUEUE : STATE_NOTHING;
}
