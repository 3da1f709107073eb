#!/usr/bin/env python3
"""Judges the programs that are wrong on purpose: what compilers say to them, how they abort.

    tests/neg/check_neg.py BUILD

BUILD is a build folder with libmaru.a. The marks at the head of each program tell what is
expected of it; neg.h explains them. Programs that abort are built twice by each compiler: with
no optimisation against BUILD's library, and as a release against a library built for it here.
Programs that are right must bring no warning, and the plain headers must be C++17.
"""
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
JOBS = 2
COMPILE_S = 60
RUN_S = 10

COMPILERS = ("gcc", "clang")
STD = ["-std=c11", "-I" + os.path.join(ROOT, "include")]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wstrict-prototypes"]
CXX_WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion"]
# What finds locals that cross an await. A good program has nothing to fear from them.
TRAPS = {"gcc": ["-Wjump-misses-init", "-Wmaybe-uninitialized"],
         "clang": ["-Wconditional-uninitialized"]}
LIBRARIES = ["-luring", "-pthread"]
BUILDS = {"debug": ["-O0", "-g"], "release": ["-O2", "-DNDEBUG"]}

MARK = re.compile(r"//! (?:(?P<abort>abort)|(?:(?P<silent>silent) )?(?P<who>gcc|clang|both)"
                  r"(?: (?P<kind>error|warning))?(?P<flags>(?: -\S+)*))(?: => (?P<text>.+))?$")
HERE_MARK = re.compile(r"/\* HERE \*/$")


class Skipped(Exception):
    """What is needed to find out is missing."""


def compiler(name):
    path = shutil.which(name)
    if not path:
        raise Skipped(f"no {name}")
    return path


def call(command, seconds):
    """(exit code, all it said). Localised messages would match nothing."""
    env = dict(os.environ, LC_ALL="C")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", env=env,
                              timeout=seconds, check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        return None, "timed out"


def compile_only(cc, flags, path):
    """Not -fsyntax-only: some warnings come after it."""
    return call([compiler(cc), *STD, *flags, "-c", path, "-o", os.devnull], COMPILE_S)


def head(output):
    return " | ".join(output.strip().split("\n")[:3])[:300]


# ---- the marks ----

class Program:
    """One wrong program: what it says of itself, and the checks that follow from it."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.here = [n for n, line in enumerate(self.lines, 1) if HERE_MARK.search(line)]

    def expected(self, text):
        if "HERE" not in text:
            return text
        if len(self.here) != 1:
            raise ValueError(f"{len(self.here)} lines are marked HERE, not one")
        return text.replace("HERE", str(self.here[0]))

    def checks(self, place):
        """[(label, function)]: the function returns None, or what is wrong."""
        found = []
        for line in self.lines:
            if not line.startswith("//!"):
                continue
            mark = MARK.match(line)
            if not mark or (mark["text"] is None) != bool(mark["silent"]):
                found.append((line, lambda: "a mark that is not understood"))
            elif mark["abort"]:
                found += self.aborts(self.expected(mark["text"]), place)
            else:
                found += self.sayings(mark)
        return found or [("marks", lambda: "no mark tells what is expected")]

    def sayings(self, mark):
        names = COMPILERS if mark["who"] == "both" else (mark["who"],)
        flags = mark["flags"].split()
        if mark["silent"]:
            return [(f"silent {cc} {' '.join(flags)}", lambda cc=cc: self.silent(cc, flags))
                    for cc in names]
        text = self.expected(mark["text"])
        return [(f"{cc} {mark['kind']} {' '.join(flags)}".rstrip(),
                 lambda cc=cc: self.says(cc, mark["kind"], flags, text)) for cc in names]

    def says(self, cc, kind, flags, text):
        code, output = compile_only(cc, flags, self.path)
        if (code != 0) != (kind == "error"):
            return f"is no {kind}: {head(output) or 'it compiles silently'}"
        said = [line for line in output.split("\n") if f"{kind}: " in line and
                re.search(text, line)]
        return None if said else f"says no {kind} '{text}', but: {head(output)}"

    def silent(self, cc, flags):
        _, output = compile_only(cc, WARNINGS + flags, self.path)
        return f"a known hole is closed: {head(output)}" if output else None

    def aborts(self, text, place):
        return [(f"abort {cc} {build}",
                 lambda cc=cc, build=build: self.abort(cc, build, text, place))
                for cc in COMPILERS for build in BUILDS]

    def abort(self, cc, build, text, place):
        name = os.path.basename(self.path)[:-2]
        exe = os.path.join(place.folder, f"{name}-{cc}-{build}")
        code, output = call([compiler(cc), *STD, *BUILDS[build], "-Wall", "-Wextra", "-Wpedantic",
                             "-Werror", self.path, os.path.join(HERE, "use.c"), "-o", exe,
                             place.library(build), *LIBRARIES], COMPILE_S)
        if code != 0:
            return f"does not compile: {head(output)}"
        code, output = call([exe], RUN_S)
        os.unlink(exe)
        if code != -signal.SIGABRT:
            return f"does not abort, but {'is killed' if code is None else code}: {head(output)}"
        return None if re.search(text, output) else f"aborts without '{text}': {head(output)}"


# ---- the library as a release ----

class Place:
    """A folder for what is built here; and the two libraries."""

    def __init__(self, folder, build):
        self.folder, self.build = folder, build

    def library(self, build):
        if build == "debug":
            return os.path.join(self.build, "libmaru.a")
        return os.path.join(self.folder, "libmaru.a")

    def make_release(self, pool):
        sources = [path for room in ("runtime", "timer", "io", "sync")
                   for path in glob.glob(os.path.join(ROOT, room, "**", "*.c"), recursive=True)]

        def one(source):
            name = os.path.relpath(source, ROOT).replace(os.sep, "-")[:-2] + ".o"
            out = os.path.join(self.folder, name)
            code, said = call(["gcc", *STD, "-I" + ROOT, "-D_GNU_SOURCE", *BUILDS["release"], "-c",
                               source, "-o", out], COMPILE_S)
            if code != 0:
                raise RuntimeError(f"{source}: {head(said)}")
            return out
        objects = list(pool.map(one, sorted(sources)))
        code, said = call(["ar", "rcs", self.library("release"), *objects], COMPILE_S)
        if code != 0:
            raise RuntimeError(f"ar: {head(said)}")


# ---- good programs and headers ----

def good_checks(path):
    def clean(cc, level):
        code, said = call([compiler(cc), *STD, level, *WARNINGS, *TRAPS[cc], "-Werror", "-c", path,
                           "-o", os.devnull], COMPILE_S)
        return None if code == 0 and not said else head(said)
    return [(f"{cc} {level}", lambda cc=cc, level=level: clean(cc, level))
            for cc in COMPILERS for level in ("-O0", "-O2")]


def header_checks(path):
    def clean(cxx):
        code, said = call([compiler(cxx), "-std=c++17", "-I" + os.path.join(ROOT, "include"),
                           *CXX_WARNINGS, "-Werror", "-fsyntax-only", "-x", "c++", path],
                          COMPILE_S)
        return None if code == 0 else head(said)
    return [(cxx, lambda cxx=cxx: clean(cxx)) for cxx in ("g++", "clang++")]


def run_good(place):
    """Every macro works, too: good.c is run."""
    exe = os.path.join(place.folder, "good")
    code, said = call(["gcc", *STD, "-O2", os.path.join(HERE, "good.c"), "-o", exe,
                       place.library("debug"), *LIBRARIES], COMPILE_S)
    if code == 0:
        code, said = call([exe], RUN_S)
    return None if code == 0 else f"{code}: {head(said)}"


# ---- all together ----

def all_checks(place):
    """[(name, checks)], a file each."""
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "*.c"))):
        name = os.path.basename(path)
        if name == "good.c":
            found.append((name, good_checks(path) + [("runs", lambda: run_good(place))]))
        elif name == "use.c":
            found.append((name, good_checks(path)))
        else:
            found.append((name, Program(path).checks(place)))
    for path in sorted(glob.glob(os.path.join(ROOT, "examples", "*.c"))):
        found.append((os.path.relpath(path, ROOT), good_checks(path)))
    headers = sorted(glob.glob(os.path.join(ROOT, "include", "maru", "*.h")))
    for path in [os.path.join(ROOT, "include", "maru.h"), *headers]:
        if os.path.basename(path) != "async.h":
            found.append((os.path.relpath(path, ROOT), header_checks(path)))
    return found


def judge(checks):
    """(passed, what failed, what was skipped)."""
    passed, failed, skipped = 0, [], []
    for label, check in checks:
        try:
            wrong = check()
        except Skipped as why:
            skipped.append(f"{label}: {why}")
            continue
        except ValueError as mistake:
            wrong = str(mistake)
        if wrong:
            failed.append(f"{label}: {wrong}")
        else:
            passed += 1
    return passed, failed, skipped


def report(name, passed, failed, skipped):
    print(f"{'FAILED' if failed else 'ok    '}  {name:32} {passed:3} passed"
          f"{f', {len(skipped)} skipped' if skipped else ''}")
    for line in failed:
        print(f"        {line}")
    for line in skipped:
        print(f"        skipped: {line}")


def main(argv):
    if len(argv) != 1 or not os.path.exists(os.path.join(argv[0], "libmaru.a")):
        print("usage: check_neg.py BUILD, a build folder with libmaru.a", file=sys.stderr)
        return 2
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))     # aborting is what they are for
    totals = [0, 0, 0]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(JOBS) as pool:
        place = Place(folder, argv[0])
        place.make_release(pool)
        files = all_checks(place)
        for (name, _), (passed, failed, skipped) in zip(
                files, pool.map(lambda file: judge(file[1]), files)):
            report(name, passed, failed, skipped)
            totals = [totals[0] + passed, totals[1] + len(failed), totals[2] + len(skipped)]
    print("%d passed, %d failed, %d skipped" % tuple(totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
