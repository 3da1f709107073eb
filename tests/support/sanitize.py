#!/usr/bin/env python3
"""The plain test programs and the examples, under the sanitizers of gcc and clang.

    tests/support/sanitize.py [--only NAME]     NAME: a part of gcc-address, clang-thread, ...

Builds build/san-<compiler>-<sanitizer> for AddressSanitizer with UndefinedBehaviorSanitizer and
for ThreadSanitizer, and runs everything there on each backend. A program passes if it ends well
and no sanitizer has said a word. Unit tests are left out: Criterion's processes hide leaks and
cannot run under ThreadSanitizer. Closes with `N passed, N failed, N skipped`.
"""

import argparse
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
COMPILERS = ("gcc", "clang")
SANITIZERS = {"address": "address,undefined", "thread": "thread"}
BACKENDS = ("ring", "epoll")
EXAMPLES = ("hello", "echo_server", "echo_client")
TIMEOUT_S = 300
NO_RING = 77                # exit code of tests/check/backend.c

# A sanitizer costs a factor of ten: less of the same.
SHORT = {"check_fairness": ["--seeds", "30"], "check_stress": ["--quick"],
         "check_guests": ["--quick"], "check_dump": ["--quick"]}
WITHOUT_BACKEND = {"check_fairness"}        # its drivers are its own

REPORT = re.compile(r"(?:WARNING|ERROR): \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")
SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1",
}


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def say(self, good, label, words="", seconds=0.0):
        self.passed += good
        self.failed += not good
        if not good:
            print(words, end="" if words.endswith("\n") else "\n")
        print(f"{'ok    ' if good else 'FAILED'}  {label:60} {seconds:6.1f} s", flush=True)

    def skip(self, label, why):
        self.skipped += 1
        print(f"skipped {label}: {why}", flush=True)


def environment(backend):
    return dict(os.environ, **SETTINGS, **({"MARU_IO": backend} if backend else {}))


def judge(tally, label, command, backend):
    """Runs one program to its end."""
    begin = time.monotonic()
    try:
        done = subprocess.run(command, env=environment(backend), text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
        good = done.returncode == 0 and not REPORT.search(done.stdout)
        words = done.stdout
    except subprocess.TimeoutExpired as late:
        good, words = False, (late.stdout or b"").decode(errors="replace") + "\ntimed out"
    tally.say(good, label, words, time.monotonic() - begin)


def judge_echo(tally, label, folder, backend):
    """A server and a client that asks it; the server is ended by a signal."""
    begin = time.monotonic()
    server = subprocess.Popen([os.path.join(folder, "echo_server"), "--port", "0"],
                              env=environment(backend), text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    words, good = "", False
    try:
        first = server.stdout.readline()
        port = re.search(r"listening on .*:(\d+)$", first.strip())
        words = first
        if port:
            client = subprocess.run([os.path.join(folder, "echo_client"), port[1], "sanitized"],
                                    env=environment(backend), text=True, errors="replace",
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    timeout=60, check=False)
            words += client.stdout
            good = client.returncode == 0 and client.stdout == "sanitized\n"
    except subprocess.TimeoutExpired:
        words += "\ntimed out"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            words += server.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            server.kill()
            words += server.communicate()[0] + "\nthe server did not end"
            good = False
    tally.say(good and not REPORT.search(words), label, words, time.monotonic() - begin)


def programs():
    sources = sorted(glob.glob("tests/check/check_*.c"))
    return [os.path.splitext(os.path.basename(source))[0] for source in sources]


def build(tally, compiler, sanitizer, folder):
    setup = ["meson", "setup", folder, f"-Db_sanitize={SANITIZERS[sanitizer]}",
             "-Db_lundef=false", "-Dwerror=true"]
    if os.path.exists(os.path.join(folder, "build.ninja")):
        setup.insert(2, "--reconfigure")
    targets = [f"tests/check/{name}" for name in programs()]
    targets += ["tests/check/backend"] + [f"examples/{name}" for name in EXAMPLES]
    for command in (setup, ["ninja", "-C", folder, *targets]):
        done = subprocess.run(command, env=dict(os.environ, CC=compiler), text=True,
                              errors="replace", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            tally.say(False, f"build {folder}", done.stdout)
            return False
    return True


def backends_of(tally, name, folder):
    """Where rings are refused, epoll alone; what is left out is said, as one skipped."""
    backend = os.path.join(folder, "tests/check/backend")
    if subprocess.run([backend], stdout=subprocess.DEVNULL, check=False).returncode != NO_RING:
        return BACKENDS
    tally.skip(f"{name} on rings", "this machine allows none")
    return tuple(b for b in BACKENDS if b != "ring")


def run_all(tally, name, folder):
    backends = backends_of(tally, name, folder)
    for program in programs():
        path = os.path.join(folder, "tests/check", program)
        for backend in (None,) if program in WITHOUT_BACKEND else backends:
            judge(tally, f"{name} {program} {backend or ''}".rstrip(),
                  [path, *SHORT.get(program, [])], backend)
    examples = os.path.join(folder, "examples")
    for backend in backends:
        judge(tally, f"{name} hello {backend}", [os.path.join(examples, "hello")], backend)
        judge_echo(tally, f"{name} echo {backend}", examples, backend)


def main():
    parser = argparse.ArgumentParser(description="runs the plain programs under sanitizers")
    parser.add_argument("build", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", metavar="NAME", help="a part of a build's name")
    only = parser.parse_args().only
    os.chdir(ROOT)
    tally = Tally()
    for compiler in COMPILERS:
        for sanitizer in SANITIZERS:
            name = f"{compiler}-{sanitizer}"
            folder = f"build/san-{name}"
            if only not in name:
                continue
            if not shutil.which(compiler):
                tally.skip(name, f"no {compiler} here")
            elif build(tally, compiler, sanitizer, folder):
                run_all(tally, name, folder)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
