/* abi.h - which Maru this is, and whether a program and the library agree about it.
 *
 * Frames, operations and waits lie in the program's own memory, so a program that was compiled
 * against other headers than the library it runs with would write over its own memory. Therefore
 * maru_runtime_new and maru_main, called by way of maru.h or this header, pass a number made of
 * the sizes of all such types, and a library that has another number refuses to start. */
#ifndef MARU_ABI_H
#define MARU_ABI_H

#include "blocking.h"
#include "endpoint.h"
#include "frame.h"
#include "interval.h"
#include "join_set.h"
#include "local.h"
#include "net.h"
#include "resolve.h"
#include "runtime.h"
#include "scope.h"
#include "signal.h"
#include "stream.h"
#include "task.h"
#include "time.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- versions ---- */

#define MARU_VERSION_MAJOR 0
#define MARU_VERSION_MINOR 1
#define MARU_VERSION_PATCH 0

/* Of these headers: as 0x00010000 for 1.0.0, so that newer ones are larger. */
#define MARU_VERSION ((MARU_VERSION_MAJOR << 16) | (MARU_VERSION_MINOR << 8) | MARU_VERSION_PATCH)

/* The version of the library, as "0.1.0". The string is static.
 * Threads: any thread, signal-safe. */
const char *maru_version(void);

/* The same as a number like MARU_VERSION.
 * Threads: any thread, signal-safe. */
uint32_t maru_version_number(void);

/* ---- agreeing ---- */

/* Each type's size by an odd number of its own: whatever size changes, the sum does. */
#define MARU_ABI_OF_(type, n) (sizeof(type) * (UINT64_C(0x9e3779b97f4a7c15) * (2 * (n) + 1)))

/* A number of all that a program's memory and the library's code must agree about. Types that say
 * their own size need not be here. The first term grows when a meaning changes but no size. */
#define MARU_ABI                                                                                \
    (UINT64_C(1) +                                                                              \
     MARU_ABI_OF_(maru_link, 1) +                                                               \
     MARU_ABI_OF_(maru_waker, 2) +                                                              \
     MARU_ABI_OF_(maru_waker_ops, 3) +                                                          \
     MARU_ABI_OF_(maru_context, 4) +                                                            \
     MARU_ABI_OF_(maru_future_type, 5) +                                                        \
     MARU_ABI_OF_(maru_future, 6) +                                                             \
     MARU_ABI_OF_(maru_leaf, 7) +                                                               \
     MARU_ABI_OF_(maru_function, 8) +                                                           \
     MARU_ABI_OF_(maru_frame, 9) +                                                              \
     MARU_ABI_OF_(maru_scope, 10) +                                                             \
     MARU_ABI_OF_(maru_join_wait, 11) +                                                         \
     MARU_ABI_OF_(maru_pause, 12) +                                                             \
     MARU_ABI_OF_(maru_sleep, 13) +                                                             \
     MARU_ABI_OF_(maru_timeout, 14) +                                                           \
     MARU_ABI_OF_(maru_op, 15) +                                                                \
     MARU_ABI_OF_(maru_allocator, 16) +                                                         \
     MARU_ABI_OF_(maru_endpoint, 17) +                                                          \
     MARU_ABI_OF_(maru_interval, 18) +                                                          \
     MARU_ABI_OF_(maru_stream_ops, 19) +                                                        \
     MARU_ABI_OF_(maru_stream, 20) +                                                            \
     MARU_ABI_OF_(maru_socket_stream, 21) +                                                     \
     MARU_ABI_OF_(maru_reader, 22) +                                                            \
     MARU_ABI_OF_(maru_writer, 23) +                                                            \
     MARU_ABI_OF_(maru_signal, 24) +                                                            \
     MARU_ABI_OF_(maru_signal_wait, 25) +                                                       \
     MARU_ABI_OF_(maru_signal_once_wait, 26) +                                                  \
     MARU_ABI_OF_(maru_batch, 27) +                                                             \
     MARU_ABI_OF_(maru_section, 28) +                                                           \
     MARU_ABI_OF_(maru_join_set, 29) +                                                          \
     MARU_ABI_OF_(maru_local_key, 30) +                                                         \
     MARU_ABI_OF_(maru_local, 31) +                                                             \
     MARU_ABI_OF_(maru_name, 32) +                                                              \
     MARU_ABI_OF_(maru_blocking_job, 33) +                                                      \
     MARU_ABI_OF_(maru_resolver, 34) +                                                          \
     MARU_ABI_OF_(maru_dialer, 35) +                                                            \
     MARU_ABI_OF_(maru_binder, 36))

/* The library's MARU_ABI, for languages that cannot use the macro.
 * Threads: any thread, signal-safe. */
uint64_t maru_abi(void);

/* maru_runtime_new for a program that was compiled with this `abi`.
 * Threads: any thread; a SINGLE runtime belongs to the calling one from then on.
 * Returns what that does. Errors: its own, and -MARU_EABI abi is not the library's. */
int maru_runtime_new_abi(uint64_t abi, const maru_options *options,
                         maru_runtime **ret_runtime) MARU_MUST_USE;

/* maru_main_image for a program that was compiled with this `abi`. Another one than the library's
 * is told on stderr, and nothing has run.
 * Threads: one thread at a time, not inside a task.
 * Returns what that does; 1 if abi is not the library's. */
int maru_main_image_abi(uint64_t abi, const maru_frame *image, size_t size);

#define maru_runtime_new(...) maru_runtime_new_abi(MARU_ABI, __VA_ARGS__)
#define maru_main_image(...)  maru_main_image_abi(MARU_ABI, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
