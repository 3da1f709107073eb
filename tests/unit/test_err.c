/* test_err.c - names and texts of every error there is, and of those there are not. */
#include "maru/err.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>

Test(err, every_errno_has_its_own_name)
{
    unsigned known = 0;
    for (int err = 1; err < 4096; err++) {
        const char *name = strerrorname_np(err);
        cr_assert_str_eq(maru_err_name(-err), name ? name : "unknown");
        known += name != NULL;
    }
    cr_assert_gt(known, 100u);
}

Test(err, every_errno_has_a_text)
{
    for (int err = 1; err < 4096; err++) {
        const char *text = strerrordesc_np(err);
        cr_assert_str_eq(maru_err_text(-err), text ? text : "unknown error");
    }
}

Test(err, a_name_is_as_one_writes_it)
{
    cr_assert_str_eq(maru_err_name(-ECONNRESET), "ECONNRESET");
    cr_assert_str_eq(maru_err_name(-ECANCELED), "ECANCELED");
    cr_assert_str_eq(maru_err_text(-ECONNRESET), "Connection reset by peer");
}

Test(err, values_are_no_errors)
{
    const int values[] = { 0, 1, ECONNRESET, MARU_ESHUTDOWN, INT_MAX };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        cr_assert_str_eq(maru_err_name(values[i]), "0");
        cr_assert_str_eq(maru_err_text(values[i]), "no error");
    }
}

Test(err, our_own_codes_have_names_and_texts)
{
    cr_assert_str_eq(maru_err_name(-MARU_ESHUTDOWN), "MARU_ESHUTDOWN");
    cr_assert_str_eq(maru_err_name(-MARU_EDEPTH), "MARU_EDEPTH");
    cr_assert_str_eq(maru_err_name(-MARU_EEMPTY), "MARU_EEMPTY");
    cr_assert_str_eq(maru_err_text(-MARU_EEMPTY), "nothing is left to wait for");
    cr_assert_str_eq(maru_err_name(-MARU_EHOST), "MARU_EHOST");
    cr_assert_str_eq(maru_err_name(-MARU_ESERVICE), "MARU_ESERVICE");
    cr_assert_str_eq(maru_err_name(-MARU_EHOSTLATER), "MARU_EHOSTLATER");
    cr_assert_str_eq(maru_err_name(-MARU_EHOSTFAIL), "MARU_EHOSTFAIL");
    cr_assert_str_eq(maru_err_text(-MARU_EHOST), "the host is not known");
    cr_assert_str_eq(maru_err_text(-MARU_ESERVICE), "the port is the name of no service");
    cr_assert_str_eq(maru_err_text(-MARU_EHOSTLATER), "the name service does not answer now");
    cr_assert_str_eq(maru_err_text(-MARU_EHOSTFAIL), "the name service has failed");
    cr_assert_str_eq(maru_err_text(-MARU_ESHUTDOWN), "the runtime is shutting down");
    cr_assert_str_eq(maru_err_text(-MARU_EDEPTH), "async functions call each other too deeply");
}

Test(err, what_nobody_knows_is_called_so)
{
    const int codes[] = { -4095, -4500, -5000, INT_MIN + 1, INT_MIN };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        cr_assert_str_eq(maru_err_name(codes[i]), "unknown");
        cr_assert_str_eq(maru_err_text(codes[i]), "unknown error");
    }
}

Test(err, asking_touches_no_errno)
{
    errno = E2BIG;
    (void)!maru_err_name(-3999);
    (void)!maru_err_text(-3999);
    cr_assert_eq(errno, E2BIG);
}
