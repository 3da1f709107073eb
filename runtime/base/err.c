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
    case -MARU_EHOST:
        return "MARU_EHOST";
    case -MARU_ESERVICE:
        return "MARU_ESERVICE";
    case -MARU_EHOSTLATER:
        return "MARU_EHOSTLATER";
    case -MARU_EHOSTFAIL:
        return "MARU_EHOSTFAIL";
    default:
        return NULL;
    }
}

static const char *own_text(int err)
{
    switch (err) {
    case -MARU_ESHUTDOWN:
        return "the runtime is shutting down";
    case -MARU_EDEPTH:
        return "async functions call each other too deeply";
    case -MARU_EEMPTY:
        return "nothing is left to wait for";
    case -MARU_EABI:
        return "the program was compiled for another version of the library";
    case -MARU_EHOST:
        return "the host is not known";
    case -MARU_ESERVICE:
        return "the port is the name of no service";
    case -MARU_EHOSTLATER:
        return "the name service does not answer now";
    case -MARU_EHOSTFAIL:
        return "the name service has failed";
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
    const char *text = own_text(err);
    if (!text && err > -MARU_ESHUTDOWN)
        text = strerrordesc_np(-err);
    return text ? text : "unknown error";
}
