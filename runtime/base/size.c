/* size.c - sizes of public types by name. */
#include "maru/size.h"

#include "runtime/base/sizes.h"

#include <string.h>

size_t maru_size_of(const char *type)
{
    for (size_t i = 0; type && i < sizeof size_rows / sizeof size_rows[0]; i++)
        if (strcmp(size_rows[i].type, type) == 0)
            return size_rows[i].size;
    return 0;
}
