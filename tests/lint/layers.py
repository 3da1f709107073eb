"""Rules `layers`, `banned` and `atomics`: who may know whom, and who may spell what.

Layer 0 is include/ and runtime/base/; 1 runtime/task/, runtime/queue/, timer/wheel; 2 sync/, the
rest of timer/, io/; 3 runtime/sched/; 4 the composition root. A file includes its own layer or a
lower one. Public headers see public headers alone, since only they are installed.
"""

import os
import re

from tree import LIBRARY

ROOMS = LIBRARY + ("include/",)
INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)')


def layer_of(path):
    """The layer's number, or None for a file that stands in no room."""
    if path.startswith(("include/", "runtime/base/")):
        return 0
    if path.startswith(("runtime/task/", "runtime/queue/")):
        return 1
    if path in ("timer/wheel.c", "timer/wheel.h", "runtime/metrics.h"):
        return 1
    if path.startswith(("sync/", "timer/", "io/")):
        return 2
    if path.startswith("runtime/sched/"):
        return 3
    if re.fullmatch(r"runtime/(runtime(_\w+)?\.[ch]|metrics\.c)", path):
        return 4
    return None


def resolve(tree, path, name, quoted):
    """The included file's path in the tree, or None if it is a system header."""
    folders = ([os.path.dirname(path)] if quoted else []) + ["", "include"]
    for folder in folders:
        candidate = os.path.normpath(os.path.join(folder, name))
        if candidate in tree.known:
            return candidate
    return None


def includes_of(tree, path):
    """[(line, included path or None, name as written, quoted)] of one file."""
    found = []
    for number, line in enumerate(tree.source(path).code, 1):
        hit = INCLUDE.match(line)
        if hit:
            quoted = hit.group(1) is not None
            name = hit.group(1) or hit.group(2)
            found.append((number, resolve(tree, path, name, quoted), name, quoted))
    return found


def complaint(path, other):
    """Why this include is forbidden, or None."""
    mine, theirs = layer_of(path), layer_of(other)
    if theirs is None:
        return f"{other} is in no room of the library"
    if path.startswith("include/") and not other.startswith("include/"):
        return f"a public header includes the private {other}"
    if path.startswith(("sync/", "io/")) and other.startswith("runtime/sched/"):
        return f"{path.split('/')[0]}/ never sees runtime/sched/ ({other})"
    if path.startswith("runtime/sched/") and other.startswith("io/"):
        return f"runtime/sched/ never sees io/ ({other})"
    if theirs > mine:
        return f"layer {mine} includes {other} of layer {theirs}"
    return None


def check(tree):
    graph = {}
    for path in tree.under(ROOMS):
        if not tree.source(path):
            continue
        if layer_of(path) is None:
            tree.find(path, 1, "layers", "is in no room of the library")
            continue
        graph[path] = []
        for line, other, name, quoted in includes_of(tree, path):
            if other is None:
                if quoted:
                    tree.find(path, line, "layers", f'there is no "{name}"')
                continue
            graph[path].append((line, other))
            why = complaint(path, other)
            if why:
                tree.find(path, line, "layers", why)
    check_circles(tree, graph)
    check_banned(tree)
    check_atomics(tree)


def check_circles(tree, graph):
    """Depth-first with an explicit path, so that a circle is printed whole, and once."""
    done = set()
    for start in sorted(graph):
        walk, on_walk = [(start, iter(graph[start]))], [start]
        while walk:
            path, rest = walk[-1]
            step = None if path in done else next(rest, None)
            if step is None:
                done.add(path)
                walk.pop()
                on_walk.pop()
                continue
            line, other = step
            if other in on_walk:
                circle = on_walk[on_walk.index(other):] + [other]
                tree.find(path, line, "layers", "a circle: " + " -> ".join(circle))
            elif other in graph and other not in done:
                walk.append((other, iter(graph[other])))
                on_walk.append(other)


# ---- banned: each row is (where, except in, pattern, what to do instead) ----

def call(*names):
    """A call of one of these functions; not a member's and not the end of a longer name."""
    return re.compile(r"(?<![\w.>])(?:" + "|".join(names) + r")\s*\(")


ALL_C = ("",)
ATOMIC_FILE = ("runtime/base/atomic.h",)
PRINTERS = ("runtime/base/check.c", "runtime/runtime.c")
URING = ("io/uring.c", "io/uring.h")

BANNED = (
    (LIBRARY, ("runtime/base/alloc.c",),
     call("malloc", "calloc", "realloc", "reallocarray", "free", "aligned_alloc", "memalign",
          "posix_memalign", "strdup", "strndup", "asprintf", "vasprintf"),
     "memory comes from runtime/base/alloc"),
    (ROOMS + ("examples/",), URING, re.compile(r"#\s*include\s*[<\"]liburing\.h"),
     "only io/uring knows liburing"),
    (LIBRARY, ("runtime/base/clock.c",),
     call("clock_gettime", "gettimeofday", "timespec_get", "time"),
     "time comes from runtime/base/clock"),
    (ROOMS, ATOMIC_FILE, re.compile(r"\b(?:__atomic_\w+|__sync_\w+|_Atomic)\b|\bstdatomic\b"),
     "only runtime/base/atomic.h spells atomics"),
    (ROOMS, (), call("alloca", "__builtin_alloca", "setjmp", "sigsetjmp", "longjmp",
                     "siglongjmp"),
     "no alloca, no setjmp in the library"),
    (LIBRARY, PRINTERS, call("printf", "vprintf", "puts", "putchar", "perror"),
     "the library never prints"),
    (LIBRARY, PRINTERS, re.compile(r"\b(?:stdout|stderr|STDOUT_FILENO|STDERR_FILENO)\b|"
                                   r"\b(?:dprintf|vdprintf|write)\s*\(\s*[12]\s*,"),
     "the library never prints"),
    (ALL_C, (), call("strcpy", "strcat", "sprintf", "vsprintf", "gets", "atoi"),
     "knows no bounds or no errors"),
    (("tests/unit/",), (), call("sleep", "usleep", "nanosleep", "clock_nanosleep"),
     "timing never decides a test"),
)


def check_banned(tree):
    for folders, spared, pattern, instead in BANNED:
        for path in tree.under(folders):
            source = tree.source(path)
            if not source or path in spared or not pattern.search(source.code_text):
                continue
            for number, line in enumerate(source.code, 1):
                hit = pattern.search(line)
                if hit:
                    word = re.sub(r"\s*\($", "()", hit.group().strip())
                    tree.find(path, number, "banned", f"{word}: {instead}")


# ---- atomics ----

ATOMIC_CALL = re.compile(r"\batomic_\w+_(?:rlx|acq|rel|ar|sc)\s*\(")
PARTNER = re.compile(r"\bpairs? with\b|\bwith \w+|\bno partner: \S|\bowner\b|\bmetric\b",
                     re.IGNORECASE)
STATEMENT_LINES = 4                     # how far below the call its trailing comment may stand


def partner_text(source, number):
    """The comments that speak for a call on this line: above, on it, at its statement's end."""
    words = [source.comment_above(number)]
    for at in range(number - 1, min(number - 1 + STATEMENT_LINES, len(source.lines))):
        words.append(source.comments[at])
        if re.search(r"[;{}]\s*$", source.code[at].rstrip()):
            break
    at += 1
    while at < len(source.lines) and not source.code[at].strip() and source.comments[at].strip() \
            and not source.comments[at].strip().startswith("/*"):
        words.append(source.comments[at])   # a trailing comment that runs on below
        at += 1
    return " ".join(words)


def check_atomics(tree):
    for path in tree.under(LIBRARY):
        source = tree.source(path)
        if not source or path in ATOMIC_FILE or "atomic_" not in source.code_text:
            continue
        for number, line in enumerate(source.code, 1):
            hit = ATOMIC_CALL.search(line)
            if hit and not PARTNER.search(partner_text(source, number)):
                name = hit.group().rstrip("( ")
                tree.find(path, number, "atomics",
                          f"{name} names no partner (`pairs with ...`, `no partner: <reason>`)")
