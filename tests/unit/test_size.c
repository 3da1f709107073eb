/* test_size.c - sizes by name. That no type is missing is asked in tests/outside. */
#include <criterion/criterion.h>

#include "maru.h"

Test(size, is_what_the_compiler_says)
{
    cr_assert_eq(maru_size_of("maru_sleep"), sizeof(maru_sleep));
    cr_assert_eq(maru_size_of("maru_op"), sizeof(maru_op));
    cr_assert_eq(maru_size_of("maru_frame"), sizeof(maru_frame));
    cr_assert_eq(maru_size_of("maru_options"), sizeof(maru_options));
}

Test(size, of_an_opaque_an_unknown_or_no_type_is_zero)
{
    cr_assert_eq(maru_size_of("maru_task"), 0);
    cr_assert_eq(maru_size_of("maru_slee"), 0);
    cr_assert_eq(maru_size_of("maru_sleeps"), 0);
    cr_assert_eq(maru_size_of(""), 0);
    cr_assert_eq(maru_size_of(NULL), 0);
}
