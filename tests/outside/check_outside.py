#!/usr/bin/env python3
"""Maru as strangers have it: installed, in a subproject, from C, C++, CMake and Python.

    tests/outside/check_outside.py [--only NAME]     NAME: a part of the names of checks

Builds a release into build/outside and installs it there; what the programs here know of Maru
comes from that folder. The last line is "N passed, N failed, N skipped".
"""
import difflib
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import api
import update

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(api.ROOT, "build", "outside")
PREFIX = os.path.join(BUILD, "prefix")
LIMIT_S = 120
TLS_BYTES_MAX = 64                      # the reserve that dlopen draws on is small
NEEDED = re.compile(r"liburing\.so\.\d+|libc\.so\.6|ld-linux\S*|libpthread\.so\.0")

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SAID = "outside: all clients were served\n"
SAID_CXX = "the thread says 42\nthe task has slept 3 times\n"


class Skip(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def need(*programs):
    for name in programs:
        if not shutil.which(name):
            raise Skip(f"no {name}")


def call(*command, cwd=None, **env):
    """What a command prints; it must succeed."""
    done = subprocess.run(command, cwd=cwd, env=dict(os.environ, LC_ALL="C", **env), text=True,
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    expect(done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{tail(done.stdout)}")
    return done.stdout


def tail(text):
    return "\n".join(text.split("\n")[-30:])


def says(words, *command, **env):
    said = call(*command, **env)
    expect(said == words, f"{command[0]} said {said!r}")


# ---- what is installed ----

def version():
    return re.search(r"version: '([\d.]+)'", api.read("meson.build"))[1]


def install():
    os.makedirs(BUILD, exist_ok=True)
    again = ["--reconfigure"] if os.path.exists(os.path.join(BUILD, "build.ninja")) else []
    call("meson", "setup", *again, BUILD, "--prefix", PREFIX, "--libdir", "lib", "-Dbuildtype=release",
         "-Ddefault_library=both", "-Dtests=false", "-Dwerror=true", cwd=api.ROOT)
    call("ninja", "-C", BUILD, "libmaru.a", f"libmaru.so.{version()}")
    shutil.rmtree(PREFIX, ignore_errors=True)
    call("meson", "install", "-C", BUILD, "--no-rebuild")


def include():
    """Not a folder that compilers search by themselves: gcc does not warn inside its macros."""
    return os.path.join(PREFIX, "include", "maru-" + version().split(".", maxsplit=1)[0])


def library(name="libmaru.so"):
    return glob.glob(os.path.join(PREFIX, "lib*", "**", name), recursive=True)[0]


def pkg_config(*arguments):
    folder = os.path.dirname(library("maru.pc"))
    return call("pkg-config", *arguments, "maru", PKG_CONFIG_PATH=folder).split()


def readelf(*what):
    return call("readelf", "-W", *what, library())


# ---- the library itself ----

def soname_is_the_major_version():
    soname = re.search(r"\(SONAME\).*\[(.*)\]", readelf("-d"))[1]
    expect(soname == f"libmaru.so.{version().split('.', maxsplit=1)[0]}", soname)


def thread_locals_are_few_and_initial_exec():
    sizes = re.findall(r"^\s+TLS\s+\S+ \S+ \S+ \S+ (0x\S+)", readelf("-l"), re.M)
    expect(sizes and int(sizes[0], 16) <= TLS_BYTES_MAX, f"PT_TLS {sizes}")
    relocated = readelf("-r")
    expect(not re.search(r"R_\w+_(DTPMOD|DTPOFF|TLSDESC)", relocated), "dynamic thread-locals")


def needs_libc_and_liburing_alone():
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("-d"))
    expect(all(NEEDED.fullmatch(name) for name in needed), f"it needs {needed}")


def exported():
    """The names that others can link with."""
    names = set()
    for line in readelf("--dyn-syms").splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[4] in ("GLOBAL", "WEAK") and fields[6].isdigit():
            names.add(fields[7].split("@")[0])
    return names


def exports_what_headers_declare():
    declared = {item.name for item in api.items("function", "inline", "data")}
    expect(len(declared) > 50, f"only {len(declared)} functions were found in the headers")
    expect(exported() == declared,
           f"not exported (no definition, or its header lacks the visibility pragma: run update.py): "
           f"{sorted(declared - exported())}; in no header: {sorted(exported() - declared)}")


def macros_lead_to_exported_functions():
    """What C does by a macro, other languages do by the function behind it."""
    macros, symbols = api.macros(), exported()

    def reached(name, seen):
        if name in seen or name not in macros:
            return name in symbols
        seen.add(name)
        return any(reached(word, seen) for word in re.findall(r"\w+", macros[name][1]))
    spared = {"maru_async_decl", "maru_end"}        # declare and close, and do nothing
    lost = [name for name in macros if name.startswith("maru_") and name not in spared
            and not reached(name, set())]
    expect(not lost, f"macros alone: {lost}")


def sizes_are_known_by_name():
    """Asked of the library, not of its table."""
    want = {item.name: item.type() for item in api.items("struct")}
    rows = "".join(f'if (maru_size_of("{name}") != sizeof({kind})) puts("{name}");\n'
                   for name, kind in want.items())
    source = f"#include <maru.h>\n#include <stdio.h>\nint main(void)\n{{\n{rows}return 0;\n}}\n"
    wrong = update.compiled(source, *pkg_config("--cflags", "--libs"), rpath())
    expect(wrong == "", f"maru_size_of does not know {wrong}")


# ---- the headers ----

def headers_are_all_installed():
    want = sorted(os.path.relpath(path, os.path.join(api.ROOT, "include"))
                  for path in glob.glob(os.path.join(api.ROOT, "include", "**", "*.h"),
                                        recursive=True))
    have = sorted(os.path.relpath(path, include())
                  for path in glob.glob(os.path.join(include(), "**", "*.h"), recursive=True))
    expect(have == want, f"installed: {have}")
    left = sorted({"include/" + name for name in want} - set(api.headers()) - {api.FFI})
    expect(not left, f"maru.h does not include {left}")


def headers_are_cxx17(compiler):
    need(compiler)
    for path in sorted(glob.glob(os.path.join(include(), "**", "*.h"), recursive=True)):
        name = os.path.relpath(path, include())
        if name != "maru/async.h":
            with_source(f"#include <{name}>\n", compiler, "-std=c++17", *STRICT, "-x", "c++",
                        "-fsyntax-only", *pkg_config("--cflags"))


def headers_are_cxx17_for_gcc():
    headers_are_cxx17("g++")


def headers_are_cxx17_for_clang():
    headers_are_cxx17("clang++")


def with_source(source, *command):
    with tempfile.NamedTemporaryFile("w", suffix=".h", delete=True) as file:
        file.write(source)
        file.flush()
        call(*command, file.name)


def written_files_are_up_to_date():
    for path, text in update.WRITTEN.items():
        have, want = api.read(path), text()
        lines = difflib.unified_diff(have.splitlines(), want.splitlines(), path, "the headers",
                                     lineterm="", n=1)
        expect(have == want, "\n".join([*lines, "if that is meant: tests/outside/update.py"]))


def ffi_is_plain():
    text = api.read(api.FFI)
    code = "\n".join(line for line in api.Source(api.FFI, text).code if not line.startswith("#"))
    found = re.search(r"\b(?:inline|union|__attribute__|MARU_MUST_USE)\b|\w\s*:\s*\d", code)
    expect(not found, f"{found and found[0]!r}")
    expect("#define" not in text.replace("#define MARU_FFI_H", ""), "a macro")


def ffi_agrees_with_the_headers():
    """Functions stand beside the real ones in one source; layouts are printed by two programs."""
    items = [item for item in api.items_of(api.FFI) if item.kind == "function"]
    functions = "\n".join(f"#undef {item.name}\n{update.as_declaration(item)}" for item in items)
    with_source("#include <sys/socket.h>\n#include <maru.h>\n" + functions, "gcc", "-std=c11",
                *STRICT, "-fsyntax-only", "-x", "c", *pkg_config("--cflags"))
    told = api.items_of(api.FFI)
    structs = [item for item in told if item.kind == "struct"]
    enums = [item for item in told if item.kind == "enum"]
    expect(len(structs) > 4 and len(enums) > 4, "it tells of too little")
    expect(update.layout("maru.h", structs, enums, ()) ==
           update.layout("maru/ffi.h", structs, enums, ()), "layouts differ")


# ---- programs of others ----

def rpath():
    return "-Wl,-rpath," + os.path.dirname(library())


def built(folder, compiler, source, *flags):
    need(compiler)
    program = os.path.join(folder, "program")
    call(compiler, *STRICT, "-O2", source, "-o", program, *flags)
    return program


def program_c():
    return os.path.join(HERE, "program.c")


def by_pkg_config(compiler):
    edges = pkg_config(f"--variable=sharp_edges_{compiler}")
    expect(edges, "no warnings")
    expect("-I" + include() in pkg_config("--cflags"), "the headers are somewhere else")
    with tempfile.TemporaryDirectory() as folder:
        program = built(folder, compiler, program_c(), "-std=c11", *edges,
                        *pkg_config("--cflags", "--libs"), rpath())
        says(SAID, program)
        expect("libmaru.so.0" in call("readelf", "-d", program), "not linked against the .so")


def by_pkg_config_with_gcc():
    by_pkg_config("gcc")


def by_pkg_config_with_clang():
    by_pkg_config("clang")


def by_pkg_config_all_static():
    with tempfile.TemporaryDirectory() as folder:
        program = built(folder, "gcc", program_c(), "-std=c11", "-static",
                        *pkg_config("--static", "--cflags", "--libs"))
        says(SAID, program)
        expect("NEEDED" not in call("readelf", "-d", program), "something is not static")


def by_pkg_config_maru_static():
    """Maru inside, the rest as usual; jemalloc if this machine has it."""
    with tempfile.TemporaryDirectory() as folder:
        libraries = ["-l:libmaru.a" if flag == "-lmaru" else flag
                     for flag in pkg_config("--static", "--cflags", "--libs")]
        program = built(folder, "gcc", program_c(), "-std=c11", *libraries)
        says(SAID, program)
        needed = call("readelf", "-d", program)
        expect("libmaru" not in needed, "it needs libmaru.so")
        expect(("-ljemalloc" in libraries) == ("libjemalloc" in needed), "jemalloc is missing")


def finds_the_edge(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, LC_ALL="C"), check=False)
    found = re.search(r"-W(error=)?(jump-misses-init|conditional-uninitialized)", done.stdout)
    expect(done.returncode != 0 and found, f"{command[0]} found nothing: {tail(done.stdout)}")


def sharp_edges_are_found(compiler):
    need(compiler)
    finds_the_edge(compiler, "-std=c11", *STRICT, "-O1", "-c", os.path.join(HERE, "edge.c"), "-o",
                   os.devnull, *pkg_config("--cflags"),
                   *pkg_config(f"--variable=sharp_edges_{compiler}"))


def sharp_edges_are_found_by_gcc():
    sharp_edges_are_found("gcc")


def sharp_edges_are_found_by_clang():
    sharp_edges_are_found("clang")


def in_a_meson_project(kind):
    """A copy, so that it is the sources of this moment, and nothing is written into ours."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(os.path.join(HERE, "meson_user"), folder, dirs_exist_ok=True)
        shutil.copy(program_c(), folder)
        shutil.copy(os.path.join(HERE, "edge.c"), folder)
        os.mkdir(os.path.join(folder, "subprojects"))
        shutil.copytree(api.ROOT, os.path.join(folder, "subprojects", "maru"),
                        ignore=shutil.ignore_patterns("build", ".git", "tests"))
        call("meson", "setup", "out", f"-Ddefault_library={kind}", "--wrap-mode=forcefallback",
             cwd=folder)
        call("ninja", "-C", "out", cwd=folder)
        for name in ("by_name", "static"):
            says(SAID, os.path.join(folder, "out", name))
        finds_the_edge("ninja", "-C", os.path.join(folder, "out"), "edge")
        built_too = glob.glob(os.path.join(folder, "out/subprojects/maru/*/echo_server"))
        expect(not built_too, "examples are built, too")


def in_a_meson_project_that_is_static():
    in_a_meson_project("static")


def in_a_meson_project_that_is_shared():
    in_a_meson_project("shared")


def in_a_cmake_project():
    need("cmake", "g++")
    with tempfile.TemporaryDirectory() as folder:
        for source in (program_c(), os.path.join(HERE, "edge.c"),
                       os.path.join(HERE, "cmake_user", "CMakeLists.txt"),
                       os.path.join(api.ROOT, "examples", "cpp_futures.cpp")):
            shutil.copy(source, folder)
        call("cmake", "-G", "Ninja", "-S", folder, "-B", os.path.join(folder, "out"),
             f"-DCMAKE_PREFIX_PATH={PREFIX}")
        call("cmake", "--build", os.path.join(folder, "out"))
        says(SAID, os.path.join(folder, "out", "shared"))
        says(SAID, os.path.join(folder, "out", "static"))
        says(SAID_CXX, os.path.join(folder, "out", "futures"))
        done = subprocess.run(["cmake", "-G", "Ninja", "-S", folder, "-B",
                               os.path.join(folder, "newer"), f"-DCMAKE_PREFIX_PATH={PREFIX}", "-DWANTED=1.0"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        expect(done.returncode != 0 and "version" in done.stdout, "it takes 0.1 for 1.0")
        finds_the_edge("cmake", "--build", os.path.join(folder, "out"), "--target", "edge")


def futures_in_cxx(compiler):
    with tempfile.TemporaryDirectory() as folder:
        program = built(folder, compiler, os.path.join(api.ROOT, "examples", "cpp_futures.cpp"),
                        "-std=c++17", "-pthread", *pkg_config("--cflags", "--libs"), rpath())
        for backend in ("auto", "epoll"):
            says(SAID_CXX, program, MARU_IO=backend)


def futures_in_cxx_with_gcc():
    futures_in_cxx("g++")


def futures_in_cxx_with_clang():
    futures_in_cxx("clang++")


def python_awaits_a_sleep():
    says("libc\n", sys.executable, os.path.join(HERE, "await_sleep.py"), library())


def python_awaits_a_sleep_with_jemalloc():
    found = glob.glob("/usr/lib/*/libjemalloc.so.2") + glob.glob("/usr/lib*/libjemalloc.so.2")
    if not found:
        raise Skip("no libjemalloc.so.2")
    says("jemalloc\n", sys.executable, os.path.join(HERE, "await_sleep.py"), library(),
         LD_PRELOAD=found[0])


CHECKS = (soname_is_the_major_version, thread_locals_are_few_and_initial_exec,
          needs_libc_and_liburing_alone, exports_what_headers_declare,
          macros_lead_to_exported_functions, sizes_are_known_by_name, headers_are_all_installed,
          headers_are_cxx17_for_gcc, headers_are_cxx17_for_clang, written_files_are_up_to_date,
          ffi_is_plain, ffi_agrees_with_the_headers, by_pkg_config_with_gcc,
          by_pkg_config_with_clang, by_pkg_config_all_static, by_pkg_config_maru_static,
          sharp_edges_are_found_by_gcc, sharp_edges_are_found_by_clang,
          in_a_meson_project_that_is_static, in_a_meson_project_that_is_shared,
          in_a_cmake_project, futures_in_cxx_with_gcc, futures_in_cxx_with_clang,
          python_awaits_a_sleep, python_awaits_a_sleep_with_jemalloc)


def judge(check):
    """(what to add to passed, failed, skipped; what to say)."""
    try:
        check()
        return (1, 0, 0), "ok"
    except Skip as why:
        return (0, 0, 1), f"skipped: {why}"
    except AssertionError as error:
        return (0, 1, 0), f"FAILED: {error}"
    except Exception:                   # whatever it is, the next check runs
        traceback.print_exc(file=sys.stdout)
        return (0, 1, 0), "FAILED"


def main(argv):
    if argv[1:] and (argv[1] != "--only" or len(argv) != 3):
        print(f"usage: {argv[0]} [--only NAME]", file=sys.stderr)
        return 2
    only = argv[2].replace(" ", "_") if len(argv) > 1 else ""
    totals, left = (0, 0, 0), [c for c in CHECKS if only in c.__name__]
    for check in [install, *left]:
        began = time.monotonic()
        counts, word = judge(check)
        print(f"{check.__name__.replace('_', ' ')}: {word} ({time.monotonic() - began:.2f} s)",
              flush=True)
        totals = tuple(a + b for a, b in zip(totals, counts))
        if check is install and counts[1]:
            break
    print("%d passed, %d failed, %d skipped" % totals)
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
