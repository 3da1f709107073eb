#!/usr/bin/env python3
"""Runs the benches of a build folder one after the other: ./run bench.

    ./run bench [--quick] [--only NAME] [--json FILE] [--list]

Every program called bench_* is one suite; they all take the same options (bench.h). JSON lines
of all suites go to one file.
"""
import os
import subprocess
import sys


def suites(folder):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder)
                  if name.startswith("bench_") and os.access(os.path.join(folder, name), os.X_OK)
                  and os.path.isfile(os.path.join(folder, name)))


def take_json(options):
    """The options without --json FILE, and FILE or None."""
    if "--json" not in options:
        return options, None
    at = options.index("--json")
    if at + 1 == len(options):
        sys.exit("run bench: --json wants a file, or - for the screen")
    return options[:at] + options[at + 2:], options[at + 1]


def has_row(suite, only):
    listed = subprocess.run([suite, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    return any(only in line for line in listed.stdout.splitlines())


def main(folder, options):
    if options[:1] in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    options, json_file = take_json(options)
    programs = suites(folder)
    if "--only" in options[:-1]:
        only = options[options.index("--only") + 1]
        programs = [suite for suite in programs if has_row(suite, only)]
        if not programs:
            print(f"run bench: no row is called {only}; ./run bench --list tells them",
                  file=sys.stderr)
            return 2
    lines = []
    for suite in programs:
        command = [suite, *options] + (["--json", "-"] if json_file else [])
        done = subprocess.run(command, stdout=subprocess.PIPE if json_file else None, text=True)
        lines.append(done.stdout or "")
        if done.returncode != 0:
            return done.returncode
    if json_file == "-":
        print("".join(lines), end="")
    elif json_file:
        with open(json_file, "w", encoding="utf-8") as out:
            out.write("".join(lines))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
