/* test_check.c - the last words name what, where and who, and end the program. */
#include "runtime/base/check.h"

#include "runtime/base/context.h"
#include "runtime/base/local.h"
#include "tests/support/last_words.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

static struct local local = { .id = 3, .seed = 4711 };

static void become_worker(void)
{
    struct context *here = context_here();
    here->local = &local;
    here->worker_id = local.id;
}

static void fail_a_check(void *as_worker)
{
    if (as_worker)
        become_worker();
    CHECK(1 + 1 == 3);
}

Test(check, a_failed_one_aborts_and_names_file_line_and_condition)
{
    struct last_words words = last_words_of(fail_a_check, NULL);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, "test_check.c:"), "%s", words.text);
    cr_assert(last_words_have(&words, "not true: 1 + 1 == 3\n"), "%s", words.text);
    cr_assert_not(last_words_have(&words, "worker"), "%s", words.text);
}

static void fail_at_a_known_line(void *unused)
{
    (void)unused;
    check_failed("file.c", 123, "the sky is green");
}

Test(check, its_words_are_one_line)
{
    struct last_words words = last_words_of(fail_at_a_known_line, NULL);
    cr_assert_str_eq(words.text, "maru: file.c:123: not true: the sky is green\n");
}

Test(check, a_worker_is_named_with_its_seed)
{
    struct last_words words = last_words_of(fail_a_check, &local);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert(last_words_have(&words, " (worker 3, seed 4711)\n"), "%s", words.text);
}

static void misuse_with_a_place(void *as_worker)
{
    if (as_worker)
        become_worker();
    check_misuse("fetch", "user.c", 77, "plain return");
}

static void misuse_without_a_place(void *unused)
{
    (void)unused;
    check_misuse("sleep", NULL, 0, "restarted");
}

Test(check, a_misuse_names_function_and_line_of_the_user)
{
    struct last_words words = last_words_of(misuse_with_a_place, NULL);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert_str_eq(words.text, "maru: fetch (user.c:77): plain return\n");
}

/* conformance 18: what panics elsewhere ends the program here, and says where */
Test(check, a_misuse_in_a_worker_names_it_too)
{
    struct last_words words = last_words_of(misuse_with_a_place, &local);
    cr_assert_str_eq(words.text, "maru: fetch (user.c:77): plain return (worker 3, seed 4711)\n");
}

Test(check, a_misuse_may_have_no_place)
{
    struct last_words words = last_words_of(misuse_without_a_place, NULL);
    cr_assert_eq(words.signal, SIGABRT);
    cr_assert_str_eq(words.text, "maru: sleep: restarted\n");
}

Test(check, a_true_one_is_evaluated_once_and_says_nothing)
{
    int count = 0;
    CHECK(++count == 1);
    cr_assert_eq(count, 1);
}

Test(check, a_check_is_one_statement)
{
    bool reached = false;
    if (reached)
        CHECK(false);
    else
        reached = true;
    cr_assert(reached);
}

static void fail_a_dcheck(void *unused)
{
    (void)unused;
    DCHECK(false);
}

Test(check, a_dcheck_fails_in_debug_builds_alone)
{
    struct last_words words = last_words_of(fail_a_dcheck, NULL);
#ifdef NDEBUG
    cr_assert_eq(words.signal, 0);
#else
    cr_assert_eq(words.signal, SIGABRT);
#endif
}

Test(check, a_slow_check_is_not_even_evaluated_by_default)
{
    int count = 0;
    DCHECK_SLOW(++count > 0);
    cr_assert_eq(count, 0);
}
