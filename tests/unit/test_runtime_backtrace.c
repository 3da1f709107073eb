/* test_runtime_backtrace.c - the tree of a task that waits, as text, for every kind of wait. */
#include "runtime/runtime_backtrace.h"

#include "maru/net.h"
#include "tests/support/fake_tasks.h"

#include <stdarg.h>
#include <stdio.h>

static struct fake fake;
static struct gate gates[4];
static struct backtrace backtrace;
static struct text text;
static char bytes[DUMP_TEXT_BYTES];
static int lines[4];             /* of awaits, as they were reached */

#define AT(i, future) (lines[i] = __LINE__, (future))

static void begin(void)
{
    fake_begin(&fake);
}

static void end(void)
{
    fake_end(&fake);
}

TestSuite(runtime_backtrace, .init = begin, .fini = end);

/* The tree, with this file's name in short. */
static const char *tree_of(maru_task *task)
{
    char *at;
    text_init(&text, bytes, sizeof bytes);
    backtrace_add(&text, &backtrace, task, fake.clock.virtual_ns);
    while ((at = strstr(bytes, __FILE__)))
        memmove(at + 1, at + strlen(__FILE__), strlen(at + strlen(__FILE__)) + 1), *at = '@';
    return bytes;
}

__attribute__((format(printf, 2, 3))) static void expect_tree(maru_task *task, const char *format,
                                                              ...)
{
    char expected[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    cr_assert_str_eq(tree_of(task), expected);
}

static void cancel_and_run(maru_task *task)
{
    maru_cancel(task);
    fake_run(&fake);
    (void)fake_take_result(task);
}

/* ---- one ---- */

struct waits {
    maru_frame frame;
    struct gate *gate;
    int line;
};

maru_async(waits)
{
    maru_try(AT(me->line, gate_wait(me->gate)));
}
maru_end;

Test(runtime_backtrace, a_task_that_was_not_polled_yet_has_not_started)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    expect_tree(task, "  #0 frame waits @ not-started\n");
    fake_run(&fake);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    (void)fake_take_result(task);
}

Test(runtime_backtrace, the_line_is_the_await_s_and_a_leaf_has_its_type_s_name)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, waits, .gate = &gates[0]);
    fake_run(&fake);
    expect_tree(task, "  #0 frame waits @:%d\n    #1 wait gate\n", lines[0]);
    cancel_and_run(task);
}

struct calls {
    maru_frame frame;
    struct waits kid;
    struct gate *gate;
};

maru_async(calls)
{
    maru_try(AT(1, maru_call(waits, &me->kid, .gate = me->gate)));
}
maru_end;

Test(runtime_backtrace, a_child_by_value_is_below_its_caller)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, calls, .gate = &gates[0]);
    fake_run(&fake);
    expect_tree(task, "  #0 frame calls @:%d\n    #1 frame waits @:%d\n      #2 wait gate\n",
                lines[1], lines[0]);
    cancel_and_run(task);
}

struct hand_made {
    maru_leaf leaf;
};

static maru_result hand_made_poll(maru_future *self, maru_context *cx)
{
    (void)self;
    return cx->ending == MARU_GO ? MARU_PENDING : -ECANCELED;
}

struct nameless {
    maru_frame frame;
    struct hand_made leaf;
    const maru_future_type *type;
};

maru_async(nameless)
{
    maru_try(AT(0, maru_future_init(&me->leaf.leaf.future, me->type)));
}
maru_end;

Test(runtime_backtrace, names_that_are_missing_or_odd_keep_to_their_line)
{
    static const maru_future_type none = { hand_made_poll, NULL };
    static const maru_future_type odd = { hand_made_poll, "two\nlines" };
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, nameless, .type = &none);
    fake_run(&fake);
    expect_tree(task, "  #0 frame nameless @:%d\n    #1 wait ?\n", lines[0]);
    cancel_and_run(task);
    task = FAKE_START(&fake, STATE_HANDLE, nameless, .type = &odd);
    fake_run(&fake);
    expect_tree(task, "  #0 frame nameless @:%d\n    #1 wait two?lines\n", lines[0]);
    cancel_and_run(task);
}

/* ---- several ---- */

struct both {
    maru_frame frame;
    struct waits a, b;
};

maru_async(both)
{
    maru_result rc;
    maru_join(rc, AT(2, maru_call(waits, &me->a, .gate = &gates[0])), gate_wait(&gates[1]));
    maru_check(rc);
}
maru_end;

Test(runtime_backtrace, a_join_has_its_arms_in_order)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, both);
    fake_run(&fake);
    expect_tree(task,
                "  #0 frame both @:%d in=join\n"
                "    #1 frame waits @:%d\n"
                "      #2 wait gate\n"
                "    #1 wait gate\n",
                lines[2], lines[0]);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    expect_tree(task, "  #0 frame both @:%d in=join\n    #1 wait gate\n", lines[2]);
    cancel_and_run(task);
}

struct first {
    maru_frame frame;
};

maru_async(first)
{
    maru_result arm;
    maru_select(arm, AT(2, gate_wait(&gates[0])), gate_wait(&gates[1]));
    maru_check(arm);
}
maru_end;

Test(runtime_backtrace, a_select_tells_which_arms_are_told_to_end)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, first);
    gates[1].stubborn = true;
    fake_run(&fake);
    expect_tree(task, "  #0 frame first @:%d in=select\n    #1 wait gate\n    #1 wait gate\n",
                lines[2]);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    expect_tree(task, "  #0 frame first @:%d in=select\n    #1 wait gate ending\n", lines[2]);
    gate_open(&gates[1], 0);
    fake_run(&fake);
    (void)fake_take_result(task);
}

struct until_cancelled {
    maru_frame frame;
};

maru_async(until_cancelled)
{
    lines[0] = __LINE__ + 1;
    maru_await_cancel();
}
maru_end;

Test(runtime_backtrace, who_waits_for_its_cancel_says_so)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, until_cancelled);
    fake_run(&fake);
    expect_tree(task, "  #0 frame until_cancelled @:%d in=await_cancel\n", lines[0]);
    cancel_and_run(task);
}

/* ---- time ---- */

struct naps {
    maru_frame frame;
    maru_sleep sleep;
    maru_timeout limits[2];
    bool limited;
};

maru_async(naps)
{
    if (me->limited) {
        maru_future *inner = maru_within(&me->limits[1], 2 * MARU_SEC, gate_wait(&gates[0]));
        maru_try(AT(0, maru_within(&me->limits[0], MARU_SEC, inner)));
    } else {
        maru_try(AT(0, maru_sleep_for(&me->sleep, 90 * MARU_SEC)));
    }
}
maru_end;

/* Seconds are told in ticks, which are rounded up: what is left is more by less than one. */
Test(runtime_backtrace, a_sleep_tells_how_long_still)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, naps);
    fake_run(&fake);
    fake_advance(&fake, 30 * MARU_SEC);
    expect_tree(task, "  #0 frame naps @:%d\n    #1 wait sleep left=60.000s\n", lines[0]);
    fake.clock.virtual_ns += 70 * MARU_SEC;
    expect_tree(task, "  #0 frame naps @:%d\n    #1 wait sleep left=0.000s\n", lines[0]);
    fake_advance(&fake, 0);
    fake_run(&fake);
    (void)fake_take_result(task);
}

Test(runtime_backtrace, a_limit_tells_what_is_left_and_what_it_guards)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, naps, .limited = true);
    gates[0].stubborn = true;
    fake_run(&fake);
    expect_tree(task,
                "  #0 frame naps @:%d\n"
                "    #1 wait timeout left=1.000s\n"
                "      #2 wait timeout left=2.000s\n"
                "        #3 wait gate\n",
                lines[0]);
    fake_advance(&fake, MARU_SEC + MARU_MSEC);
    fake_run(&fake);
    expect_tree(task,
                "  #0 frame naps @:%d\n"
                "    #1 wait timeout expired\n"
                "      #2 wait timeout left=0.999s\n"
                "        #3 wait gate\n",
                lines[0]);
    gate_open(&gates[0], -EIO);
    fake_run(&fake);
    cr_assert_eq(fake_take_result(task), -EIO);
}

/* ---- other tasks ---- */

struct owner {
    maru_frame frame;
    maru_scope kids;
    maru_join_wait join;
    maru_task *friend;
    struct gate *gate;
};

maru_async(owner)
{
    for (int i = 0; i < 3; i++)
        maru_check(maru_scope_spawn(&me->kids, waits, .gate = &gates[i]));
    me->friend = maru_spawn(waits, .gate = &gates[3]);
    maru_try(AT(2, maru_join_task(&me->join, me->friend)));
    maru_try(AT(2, maru_scope_wait(&me->kids)));
}
maru_end;

Test(runtime_backtrace, scopes_count_their_children_and_joins_name_their_task)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, owner);
    fake_run(&fake);
    struct owner *me = (struct owner *)(void *)task_root(task);
    expect_tree(task,
                "  #0 frame owner @:%d\n"
                "    #1 wait join task=%p function=waits\n"
                "    #1 wait scope scope=%p children=3 unawaited\n",
                lines[2], (void *)me->friend, (void *)&me->kids);
    gate_open(&gates[3], 0);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    expect_tree(task, "  #0 frame owner @:%d\n    #1 wait scope scope=%p children=2\n", lines[2],
                (void *)&me->kids);
    gate_open(&gates[1], 0);
    gate_open(&gates[2], 0);
    fake_run(&fake);
    (void)fake_take_result(task);
}

/* ---- phases ---- */

struct leaves {
    maru_frame frame;
    maru_scope kids;
};

maru_async(leaves)
{
    maru_check(maru_scope_spawn(&me->kids, waits, .gate = &gates[0]));
    maru_try(AT(2, gate_wait(&gates[1])));
maru_finally:
    maru_await(AT(2, gate_wait(&gates[2])));
}
maru_end;

Test(runtime_backtrace, leaving_and_finally_are_told)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, leaves);
    gates[0].stubborn = true;
    fake_run(&fake);
    int line = lines[2];
    struct leaves *me = (struct leaves *)(void *)task_root(task);
    maru_cancel(task);
    fake_run(&fake);
    expect_tree(task,
                "  #0 frame leaves @:%d leaving cancelled\n"
                "    #1 wait scope scope=%p children=1 unawaited ending\n",
                line, (void *)&me->kids);
    gate_open(&gates[0], 0);
    fake_run(&fake);
    expect_tree(task, "  #0 frame leaves @:%d finally cancelled\n    #1 wait gate\n", lines[2]);
    gate_open(&gates[2], 0);
    fake_run(&fake);
    (void)fake_take_result(task);
}

/* ---- size ---- */

struct deep {
    maru_frame frame;
    struct deep *below;
    maru_timeout limit;
    bool limited;
};

maru_async(deep)
{
    if (!me->below) {
        maru_try(gate_wait(&gates[0]));
        maru_return(0);
    }
    struct deep *next = me->below[1].limited ? NULL : me->below + 1;
    maru_future *call = maru_call(deep, me->below, .limited = me->limited, .below = next);
    maru_try(me->limited ? maru_within(&me->limit, MARU_SEC, call) : call);
}
maru_end;

static struct deep levels[MARU_DEPTH_MAX + 2];

static unsigned count(const char *needle)
{
    unsigned n = 0;
    for (const char *at = bytes; (at = strstr(at, needle)); at++)
        n++;
    return n;
}

static void check_chain(bool limited, unsigned frames)
{
    memset(levels, 0, sizeof levels);
    levels[frames - 1].limited = true;          /* where the chain ends */
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, deep, .below = levels, .limited = limited);
    fake_run(&fake);
    text_init(&text, bytes, sizeof bytes);
    backtrace_add(&text, &backtrace, task, fake.clock.virtual_ns);
    cr_assert_not(text.cut);
    cr_assert_eq(count("frame deep "), frames);
    cr_assert_eq(count("wait timeout "), limited ? frames - 1 : 0);
    cr_assert_eq(count("wait gate\n"), 1u);
    cancel_and_run(task);
}

Test(runtime_backtrace, a_chain_of_a_thousand_frames_is_told_whole)
{
    check_chain(false, MARU_DEPTH_MAX);
}

Test(runtime_backtrace, so_is_one_with_a_limit_around_each)
{
    check_chain(true, MARU_DEPTH_MAX);
}

struct tower {
    maru_frame frame;
    maru_timeout *limits;
    unsigned count;
};

maru_async(tower)
{
    maru_future *future = gate_wait(&gates[0]);
    for (unsigned i = 0; i < me->count; i++)
        future = maru_within(&me->limits[i], MARU_SEC, future);
    maru_try(future);
}
maru_end;

Test(runtime_backtrace, what_is_deeper_than_we_go_is_left_out_with_a_mark)
{
    static maru_timeout limits[2 * DUMP_LEVELS];
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, tower, .limits = limits,
                                 .count = DUMP_LEVELS + 10);
    fake_run(&fake);
    text_init(&text, bytes, sizeof bytes);
    backtrace_add(&text, &backtrace, task, fake.clock.virtual_ns);
    cr_assert_eq(count("wait timeout "), DUMP_LEVELS - 1);
    cr_assert_eq(count("...\n"), 1u);
    cr_assert_eq(count("wait gate"), 0u);
    cancel_and_run(task);
}

Test(runtime_backtrace, a_text_that_is_full_ends_the_tree)
{
    maru_task *task = FAKE_START(&fake, STATE_HANDLE, both);
    fake_run(&fake);
    text_init(&text, bytes, 120);
    backtrace_add(&text, &backtrace, task, fake.clock.virtual_ns);
    cr_assert(text.cut);
    cr_assert_lt(text.used, 120u);
    cr_assert_str_eq(bytes + text.used - strlen(TEXT_CUT), TEXT_CUT);
    cancel_and_run(task);
}
