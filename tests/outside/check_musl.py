#!/usr/bin/env python3
"""Maru on another libc: the library, the examples and the plain programs, built with musl-gcc.

    tests/outside/check_musl.py

The headers of Linux and of liburing, and liburing's archive, which calls nothing of a libc but
calloc and free, are borrowed from this machine through links below build/musl. Criterion is not
there, so unit tests are not. The last line is "N passed, N failed, N skipped".
"""
import glob
import os
import re
import select
import shutil
import subprocess
import sys
import time

import api

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(api.ROOT, "build", "musl")
BORROWED = os.path.join(BUILD, "borrowed")
HEADERS = ("linux", "asm", "asm-generic", "liburing.h", "liburing")
BACKENDS = ("ring", "epoll")
LIMIT_S = 300
NO_RING = 77                            # exit code of tests/check/backend.c
SKIPPED = 77

PC = "Name: liburing\nDescription: borrowed\nVersion: %s\nLibs: -L%s -luring\n"


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def call(*command, code=0, **env):
    done = subprocess.run(command, env=dict(os.environ, LC_ALL="C", **env), cwd=api.ROOT,
                          text=True, errors="replace", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S,
                          check=False)
    expect(done.returncode == code,
           f"{' '.join(command)}: {done.returncode}\n" + "\n".join(done.stdout.split("\n")[-30:]))
    return done.stdout


def first(*patterns):
    found = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    return found[0] if found else None


def borrow():
    """False: this machine has nothing to lend."""
    os.makedirs(BORROWED, exist_ok=True)
    machine = os.uname().machine
    for name in HEADERS:
        path = first(f"/usr/include/{name}", f"/usr/include/{machine}-linux-gnu/{name}")
        if not path:
            return False
        link(path, os.path.join(BORROWED, name))
    archive = first(f"/usr/lib/{machine}-linux-gnu/liburing.a", "/usr/lib*/liburing.a")
    if not archive:
        return False
    link(archive, os.path.join(BORROWED, "liburing.a"))
    version = call("pkg-config", "--modversion", "liburing").strip()
    with open(os.path.join(BORROWED, "liburing.pc"), "w", encoding="utf-8") as file:
        file.write(PC % (version, BORROWED))
    return True


def link(path, where):
    if not os.path.exists(where):
        os.symlink(path, where)


def folder(kind):
    return os.path.join(BUILD, kind)


def build(kind, library, *targets):
    """`kind` is static: programs that need nothing, or shared: musl's loader finds the rest."""
    where = folder(kind)
    fresh = not os.path.exists(os.path.join(where, "build.ninja"))
    call("meson", "setup", *([] if fresh else ["--reconfigure"]), where, "-Dwerror=true",
         f"-Ddefault_library={library}", "-Dtests=" + ("true" if kind == "static" else "false"),
         CC="musl-gcc", CXX="no-compiler-for-musl", CFLAGS=f"-idirafter {BORROWED}",
         LDFLAGS="-static" if kind == "static" else "", PKG_CONFIG_LIBDIR=BORROWED)
    call("ninja", "-C", where, *targets)


def static_builds():
    build("static", "static", "examples/hello", "examples/echo_server", "examples/echo_client",
          "tests/check/backend", "tests/check/check_stress", "tests/check/check_fairness")


def shared_builds():
    build("shared", "both", *library_names())


def library_names():
    version = re.search(r"version: '([\d.]+)'", api.read("meson.build"))[1]
    return "libmaru.a", f"libmaru.so.{version}"


def program(*path):
    return os.path.join(folder("static"), *path)


def hello(backend):
    expect(call(program("examples/hello"), MARU_IO=backend).endswith("  bye\n  world\n"), "hello")


def stress(backend):
    call(program("tests/check/check_stress"), "--quick", MARU_IO=backend)


def fairness(_):
    call(program("tests/check/check_fairness"), "--seeds", "30")


def echo(backend):
    server = subprocess.Popen([program("examples/echo_server"), "--port", "0"], text=True,
                              env=dict(os.environ, MARU_IO=backend), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE)
    try:
        readable, _, _ = select.select([server.stdout], [], [], 10)
        port = re.search(r":(\d+)", server.stdout.readline() if readable else "")
        expect(port, "the server says no port")
        said = call(program("examples/echo_client"), port[1], "another libc", MARU_IO=backend)
        expect(said == "another libc\n", said)
    finally:
        server.kill()
        server.communicate()


def linked(name, *flags):
    path = os.path.join(folder("shared"), name)
    call("musl-gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Iinclude",
         "-o", path, os.path.join(HERE, name + ".c"), *flags)
    return path


def shared_program(backend):
    where = folder("shared")
    path = linked("program", "-L" + where, "-lmaru", "-Wl,-rpath," + where)
    said = call(path, MARU_IO=backend)
    expect(said == "outside: all clients were served\n", said)


def shared_is_loaded(_):
    library = os.path.join(folder("shared"), library_names()[1])
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", call("readelf", "-dW", library))
    expect(needed == ["libc.so"], f"it needs {needed}")
    said = call(linked("musl"), library)
    expect(said == "musl: loaded\n", said)


CHECKS = ((hello, BACKENDS), (stress, BACKENDS), (echo, BACKENDS), (fairness, (None,)),
          (shared_program, BACKENDS), (shared_is_loaded, (None,)))


def judge(label, check):
    began = time.monotonic()
    try:
        check()
        good, word = True, "ok"
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        good, word = False, f"FAILED: {error}"
    print(f"{label}: {word} ({time.monotonic() - began:.2f} s)", flush=True)
    return good


def main():
    if not shutil.which("musl-gcc") or not borrow():
        print("no musl-gcc, or no headers and archive to borrow\n0 passed, 0 failed, 1 skipped")
        return SKIPPED
    results = [judge("static builds", static_builds), judge("shared builds", shared_builds)]
    skipped = 0
    if all(results):
        has_ring = subprocess.run([program("tests/check/backend")], check=False,
                                  stdout=subprocess.DEVNULL).returncode != NO_RING
        for check, backends in CHECKS:
            for backend in backends:
                if backend == "ring" and not has_ring:
                    skipped += 1
                    continue
                label = f"{check.__name__.replace('_', ' ')} {backend or ''}".rstrip()
                results.append(judge(label, lambda c=check, b=backend: c(b)))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed, {skipped} skipped")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
