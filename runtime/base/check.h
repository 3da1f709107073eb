/* check.h - three levels of assertion.
 *
 * CHECK is always on, cheap, and guards memory; DCHECK is for debug builds; DCHECK_SLOW walks
 * whole structures and is for builds with -DMARU_SLOW_CHECKS. A failed one names file, line and
 * worker on stderr and aborts: it is a bug of ours or a misuse, never a condition of the world. */
#ifndef MARU_BASE_CHECK_H
#define MARU_BASE_CHECK_H

#define COLD     __attribute__((cold, noinline))
#define NORETURN __attribute__((noreturn))
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

NORETURN COLD void check_failed(const char *file, int line, const char *what);

/* The same for a misuse of the public face: `where` is a function of the user's. */
NORETURN COLD void check_misuse(const char *function, const char *file, unsigned line,
                                const char *why);

#define CHECK(condition)                                                                        \
    do {                                                                                        \
        if (UNLIKELY(!(condition)))                                                             \
            check_failed(__FILE__, __LINE__, #condition);                                       \
    } while (0)

#ifdef NDEBUG
#define DCHECK(condition) ((void)sizeof(condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif

#ifdef MARU_SLOW_CHECKS
#define DCHECK_SLOW(condition) CHECK(condition)
#else
#define DCHECK_SLOW(condition) ((void)sizeof(condition))
#endif

#endif
