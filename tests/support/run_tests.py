#!/usr/bin/env python3
"""Runs the steps of ./test and adds up what they say.

A step is one or more programs whose output tells how many tests passed and failed: Criterion's
synthesis, the explorer's closing line, the lint's, or the plain "N passed, N failed, N skipped".
A program that says nothing of the kind, or ends with a code that does not fit, counts as failed.
"""
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

BUILD = "build/debug"
TIMEOUT_S = 540
BACKENDS = ("ring", "epoll")
EVERY_BACKEND = ("ring", "ring-coop", "ring-none", "epoll")
SKIPPED = 77  # the exit code of a program that this machine does not allow

CLOSING = (
    (re.compile(r"Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)"),
     lambda m: (int(m[2]), int(m[3]) + int(m[4]), int(m[1]) - int(m[2]) - int(m[3]) - int(m[4]))),
    (re.compile(r"(\d+) models, ([\d,]+) executions, (\d+) failed"),
     lambda m: (int(m[1]) - int(m[3]), int(m[3]), 0)),
    (re.compile(r"(\d+) planted, (\d+) caught"),
     lambda m: (int(m[2]), int(m[1]) - int(m[2]), 0)),
    (re.compile(r"lint: \d+ files, (\d+) findings"),
     lambda m: (int(m[1]) == 0, int(m[1]), 0)),
    (re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", re.M),
     lambda m: (int(m[1]), int(m[2]), int(m[3] or 0))),
)


OWN_CLOSING = re.compile(r"^(?:\d+ models, [\d,]+ executions, \d+ failed|"
                         r"\d+ planted, \d+ caught)$", re.M)


class Program:
    def __init__(self, name, command, env=None):
        self.name, self.command = name, command
        self.env = dict(os.environ, **(env or {}))

    def run(self):
        begin = time.monotonic()
        try:
            done = subprocess.run(self.command, env=self.env, text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, timeout=TIMEOUT_S)
            self.output, self.code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            self.output = (late.stdout or b"").decode(errors="replace") + "\ntimed out\n"
            self.code = -1
        self.counts = counts_of(self.output)
        if self.code == SKIPPED:
            self.counts = (0, 0, 1)
        elif self.counts is None or (self.code != 0 and self.counts[1] == 0):
            self.counts = (0, 1, 0)
        self.seconds = time.monotonic() - begin
        return self


def counts_of(output):
    for pattern, take in CLOSING:
        found = list(pattern.finditer(output))
        if found:
            return tuple(int(n) for n in take(found[-1]))
    return None


def build(directory, *options):
    def do(*command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout)
            print("0 passed, 1 failed, 0 skipped")
            sys.exit(1)
    fresh = not os.path.exists(os.path.join(directory, "build.ninja"))
    do("meson", "setup", *([] if fresh else ["--reconfigure"]), directory, *options)
    do("ninja", "-C", directory)


def executables(folder, prefix):
    path = os.path.join(BUILD, "tests", folder)
    if not os.path.isdir(path):
        return []
    return sorted(os.path.join(path, name) for name in os.listdir(path)
                  if name.startswith(prefix) and os.access(os.path.join(path, name), os.X_OK)
                  and os.path.isfile(os.path.join(path, name)))


def wants_backends(path):
    """Tests that speak with the kernel run on each backend."""
    return re.search(r"test_(io|metrics|net|runtime|async|example|hook|accept|close|connect|dial|"
                     r"bad|datagram|exhaustion|poll|reader|ready|socket|stream|vector|writer)", path) is not None


def source_of(path):
    return os.path.join("tests/unit", os.path.basename(path) + ".c")


def carries_conformance(path):
    """Tests of a numbered behaviour (tests/conformance) run on every backend there is."""
    with open(source_of(path), encoding="utf-8") as text:
        return re.search(r"\bconformance \d", text.read()) is not None


def backends_of(path):
    if carries_conformance(path):
        return EVERY_BACKEND
    return BACKENDS if wants_backends(path) else (None,)


def without_ring(programs):
    """Where rings are refused, what asks for one is skipped; the rest must still pass."""
    if Program("backend", [os.path.join(BUILD, "tests/check/backend")]).run().code != SKIPPED:
        return programs
    return [Program(p.name, ["sh", "-c", f"exit {SKIPPED}"])
            if p.env.get("MARU_IO", "").startswith("ring") or "test_uring" in p.name else p
            for p in programs]


def unit(options):
    programs = []
    for path in executables("unit", "test_"):
        name = os.path.basename(path)
        if options[:1] == ["--only"] and options[1] not in name:
            continue
        if not os.path.exists(source_of(path)):
            continue                    # what an earlier commit has built
        for backend in backends_of(path):
            label = f"{name} {backend}" if backend else name
            env = {"MARU_IO": backend} if backend else {}
            programs.append(Program(label, [path], env))
    return without_ring(programs)


def model(options):
    paths = executables("model", "litmus") + executables("model", "model_")
    return [Program(os.path.basename(path), [path, *options]) for path in paths]


def script(*path):
    def programs(options):
        return [Program(os.path.basename(path[0]), ["python3", *path, *options])]
    return programs


def stress(options):
    programs = [("check_stress", options), ("check_guests", []), ("check_blocking", []),
                ("check_dump", [])]
    return without_ring([
        Program(f"{name} {backend}", [os.path.join(BUILD, "tests/check", name), *arguments],
                {"MARU_IO": backend}) for name, arguments in programs for backend in BACKENDS])


def fairness(options):
    path = os.path.join(BUILD, "tests/check/check_fairness")
    return [Program("check_fairness", [path, *options])]


def lint(options):
    return [Program("lint.py", ["python3", "tests/lint/lint.py", *options]),
            Program("test_lint.py", ["python3", "tests/lint/test_lint.py"])]


def outside(options):
    """Both build what they need; check_musl.py leaves where there is no other libc."""
    programs = script("tests/outside/check_outside.py")(options)
    return programs if options else programs + script("tests/outside/check_musl.py")(options)


def docs(options):
    """What judges the pages is judged first, unless one page is asked for."""
    programs = script("tests/docs/check_docs.py", BUILD)(options)
    return programs if options else script("tests/docs/test_check_docs.py", BUILD)([]) + programs


STEPS = {
    "lint": lint,
    "unit": unit,
    "conformance": script("tests/conformance/check_conformance.py"),
    "fairness": fairness,
    "stress": stress,
    "examples": script("tests/examples/check_examples.py", BUILD),
    "outside": outside,
    "docs": docs,
    "neg": script("tests/neg/check_neg.py", BUILD),
    "gdb": script("tests/gdb/check_gdb.py", BUILD),
    "model": model,
    "plant": script("tests/plant/plant.py"),
    "sanitize": script("tests/support/sanitize.py"),
}


def run_step(step, options, verbose):
    programs = STEPS[step](options)
    totals, closing = [0, 0, 0], []
    with ThreadPoolExecutor(max_workers=1 if verbose else 2) as pool:
        for program in pool.map(Program.run, programs):
            totals = [a + b for a, b in zip(totals, program.counts)]
            closing += OWN_CLOSING.findall(program.output)
            good = program.counts[1] == 0
            if verbose or not good:
                print(program.output, end="" if program.output.endswith("\n") else "\n")
            print(f"{'ok    ' if good else 'FAILED'}  {step:9} {program.name:32} "
                  f"{program.counts[0]:5} passed  {program.seconds:6.1f} s", flush=True)
    return totals, closing


def own_closing(closing):
    """The steps that count something else than tests say so: models, executions; plants."""
    words = re.findall(r"[a-z]+", closing[0])
    sums = [sum(int(n) for n in numbers) for numbers in
            zip(*(re.findall(r"\d+", line.replace(",", "")) for line in closing))]
    return ", ".join(f"{n} {word}" for n, word in zip(sums, words))


def main(argv):
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    steps = argv[:1] or list(STEPS)
    build(BUILD, "-Dwerror=true")
    totals = [0, 0, 0]
    for step in steps:
        counts, closing = run_step(step, argv[1:], verbose=bool(argv))
        totals = [a + b for a, b in zip(totals, counts)]
    if argv and closing:
        print(own_closing(closing))
    else:
        print("%d passed, %d failed, %d skipped" % tuple(totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
