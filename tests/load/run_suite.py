#!/usr/bin/env python3
"""Runs the load suite of a build folder: ./run load.

    ./run load [--quick] [--only NAME] [--list]

Each program called load_* runs on the ring and on epoll. Everything is on loopback, and every
program has a time limit. The last lines are the figures, and "N passed, N failed, N skipped".
"""
import os
import re
import subprocess
import sys
import time

BACKENDS = ("ring", "epoll")
ORDER = ("tasks", "timers", "echo", "churn")
LIMIT_S = 150                           # of one program on one backend
SKIPPED = 77                            # exit code: this machine allows no ring
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)


def usage(text):
    print(f"run load: {text}; ./run load --help tells the options", file=sys.stderr)
    return 2


def parse(options):
    """(options of the programs, names), or None."""
    quick, names = [], ORDER
    while options:
        name, *options = options
        if name == "--quick":
            quick = ["--quick"]
        elif name == "--only" and options and options[0] in ORDER:
            names, options = (options[0],), options[1:]
        else:
            return None
    return quick, names


def end(process):
    """Ends a program that ran too long or was interrupted. Its second process dies with it, and
    has gone when nobody holds the pipe any more."""
    process.kill()
    process.communicate()


def run(command, backend):
    """Its output, as it comes, and its exit code."""
    process = subprocess.Popen(command, env=dict(os.environ, MARU_IO=backend), text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        output = process.communicate(timeout=LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        end(process)
        return f"not over after {LIMIT_S} s\n", -1
    except BaseException:
        end(process)
        raise
    return output, process.returncode


def counts_of(output, code):
    if code == SKIPPED:
        return 0, 0, 1
    found = CLOSING.findall(output)
    passed, failed, skipped = map(int, found[-1]) if found else (0, 1, 0)
    return passed, failed + (code != 0 and failed == 0), skipped


def main(folder, options):
    if options[:1] in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    if options == ["--list"]:
        print("\n".join(ORDER))
        return 0
    parsed = parse(options)
    if not parsed:
        return usage(f"'{' '.join(options)}' is not understood")
    quick, names = parsed
    totals, figures = (0, 0, 0), []
    for name in names:
        for backend in BACKENDS:
            began = time.monotonic()
            output, code = run([os.path.join(folder, f"load_{name}"), *quick], backend)
            counts = counts_of(output, code)
            totals = tuple(a + b for a, b in zip(totals, counts))
            figures += re.findall(r"^figure (.*)", output, re.M)
            for line in output.splitlines():
                if not line.startswith("figure ") and not CLOSING.match(line):
                    print(line)
            word = "FAILED" if counts[1] else "ok" if counts[0] else "skipped"
            print(f"{name}, {backend}: {word} ({time.monotonic() - began:.1f} s)", flush=True)
    print()
    for figure in figures:
        print(figure)
    print("%d passed, %d failed, %d skipped" % totals)
    return 1 if totals[1] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
