/*
 * What the parts of the explorer share: the state of the execution that is running, and the few
 * functions by which one part asks another.  Glossary: an execution is one run of a model's body;
 * a message is one write in the history of a location; a view says how much of each history (and
 * of each thread's past) a thread knows; the trail is the list of choices that made an execution.
 *
 * E1 model code and engine code share a stack but never mix: `inside` is true only while model code
 *    runs, and every hook clears it first, so what the engine touches is nobody's access.
 * E2 an execution is a function of its trail alone: nothing may depend on time or addresses.
 * E3 real memory always holds the newest message of a location.
 */
#ifndef MARU_MODEL_MC_ENGINE_H
#define MARU_MODEL_MC_ENGINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mc.h"

/*
 * What somebody knows, as one vector: the first MC_MAX_THREADS entries are a vector clock, then
 * comes a rank in the order of seq_cst writes, then for each location the oldest message that may
 * still be read.  Entries beyond len are 0.  The view of a message is never changed again, so
 * messages may share it.
 */
enum { VIEW_SC_RANK = MC_MAX_THREADS, VIEW_LOCATIONS };

struct view {
    uint32_t len;
    uint32_t room;
    uint32_t at[];
};

struct message {
    uint64_t value;
    const struct view *view; /* what an acquiring reader learns; NULL for a relaxed write */
    uint32_t when;           /* place in modification order; gaps leave room for insertion */
    uint32_t sc_rank;        /* of the last seq_cst write up to here in modification order */
    bool is_sc;              /* a seq_cst write */
    bool is_rmw;             /* nothing may come between it and its predecessor */
};

struct location {
    uintptr_t addr;
    struct location *next; /* in the same granule */
    struct message *messages;
    uint32_t count;
    uint32_t room;
    uint32_t index;   /* its entry in views */
    uint16_t readers; /* bit t: thread t read it since its last relax */
    uint8_t size;
    bool is_dirty;     /* plainly written: memory is to be read at the next event */
    bool is_rewritten; /* plainly written or poisoned since the last atomic access */
};

/* What a thread read last at a location since its previous mc_relax. */
struct glance {
    struct location *location;
    uint64_t value;
    uint32_t when;
};

enum thread_state { THREAD_READY, THREAD_WAITS_FOR_NEWS, THREAD_WAITS_FOR_END, THREAD_FINISHED };

struct thread {
    void *sp; /* where its context is saved while another one runs */
    void (*fn)(void *);
    void *arg;
    struct view *view;
    struct glance *glances;
    uint32_t glance_count;
    uint32_t glance_room;
    enum thread_state state;
    int awaited;           /* the thread whose end it waits for */
    bool is_chosen;        /* its next operation was decided on when it was switched to */
    bool failed_for_nought; /* had its one spurious failure */
};

enum mc_mode { MODE_EXHAUSTIVE, MODE_RANDOM, MODE_PCT, MODE_REPLAY };

/* The execution that is running, or the last one that ran. */
struct execution {
    bool inside; /* E1 */
    bool is_active;
    bool is_tracing;
    bool has_failed;
    unsigned current;
    unsigned thread_count;
    unsigned live_count;
    unsigned preemptions;
    int bound; /* of preemptions; negative is none */
    uint64_t steps;
    uint64_t max_steps;
    uint32_t location_count;
    uint32_t sc_rank; /* seq_cst writes so far */
    uint32_t serial; /* stamps tables, so that they need not be cleared */
    uint64_t expected_leaks;
    struct thread threads[MC_MAX_THREADS];
    char failure[512];
    char outcome[256];
};
extern struct execution mc;

static inline struct thread *self(void)
{
    return &mc.threads[mc.current];
}

/* Every entry from model code is bracketed by these two. */
static inline bool engine_enter(void)
{
    bool was_inside = mc.inside;
    mc.inside = false;
    return was_inside;
}

static inline void engine_leave(bool was_inside)
{
    mc.inside = was_inside;
}

/* mc_explore.c: choices. */
void explore_begin(enum mc_mode mode, uint64_t seed, unsigned depth);
void explore_restart(void);   /* the next execution follows the trail as far as it goes */
bool explore_next(void);      /* prepares the next trail; false when all was seen */
bool explore_load(const char *replay); /* false: not a replay string */
void explore_save(char *text, size_t room);
unsigned pick(unsigned n);
unsigned pick_thread(const uint8_t *candidates, unsigned n, bool is_yield);

/* mc_thread.c: contexts and who runs. */
void thread_run_execution(void (*body)(void));
void thread_point(void); /* to be called before each operation that others can see */
void thread_wake_for_news(const struct location *location);
_Noreturn void thread_abandon(void); /* leaves the execution, from a model thread */
bool thread_local_covers(uintptr_t addr);
bool thread_stack_covers(uintptr_t addr);
const char *thread_stack_name(uintptr_t addr);

/* mc_view.c: views, and memory for them. */
void scratch_begin(void);
void *scratch_alloc(size_t size); /* zeroed; lives until the execution's end */
struct view *view_new(uint32_t len, uint32_t room);
uint32_t view_at(const struct view *view, uint32_t index);
void view_raise(struct view **view, uint32_t index, uint32_t when);
void view_raise_clock(unsigned thread); /* so that nobody else knows its present */
void view_join(struct view **view, const struct view *other);

/* mc_memory.c: histories. */
bool glance_has_news(const struct glance *glance);
void glances_digest(struct thread *thread); /* knows the newest of all it read; forgets the reads */
void location_absorb(struct location *location); /* a plain write becomes a message */
uint64_t memory_load(uintptr_t addr, unsigned size, int order);
void memory_store(uintptr_t addr, unsigned size, uint64_t value, int order);
enum rmw { RMW_EXCHANGE, RMW_ADD, RMW_SUB, RMW_AND, RMW_OR, RMW_XOR, RMW_NAND };
uint64_t memory_rmw(uintptr_t addr, unsigned size, enum rmw op, uint64_t operand, int order);
uint64_t memory_cas(uintptr_t addr, unsigned size, uint64_t expected, uint64_t desired, int order,
                    int failure_order, bool is_weak, bool *ret_done);

/* mc_access.c: who touched which byte, and in what order. */
enum { ACCESS_READ = 0, ACCESS_WRITE = 1, ACCESS_ATOMIC = 2 };
void access_begin(void);
void access_end(void); /* gives globals their old contents back */
void access_plain(uintptr_t addr, size_t len, int kind);
struct location **access_atomic(uintptr_t addr, unsigned size, int kind);
void access_absorb(void); /* all plain writes to atomic locations become messages */
void access_retire(uintptr_t addr, size_t len); /* freed or poisoned */

/* mc_heap.c: the memory of an execution. */
void heap_begin(void);
void heap_end(void); /* leaks are failures */
void heap_check(uintptr_t addr, size_t len, const char *what);
bool heap_covers(uintptr_t addr);
void heap_name(uintptr_t addr, char *text, size_t room);

/* mc_trace.c: what a reader sees of an execution. */
void trace_begin(void);
void trace_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_print(void);
const char *trace_name(uintptr_t addr); /* valid until the second next call */
const char *trace_order(int order);
/* Records a failure; from a model thread it does not return. */
void fail_at(const char *format, va_list args);

#endif
