/* runtime_abi.c - the library's side of abi.h. */
#include "maru/abi.h"

#include "maru/err.h"
#include "runtime/runtime_parts.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *maru_version(void)
{
    return TEXT(MARU_VERSION_MAJOR) "." TEXT(MARU_VERSION_MINOR) "." TEXT(MARU_VERSION_PATCH);
}

uint32_t maru_version_number(void)
{
    return MARU_VERSION;
}

uint64_t maru_abi(void)
{
    return MARU_ABI;
}

/* In parentheses, names of functions are no macros. */
int maru_runtime_new_abi(uint64_t abi, const maru_options *options, maru_runtime **ret_runtime)
{
    return abi == MARU_ABI ? (maru_runtime_new)(options, ret_runtime) : -MARU_EABI;
}

int maru_main_image_abi(uint64_t abi, const maru_frame *image, size_t size)
{
    if (abi == MARU_ABI)
        return (maru_main_image)(image, size);
    runtime_tell_main("maru_main", -MARU_EABI);     /* its image may not be one */
    return 1;
}
