/* err.c - names and texts of errors. */
#include "maru/err.h"

#include <string.h>

static const char *own_name(int err)
{
    switch (err) {
    case -MARU_ESHUTDOWN:
        return "MARU_ESHUTDOWN";
    case -MARU_EDEPTH:
        return "MARU_EDEPTH";
    case -MARU_EEMPTY:
        return "MARU_EEMPTY";
    case -MARU_EABI:
        return "MARU_EABI";
    default:
        return NULL;
    }
}

const char *maru_err_name(int err)
{
    if (err >= 0)
        return "0";
    const char *name = own_name(err);
    if (!name && err > -MARU_ESHUTDOWN)
        name = strerrorname_np(-err);
    return name ? name : "unknown";
}

const char *maru_err_text(int err)
{
    if (err >= 0)
        return "no error";
    if (err == -MARU_ESHUTDOWN)
        return "the runtime is shutting down";
    if (err == -MARU_EDEPTH)
        return "async functions call each other too deeply";
    if (err == -MARU_EEMPTY)
        return "nothing is left to wait for";
    if (err == -MARU_EABI)
        return "the program was compiled for another version of the library";
    const char *text = err > -MARU_ESHUTDOWN ? strerrordesc_np(-err) : NULL;
    return text ? text : "unknown error";
}
