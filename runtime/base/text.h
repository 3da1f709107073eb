/* text.h - text that grows in a buffer of fixed size, and is cut off where that is full. */
#ifndef MARU_BASE_TEXT_H
#define MARU_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes;                 /* always ends with a NUL */
    size_t size;                 /* of the buffer, the room for TEXT_CUT and the NUL included */
    size_t used;
    bool cut;                    /* something did not fit; nothing is added any more */
};

/* What stands at the end of a text that was cut off. */
#define TEXT_CUT " ...\n"

/* An empty text in a buffer of more than sizeof TEXT_CUT bytes. */
void text_init(struct text *text, char *bytes, size_t size);

/* Adds, or cuts the text off here. */
__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);

/* Adds a name, with control characters as question marks; NULL is one, too. */
void text_add_name(struct text *text, const char *name);

/* Adds nanoseconds as seconds, "12.345s"; what is negative as 0. */
void text_add_seconds(struct text *text, int64_t ns);

/* Adds `columns` spaces. */
void text_indent(struct text *text, size_t columns);

#endif
