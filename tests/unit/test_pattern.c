/*
 * test_pattern.c - the checkable stream: pieces agree with the whole, and every mistake is seen.
 */
#include "../../bench/pattern.h"

#include <criterion/criterion.h>

Test(pattern, any_piece_agrees_with_the_whole_stream)
{
    unsigned char whole[200], piece[200];
    for (size_t message_bytes = 1; message_bytes < 40; message_bytes++) {
        const struct pattern pattern = { 7, message_bytes };
        pattern_fill(&pattern, 0, whole, sizeof(whole));
        for (size_t at = 0; at < 60; at++) {
            pattern_fill(&pattern, at, piece, sizeof(whole) - at);
            cr_assert_arr_eq(piece, whole + at, sizeof(whole) - at);
            cr_assert_eq(pattern_check(&pattern, at, piece, sizeof(whole) - at),
                         sizeof(whole) - at);
        }
    }
}

Test(pattern, the_first_wrong_byte_is_named)
{
    const struct pattern pattern = { 3, 37 };
    unsigned char bytes[150];
    pattern_fill(&pattern, 5, bytes, sizeof(bytes));
    for (size_t wrong = 0; wrong < sizeof(bytes); wrong++) {
        bytes[wrong] ^= 0x80;
        cr_assert_eq(pattern_check(&pattern, 5, bytes, sizeof(bytes)), wrong);
        bytes[wrong] ^= 0x80;
    }
}

Test(pattern, another_connection_message_or_shift_is_told_apart)
{
    const struct pattern pattern = { 1, 64 }, other = { 2, 64 };
    unsigned char bytes[64];
    pattern_fill(&pattern, 64, bytes, sizeof(bytes));
    cr_assert_lt(pattern_check(&other, 64, bytes, sizeof(bytes)), 8);
    cr_assert_lt(pattern_check(&pattern, 0, bytes, sizeof(bytes)), 8);
    cr_assert_lt(pattern_check(&pattern, 65, bytes, sizeof(bytes)), 8);
}
