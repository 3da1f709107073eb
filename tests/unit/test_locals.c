/* test_locals.c - task-locals and names: who sees them, and until when. */
#include "runtime/task/locals.h"

#include "runtime/task/frame.h"
#include "tests/support/fake_tasks.h"
#include "tests/support/last_words.h"

#include <signal.h>
#include <stdio.h>

static struct fake fake;
static struct gate gates[4];
static const maru_local_key REQUEST = { "request" }, USER = { "user" };

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(locals, .init = begin, .fini = end);

static const char *value_of(const maru_local_key *key)
{
    void *value = NULL;
    int rc = maru_local_get(key, &value);
    cr_assert_eq(rc, value ? 0 : -ENOENT);
    return value ? value : "none";
}

static char journal[128];

static void note(const char *text)
{
    size_t len = strlen(journal);
    (void)snprintf(journal + len, sizeof journal - len, "%s ", text);
}

struct inner {
    maru_frame frame;
    maru_local own;
    const char *value;           /* sets its own */
    struct gate *gate;
};

maru_async(inner)
{
    note(value_of(&REQUEST));
    if (me->value)
        maru_check(maru_local_set(&me->own, &REQUEST, (void *)(uintptr_t)me->value));
    note(value_of(&REQUEST));
    if (me->gate)
        maru_try(gate_wait(me->gate));
    note(value_of(&REQUEST));
maru_finally:
    note(value_of(&REQUEST));
}
maru_end;

struct outer {
    maru_frame frame;
    maru_local request, user;
    const char *value;
    struct inner inner;
    struct gate *gate;
};

maru_async(outer)
{
    note(value_of(&REQUEST));
    maru_check(maru_local_set(&me->request, &REQUEST, (void *)(uintptr_t)me->value));
    maru_check(maru_local_set(&me->user, &USER, (void *)(uintptr_t) "u"));
    note(value_of(&USER));
    maru_try(maru_call(inner, &me->inner, .value = me->value ? "in" : NULL, .gate = me->gate));
    note(value_of(&REQUEST));
maru_finally:
    note(value_of(&REQUEST));
}
maru_end;

Test(locals, the_innermost_value_is_seen_and_goes_with_its_function)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, outer, .value = "out");
    fake_run(&fake);
    cr_assert_str_eq(journal, "none u out in in in out out ");
    cr_assert_null(task_root(task)->live_, "L2");
    cr_assert_eq(fake_take_result(task), 0);
}

/* conformance 24 */
Test(locals, they_are_seen_in_finally_when_the_task_is_cancelled)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, outer, .value = "out", .gate = &gates[0]);
    fake_run(&fake);
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_str_eq(journal, "none u out in in out ");
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

/* conformance 24: the frame that is resumed has its caller's, whoever resumes it */
Test(locals, they_are_seen_when_the_innermost_function_is_resumed)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, outer, .value = "out", .gate = &gates[0]);
    fake_run(&fake);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_str_eq(journal, "none u out in in in out out ");
    cr_assert_eq(fake_take_result(task), 0);
}

/* What is in flight when the function ends sees them while it ends. */
static maru_result tells_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    if (cx->ending == MARU_GO)
        return MARU_PENDING;
    note(value_of(&REQUEST));
    return -ECANCELED;
}

static const maru_future_type tells_type = { tells_poll, "tells" };
static maru_future tells[2];

struct leaves {
    maru_frame frame;
    maru_local request;
};

maru_async(leaves)
{
    maru_result arm;
    maru_check(maru_local_set(&me->request, &REQUEST, (void *)(uintptr_t) "mine"));
    maru_race(arm, maru_future_init(&tells[0], &tells_type), maru_future_ready(&tells[1], 0));
    maru_return(arm);
maru_finally:
    maru_race(arm, maru_future_init(&tells[0], &tells_type), maru_future_ready(&tells[1], 0));
}
maru_end;

Test(locals, whatever_ends_with_the_function_sees_them_after_finally_too)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, leaves);
    fake_run(&fake);
    cr_assert_str_eq(journal, "mine mine ");
    cr_assert_eq(fake_take_result(task), 1);
}

struct resets {
    maru_frame frame;
    maru_local slot, other;
};

maru_async(resets)
{
    maru_check(maru_local_set(&me->slot, &REQUEST, (void *)(uintptr_t) "a"));
    maru_check(maru_local_set(&me->other, &REQUEST, (void *)(uintptr_t) "b"));
    note(value_of(&REQUEST));
    maru_check(maru_local_set(&me->other, &USER, (void *)(uintptr_t) "c"));
    note(value_of(&REQUEST));
    note(value_of(&USER));
    maru_local_clear(&me->slot);
    maru_local_clear(&me->slot);
    maru_local_clear(NULL);
    note(value_of(&REQUEST));
    maru_check(maru_local_set(&me->slot, &REQUEST, (void *)(uintptr_t) "d"));
    note(value_of(&REQUEST));
}
maru_end;

Test(locals, a_slot_can_be_set_anew_and_cleared)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, resets);
    fake_run(&fake);
    cr_assert_str_eq(journal, "b a c none d ");
    cr_assert_eq(fake_take_result(task), 0);
}

Test(locals, bad_arguments_and_other_threads_are_refused)
{
    static maru_local slot;
    static maru_name name;
    void *value = &slot;
    cr_assert_eq(maru_local_set(&slot, &REQUEST, NULL), -EINVAL, "outside of a task");
    cr_assert_eq(maru_local_set(NULL, &REQUEST, NULL), -EINVAL);
    cr_assert_eq(maru_local_set(&slot, NULL, NULL), -EINVAL);
    cr_assert_eq(maru_local_get(&REQUEST, &value), -ENOENT);
    cr_assert_eq(value, &slot);
    cr_assert_eq(maru_local_get(NULL, &value), -EINVAL);
    cr_assert_eq(maru_local_get(&REQUEST, NULL), -EINVAL);
    cr_assert_eq(maru_task_name_set(&name, "x"), -EINVAL);
    cr_assert_eq(maru_task_name_set(&name, NULL), -EINVAL);
    cr_assert_eq(maru_task_name_set(NULL, "x"), -EINVAL);
    cr_assert_null(maru_task_name());
    maru_local_clear(&slot);
}

/* ---- names ---- */

struct named {
    maru_frame frame;
    maru_name name;
    const char *own;
    struct named *next;
    struct gate *gate;
};

maru_async(named)
{
    if (me->own)
        maru_check(maru_task_name_set(&me->name, me->own));
    note(maru_task_name() ? maru_task_name() : "none");
    if (me->next)
        maru_try(maru_call(named, me->next, .own = "inner", .gate = me->gate));
    else if (me->gate)
        maru_try(gate_wait(me->gate));
    note(maru_task_name() ? maru_task_name() : "none");
}
maru_end;

Test(locals, a_task_has_the_innermost_name_and_the_dump_finds_the_outermost)
{
    static struct named inner;
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, named, .own = "conn 5", .next = &inner,
                                 .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_str_eq(journal, "conn 5 inner ");
    cr_assert_str_eq(locals_name(task_root(task)), "conn 5");
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_str_eq(journal, "conn 5 inner inner conn 5 ");
    cr_assert_null(locals_name(task_root(task)));
    cr_assert_eq(fake_take_result(task), 0);
    journal[0] = '\0';
    task = FAKE_START(&fake, STATE_HANDLE, named, .next = &inner, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_str_eq(locals_name(task_root(task)), "inner");
    maru_cancel(task);
    fake_run(&fake);
    cr_assert_str_eq(journal, "none inner ");
    cr_assert_eq(fake_take_result(task), -ECANCELED);
}

Test(locals, a_long_name_is_cut_off)
{
    const char *name = "0123456789012345678901234567890123456789012345678901234567890123";
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, named, .own = name, .gate = &gates[0]);
    fake_run(&fake);
    cr_assert_eq(strlen(locals_name(task_root(task))), (size_t)MARU_NAME_BYTES - 1);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), 0);
}

/* ---- misuse ---- */

struct borrows {
    maru_frame frame;
    maru_local *slot;
};

maru_async(borrows)
{
    maru_check(maru_local_set(me->slot, &REQUEST, NULL));
}
maru_end;

struct lends {
    maru_frame frame;
    bool on_stack;
    maru_local slot;
    struct borrows kid;
};

maru_async(lends)
{
    maru_local here = { .value_ = NULL };
    maru_check(maru_local_set(me->on_stack ? &here : &me->slot, &USER, NULL));
    maru_try(maru_call(borrows, &me->kid, .slot = &me->slot));
}
maru_end;

static void misuse(void *on_stack)
{
    FAKE_START(&fake, 0, lends, .on_stack = *(bool *)on_stack);
    fake_run(&fake);
}

Test(locals, a_slot_of_another_function_or_of_the_stack_is_found)
{
    for (int on_stack = 0; on_stack < 2; on_stack++) {
        bool arg = on_stack;
        struct last_words words = last_words_of(misuse, &arg);
        cr_assert_eq(words.signal, SIGABRT);
        cr_assert(last_words_have(&words, on_stack ? "a future on the C stack"
                                                   : "a task-local that another function has set"),
                  "%s", words.text);
    }
}
