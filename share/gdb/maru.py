"""maru.py - what every task of a Maru program is doing, from gdb: in a living process or a core file.

    (gdb) source share/gdb/maru.py
    (gdb) maru tasks                every task of every runtime that can be found
    (gdb) maru tasks EXPRESSION     of the runtime that the expression leads to
    (gdb) maru task EXPRESSION      one task

or, of a core file, without a terminal:

    gdb -batch -x share/gdb/maru.py -ex 'maru tasks' PROGRAM CORE

An expression may be a maru_runtime *, a maru_task *, or a pointer to any frame or future that is in
flight. Without one, runtimes are looked for where threads are: what each is running (the library's
one thread-local), and then pointers to runtimes, workers and tasks in the variables of its stack,
the program's own functions included. The program and libmaru need debug information (-g).

The lines are those of maru_dump (maru/dump.h), and since gdb has stopped everybody, the trees of
tasks that run or are queued are told, too. Of a core file, `for` and `left` count from the last
time at which any worker looked at the clock.
"""

import time

import gdb

LEVELS = 2048           # DUMP_LEVELS, DUMP_INDENTED of runtime/base/config.h
INDENTED = 16
CHUNK_HEADER = 64       # runtime/base/slab.c
FINALLY_LINE = 0xffffffff

# enum of runtime/task/state.h
LIVE, RUNNING, NOTIFIED, ROOT, CANCELLED, DONE, HANDLE = (1 << bit for bit in range(7))
CHILD, FRESH, HELD = 1 << 8, 1 << 9, 1 << 15
# enums of runtime/task/frame.h and include/maru/frame.h
WANTED, LOSING, FRAME_CANCELLED, OP = 1 << 1, 1 << 2, 1 << 6, 1 << 6
BODY_ENDS, FINALLY, FINALLY_ENDS = 1, 2, 3
MODES = {0: None, 1: "join", 2: "select", 3: "await_cancel", 4: "settle", 5: "select", 6: "race"}


class Lost(Exception):
    """What was asked for cannot be found."""


# ---- types and words ----

def struct(name):
    try:
        return gdb.lookup_type("struct " + name)
    except gdb.error:
        raise Lost(f"no debug information about struct {name}: was libmaru built with -g?")


def at(value, name):
    """The value as a pointer to a struct, or, of an address, the same."""
    return gdb.Value(int(value)).cast(struct(name).pointer())


def has_field(type_, name):
    return any(field.name == name for field in type_.fields())


def offset_of(type_, name):
    return next(field.bitpos // 8 for field in type_.fields() if field.name == name)


def text(value):
    """A C string on one line."""
    if not int(value):
        return "?"
    try:
        words = value.string(errors="replace")
    except gdb.error:
        return "?"
    return "".join(c if c >= " " and c != "\x7f" else "?" for c in words)


def seconds(ns):
    ms = max(ns, 0) // 1000000
    return f"{ms // 1000}.{ms % 1000:03d}s"


def address_of(name):
    """Of a global of the library; 0 if it is not there."""
    symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    return int(symbol.value().address) if symbol else 0


# ---- finding runtimes ----

def checked_runtime(pointer):
    """The runtime if there is one, else None: it names itself in its own ops."""
    try:
        runtime = at(pointer, "maru_runtime")
        ops = runtime["sched"]["ops"]["runtime"]
        return runtime if int(pointer) and int(ops) == int(runtime) else None
    except (gdb.error, gdb.MemoryError):
        return None


def runtime_of_ops(ops):
    return checked_runtime(at(ops, "task_ops")["runtime"])


def runtime_of(value):
    """Where a pointer to one of our structs leads to, or None."""
    type_ = value.type.strip_typedefs()
    if type_.code != gdb.TYPE_CODE_PTR or not int(value):
        return None
    target = type_.target().strip_typedefs()
    try:
        if target.name == "maru_runtime":
            return checked_runtime(value)
        if target.name == "sched":
            return runtime_of_ops(value)
        if target.name in ("worker", "local", "seat"):
            return runtime_of_ops(at(value, "local")["ops"])
        if target.name == "maru_task":
            return runtime_of_ops(value["waker"]["ops_"])
        if target.name == "context" and int(value["local"]):
            return runtime_of_ops(value["local"]["ops"])
    except (gdb.error, gdb.MemoryError):
        pass
    return None


def thread_local():
    """The library's thread-local of the selected thread, or None."""
    for symbol in gdb.lookup_static_symbols("context"):
        try:
            if symbol.type.strip_typedefs().name == "context" and \
                    has_field(symbol.type.strip_typedefs(), "self_hint"):
                return symbol.value().address
        except (gdb.error, gdb.MemoryError):
            pass                # a core file whose thread-locals gdb cannot find
    return None


def variables_of(frame):
    try:
        block = frame.block()
    except RuntimeError:
        return                  # a function without debug information
    while block:
        for symbol in block:
            if symbol.is_argument or symbol.is_variable:
                try:
                    value = frame.read_var(symbol, block)
                    if not value.is_optimized_out:
                        yield value
                except (gdb.error, gdb.MemoryError, ValueError):
                    pass
        if block.function:
            return
        block = block.superblock


def values_of_threads():
    """Everything of every thread that may lead to a runtime."""
    before = gdb.selected_thread()
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num):
        thread.switch()
        context = thread_local()
        if context is not None:
            yield context
        frame = gdb.newest_frame()
        while frame:
            yield from variables_of(frame)
            try:
                frame = frame.older()
            except gdb.error:
                break           # the stack ends in something that gdb cannot unwind
    if before:
        before.switch()


def all_runtimes():
    found = {}
    for value in list(values_of_threads()):
        try:
            runtime = runtime_of(value)
        except (gdb.error, gdb.MemoryError):
            runtime = None
        if runtime is not None:
            found.setdefault(int(runtime), runtime)
    if not found:
        raise Lost("no runtime found: nobody runs one just now, and no thread's variables name "
                   "one; try: maru tasks EXPRESSION")
    return list(found.values())


# ---- finding tasks ----

def locals_of(runtime):
    sched = runtime["sched"]
    yield sched["outside"]
    for i in range(int(sched["count"])):
        yield sched["workers"][i]["local"]
    if has_field(sched.type.strip_typedefs(), "seats"):
        seat = sched["seats"]
        while int(seat):
            yield seat["local"]
            seat = seat["next"]


def slots_of(slab):
    """The address of every slot that was ever in use."""
    chunk = slab["chunks"]
    while int(chunk):
        first, size = int(chunk) + CHUNK_HEADER, int(chunk["slot_size"])
        for i in range(int(chunk["carved"])):
            yield first + i * size
        chunk = chunk["next"]


def tasks_of(local):
    before = offset_of(struct("maru_child"), "task")
    for slot in slots_of(local["tasks"]):
        yield at(slot, "maru_task")
    for slot in slots_of(local["children"]):
        yield at(slot + before, "maru_task")


def task_around(runtime, address):
    """The live task in whose slot the address is, or None."""
    for local in locals_of(runtime):
        for slab in (local["tasks"], local["children"]):
            chunk = slab["chunks"]
            while int(chunk):
                first, size = int(chunk) + CHUNK_HEADER, int(chunk["slot_size"])
                if first <= address < first + size * int(chunk["carved"]):
                    slot = address - (address - first) % size
                    is_child = slab.address == local["children"].address
                    before = offset_of(struct("maru_child"), "task") if is_child else 0
                    return at(slot + before, "maru_task")
                chunk = chunk["next"]
    return None


# ---- time ----

def is_core():
    return "Local core dump file" in gdb.execute("info target", to_string=True)


def now_of(runtime):
    clock = runtime["sched"]["clock"]
    if int(clock["is_virtual"]):
        return int(clock["virtual_ns"])
    if gdb.selected_inferior().pid and not is_core():
        return time.monotonic_ns()
    return max(int(local["now_ns"]) for local in locals_of(runtime))


# ---- telling ----

class Teller:
    def __init__(self, runtime):
        self.runtime = runtime
        self.now = now_of(runtime)
        self.counts = {"idle": 0, "queued": 0, "running": 0, "done": 0}
        self.frame_poll = int(gdb.lookup_global_symbol("maru_frame_poll").value().address)
        self.kinds = {address_of(name + "_type"): name
                      for name in ("sleep", "timeout", "join", "scope")}
        self.polled = {}
        for local in locals_of(runtime):
            if int(local["polled"]):
                self.polled[int(local["polled"])] = local

    def head(self):
        print(f"runtime {int(self.runtime):#x} workers={int(self.runtime['sched']['count'])} "
              f"io={text(self.runtime['io']['backend']['name'])}")

    def end(self):
        words = " ".join(f"{kind}={n}" for kind, n in self.counts.items())
        print(f"end tasks={sum(self.counts.values())} {words}")

    # -- one task --

    def kind_of(self, task, word):
        if word & DONE:
            return "done"
        if word & RUNNING and not word & HELD and int(task) in self.polled:
            return "running"
        busy = NOTIFIED if word & HELD else NOTIFIED | RUNNING
        return "queued" if word & busy else "idle"

    def task(self, task):
        word = int(task["state"])
        if not word & LIVE:
            return
        kind = self.kind_of(task, word)
        self.counts[kind] += 1
        root = (task + 1).cast(struct("maru_frame").pointer())
        print(f"task {int(task):#x} {kind} function={self.function_of(root)}" +
              self.flags_of(task, word, kind))
        if kind != "done":
            try:
                self.tree(root)
            except (gdb.error, gdb.MemoryError) as error:
                print(f"  ... {error}")

    def flags_of(self, task, word, kind):
        words = ""
        if kind == "running":
            local = self.polled[int(task)]
            is_guest = has_field(local.type.strip_typedefs(), "is_guest") and local["is_guest"]
            words += " worker=guest" if is_guest else f" worker={int(local['id'])}"
        if kind == "idle" and int(task["since_ns"]):
            words += f" for={seconds(self.now - int(task['since_ns']))}"
        words += " new" if word & FRESH else ""
        words += " cancelled" if word & CANCELLED else ""
        words += " handle" if word & HANDLE else ""
        if kind == "idle" and word & CHILD:
            words += f" {'join_set' if word & HANDLE else 'scope'}={int(task['owner']):#x}"
        return words

    # -- its tree --

    def function_of(self, frame):
        return text(frame["future_"]["type_"]["name"])

    def is_frame(self, future):
        return int(future["type_"]["poll"]) == self.frame_poll

    def inside(self, future):
        """The first that is in flight inside of it, and whether it is a wrapper's."""
        if self.is_frame(future):
            return at(future, "maru_frame")["live_"], False
        if self.kinds.get(int(future["type_"])) == "timeout":
            return at(future, "maru_timeout")["inner_"], True
        return gdb.Value(0), True

    def tree(self, root):
        places = [(root.cast(struct("maru_future").pointer()), True)]
        while places:
            future, is_inner = places.pop()
            if not int(future):
                continue
            if not is_inner:
                places.append((future["next_"], False))
            else:
                places.append((gdb.Value(0), True))
            level = len(places) - 1
            self.line(future, level, is_inner)
            if len(places) < LEVELS:
                places.append(self.inside(future))
            elif int(self.inside(future)[0]):
                print(f"  #{len(places)} ...")

    def line(self, future, level, is_inner):
        flags = int(future["flags_"])
        words = self.frame_words(future) if self.is_frame(future) else self.wait_words(future)
        words += "" if is_inner or flags & WANTED else " unawaited"
        words += " ending" if flags & LOSING else ""
        print(" " * (2 + 2 * min(level, INDENTED)) + f"#{level} {words}")

    def frame_words(self, future):
        frame = at(future, "maru_frame")
        line, phase = int(future["line_"]), int(future["phase_"])
        words = f"frame {self.function_of(frame)} {text(at(future['type_'], 'maru_function')['file'])}"
        words += f":{line}" if line not in (0, FINALLY_LINE) else ""
        leaves = phase in (BODY_ENDS, FINALLY_ENDS)
        wait = MODES.get(int(frame["mode_"]), "set")
        words += " not-started" if line == 0 else ""
        words += " leaving" if leaves else ""
        words += " finally" if phase == FINALLY else ""
        words += " cancelled" if int(future["flags_"]) & FRAME_CANCELLED else ""
        return words + (f" in={wait}" if wait and not leaves and line != 0 else "")

    def wait_words(self, future):
        words = f"wait {text(future['type_']['name'])}"
        kind = self.kinds.get(int(future["type_"]))
        if int(future["flags_"]) & OP:
            return words + f" fd={int(at(future, 'maru_op')['fd_'])}"
        if kind == "sleep":
            return words + self.left(at(future, "maru_sleep").dereference())
        if kind == "timeout":
            timeout = at(future, "maru_timeout")
            return words + (" expired" if timeout["fired_"] else self.left(timeout["sleep_"]))
        if kind == "scope":
            count = int(at(future, "maru_scope")["count_"]) & ~(1 << 63)
            return words + f" scope={int(future):#x} children={count}"
        if kind == "join":
            task = at(future, "maru_join_wait")["task_"]
            if int(task):
                root = (at(task, "maru_task") + 1).cast(struct("maru_frame").pointer())
                words += f" task={int(task):#x} function={self.function_of(root)}"
        return words

    def left(self, sleep):
        return f" left={seconds(int(sleep['deadline_ns_']) - self.now)}"


def tell_all(runtime):
    teller = Teller(runtime)
    teller.head()
    for local in locals_of(runtime):
        for task in tasks_of(local):
            teller.task(task)
    teller.end()


# ---- the commands ----

def asked_for(expression):
    """The runtime, and the task if there is one, that an expression leads to."""
    value = gdb.parse_and_eval(expression)
    type_ = value.type.strip_typedefs()
    if type_.code == gdb.TYPE_CODE_STRUCT and value.address is not None:
        value = value.address
    runtime = runtime_of(value)
    if runtime is not None:
        is_task = value.type.strip_typedefs().target().strip_typedefs().name == "maru_task"
        return runtime, at(value, "maru_task") if is_task else None
    runtime = checked_runtime(int(value))
    if runtime is not None:
        return runtime, None
    for runtime in all_runtimes():
        task = task_around(runtime, int(value))
        if task is not None:
            return runtime, task
    raise Lost(f"{expression} leads to no runtime and no task")


class MaruCommand(gdb.Command):
    """Looks into a program that runs on Maru."""

    def __init__(self):
        super().__init__("maru", gdb.COMMAND_USER, prefix=True)


class Command(gdb.Command):
    def invoke(self, argument, from_tty):
        try:
            self.run(argument.strip())
        except Lost as lost:
            raise gdb.GdbError(str(lost))


class TasksCommand(Command):
    """Tells what every task is doing: maru tasks [EXPRESSION]"""

    def __init__(self):
        super().__init__("maru tasks", gdb.COMMAND_USER, gdb.COMPLETE_EXPRESSION)

    def run(self, argument):
        for runtime in [asked_for(argument)[0]] if argument else all_runtimes():
            tell_all(runtime)


class TaskCommand(Command):
    """Tells what one task is doing: maru task EXPRESSION"""

    def __init__(self):
        super().__init__("maru task", gdb.COMMAND_USER, gdb.COMPLETE_EXPRESSION)

    def run(self, argument):
        runtime, task = asked_for(argument) if argument else (None, None)
        if task is None:
            raise Lost("which one? maru task EXPRESSION: a maru_task *, or a frame or future")
        Teller(runtime).task(task)


MaruCommand()
TasksCommand()
TaskCommand()
