/* test_state.c - every transition of the state word against a table, with everything beside it
 * left alone; and the transitions that must not happen. */
#include "runtime/task/state.h"

#include "tests/support/last_words.h"

#include <criterion/criterion.h>
#include <signal.h>

#define L    (uint64_t)STATE_LIVE
#define RUN  (uint64_t)STATE_RUNNING
#define N    (uint64_t)STATE_NOTIFIED
#define ROOT (uint64_t)STATE_ROOT
#define C    (uint64_t)STATE_CANCELLED
#define DONE (uint64_t)STATE_DONE
#define H    (uint64_t)STATE_HANDLE
#define J    (uint64_t)STATE_JOINER
#define F    (uint64_t)STATE_FRESH
#define HELD (uint64_t)STATE_HELD
#define PIN  (uint64_t)STATE_PIN

/* One row: the word before, the word after, what is returned. */
struct row {
    uint64_t before, after;
    uint64_t returned;
};

/* What stands beside a transition and must come through it unchanged. */
static const uint64_t beside[] = {
    0, STATE_CHILD, STATE_CHILD | STATE_LIFO, STATE_CANCELLED, STATE_CHILD | STATE_CANCELLED,
};

#define ROWS(rows) (rows), sizeof(rows) / sizeof(*(rows))

static void check_rows(uint64_t (*transition)(uint64_t *), const struct row *rows, size_t count,
                       bool returns_word)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t b = 0; b < sizeof beside / sizeof *beside; b++) {
            uint64_t word = rows[i].before | beside[b];
            uint64_t returned = transition(&word);
            uint64_t expected = rows[i].returned | (returns_word ? beside[b] : 0);
            cr_assert_eq(word, rows[i].after | beside[b], "row %zu: word %#llx", i,
                         (unsigned long long)word);
            cr_assert_eq(returned, expected, "row %zu returned %#llx", i,
                         (unsigned long long)returned);
        }
    }
}

static uint64_t wake_begin(uint64_t *word)
{
    return (uint64_t)state_wake_begin(word);
}

Test(state, a_wake_begins_with_the_ticket_of_an_idle_task_or_else_with_a_pin)
{
    static const struct row rows[] = {
        { L, L | N, STATE_TICKET },
        { L | H, L | H | N, STATE_TICKET },
        { L | J, L | J | N, STATE_TICKET },
        { L | 3 * PIN, L | 3 * PIN | N, STATE_TICKET },
        { L | RUN, L | RUN | PIN, STATE_PINNED },
        { L | N, L | N | PIN, STATE_PINNED },
        { L | N | ROOT, L | N | ROOT | PIN, STATE_PINNED },
        { L | RUN | N, L | RUN | N | PIN, STATE_PINNED },
        { L | RUN | N | 2 * PIN, L | RUN | N | 3 * PIN, STATE_PINNED },
        { L | F | N | ROOT, L | F | N | ROOT | PIN, STATE_PINNED },
        { L | DONE | H, L | DONE | H | PIN, STATE_PINNED },
    };
    check_rows(wake_begin, ROWS(rows), false);
}

static uint64_t wake_pinned(uint64_t *word)
{
    return (uint64_t)state_wake_pinned(word);
}

Test(state, a_pinned_wake_notifies_and_drops_its_pin_at_once)
{
    static const struct row rows[] = {
        { L | PIN, L | N | ROOT, STATE_QUEUE },
        { L | H | 2 * PIN, L | H | PIN | N | ROOT, STATE_QUEUE },
        { L | RUN | PIN, L | RUN | N | ROOT, STATE_NOTHING },
        { L | N | PIN, L | N | ROOT, STATE_NOTHING },
        { L | RUN | N | ROOT | PIN, L | RUN | N | ROOT, STATE_NOTHING },
        { L | DONE | PIN, L | DONE, STATE_FREE },
        { L | DONE | H | PIN, L | DONE | H, STATE_NOTHING },
        { L | DONE | 2 * PIN, L | DONE | PIN, STATE_NOTHING },
    };
    check_rows(wake_pinned, ROWS(rows), false);
}

static uint64_t notify(uint64_t *word)
{
    return (uint64_t)state_notify(word);
}

Test(state, a_notification_asks_for_the_root_and_changes_nothing_after_the_end)
{
    static const struct row rows[] = {
        { L, L | N | ROOT, STATE_QUEUE },
        { L | PIN, L | PIN | N | ROOT, STATE_QUEUE },
        { L | N, L | N | ROOT, STATE_NOTHING },
        { L | RUN, L | RUN | N | ROOT, STATE_NOTHING },
        { L | RUN | N | ROOT, L | RUN | N | ROOT, STATE_NOTHING },
        { L | DONE, L | DONE, STATE_NOTHING },
        { L | DONE | H | PIN, L | DONE | H | PIN, STATE_NOTHING },
    };
    check_rows(notify, ROWS(rows), false);
}

static uint64_t pin(uint64_t *word)
{
    state_pin(word);
    return 0;
}

static uint64_t unpin(uint64_t *word)
{
    return (uint64_t)state_unpin(word);
}

Test(state, pins_count)
{
    static const struct row more[] = {
        { L, L | PIN, 0 },
        { L | RUN | PIN, L | RUN | 2 * PIN, 0 },
        { L | DONE | H | 65535 * PIN, L | DONE | H | 65536 * PIN, 0 },
    };
    static const struct row fewer[] = {
        { L | PIN, L, STATE_NOTHING },
        { L | RUN | N | 2 * PIN, L | RUN | N | PIN, STATE_NOTHING },
        { L | DONE | 2 * PIN, L | DONE | PIN, STATE_NOTHING },
        { L | DONE | H | PIN, L | DONE | H, STATE_NOTHING },
        { L | DONE | PIN, L | DONE, STATE_FREE },
    };
    check_rows(pin, ROWS(more), false);
    check_rows(unpin, ROWS(fewer), false);
}

Test(state, running_takes_notified_root_and_fresh_in_one_step)
{
    static const struct row rows[] = {
        { L | N, L | RUN, L | N },
        { L | N | ROOT, L | RUN, L | N | ROOT },
        { L | N | ROOT | F | H, L | RUN | H, L | N | ROOT | F | H },
        { L | N | ROOT | 2 * PIN, L | RUN | 2 * PIN, L | N | ROOT | 2 * PIN },
    };
    check_rows(state_to_running, ROWS(rows), true);
}

Test(state, a_task_that_yielded_runs_on_with_its_own_hint_unless_it_was_woken)
{
    static const struct row rows[] = {
        { L | RUN, L | RUN, L | RUN },
        { L | RUN | H, L | RUN | H, L | RUN | H },
        { L | RUN | N | ROOT, L | RUN, L | RUN | N | ROOT },
    };
    check_rows(state_to_running, ROWS(rows), true);
}

static uint64_t to_idle(uint64_t *word)
{
    return (uint64_t)state_to_idle(word);
}

Test(state, a_wake_during_the_poll_is_one_more_poll)
{
    static const struct row rows[] = {
        { L | RUN, L, STATE_NOTHING },
        { L | RUN | H | PIN, L | H | PIN, STATE_NOTHING },
        { L | RUN | N | ROOT, L | N | ROOT, STATE_QUEUE },
        { L | RUN | N | ROOT | PIN, L | N | ROOT | PIN, STATE_QUEUE },
    };
    check_rows(to_idle, ROWS(rows), false);
}

Test(state, the_end_is_final_and_forgets_notifications)
{
    static const struct row rows[] = {
        { L | RUN, L | DONE, L | DONE },
        { L | RUN | N | ROOT, L | DONE, L | DONE },
        { L | RUN | H, L | DONE | H, L | DONE | H },
        { L | RUN | H | J, L | DONE | H | J, L | DONE | H | J },
        { L | RUN | N | ROOT | 2 * PIN, L | DONE | 2 * PIN, L | DONE | 2 * PIN },
    };
    check_rows(state_to_done, ROWS(rows), true);
}

static uint64_t cancel(uint64_t *word)
{
    return (uint64_t)state_cancel(word);
}

Test(state, cancel_is_a_level_and_leaves_the_ended_and_the_freed_alone)
{
    static const struct row rows[] = {
        { L, L | C | N | ROOT, STATE_QUEUE },
        { L | H | PIN, L | H | PIN | C | N | ROOT, STATE_QUEUE },
        { L | RUN, L | RUN | C | N | ROOT, STATE_NOTHING },
        { L | N, L | C | N | ROOT, STATE_NOTHING },
        { L | N | ROOT | F, L | C | N | ROOT | F, STATE_NOTHING },
        { L | C | RUN, L | C | RUN | N | ROOT, STATE_NOTHING },
        { L | DONE | H, L | DONE | H, STATE_NOTHING },
    };
    check_rows(cancel, ROWS(rows), false);
    uint64_t freed = 0;
    cr_assert_eq(state_cancel(&freed), STATE_NOTHING);
    cr_assert_eq(freed, 0u);
}

static uint64_t drop_handle(uint64_t *word)
{
    return (uint64_t)state_drop_handle(word);
}

Test(state, the_last_of_handle_and_pins_frees_what_has_ended)
{
    static const struct row rows[] = {
        { L | H, L, STATE_NOTHING },
        { L | H | RUN | N, L | RUN | N, STATE_NOTHING },
        { L | H | DONE, L | DONE, STATE_FREE },
        { L | H | J | DONE, L | J | DONE, STATE_FREE },
        { L | H | DONE | PIN, L | DONE | PIN, STATE_NOTHING },
    };
    check_rows(drop_handle, ROWS(rows), false);
}

static uint64_t join(uint64_t *word)
{
    return state_join(word);
}

static uint64_t unjoin(uint64_t *word)
{
    return state_unjoin(word);
}

Test(state, a_join_comes_before_the_end_or_not_at_all)
{
    static const struct row joins[] = {
        { L | H, L | H | J, true },
        { L | H | RUN | N, L | H | J | RUN | N, true },
        { L | H | DONE, L | H | DONE, false },
    };
    static const struct row unjoins[] = {
        { L | H | J, L | H, true },
        { L | H | J | RUN, L | H | RUN, true },
        { L | H | J | DONE, L | H | J | DONE, false },
    };
    check_rows(join, ROWS(joins), false);
    check_rows(unjoin, ROWS(unjoins), false);
}

static uint64_t hold(uint64_t *word)
{
    uint64_t before;
    bool held = state_hold(word, &before);
    return before | (held ? STATE_HELD : 0);
}

static uint64_t let_go(uint64_t *word)
{
    return (uint64_t)state_let_go(word);
}

Test(state, only_an_idle_task_is_held)
{
    static const struct row rows[] = {
        { L, L | RUN | HELD, L | HELD },
        { L | H | J, L | H | J | RUN | HELD, L | H | J | HELD },
        { L | 2 * PIN, L | 2 * PIN | RUN | HELD, L | 2 * PIN | HELD },
        { L | N, L | N, L | N },
        { L | N | ROOT | F, L | N | ROOT | F, L | N | ROOT | F },
        { L | RUN, L | RUN, L | RUN },
        { L | RUN | N | ROOT, L | RUN | N | ROOT, L | RUN | N | ROOT },
        { L | DONE | H, L | DONE | H, L | DONE | H },
    };
    check_rows(hold, ROWS(rows), true);
    uint64_t freed = 0;
    cr_assert_eq(hold(&freed), 0u);
    cr_assert_eq(freed, 0u);
}

Test(state, who_holds_a_task_queues_it_if_it_was_woken_meanwhile)
{
    static const struct row rows[] = {
        { L | RUN | HELD, L, STATE_NOTHING },
        { L | RUN | HELD | H | PIN, L | H | PIN, STATE_NOTHING },
        { L | RUN | HELD | N | ROOT, L | N | ROOT, STATE_QUEUE },
    };
    check_rows(let_go, ROWS(rows), false);
}

Test(state, a_held_task_is_woken_like_one_that_runs)
{
    static const struct row wakes[] = { { L | RUN | HELD, L | RUN | HELD | PIN, STATE_PINNED } };
    static const struct row notes[] = {
        { L | RUN | HELD, L | RUN | HELD | N | ROOT, STATE_NOTHING },
    };
    static const struct row cancels[] = {
        { L | RUN | HELD, L | RUN | HELD | C | N | ROOT, STATE_NOTHING },
    };
    check_rows(wake_begin, ROWS(wakes), false);
    check_rows(notify, ROWS(notes), false);
    check_rows(cancel, ROWS(cancels), false);
}

Test(state, unowned_is_without_handle_and_pins)
{
    cr_assert(state_is_unowned(L | DONE));
    cr_assert(state_is_unowned(L | DONE | J | C | STATE_CHILD | STATE_LIFO));
    cr_assert_not(state_is_unowned(L | DONE | H));
    cr_assert_not(state_is_unowned(L | DONE | PIN));
    cr_assert_not(state_is_unowned(L | DONE | H | PIN));
}

Test(state, the_bits_are_distinct_and_below_the_count)
{
    const uint64_t bits[] = { L, RUN, N, ROOT, C, DONE, H, J, F, STATE_CHILD, STATE_LIFO,
                              HELD };
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        cr_assert_eq(__builtin_popcountll(bits[i]), 1);
        cr_assert_not(all & bits[i]);
        all |= bits[i];
    }
    cr_assert_lt(all, PIN);
}

/* ---- what must not happen ---- */

struct misstep {
    uint64_t (*transition)(uint64_t *);
    uint64_t word;
};

static void take_misstep(void *arg)
{
    struct misstep *step = arg;
    (void)step->transition(&step->word);
}

Test(state, a_debug_build_refuses_missteps)
{
    struct misstep missteps[] = {
        { wake_begin, 0 },              /* of a freed task */
        { wake_pinned, L },             /* without a pin */
        { state_to_running, L },        /* without the queue entry */
        { state_to_running, L | N | DONE },
        { to_idle, L | N },             /* not by the runner */
        { state_to_done, L },
        { drop_handle, L | DONE },      /* twice */
        { join, L | H | J },            /* two joins */
        { let_go, L | RUN },            /* not by who holds it */
    };
    for (size_t i = 0; i < sizeof missteps / sizeof *missteps; i++) {
        struct last_words words = last_words_of(take_misstep, &missteps[i]);
#ifdef NDEBUG
        (void)words;
#else
        cr_assert_eq(words.signal, SIGABRT, "misstep %zu", i);
        cr_assert(last_words_have(&words, "state.c"), "%s", words.text);
#endif
    }
}
