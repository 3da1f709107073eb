/* text.c - see text.h. */
#include "runtime/base/text.h"

#include "runtime/base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_init(struct text *text, char *bytes, size_t size)
{
    CHECK(size > sizeof TEXT_CUT);
    *text = (struct text){ .bytes = bytes, .size = size };
    bytes[0] = '\0';
}

static size_t room(const struct text *text)
{
    return text->size - sizeof TEXT_CUT - text->used;
}

static void cut_off(struct text *text)
{
    memcpy(text->bytes + text->used, TEXT_CUT, sizeof TEXT_CUT);
    text->used += sizeof TEXT_CUT - 1;
    text->cut = true;
}

void text_add(struct text *text, const char *format, ...)
{
    if (text->cut)
        return;
    va_list arguments;
    va_start(arguments, format);
    size_t most = room(text);
    int len = vsnprintf(text->bytes + text->used, most + 1, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len > most)
        cut_off(text);
    else
        text->used += (size_t)len;
}

void text_add_name(struct text *text, const char *name)
{
    size_t begin = text->used;
    text_add(text, "%s", name ? name : "?");
    for (size_t i = begin; i < text->used && !text->cut; i++) {
        unsigned char c = (unsigned char)text->bytes[i];
        if (c < ' ' || c == 0x7f)
            text->bytes[i] = '?';
    }
}

void text_add_seconds(struct text *text, int64_t ns)
{
    int64_t ms = ns > 0 ? ns / 1000000 : 0;
    text_add(text, "%lld.%03llds", (long long)(ms / 1000), (long long)(ms % 1000));
}

void text_indent(struct text *text, size_t columns)
{
    text_add(text, "%*s", (int)columns, "");
}
