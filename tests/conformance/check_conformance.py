#!/usr/bin/env python3
"""Prints which tests carry which numbered behaviour, and finds numbers that no test carries.

    check_conformance.py [FOLDER]       default: tests/unit

A test carries a number by a comment `conformance N` (`conformance N, M`) in its body or before it:
a comment outside of every test belongs to the next one in the file. behaviours.txt says on which
kinds of runtime each behaviour must be tested; on which a test runs is read off its text and that
of the functions that it calls. That the tests pass, on all four backends, is the unit step's.

A number fails when no test carries it, when no test of it runs on a kind that it asks for, when it
is one of later and carried nevertheless, or when it is not in the list.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = "S124"

BEHAVIOUR = re.compile(r"^(\d+)\s+(S?1?2?4?|part|later)\s+(\S.*)$")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
CARRIED = re.compile(r"\bconformance ((?:\d+(?:, (?:and )?| and )?)+)")
TEST = re.compile(r"^(?:Test|Theory)\((\w+), (\w+)", re.M)
FUNCTION = re.compile(r"^static [\w *]*?\b(\w+)\([^;{}]*\)\n\{", re.M)
MACRO = re.compile(r"^#define (\w+)\((?:.*\\\n)*.*", re.M)

# What a text says about the runtimes that it makes.
KINDS = (
    (re.compile(r"= 1; \w+ < WORLDS_COUNT|workers = 1; workers <= 4|SHAPE_ONE \+ "), "124"),
    (re.compile(r"\bEVERYWHERE\(|\bAS_GUEST\(|= 0; \w+ < WORLDS_COUNT|\brun_everywhere\(|"
                r"= 0; \w+ < SHAPES\b"), ALL),
    (re.compile(r"world_new\(0\)|VIRTUALLY\(|virtual_new\(|MARU_FLAVOR_SINGLE|SHAPE_SINGLE|"
                r"runtime_with\([^;]*, 0\)|workers = 0; workers < \d"), "S"),
    (re.compile(r"world_new\(1\)|SHAPE_ONE\b(?! \+)|workers < 2|new_runtime\(1\)"), "1"),
    (re.compile(r"world_new\(2\)|SHAPE_TWO\b|workers = 2;|new_runtime\(2\)"), "2"),
    (re.compile(r"world_new\(4\)|SHAPE_FOUR\b|workers = 4;|new_runtime\(4\)"), "4"),
)


class Case:
    """One test: where it is, what it carries, on which kinds of runtime it runs."""

    def __init__(self, path, suite, name, kinds):
        self.path, self.suite, self.name, self.kinds = path, suite, name, kinds


def behaviours():
    found = {}
    with open(os.path.join(HERE, "behaviours.txt"), encoding="utf-8") as text:
        for line in text:
            match = BEHAVIOUR.match(line)
            if match:
                found[int(match[1])] = (match[2], match[3].rstrip())
            elif line.strip() and not line.startswith("#"):
                sys.exit(f"behaviours.txt: not understood: {line}")
    return found


def block_after(text, begin):
    """A function's text up to its closing brace, which stands in the first column."""
    end = text.find("\n}\n", begin)
    return text[begin:end if end >= 0 else len(text)]


def with_called(text, functions, known=None):
    """A text and, through any number of calls, the file's functions and macros that it names."""
    known = set() if known is None else known
    parts = [text]
    for name in re.findall(r"\b(\w+)\b", text):
        if name in functions and name not in known:
            known.add(name)
            parts.append(with_called(functions[name], functions, known))
    return "\n".join(parts)


def kinds_of(text):
    kinds = {kind for pattern, several in KINDS if pattern.search(text) for kind in several}
    return "".join(kind for kind in ALL if kind in kinds)


def numbers_in(comment):
    return [int(n) for carried in CARRIED.findall(comment) for n in re.findall(r"\d+", carried)]


def tests_of(path):
    """Yields (number, Case) of one file; of what belongs to no test, Case is None."""
    with open(path, encoding="utf-8") as source:
        text = source.read()
    functions = {m[1]: block_after(text, m.end()) for m in FUNCTION.finditer(text)}
    functions.update((m[1], m[0]) for m in MACRO.finditer(text))
    tests = [(m.start(), m.start() + len(block_after(text, m.start())), m)
             for m in TEST.finditer(text)]
    for comment in COMMENT.finditer(text):
        owner = next(((begin, m) for begin, end, m in tests if end > comment.start()), None)
        case = None
        if owner:
            body = with_called(block_after(text, owner[0]), functions)
            case = Case(os.path.basename(path), owner[1][1], owner[1][2], kinds_of(body))
        for number in numbers_in(comment[0]):
            yield number, case


def gather(folder):
    carried = {}
    for name in sorted(os.listdir(folder)):
        if not re.fullmatch(r"test_\w+\.c", name):
            continue
        for number, case in tests_of(os.path.join(folder, name)):
            mine = carried.setdefault(number, [])
            if case and all((case.path, case.name) != (c.path, c.name) for c in mine):
                mine.append(case)
    return carried


def complaint(where, cases):
    """Why a number fails, or None."""
    if where == "later":
        return "a test carries it already: say where it runs" if cases else None
    if not cases:
        return "no test carries it"
    if where != "part":
        missing = set(where).difference(*(case.kinds for case in cases))
        if missing:
            return "no test of it on " + ", ".join(sorted(missing))
    return None


def report(number, where, claim, cases, why):
    print(f"{number:>2}  {where:5} {claim}")
    for case in cases:
        print(f"          {case.path:28} {case.kinds or 'part':5} {case.name}")
    if why:
        print(f"FAILED  {number}: {why}")


def main(argv):
    folder = argv[0] if argv else os.path.join(HERE, "..", "unit")
    listed, carried = behaviours(), gather(folder)
    passed = failed = later = 0
    print("each on ring, ring-coop, ring-none and epoll; S: SINGLE, 1 2 4: workers, "
          "part: by itself\n")
    for number, (where, claim) in sorted(listed.items()):
        cases = carried.get(number, [])
        why = complaint(where, cases)
        report(number, where, claim, cases, why)
        failed += why is not None
        later += where == "later" and why is None
        passed += where != "later" and why is None
    for number in sorted(set(carried) - set(listed)):
        print(f"FAILED  {number}: it is not in behaviours.txt")
        failed += 1
    print(f"{later} of later work")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
