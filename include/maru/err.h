/* err.h - errors: negative errnos, and the few codes that only Maru knows.
 *
 * Every call returns a value >= 0 or a negative errno, as completions of the kernel do. Codes of
 * Maru's own stand at -4096 and below, where no errno is.
 *
 * Bad arguments change nothing, and NULL is one of them unless a comment says what it stands for:
 *
 *     returns a number     -EINVAL
 *     returns a pointer    NULL
 *     returns nothing      does nothing
 *     answers a question   0, false or NULL: there is nothing, and it has nothing
 *     start function       NULL if what it fills in is NULL; all else that is wrong the await tells
 *
 * To await NULL, or a future that was never started, is the one mistake that no result can tell: it
 * aborts and names the function and the line. In a select or race NULL is an arm that is disabled.
 * An operation that is polled where no task runs ends with -EPERM. */
#ifndef MARU_ERR_H
#define MARU_ERR_H

#include <errno.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The runtime is shutting down and takes no new work. */
#define MARU_ESHUTDOWN 4096
/* Async functions call each other deeper than MARU_DEPTH_MAX levels. The only case in which a
 * called function does not run, and so does not take what its arguments name. */
#define MARU_EDEPTH    4097
/* There is nothing left to wait for: every task of a join set was joined. */
#define MARU_EEMPTY    4098
/* The program was compiled against headers of another version than the library (abi.h). */
#define MARU_EABI      4099

/* Looking up names: the host is not known; the port is the name of no service; no answer, which may
 * come later; the name service has failed for good. */
#define MARU_EHOST      4128
#define MARU_ESERVICE   4129
#define MARU_EHOSTLATER 4130
#define MARU_EHOSTFAIL  4131

/* How many async functions may await each other in one chain: 1,000 levels polled from the root
 * need about a quarter of a megabyte of stack, which every thread of ours has. */
#define MARU_DEPTH_MAX 1000

/* The name of a negative errno or Maru code, as "ECONNRESET"; "0" for values >= 0; "unknown"
 * else. Takes any maru_result. The string is static.
 * Threads: any thread, signal-safe. */
const char *maru_err_name(int64_t err);

/* A sentence about it. The string is static.
 * Threads: any thread. */
const char *maru_err_text(int64_t err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
