#!/usr/bin/env python3
"""The gdb command `maru tasks` against the dump that the program prints of itself.

    tests/gdb/check_gdb.py BUILD

tests/gdb/waiting.c is looked at alive and in a core file that gdb makes of it, by expression and
without. What gdb prints must be the program's own dump but for times, and for the trees of tasks
that run or are queued, which only a debugger can tell. Exits with 77 where there is no gdb, or
where the machine forbids one process to look into another.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "..", "..", "share", "gdb", "maru.py")
SKIPPED = 77
REFUSED = re.compile(r"ptrace: Operation not permitted|Could not attach to process|"
                     r"ptrace: .*not permitted|Unable to attach")


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, name, words=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok    ' if good else 'FAILED'}  {name}")
        if not good:
            print(words)


def gdb(*arguments):
    command = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex",
               "set pagination off", *arguments]
    done = subprocess.run(command, text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                          check=False)
    return done.stdout


def commands(*lines):
    return [word for line in ("source " + SCRIPT, *lines) for word in ("-ex", line)]


def dump_in(output):
    """The dumps in a text, as lists of lines, without times."""
    dumps = []
    for line in output.splitlines():
        if line.startswith("runtime 0x"):
            dumps.append([])
        if dumps and re.match(r"runtime 0x|task 0x| +#|end tasks", line):
            dumps[-1].append(re.sub(r"\b(for|left)=\d+\.\d{3}s", r"\1=", line))
    return dumps


def without_busy_trees(lines):
    kept, is_busy = [], False
    for line in lines:
        if line.startswith("task "):
            is_busy = " running " in line or " queued " in line
        if line.startswith(" ") and is_busy:
            continue
        kept.append(line)
    return kept


def check_output(tally, name, output, own, runtime_count=1):
    dumps = dump_in(output)
    same = len(dumps) == runtime_count and all(without_busy_trees(d) == own for d in dumps)
    tally.check(same, name, output + "\n---- the program's own ----\n" + "\n".join(own))
    return "\n".join(dumps[0]) if dumps else ""


def check_all(tally, pid, program, own, folder):
    core = os.path.join(folder, "core")
    runtime = own[0].split()[1]
    tree = next(line.split()[1] for line in own if " function=owner" in line)
    live = gdb("-p", str(pid), *commands("maru tasks", f"generate-core-file {core}"))
    if REFUSED.search(live):
        print(live)
        return SKIPPED
    words = check_output(tally, "a living process", live, own)
    tally.check("  #0 frame spinner " in words, "a running task has its tree, too", words)
    tally.check("  #0 frame sleeper " in words and " not-started" in words,
                "so has one that was not polled yet", words)
    times = re.search(r"wait sleep left=(\d+)\.", live)
    tally.check(times and 3000 < int(times[1]) <= 3600, "time is the machine's", live)

    dead = gdb(*commands("maru tasks"), program, core)
    check_output(tally, "a core file", dead, own)
    times = re.search(r"wait sleep left=(\d+)\.", dead)
    tally.check(times and 3500 < int(times[1]) <= 3600, "time is the last that was read", dead)
    for expression in (runtime, f"(maru_runtime *) {runtime}", f"(maru_task *) {tree}"):
        check_output(tally, f"a core file: maru tasks {expression.split(') ')[0]}",
                     gdb(*commands(f"maru tasks {expression}"), program, core), own)
    one = gdb(*commands(f"maru task {tree}"), program, core)
    tally.check("#2 wait timeout left=" in one and one.count("task 0x") == 1,
                "one task by its address", one)
    inner = gdb(*commands(f"maru task (void *)({tree} + 40)"), program, core)
    tally.check(f"task {tree} idle" in inner, "one task by an address inside of it", inner)
    nothing = gdb(*commands("maru tasks 8"), program, core)
    tally.check("leads to no runtime" in nothing, "an address that is nothing", nothing)
    none = gdb(*commands("maru tasks"), program)
    tally.check("no runtime found" in none, "a program that does not run", none)
    return 0


def main():
    if not shutil.which("gdb"):
        print("no gdb here")
        return SKIPPED
    program = os.path.join(sys.argv[1], "tests", "gdb", "waiting")
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen([program], text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        try:
            output = ""
            for line in child.stdout:
                output += line
                if line in ("ready\n", "no dump\n"):
                    break
            own = without_busy_trees(dump_in(output)[0])
            skipped = check_all(tally, child.pid, program, own, folder)
        finally:
            child.stdin.close()
            tally.check(child.wait(timeout=60) == 0, "the program goes on and ends well")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return skipped or (1 if tally.failed else 0)


if __name__ == "__main__":
    sys.exit(main())
