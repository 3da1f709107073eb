/* err.c - names and texts of errors. */
#include "maru/err.h"

#include <string.h>

/* Every errno of Linux, with one name each; glibc has such a list, other libcs do not. */
#define NAME(err) [err] = #err
static const char *const names[] = {
    NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(ENXIO),
    NAME(E2BIG), NAME(ENOEXEC), NAME(EBADF), NAME(ECHILD), NAME(EAGAIN), NAME(ENOMEM),
    NAME(EACCES), NAME(EFAULT), NAME(ENOTBLK), NAME(EBUSY), NAME(EEXIST), NAME(EXDEV),
    NAME(ENODEV), NAME(ENOTDIR), NAME(EISDIR), NAME(EINVAL), NAME(ENFILE), NAME(EMFILE),
    NAME(ENOTTY), NAME(ETXTBSY), NAME(EFBIG), NAME(ENOSPC), NAME(ESPIPE), NAME(EROFS),
    NAME(EMLINK), NAME(EPIPE), NAME(EDOM), NAME(ERANGE), NAME(EDEADLK), NAME(ENAMETOOLONG),
    NAME(ENOLCK), NAME(ENOSYS), NAME(ENOTEMPTY), NAME(ELOOP), NAME(ENOMSG), NAME(EIDRM),
    NAME(ECHRNG), NAME(EL2NSYNC), NAME(EL3HLT), NAME(EL3RST), NAME(ELNRNG), NAME(EUNATCH),
    NAME(ENOCSI), NAME(EL2HLT), NAME(EBADE), NAME(EBADR), NAME(EXFULL), NAME(ENOANO),
    NAME(EBADRQC), NAME(EBADSLT), NAME(EBFONT), NAME(ENOSTR), NAME(ENODATA), NAME(ETIME),
    NAME(ENOSR), NAME(ENONET), NAME(ENOPKG), NAME(EREMOTE), NAME(ENOLINK), NAME(EADV),
    NAME(ESRMNT), NAME(ECOMM), NAME(EPROTO), NAME(EMULTIHOP), NAME(EDOTDOT), NAME(EBADMSG),
    NAME(EOVERFLOW), NAME(ENOTUNIQ), NAME(EBADFD), NAME(EREMCHG), NAME(ELIBACC),
    NAME(ELIBBAD), NAME(ELIBSCN), NAME(ELIBMAX), NAME(ELIBEXEC), NAME(EILSEQ),
    NAME(ERESTART), NAME(ESTRPIPE), NAME(EUSERS), NAME(ENOTSOCK), NAME(EDESTADDRREQ),
    NAME(EMSGSIZE), NAME(EPROTOTYPE), NAME(ENOPROTOOPT), NAME(EPROTONOSUPPORT),
    NAME(ESOCKTNOSUPPORT), NAME(EOPNOTSUPP), NAME(EPFNOSUPPORT), NAME(EAFNOSUPPORT),
    NAME(EADDRINUSE), NAME(EADDRNOTAVAIL), NAME(ENETDOWN), NAME(ENETUNREACH),
    NAME(ENETRESET), NAME(ECONNABORTED), NAME(ECONNRESET), NAME(ENOBUFS), NAME(EISCONN),
    NAME(ENOTCONN), NAME(ESHUTDOWN), NAME(ETOOMANYREFS), NAME(ETIMEDOUT),
    NAME(ECONNREFUSED), NAME(EHOSTDOWN), NAME(EHOSTUNREACH), NAME(EALREADY),
    NAME(EINPROGRESS), NAME(ESTALE), NAME(EUCLEAN), NAME(ENOTNAM), NAME(ENAVAIL),
    NAME(EISNAM), NAME(EREMOTEIO), NAME(EDQUOT), NAME(ENOMEDIUM), NAME(EMEDIUMTYPE),
    NAME(ECANCELED), NAME(ENOKEY), NAME(EKEYEXPIRED), NAME(EKEYREVOKED), NAME(EKEYREJECTED),
    NAME(EOWNERDEAD), NAME(ENOTRECOVERABLE), NAME(ERFKILL), NAME(EHWPOISON),
};
#undef NAME

static const char *system_name(int err)
{
    return (unsigned)err < sizeof names / sizeof names[0] ? names[err] : NULL;
}

/* Never translated, never in a buffer that another call writes to. */
static const char *system_text(int err)
{
#ifdef __GLIBC__
    return strerrordesc_np(err);
#else
    return system_name(err) ? strerror(err) : NULL; /* static strings, in musl's case */
#endif
}

static const char *own_name(int64_t err)
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

static const char *own_text(int64_t err)
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

const char *maru_err_name(int64_t err)
{
    if (err >= 0)
        return "0";
    const char *name = own_name(err);
    if (!name && err > -MARU_ESHUTDOWN)
        name = system_name((int)-err);
    return name ? name : "unknown";
}

const char *maru_err_text(int64_t err)
{
    if (err >= 0)
        return "no error";
    const char *text = own_text(err);
    if (!text && err > -MARU_ESHUTDOWN)
        text = system_text((int)-err);
    return text ? text : "unknown error";
}
