"""Rules `headers` and `docs`: each header compiles alone, each public function is told.

A header is compiled through a one-line source that includes it. Public headers are also compiled
as C17 and as C++17, without _GNU_SOURCE in C, as a user may; those that say so in their first
lines (a comment that begins with `C only:`) are spared C++.
"""

import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess

import layers
from layers import ROOMS
from tree import blank

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes", "-Werror")
CXX_WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
SHOWN = re.compile(r"([^\s:]+):(\d+):(?:\d+:)? (?:fatal )?error: (.*)")
C_ONLY = re.compile(r"/\* C only:")
C_ONLY_LINES = 40


def commands_for(source, present):
    """[(label, command)] for one header; the source text goes to stdin."""
    public = source.path.startswith("include/")
    rows = [("gcc", "c11")]
    if public:
        rows += [("gcc", "c17"), ("clang", "c11"), ("clang", "c17")]
        if not any(C_ONLY.search(line) for line in source.lines[:C_ONLY_LINES]):
            rows.append(("g++", "c++17"))
    out = []
    for compiler, standard in rows:
        if compiler not in present:
            continue
        warnings = CXX_WARNINGS if compiler == "g++" else WARNINGS
        language = "c++" if compiler == "g++" else "c"
        feature = [] if public else ["-D_GNU_SOURCE"]
        out.append((f"{compiler} -std={standard}",
                    [compiler, f"-std={standard}", "-fsyntax-only", *warnings, *feature,
                     "-Iinclude", "-I.", "-x", language, "-"]))
    return out


def closure(tree, path, seen):
    if path not in seen and tree.source(path):
        seen.add(path)
        for _, other, _, _ in layers.includes_of(tree, path):
            if other:
                closure(tree, other, seen)
    return seen


class Cache:
    """Remembers by content what compiled cleanly. Without a build/ folder it remembers nothing."""

    def __init__(self, root):
        build = os.path.join(root, "build")
        self.folder = os.path.join(build, "lint-cache") if os.path.isdir(build) else None
        if self.folder:
            os.makedirs(self.folder, exist_ok=True)

    def knows(self, key):
        return self.folder and os.path.exists(os.path.join(self.folder, key))

    def add(self, key):
        if self.folder:
            with open(os.path.join(self.folder, key), "w", encoding="utf-8"):
                pass


def compile_one(tree, path, label, command):
    text = f'#include "{path}"\nextern int not_an_empty_unit;\n'
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=tree.root,
                          check=False)
    if done.returncode == 0:
        return None
    where, line, message = path, 1, "does not compile alone"
    hit = SHOWN.search(done.stderr)
    if hit:
        message = hit.group(3)
        other = os.path.normpath(hit.group(1))
        if other == path:
            line = int(hit.group(2))
        elif other != "<stdin>":
            message = f"{other}:{hit.group(2)}: {message}"
    return (where, line, f"{label}: {message}")


def check_headers(tree):
    present = {name for name in ("gcc", "clang", "g++") if shutil.which(name)}
    if "gcc" not in present:
        tree.notes.append("gcc is missing: headers not compiled")
        return
    versions = " ".join(subprocess.run([name, "--version"], capture_output=True, text=True,
                                       check=False).stdout.split("\n")[0]
                        for name in sorted(present))
    cache, jobs = Cache(tree.root), []
    for path in tree.under(ROOMS, (".h",)):
        source = tree.source(path)
        if not source:
            continue
        content = hashlib.sha256(versions.encode())
        for part in sorted(closure(tree, path, set())):
            content.update(f"{part}\0{tree.source(part).text}\0".encode())
        for label, command in commands_for(source, present):
            key = hashlib.sha256(content.digest() + "\0".join(command).encode()).hexdigest()
            if not cache.knows(key):
                jobs.append((key, (path, label, command)))
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(lambda job: compile_one(tree, *job[1]), jobs))
    seen = set()
    for (key, _), result in zip(jobs, results):
        if result is None:
            cache.add(key)
        else:
            path, line, message = result
            bare = (path, line, message.split(": ", 1)[1])
            if bare not in seen:        # gcc and clang often say the same thing
                seen.add(bare)
                tree.find(path, line, "headers", message)


# ---- docs ----

THREAD_WORDS = ("any thread", "task only", "one thread at a time", "signal-safe",
                "start function")
WRITTEN = re.compile(r"Written by tests/")      # from headers that are judged themselves
MAY_FAIL = re.compile(r"\b(?:int\b|maru_result\b|maru_(?:future|task)\s*\*)")
OUTCOME = re.compile(r"\b(?:results?|returns?|errors?)\b|^The same\b", re.IGNORECASE)
NOT_FUNCTIONS = re.compile(r"(?:typedef|_Static_assert|static_assert)\b")
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)(?!\))", re.DOTALL)
FUNCTION = re.compile(r"[\w\s*]*?\b([a-z]\w*)\s*\(", re.DOTALL)
POINTER = re.compile(r"^[^(]*\(\s*\*")    # a variable that points to a function
LINKAGE = re.compile(r'extern\s*"[^"]*"\s*\{')


def without_directives(code):
    """The code with preprocessor lines blanked, continuations too."""
    out, inside = [], False
    for line in code:
        inside = inside or line.lstrip().startswith("#")
        out.append("" if inside else line)
        inside = inside and line.rstrip().endswith("\\")
    return out


def top_level_items(source):
    """[(first line, last line, text)] of the declarations of a header, 1-based and in order."""
    items, text, depth, first, in_parens = [], "", 0, None, 0
    code = "\n".join(without_directives(source.code))
    code = LINKAGE.sub(lambda hit: blank(hit.group()), code)
    number = 1
    for index, letter in enumerate(code):
        if letter == "\n":
            number += 1
        if first is None:
            if letter.isspace() or letter in ";}":
                continue
            first, text = number, ""
        if depth == 0:
            text += letter
        in_parens += (letter == "(") - (letter == ")")
        if in_parens:
            continue
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
        ends = letter == ";" and depth == 0
        body_ends = letter == "}" and depth == 0 and is_function_head(text)
        if ends or body_ends:
            items.append((first, number, text))
            first = None
    return items


def is_function_head(text):
    head = ATTRIBUTE.sub(" ", text).strip()
    if NOT_FUNCTIONS.match(head) or POINTER.search(head) or "=" in head:
        return False
    return bool(FUNCTION.match(head))


def function_name(text):
    return FUNCTION.match(ATTRIBUTE.sub(" ", text).strip()).group(1)


def check_docs(tree):
    for path in tree.under(("include/",), (".h",)):
        source = tree.source(path)
        if not source or any(WRITTEN.search(line) for line in source.lines[:C_ONLY_LINES]):
            continue
        last_end, group = None, ""
        for first, last, text in top_level_items(source):
            if not is_function_head(text):
                last_end = None
                continue
            words = source.comment_above(first)
            if not words and last_end == first - 1:
                words = group
            group, last_end = words, last
            own = " ".join(source.comments[first - 1:last])
            judge_words(tree, path, first, text, words, own)


def judge_words(tree, path, line, text, words, own):
    """The shape of a comment: what it does; Threads: who may call; what comes back, and errors."""
    name = function_name(text)
    if not words:
        tree.find(path, line, "docs", f"{name} has no comment above it")
        return
    plain = re.sub(r"[\s*/]+", " ", f"{words} {own}").strip()
    threads = re.search(r"Threads: (.*)", plain, re.IGNORECASE)
    if not threads or not any(word in threads.group(1).lower() for word in THREAD_WORDS):
        tree.find(path, line, "docs", f"{name}: says no thread (Threads: "
                  + ", ".join(THREAD_WORDS) + ")")
    if plain.startswith("Threads:"):
        tree.find(path, line, "docs", f"{name}: does not say what it does")
    returned = ATTRIBUTE.sub(" ", text).split(name)[0]
    if MAY_FAIL.search(returned) and not OUTCOME.search(plain):
        tree.find(path, line, "docs", f"{name}: does not say what comes back, and when it fails")


def check(tree):
    check_headers(tree)
    check_docs(tree)
