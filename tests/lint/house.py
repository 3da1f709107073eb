"""Rules `tests`, `words` and `files`: every source has its test, no loose ends, no odd files."""

import os
import re

from tree import LIBRARY

# ---- tests ----

UNTESTED = "tests/lint/untested.txt"
BENCH_SOURCES = ("bench/bench.c", "bench/histogram.c")


def test_of(path):
    return f"tests/unit/test_{os.path.splitext(os.path.basename(path))[0]}.c"


def exceptions(tree):
    """{path: line} of untested.txt; its malformed and idle entries are findings."""
    listed = {}
    source = tree.source(UNTESTED) if UNTESTED in tree.known else None
    for number, line in enumerate(source.lines if source else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        path, _, reason = line.strip().partition(" ")
        if not reason.strip():
            tree.find(UNTESTED, number, "tests", f"{path}: no reason")
        if path not in tree.known:
            tree.find(UNTESTED, number, "tests", f"{path}: there is no such file")
        elif test_of(path) in tree.known:
            tree.find(UNTESTED, number, "tests", f"{path} has a test by now: {test_of(path)}")
        listed[path] = number
    return listed


def check_tests(tree):
    listed = exceptions(tree)
    sources = tree.under(LIBRARY, (".c",)) + [p for p in BENCH_SOURCES if p in tree.known]
    for path in sources:
        if test_of(path) not in tree.known and path not in listed:
            tree.find(path, 1, "tests", f"has no {test_of(path)}")


# ---- words ----

LINT = "tests/lint/"
LOOSE_ENDS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|\bnot implemented\b|\bNot implemented\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:work|home|root|tmp)/")
SOURCES = (".c", ".h", ".cc", ".py", ".sh", ".md", ".yml", ".yaml", ".build", ".txt")


def check_words(tree):
    for path in tree.files:
        source = None if path.startswith(LINT) else tree.source(path)
        if not source:
            continue
        is_source = path.endswith(SOURCES) or source.lines[0].startswith("#!")
        for number, line in enumerate(source.lines, 1):
            hit = LOOSE_ENDS.search(line)
            if hit:
                tree.find(path, number, "words", f"`{hit.group()}` is a loose end")
            hit = MACHINE_PATH.search(line) if is_source else None
            if hit:
                tree.find(path, number, "words", f"`{hit.group()}` is a path of one machine")


# ---- files ----

BYTES_MAX = 200 * 1024
LINES_MAX = 700
COUNTED = (".c", ".h", ".cc", ".py", ".sh")


def check_files(tree):
    for path in tree.files:
        full = tree.full(path)
        if os.path.islink(full):
            continue
        state = os.stat(full)
        if state.st_size > BYTES_MAX:
            tree.find(path, 1, "files", f"{state.st_size} bytes, at most {BYTES_MAX}")
        source = tree.source(path)
        if state.st_mode & 0o111 and not (source and source.lines[0].startswith("#!")):
            tree.find(path, 1, "files", "executable, but begins with no #!")
        if not source:
            continue
        lines = len(source.text.splitlines())
        if path.endswith(COUNTED) and lines > LINES_MAX:
            tree.find(path, 1, "files", f"{lines} lines, at most {LINES_MAX}")
        if source.is_c and source.text and not source.text.startswith("/*"):
            tree.find(path, 1, "files", "begins with no comment that says its one job")


def check(tree):
    check_tests(tree)
    check_words(tree)
    check_files(tree)
