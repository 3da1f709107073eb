/* test_text.c - text in a buffer of fixed size. */
#include "runtime/base/text.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static char bytes[64];
static struct text text;

static void begin(void)
{
    memset(bytes, 'x', sizeof bytes);
    text_init(&text, bytes, 32);
}

TestSuite(text, .init = begin);

Test(text, a_new_one_is_empty)
{
    cr_assert_str_eq(text.bytes, "");
    cr_assert_eq(text.used, 0u);
    cr_assert_not(text.cut);
}

Test(text, what_is_added_comes_one_after_the_other)
{
    text_add(&text, "a=%d", 7);
    text_add(&text, " %s", "b");
    cr_assert_str_eq(bytes, "a=7 b");
    cr_assert_eq(text.used, 5u);
}

Test(text, it_is_filled_to_its_room_exactly)
{
    const size_t room = 32 - sizeof TEXT_CUT;
    for (size_t i = 0; i < room; i++)
        text_add(&text, "a");
    cr_assert_not(text.cut);
    cr_assert_eq(text.used, room);
    text_add(&text, "a");
    cr_assert(text.cut);
}

Test(text, what_does_not_fit_is_cut_off_and_says_so)
{
    text_add(&text, "0123456789");
    text_add(&text, "%s", "this is longer than what is left");
    cr_assert_str_eq(bytes, "0123456789" TEXT_CUT);
    cr_assert_eq(text.used, strlen(bytes));
    text_add(&text, "more");
    cr_assert_str_eq(bytes, "0123456789" TEXT_CUT, "nothing comes after it");
    cr_assert_eq(bytes[32], 'x', "nothing was written behind the buffer");
}

Test(text, a_full_one_that_is_cut_off_stays_in_its_buffer)
{
    for (int i = 0; i < 100; i++)
        text_add(&text, "ab");
    cr_assert(text.cut);
    cr_assert_lt(text.used, 32u);
    cr_assert_eq(bytes[text.used], '\0');
    cr_assert_eq(bytes[32], 'x');
}

Test(text, a_name_keeps_to_its_line)
{
    text_add(&text, "n=");
    text_add_name(&text, "a\nb\tc\x7f\x01 \xc3\xa9");
    cr_assert_str_eq(bytes, "n=a?b?c?? \xc3\xa9");
}

Test(text, no_name_is_a_question_mark)
{
    text_add_name(&text, NULL);
    cr_assert_str_eq(bytes, "?");
}

Test(text, a_name_that_does_not_fit_is_left_out)
{
    text_add_name(&text, "this name is longer\nthan the whole buffer is");
    cr_assert_str_eq(bytes, TEXT_CUT);
}

Test(text, seconds_have_three_places_and_never_a_sign)
{
    const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        { 0, "0.000s" },          { -1, "0.000s" },
        { INT64_MIN, "0.000s" },  { 999999, "0.000s" },
        { 1000000, "0.001s" },    { 12345678901, "12.345s" },
        { INT64_MAX, "9223372036.854s" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        text_init(&text, bytes, sizeof bytes);
        text_add_seconds(&text, rows[i].ns);
        cr_assert_str_eq(bytes, rows[i].text);
    }
}

Test(text, indenting_is_spaces)
{
    text_indent(&text, 0);
    cr_assert_str_eq(bytes, "");
    text_indent(&text, 3);
    text_add(&text, "a");
    cr_assert_str_eq(bytes, "   a");
}
