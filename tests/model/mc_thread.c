/*
 * The threads of a model: contexts with stacks of their own on one OS thread, and the decision who
 * runs.  A thread is asked before each operation others can see (thread_point); plain accesses need
 * no decision, since the order of two of them shows only through a race, and races are found by
 * clocks.  A thread that was switched to performs its next operation without being asked again:
 * the choice who acts next has just been made.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "mc_engine.h"

struct execution mc;

/* Enough for library code with a few buffers; a guard page below catches more. */
static const size_t stack_size = (size_t)256 << 10;
static const size_t stack_guard = (size_t)4 << 10;
static char *stacks;

/* Saves the calling context where save points to and continues the one that was saved as load. */
void mc_switch(void **save, void *load);

#if defined(__x86_64__)
__asm__(".text\n.globl mc_switch\n.type mc_switch, @function\nmc_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
        ".size mc_switch, .-mc_switch\n");
enum { FRAME_WORDS = 8, FRAME_RETURN = 6 }; /* six registers, the return address, alignment */
#elif defined(__aarch64__)
__asm__(".text\n.globl mc_switch\n.type mc_switch, %function\nmc_switch:\n"
        "sub sp, sp, #160\n"
        "stp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\nstp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\n"
        "stp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
        "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
        "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\nldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\n"
        "ldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
        "add sp, sp, #160\nret\n"
        ".size mc_switch, .-mc_switch\n");
enum { FRAME_WORDS = 20, FRAME_RETURN = 11 };
#else
#error "the explorer knows how to switch contexts on x86-64 and aarch64"
#endif
__asm__(".section .note.GNU-stack,\"\",%progbits\n.text\n");

static void *explorer_sp;

/* Thread-local storage of the sources: swapped at switches, since all share the OS thread's. */
enum { MAX_LOCALS = 8, MAX_LOCAL_BYTES = 512 };
static struct {
    char *memory;
    size_t len;
    size_t at; /* in saved */
} locals[MAX_LOCALS];
static unsigned local_count;
static char saved_locals[MC_MAX_THREADS][MAX_LOCAL_BYTES];

void mc_thread_local(void *memory, size_t len)
{
    bool was_inside = engine_enter();
    for (unsigned i = 0; i < local_count; i++)
        if (locals[i].memory == memory) {
            engine_leave(was_inside);
            return;
        }
    size_t at = local_count ? locals[local_count - 1].at + locals[local_count - 1].len : 0;
    if (local_count == MAX_LOCALS || len > MAX_LOCAL_BYTES - at)
        mc_fail("too much thread-local storage: %u pieces, %d bytes at most", MAX_LOCALS,
                MAX_LOCAL_BYTES);
    locals[local_count].memory = memory;
    locals[local_count].len = len;
    locals[local_count++].at = at;
    memset(memory, 0, len);
    engine_leave(was_inside);
}

bool thread_local_covers(uintptr_t addr)
{
    for (unsigned i = 0; i < local_count; i++)
        if (addr - (uintptr_t)locals[i].memory < locals[i].len)
            return true;
    return false;
}

static void locals_swap(unsigned from, unsigned to)
{
    for (unsigned i = 0; i < local_count; i++) {
        memcpy(saved_locals[from] + locals[i].at, locals[i].memory, locals[i].len);
        memcpy(locals[i].memory, saved_locals[to] + locals[i].at, locals[i].len);
    }
}

bool thread_stack_covers(uintptr_t addr)
{
    return addr - (uintptr_t)stacks < MC_MAX_THREADS * stack_size;
}

const char *thread_stack_name(uintptr_t addr)
{
    static char name[48];
    size_t offset = addr - (uintptr_t)stacks;
    size_t depth = stack_size - offset % stack_size;
    snprintf(name, sizeof(name), "stack of thread %zu at -%#zx", offset / stack_size, depth);
    return name;
}

static void stacks_map(void)
{
    size_t size = MC_MAX_THREADS * stack_size;
    stacks = mmap((void *)0x200000000000, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED)
        mc_fail("no address space for stacks");
    for (unsigned i = 0; i < MC_MAX_THREADS; i++)
        if (mprotect(stacks + i * stack_size, stack_guard, PROT_NONE) < 0)
            mc_fail("no guard page for stack %u", i);
}

static void switch_to(unsigned next)
{
    unsigned before = mc.current;
    if (next == before)
        return;
    locals_swap(before, next);
    mc.current = next;
    mc_switch(&mc.threads[before].sp, mc.threads[next].sp);
}

void thread_abandon(void)
{
    void *nobody;
    mc_switch(&nobody, explorer_sp);
    __builtin_unreachable();
}

/* The ready threads, the current one first if it is among them. */
static unsigned ready_threads(uint8_t *candidates)
{
    unsigned n = 0;
    if (self()->state == THREAD_READY)
        candidates[n++] = (uint8_t)mc.current;
    for (unsigned i = 0; i < mc.thread_count; i++)
        if (i != mc.current && mc.threads[i].state == THREAD_READY)
            candidates[n++] = (uint8_t)i;
    return n;
}

static void count_step(void)
{
    if (++mc.steps > mc.max_steps)
        mc_fail("no end after %lu steps: does a spin loop lack mc_relax?", (unsigned long)mc.steps);
}

void thread_point(void)
{
    struct thread *thread = self();
    access_absorb();
    count_step();
    if (thread->is_chosen || mc.live_count == 1) {
        thread->is_chosen = false;
        return;
    }
    if (mc.bound >= 0 && mc.preemptions >= (unsigned)mc.bound)
        return;
    uint8_t candidates[MC_MAX_THREADS];
    unsigned taken = pick_thread(candidates, ready_threads(candidates), false);
    if (taken == 0)
        return;
    mc.preemptions++;
    mc.threads[candidates[taken]].is_chosen = true;
    switch_to(candidates[taken]);
    thread->is_chosen = false;
}

static _Noreturn void report_deadlock(void)
{
    for (unsigned i = 0; mc.is_tracing && i < mc.thread_count; i++) {
        const struct thread *thread = &mc.threads[i];
        mc.current = i; /* nobody will run again; the lines are theirs */
        if (thread->state == THREAD_WAITS_FOR_END)
            trace_line("still waits for the end of thread %d", thread->awaited);
        if (thread->state == THREAD_WAITS_FOR_NEWS)
            for (uint32_t k = 0; k < thread->glance_count; k++)
                trace_line("still waits for %s to change from %#lx",
                           trace_name(thread->glances[k].location->addr),
                           (unsigned long)thread->glances[k].value);
    }
    mc_fail("deadlock: every thread waits (a lost wake-up)");
}

/* Lets anybody run, the caller too if it is ready; free of charge, as nobody was interrupted. */
static void give_way(bool is_yield)
{
    uint8_t candidates[MC_MAX_THREADS];
    unsigned n = ready_threads(candidates);
    if (n == 0 && mc.live_count == 0) {
        heap_end();
        thread_abandon();
    }
    if (n == 0)
        report_deadlock();
    unsigned next = candidates[pick_thread(candidates, n, is_yield)];
    mc.threads[next].is_chosen = true;
    switch_to(next);
}

static _Noreturn void thread_main(void)
{
    struct thread *thread = self();
    engine_leave(true);
    thread->fn(thread->arg);
    engine_enter();
    access_absorb();
    thread->state = THREAD_FINISHED;
    mc.live_count--;
    for (unsigned i = 0; i < mc.thread_count; i++)
        if (mc.threads[i].state == THREAD_WAITS_FOR_END &&
            mc.threads[i].awaited == (int)mc.current)
            mc.threads[i].state = THREAD_READY;
    give_way(false);
    __builtin_unreachable();
}

static unsigned thread_new(void (*fn)(void *), void *arg)
{
    if (mc.thread_count == MC_MAX_THREADS)
        mc_fail("more than %d threads", MC_MAX_THREADS);
    unsigned number = mc.thread_count++;
    mc.live_count++;
    struct thread *thread = &mc.threads[number];
    *thread = (struct thread){.fn = fn, .arg = arg, .state = THREAD_READY};
    uintptr_t *frame = (uintptr_t *)(void *)(stacks + (number + 1) * stack_size) - FRAME_WORDS;
    memset(frame, 0, FRAME_WORDS * sizeof(*frame));
    frame[FRAME_RETURN] = (uintptr_t)thread_main;
    thread->sp = frame;
    thread->view = scratch_alloc(sizeof(*thread->view));
    return number;
}

void thread_run_execution(void (*body)(void))
{
    if (!stacks)
        stacks_map();
    mc.thread_count = 0;
    mc.live_count = 0;
    mc.current = 0;
    memset(saved_locals, 0, sizeof(saved_locals));
    for (unsigned i = 0; i < local_count; i++)
        memset(locals[i].memory, 0, locals[i].len);
    /* A body takes no argument; the calling conventions we support do not mind one too many. */
    thread_new((void (*)(void *))(void (*)(void))body, NULL);
    view_raise_clock(0);
    mc.is_active = true;
    mc_switch(&explorer_sp, mc.threads[0].sp);
    mc.inside = false;
    mc.is_active = false;
}

int mc_spawn(void (*fn)(void *), void *arg)
{
    bool was_inside = engine_enter();
    access_absorb();
    unsigned number = thread_new(fn, arg);
    view_join(&mc.threads[number].view, self()->view);
    view_raise_clock(number);
    self()->view->at[mc.current]++;
    if (mc.is_tracing)
        trace_line("spawns thread %u", number);
    engine_leave(was_inside);
    return (int)number;
}

void mc_join(int number)
{
    bool was_inside = engine_enter();
    if (number < 0 || (unsigned)number >= mc.thread_count || (unsigned)number == mc.current)
        mc_fail("mc_join: there is no other thread %d", number);
    access_absorb();
    struct thread *other = &mc.threads[number];
    if (other->state != THREAD_FINISHED) {
        self()->state = THREAD_WAITS_FOR_END;
        self()->awaited = number;
        give_way(false);
    }
    view_join(&self()->view, other->view);
    if (mc.is_tracing)
        trace_line("joins thread %d", number);
    engine_leave(was_inside);
}

void mc_join_all(void)
{
    for (unsigned i = 0; i < mc.thread_count; i++)
        if (i != mc.current)
            mc_join((int)i);
}

unsigned mc_self(void)
{
    return mc.current;
}

void mc_relax(void)
{
    if (!mc.is_active)
        return;
    bool was_inside = engine_enter();
    struct thread *thread = self();
    access_absorb();
    count_step();
    bool has_news = thread->glance_count == 0;
    for (uint32_t i = 0; i < thread->glance_count; i++)
        has_news |= glance_has_news(&thread->glances[i]);
    if (!has_news) {
        if (mc.is_tracing)
            trace_line("waits for news");
        thread->state = THREAD_WAITS_FOR_NEWS;
    }
    give_way(false);
    glances_digest(thread);
    engine_leave(was_inside);
}

void thread_wake_for_news(const struct location *location)
{
    for (unsigned i = 0; i < mc.thread_count; i++) {
        struct thread *thread = &mc.threads[i];
        if (thread->state != THREAD_WAITS_FOR_NEWS || !(location->readers >> i & 1))
            continue;
        for (uint32_t k = 0; k < thread->glance_count; k++)
            if (thread->glances[k].location == location && glance_has_news(&thread->glances[k]))
                thread->state = THREAD_READY;
    }
}

void mc_yield(void)
{
    bool was_inside = engine_enter();
    access_absorb();
    count_step();
    give_way(true);
    engine_leave(was_inside);
}
