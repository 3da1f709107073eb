/* config.h - every limit of the runtime, with its reason. Tests that need corners use the small
 * values under MARU_MODEL. */
#ifndef MARU_BASE_CONFIG_H
#define MARU_BASE_CONFIG_H

#include <stdint.h>

/* Slots of a worker's queues: enough to keep thieves busy, small enough to stay in the cache.
 * The explorer reaches full and wrapped queues with four. */
#ifdef MARU_MODEL
#define QUEUE_SLOTS 4u
#else
#define QUEUE_SLOTS 256u
#endif
_Static_assert((QUEUE_SLOTS & (QUEUE_SLOTS - 1)) == 0, "indices are taken modulo a power of two");

/* Workers of one runtime: four words of the idle mask, and what a byte of a timer can name. */
#define WORKERS_MAX 256u
#define IDLE_WORDS  (WORKERS_MAX / 64u)

/* Threads inside maru_block_on of one runtime, at the same time: what is left of the twelve bits in
 * which a descriptor counts those who try it. */
#ifdef MARU_MODEL
#define GUESTS_MAX 2u
#else
#define GUESTS_MAX (4095u - WORKERS_MAX)
#endif

/* The least stack of a worker's thread that options may ask for: MARU_DEPTH_MAX levels need a
 * quarter of a megabyte, and a user's function wants as much again. */
#define STACK_MIN_BYTES ((uint64_t)512 * 1024)

/* Bytes of a thread's name with its end: the kernel's limit. */
#define THREAD_NAME_BYTES 16

/* A line of the log with its end: enough for a path and a sentence. */
#define LOG_BYTES 512

/* Stalls of a worker in user code of which one is told, so that the log stays readable. */
#define STALLS_PER_TELLING 1000u

/* CPUs that a machine can have: the largest NR_CPUS that Linux is built with. */
#define CPUS_MAX 8192u

/* Operations that may finish in one poll before the task must let others run; tokio's figure. */
#define BUDGET_DEFAULT 128u

/* Polls between two turns of the driver while there is work: tokio and Go use 61, a prime, so
 * that it does not beat with periodic work. Above the most, tasks that never wait would keep
 * sockets and timers from their turn for milliseconds. */
#define TURN_INTERVAL     61u
#define TURN_INTERVAL_MAX 4096u

/* Tasks moved from the inject queue at once: amortises its lock, and is walked under it. */
#define INJECT_BATCH 64u

/* Slots of a full queue that are kept for the inject queue while it is not empty: less room than
 * this is not worth taking its lock for. */
#define INJECT_ROOM (QUEUE_SLOTS / 8 + 1)

/* How long a sleeper on watch over silent next-slots sleeps at a time. */
#define WATCH_NS (2 * INT64_C(1000000))

/* How long a worker looks around before it sleeps, at the start; it adapts from there. */
#define SPIN_NS_DEFAULT (50 * INT64_C(1000))

/* A tick of a running clock is 2^17 ns, 131 us: fine enough for milliseconds. Of a paused clock it
 * is a nanosecond: eleven levels of 64 slots cover every 63-bit one. */
#define TICK_SHIFT       17
#define TICK_SHIFT_EXACT 0
#define WHEEL_LEVELS     11
_Static_assert(TICK_SHIFT_EXACT + 6 * WHEEL_LEVELS >= 63, "the wheel covers all of time");

/* How late a tick of an interval may be that is not missed: waking takes time; tokio's figure. */
#define INTERVAL_SLACK_NS (5 * INT64_C(1000000))

/* Timers that one hold of a wheel's lock may expire: a poll's worth of work for who waits. */
#define EXPIRE_BATCH 64u

/* The pool for blocking functions. Threads at most: tokio's figure, for a thread costs memory and
 * the kernel's patience; the options' bound keeps a slip from exhausting the machine. How long one
 * stays without work: tokio's figure. Jobs that may wait before who must not wait is refused: a
 * burst of what 512 threads can hold eight times over. */
#define BLOCKING_THREADS_DEFAULT 512u
#define BLOCKING_THREADS_MAX     16384u
#define BLOCKING_KEEP_ALIVE_MS   10000u
#define BLOCKING_QUEUE_DEFAULT   4096u

/* Awaits of one function that gave -ECANCELED before we say that it is deaf. */
#define DEAF_AWAITS 64u

/* Chunks of a slab: one allocation serves hundreds of tasks; a task finds its chunk's header by
 * masking its address. */
#define CHUNK_BYTES ((size_t)65536)

/* Waiters of one descriptor that are completed under one hold of its lock. */
#define WAKE_BATCH 16u

/* Descriptors: two levels of pages; the highest number that the kernel gives by default. */
#define FD_PAGE_ENTRIES 1024u
#define FD_PAGES        1024u
#define FD_MAX          (FD_PAGE_ENTRIES * FD_PAGES)

/* Events taken in one enter of the epoll backend, and the sizes of a ring's queues. */
#define EVENTS_PER_TURN 256
#define RING_SQ_ENTRIES 256u
#define RING_CQ_ENTRIES 4096u

/* The text of one task in a dump: a chain of MARU_DEPTH_MAX functions with long paths fits. The
 * kernel takes it by pieces of which a pipe that is ready has room for one. */
#define DUMP_TEXT_BYTES  ((size_t)262144)
#define DUMP_PIECE_BYTES ((size_t)4096)

/* Levels of a task's tree that a dump goes down to: every function may await through a wrapper.
 * Deeper than the last indented level the lines stay in one column, or they would be all blanks. */
#define DUMP_LEVELS   2048u
#define DUMP_INDENTED 16u

/* Enters of one turn of a ring whose task work does not end: a DEFER enter takes 20 at most. */
#define ENTERS_PER_TURN 16

/* Listeners of signals in the whole process: each has a descriptor of its own, and each delivery
 * walks them all. Whatever has more parties to tell listens once and tells them. */
#ifdef MARU_MODEL
#define SIGNAL_LISTENERS_MAX 2u
#else
#define SIGNAL_LISTENERS_MAX 1024u
#endif

#endif
