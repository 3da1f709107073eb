/*
 * The weak memory: each atomic word has a history of messages in modification order, each thread a
 * view that says which of them it may no longer miss.  A load reads any message its view allows;
 * release and acquire hand views over; what is not handed over may stay unseen for ever.
 *
 * V1 a view only grows, and a thread never reads or writes before what its view holds (coherence).
 * V2 a message of a release write carries its writer's view; one of a read-modify-write also that
 *    of the message it read (release sequences, as C++20 has them: a plain relaxed store ends one).
 * V3 a read-modify-write reads the newest message and nothing is ever put between the two.
 * V4 seq_cst writes are ranked as they are executed.  A seq_cst load reads nothing older than a
 *    write to its location whose rank it has to know: from its thread's earlier seq_cst operations,
 *    or handed over by whoever was past that write.  Reading a seq_cst write with acquire alone
 *    does not tell its rank, as in RC11 and C++20, where S need not follow such a step.
 * V5 a store that is not seq_cst may take a place before newer messages; memory keeps the newest.
 */
#include "mc_engine.h"

enum {
    ORDER_RELAXED = 0, /* the numbers are those of the compilers' __ATOMIC constants */
    ORDER_SEQ_CST = 5,
    WHEN_STEP = 1 << 12, /* twelve stores fit between two neighbours, one within the other */
};

static bool is_acquire(int order)
{
    return order == 1 || order == 2 || order >= 4;
}

static bool is_release(int order)
{
    return order >= 3;
}

/* What a write of this thread tells: its own view if it releases, what it continues in any case. */
static const struct view *view_for_message(const struct view *continued, bool releases)
{
    if (!releases)
        return continued;
    struct thread *thread = self();
    uint32_t len = thread->view->len;
    struct view *told = view_new(len, continued && continued->len > len ? continued->len : len);
    for (uint32_t i = 0; i < len; i++)
        told->at[i] = thread->view->at[i];
    if (continued)
        view_join(&told, continued);
    thread->view->at[mc.current]++; /* what follows was not told */
    return told;
}

static uint64_t word_read(uintptr_t addr, unsigned size)
{
    switch (size) {
    case 1:
        return *(volatile uint8_t *)addr;
    case 2:
        return *(volatile uint16_t *)addr;
    case 4:
        return *(volatile uint32_t *)addr;
    default:
        return *(volatile uint64_t *)addr;
    }
}

static void word_write(uintptr_t addr, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        *(volatile uint8_t *)addr = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)addr = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)addr = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)addr = value;
    }
}

static uint64_t word_cut(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & (((uint64_t)1 << 8 * size) - 1);
}

static struct message *newest(const struct location *location)
{
    return &location->messages[location->count - 1];
}

/* Makes room for a message before place; the caller fills it in. */
static struct message *message_insert(struct location *location, uint32_t place)
{
    if (location->count == location->room) {
        uint32_t room = location->room ? 2 * location->room : 4;
        struct message *messages = scratch_alloc(room * sizeof(*messages));
        for (uint32_t i = 0; i < location->count; i++)
            messages[i] = location->messages[i];
        location->messages = messages;
        location->room = room;
    }
    for (uint32_t i = location->count; i > place; i--)
        location->messages[i] = location->messages[i - 1];
    location->count++;
    return &location->messages[place];
}

static uint32_t when_of_place(const struct location *location, uint32_t place)
{
    uint32_t before = location->messages[place - 1].when;
    if (place == location->count) {
        if (before > UINT32_MAX - 2 * WHEN_STEP)
            mc_fail("too many writes to %s for one execution", trace_name(location->addr));
        return before + WHEN_STEP;
    }
    return before + (location->messages[place].when - before) / 2;
}

static void publish(struct location *location, uint32_t place, uint64_t value, int order,
                    const struct view *continued, bool is_rmw)
{
    uint32_t when = when_of_place(location, place);
    view_raise(&self()->view, location->index, when);
    const struct view *view = view_for_message(continued, is_release(order));
    bool is_newest = place == location->count;
    bool is_sc = order == ORDER_SEQ_CST;
    uint32_t sc_rank = is_sc ? ++mc.sc_rank : location->messages[place - 1].sc_rank;
    *message_insert(location, place) =
        (struct message){value, view, when, sc_rank, is_sc, is_rmw};
    if (is_sc)
        view_raise(&self()->view, VIEW_SC_RANK, sc_rank); /* after the message's view was taken */
    if (!is_newest)
        return;
    word_write(location->addr, location->size, value);
    thread_wake_for_news(location);
}

static void glance_note(struct location *location, uint32_t when, uint64_t value)
{
    struct thread *thread = self();
    uint32_t i = thread->glance_count;
    if (location->readers >> mc.current & 1)
        while (thread->glances[i - 1].location != location)
            i--;
    else
        i = 0;
    if (i == 0) {
        if (thread->glance_count == thread->glance_room) {
            uint32_t room = thread->glance_room ? 2 * thread->glance_room : 16;
            struct glance *glances = scratch_alloc(room * sizeof(*glances));
            for (uint32_t k = 0; k < thread->glance_count; k++)
                glances[k] = thread->glances[k];
            thread->glances = glances;
            thread->glance_room = room;
        }
        location->readers |= (uint16_t)(1u << mc.current);
        i = ++thread->glance_count;
    }
    thread->glances[i - 1] = (struct glance){location, value, when};
}

/* A message that brings the same value again is no news: the loop would do the same again. */
bool glance_has_news(const struct glance *glance)
{
    const struct message *message = newest(glance->location);
    return message->when > glance->when && message->value != glance->value;
}

void glances_digest(struct thread *thread)
{
    uint16_t others = (uint16_t)~(1u << (thread - mc.threads));
    for (uint32_t i = 0; i < thread->glance_count; i++) {
        struct location *location = thread->glances[i].location;
        view_raise(&thread->view, location->index, newest(location)->when);
        location->readers &= others;
    }
    thread->glance_count = 0;
}

static struct location *location_new(uintptr_t addr, unsigned size, struct location *next)
{
    struct location *location = scratch_alloc(sizeof(*location));
    location->addr = addr;
    location->size = (uint8_t)size;
    location->index = VIEW_LOCATIONS + mc.location_count++;
    location->next = next;
    *message_insert(location, 0) = (struct message){.value = word_read(addr, size)};
    return location;
}

/* The location of this word; the hook of its access has been called for it. */
static struct location *location_find(uintptr_t addr, unsigned size, int kind)
{
    struct location **head = access_atomic(addr, size, kind);
    struct location **link = head;
    while (*link) {
        struct location *found = *link;
        if (found->addr == addr && found->size == size) {
            found->is_rewritten = false;
            return found;
        }
        if (found->addr < addr + size && addr < found->addr + found->size) {
            if (!found->is_rewritten)
                mc_fail("mixed size: %u-byte atomic access to %s, an atomic of %u bytes", size,
                        trace_name(addr), found->size);
            *link = found->next; /* the memory has become something else */
        } else {
            link = &found->next;
        }
    }
    return *head = location_new(addr, size, *head);
}

void location_absorb(struct location *location)
{
    location->is_dirty = false;
    uint64_t value = word_read(location->addr, location->size);
    publish(location, location->count, value, ORDER_RELAXED, NULL, false);
}

static void learn(struct location *location, const struct message *message, int order)
{
    struct thread *thread = self();
    view_raise(&thread->view, location->index, message->when);
    if (is_acquire(order) && message->view)
        view_join(&thread->view, message->view);
    if (order == ORDER_SEQ_CST) {
        view_raise(&thread->view, VIEW_SC_RANK, message->sc_rank);
        mc.preemptions += message->sc_rank < newest(location)->sc_rank;
    }
    glance_note(location, message->when, message->value);
}

/*
 * A seq_cst load that misses a write of S acts as if it had been executed earlier, before a switch
 * that was not made.  It is charged like that switch, or such loads would swamp the search.
 */
static bool is_at_bound(void)
{
    return mc.bound >= 0 && mc.preemptions >= (unsigned)mc.bound;
}

static uint32_t oldest_readable(const struct location *location, int order)
{
    uint32_t oldest = view_at(self()->view, location->index);
    if (order != ORDER_SEQ_CST)
        return oldest;
    uint32_t known_rank = is_at_bound() ? UINT32_MAX : view_at(self()->view, VIEW_SC_RANK);
    const struct message *messages = location->messages;
    for (uint32_t i = location->count; i-- > 0 && messages[i].when > oldest;)
        if (messages[i].is_sc && messages[i].sc_rank <= known_rank)
            return messages[i].when;
    return oldest;
}

uint64_t memory_load(uintptr_t addr, unsigned size, int order)
{
    thread_point();
    struct location *location = location_find(addr, size, ACCESS_READ | ACCESS_ATOMIC);
    uint32_t oldest = oldest_readable(location, order);
    unsigned n = 1;
    while (n < location->count && location->messages[location->count - 1 - n].when >= oldest)
        n++;
    unsigned age = pick(n);
    const struct message *message = &location->messages[location->count - 1 - age];
    uint64_t value = message->value;
    learn(location, message, order);
    if (mc.is_tracing)
        trace_line("load  %s %s = %#lx%s", trace_order(order), trace_name(addr), (long)value,
                   age ? " (an older value)" : "");
    return value;
}

/* V5: the places after the newest, or before any newer message that does not rule it out. */
static uint32_t store_place(const struct location *location, int order)
{
    if (order == ORDER_SEQ_CST)
        return location->count;
    uint32_t oldest = view_at(self()->view, location->index);
    const struct message *messages = location->messages;
    unsigned n = 1;
    for (uint32_t i = location->count - 1; messages[i].when > oldest; i--)
        n += !messages[i].is_rmw && messages[i].when - messages[i - 1].when > 1;
    unsigned taken = pick(n);
    uint32_t place = location->count;
    while (taken > 0) {
        place--;
        taken -= !messages[place].is_rmw && messages[place].when - messages[place - 1].when > 1;
    }
    return place;
}

void memory_store(uintptr_t addr, unsigned size, uint64_t value, int order)
{
    thread_point();
    struct location *location = location_find(addr, size, ACCESS_WRITE | ACCESS_ATOMIC);
    uint32_t place = store_place(location, order);
    if (mc.is_tracing)
        trace_line("store %s %s := %#lx%s", trace_order(order), trace_name(addr), (long)value,
                   place < location->count ? " (before newer values)" : "");
    publish(location, place, word_cut(value, size), order, NULL, false);
}

static uint64_t rmw_result(enum rmw op, uint64_t old, uint64_t operand)
{
    switch (op) {
    case RMW_EXCHANGE:
        return operand;
    case RMW_ADD:
        return old + operand;
    case RMW_SUB:
        return old - operand;
    case RMW_AND:
        return old & operand;
    case RMW_OR:
        return old | operand;
    case RMW_XOR:
        return old ^ operand;
    case RMW_NAND:
        return ~(old & operand);
    }
    return old;
}

/* V3; what the thread itself wrote counts as what it saw last, or two spinners wake each other. */
static void replace_newest(struct location *location, uint64_t value, int order)
{
    const struct view *continued = newest(location)->view;
    learn(location, newest(location), order);
    publish(location, location->count, value, order, continued, true);
    glance_note(location, newest(location)->when, value);
}

uint64_t memory_rmw(uintptr_t addr, unsigned size, enum rmw op, uint64_t operand, int order)
{
    static const char *const names[] = {"xchg ", "add  ", "sub  ", "and  ", "or   ", "xor  ",
                                        "nand "};
    thread_point();
    struct location *location = location_find(addr, size, ACCESS_WRITE | ACCESS_ATOMIC);
    uint64_t old = newest(location)->value;
    uint64_t value = word_cut(rmw_result(op, old, operand), size);
    if (mc.is_tracing)
        trace_line("%s %s %s = %#lx := %#lx", names[op], trace_order(order), trace_name(addr),
                   (long)old, (long)value);
    replace_newest(location, value, order);
    return old;
}

/*
 * The ways a compare-and-exchange may go: with the newest message (success or not), as a load of an
 * older message that differs, or, if weak, failing for nothing (once per thread: more of it shows
 * nothing new but costs executions).  Returns the message to fail with, or NULL for success.
 */
static const struct message *cas_way(const struct location *location, uint64_t expected,
                                     int failure_order, bool is_weak)
{
    uint32_t oldest = oldest_readable(location, failure_order);
    uint32_t last = location->count - 1;
    bool may_succeed = location->messages[last].value == expected;
    bool may_fail = is_weak && may_succeed && !self()->failed_for_nought;
    unsigned n = 1 + may_fail;
    for (uint32_t i = last; i > 0 && location->messages[i - 1].when >= oldest; i--)
        n += location->messages[i - 1].value != expected;
    unsigned taken = pick(n);
    if (taken == 0)
        return may_succeed ? NULL : &location->messages[last];
    if (may_fail && taken == 1) {
        self()->failed_for_nought = true;
        return &location->messages[last];
    }
    uint32_t i = last;
    for (taken -= may_fail; taken > 0; i--)
        taken -= location->messages[i - 1].value != expected;
    return &location->messages[i];
}

uint64_t memory_cas(uintptr_t addr, unsigned size, uint64_t expected, uint64_t desired, int order,
                    int failure_order, bool is_weak, bool *ret_done)
{
    thread_point();
    struct location *location = location_find(addr, size, ACCESS_READ | ACCESS_ATOMIC);
    expected = word_cut(expected, size);
    desired = word_cut(desired, size);
    const struct message *failed_with = cas_way(location, expected, failure_order, is_weak);
    uint64_t seen = failed_with ? failed_with->value : expected;
    *ret_done = !failed_with;
    if (mc.is_tracing)
        trace_line("cas   %s %s = %#lx, %s%#lx%s%s",
                   trace_order(failed_with ? failure_order : order), trace_name(addr), (long)seen,
                   failed_with ? "not " : ":= ", (long)(failed_with ? expected : desired),
                   failed_with && seen == expected ? " (spurious failure)" : "",
                   failed_with && failed_with != newest(location) ? " (an older value)" : "");
    if (failed_with) {
        learn(location, failed_with, failure_order);
        return seen;
    }
    access_atomic(addr, size, ACCESS_WRITE | ACCESS_ATOMIC);
    replace_newest(location, desired, order);
    return seen;
}
