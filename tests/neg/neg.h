/* neg.h - for programs that are wrong on purpose. check_neg.py reads their marks:
 *
 *     //! <gcc|clang|both> error [flags] => text      is refused, and the text is said
 *     //! <gcc|clang|both> warning [flags] => text    compiles, with a warning that says the text
 *     //! silent <gcc|clang> [flags]                  compiles without a word under all warnings:
 *                                                     a hole we know of
 *     //! abort => text                               compiles, and aborts with the text on stderr
 *
 * Errors and warnings are asked for with no flags but those of the mark. A text is a regular
 * expression; HERE in it stands for the number of the line that ends with a comment HERE. */
#ifndef MARU_TESTS_NEG_H
#define MARU_TESTS_NEG_H

#include <maru.h>
#include <stdlib.h>
#include <string.h>

/* Something that the compiler knows nothing of: gives its argument back. */
int use(int value);

/* Something that may remember the address. */
void keep(int *address);

#endif
