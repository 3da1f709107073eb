#!/usr/bin/env python3
"""Keeps the documentation true: every program in it is built and run, every name looked up.

    tests/docs/check_docs.py BUILD [--only WORD]

BUILD is a build folder with libmaru.a. The pages are README.md and docs/*.md; --only takes those
checks whose name contains WORD. What stands in a fence is told by the fence's first line:

    ```c                    a whole program: no compiler has a word to say, it ends with 0, and
                            prints what the ```text fence shows that comes next, if one does; a
                            ```console fence is compared but for addresses, times, places in files,
                            workers and their backend, and `...` stands for any lines
    ```c fails              the same, but it ends with another code
    ```c server             a whole program that listens; the next ```text fence is a conversation
    ```c fragment           the outer level of a file: it is compiled
    ```c body MEMBERS       statements of an async function whose frame has these members: compiled

In a conversation each line is one of these, A being the letter of a client, who connects with its
first word:

    A> text                 the client sends a line
    A< text                 the client receives a line
    A.                      the client receives the end
    ^C                      the server is sent SIGINT, and is then waited for: it ends with 0
    anything else           a line on the server's stdout; ports are not compared

What a page says in backticks and begins with maru_ or MARU_ is a name in the headers, not a private
one. Links to files and to headings lead somewhere. And docs/contract.md has a row for every wrong
program of tests/neg, in which all that stands in backticks under a compiler's name, or as the last
words of a program that aborts, is what they really say.
"""
import glob
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PAGES = ROOT                            # where pages are, and what their links lead to
COMPILERS = {"gcc": ["-Wjump-misses-init", "-Wmaybe-uninitialized"],
             "clang": ["-Wconditional-uninitialized"]}
FLAGS = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-I" + os.path.join(ROOT, "include")]
FRAGMENT_FLAGS = ["-Wno-unused-function", "-Wno-unused-variable", "-Wno-unused-const-variable",
                  "-Wno-unused-but-set-variable"]
HEADERS = ("stdio", "stdlib", "string", "unistd", "signal", "sys/socket")
BACKENDS = ("ring", "epoll")
NO_RING = 77                            # exit code of tests/check/backend.c
LIMIT_S = 10
COMPILE_S = 60


class Wrong(Exception):
    """A page does not say the truth."""


class Skipped(Exception):
    """What is needed to find out is missing."""


def call(command, seconds=COMPILE_S, env=None, stdin=None):
    """(exit code, stdout, stderr). Localised messages would match nothing."""
    done = subprocess.run(command, input=stdin or "", text=True, errors="replace",
                          capture_output=True, env=dict(os.environ, LC_ALL="C", **(env or {})),
                          timeout=seconds, check=False)
    return done.returncode, done.stdout, done.stderr


# ---- pages ----

class Fence:
    def __init__(self, page, line, info, text):
        self.page, self.line, self.info, self.text = page, line, info, text
        self.kind, _, self.more = info.partition(" ")
        self.after = None               # the next fence of the page

    @property
    def place(self):
        return f"{self.page.path}:{self.line}"


class Page:
    def __init__(self, path):
        self.path = path
        with open(os.path.join(PAGES, path), encoding="utf-8") as file:
            self.text = file.read()
        self.fences, prose, inside = [], [], None
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.startswith("```"):
                if inside is None:
                    inside = Fence(self, number, line[3:].strip(), "")
                    self.fences.append(inside)
                else:
                    inside = None
                prose.append("")
            elif inside is None:
                prose.append("" if line.startswith("    ") else line)
            else:
                inside.text += line + "\n"
                prose.append("")
        if inside is not None:
            raise Wrong(f"{path}: a fence has no end")
        self.prose = prose              # a line a line, code left out
        for first, second in zip(self.fences, self.fences[1:]):
            first.after = second

    def headings(self):
        """Their names in links, as GitHub makes them."""
        return {re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
                for line in self.prose if line.startswith("#")}


# ---- programs ----

class Place:
    """Where things are built, and with what."""

    def __init__(self, folder, build):
        self.folder, self.build = folder, build
        check = os.path.join(build, "tests/check/backend")
        self.has_ring = not os.path.exists(check) or call([check])[0] != NO_RING
        self.count = 0

    def file(self, suffix):
        self.count += 1
        return os.path.join(self.folder, f"{self.count}{suffix}")


def compile_text(place, code, out, flags=()):
    """Every compiler takes it without a word; gcc's result is in `out`, which None leaves away."""
    for cc, traps in COMPILERS.items():
        if not shutil.which(cc):
            if cc == "gcc":
                raise Skipped("no gcc")
            continue
        command = [cc, *FLAGS, *traps, *flags, *defines(code), "-x", "c", "-"]
        if cc == "gcc" and out:
            command += ["-x", "none", "-o", out, os.path.join(place.build, "libmaru.a"),
                        "-luring", "-pthread", *libraries(code)]
        else:
            command += ["-c", "-o", place.file(".o")]
        rc, _, said = call(command, stdin=code)
        if rc != 0 or said:
            raise Wrong(f"{cc}: " + "\n".join(said.strip().split("\n")[:12]))


def libraries(code):
    if "<uv.h>" not in code:
        return []
    if call(["pkg-config", "--exists", "libuv"])[0] != 0:
        raise Skipped("libuv is not installed")
    return ["-luv"]


def defines(code):
    """Its header needs more than C11 has."""
    return ["-D_GNU_SOURCE"] if "<uv.h>" in code else []


def backends(place):
    for backend in BACKENDS:
        if backend != "ring" or place.has_ring:
            yield backend


CHANGING = ((r"0x[0-9a-f]+", "0x0"), (r"\b\d+\.\d{3}s\b", "0s"), (r"\S+\.\w+:\d+", "file:0"),
            (r"\b(workers?|io)=\w+", r"\1="))


def is_like(said, shown):
    """The same but for what changes from run to run, and for lines left out."""
    for pattern, same in CHANGING:
        said, shown = re.sub(pattern, same, said), re.sub(pattern, same, shown)
    return re.fullmatch(re.escape(shown).replace(re.escape("...\n"), r"(?:.*\n)*"), said)


def at(fence):
    """Compilers speak of the page."""
    return f"#line {fence.line + 1} \"{fence.page.path}\"\n"


def check_program(place, fence, fails=False):
    program = place.file("")
    compile_text(place, at(fence) + fence.text, program)
    follows = fence.after.info if fence.after else ""
    for backend in backends(place):
        rc, out, err = call([program], LIMIT_S, {"MARU_IO": backend})
        if (rc != 0) != fails or rc < 0:
            raise Wrong(f"on {backend} it ends with {rc}: {err}")
        said = out + err
        if (follows == "text" and said != fence.after.text) or \
                (follows == "console" and not is_like(said, fence.after.text)):
            raise Wrong(f"on {backend} it prints\n{said}and not\n{fence.after.text}")


def check_fragment(place, fence):
    includes = "".join(f"#include <{name}.h>\n" for name in HEADERS)
    code = f"#include <maru.h>\n{includes}{at(fence)}"
    compile_text(place, code + fence.text, None, FRAGMENT_FLAGS)


def check_body(place, fence, members):
    includes = "".join(f"#include <{name}.h>\n" for name in HEADERS)
    code = (f"#include <maru.h>\n{includes}struct body {{ maru_frame frame; {members} }};\n"
            f"maru_async(body)\n{{\n{at(fence)}{fence.text}}}\nmaru_end;\n")
    compile_text(place, code, None, FRAGMENT_FLAGS)


# ---- conversations ----

class Conversation:
    """A server and its clients, for a with statement."""

    def __init__(self, program, backend):
        self.server = subprocess.Popen([program, "0"], env=dict(os.environ, MARU_IO=backend),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
        self.port, self.clients, self.rest = None, {}, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server.poll() is None:
            self.server.kill()
        self.server.wait()
        self.server.stdout.close()
        for client in self.clients.values():
            client.close()

    def said(self):
        limit = time.monotonic() + LIMIT_S
        while b"\n" not in self.rest:
            readable, _, _ = select.select([self.server.stdout], [], [],
                                           max(0, limit - time.monotonic()))
            piece = os.read(self.server.stdout.fileno(), 4096) if readable else b""
            if not piece:
                raise Wrong(f"the server says no more than {self.rest!r}")
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def client(self, letter):
        if letter not in self.clients:
            self.clients[letter] = socket.create_connection(("127.0.0.1", self.port), LIMIT_S)
        return self.clients[letter]

    def received(self, letter):
        line, client = b"", self.client(letter)
        while not line.endswith(b"\n"):
            byte = client.recv(1)
            if not byte:
                break
            line += byte
        return line.decode()

    def play(self, line):
        talk = re.fullmatch(r"(\w)([><.]) ?(.*)", line)
        if line == "^C":
            self.server.send_signal(signal.SIGINT)
        elif not talk:
            told = self.said()
            port = re.search(r"127\.0\.0\.1:(\d+)", told)
            self.port = int(port[1]) if port else self.port
            expect(re.sub(r":\d+$", "", line), re.sub(r":\d+$", "", told))
        elif talk[2] == ">":
            self.client(talk[1]).sendall(talk[3].encode() + b"\n")
        else:
            expect(talk[3] + "\n" if talk[2] == "<" else "", self.received(talk[1]))

    def end(self):
        if self.server.wait(timeout=LIMIT_S) != 0:
            raise Wrong(f"the server ends with {self.server.returncode}")


def expect(expected, said):
    if expected != said:
        raise Wrong(f"it is {said!r}, and not {expected!r}")


def check_server(place, fence):
    program = place.file("")
    compile_text(place, at(fence) + fence.text, program)
    if not fence.after or fence.after.info != "text":
        raise Wrong("no conversation follows")
    lines = fence.after.text.rstrip("\n").split("\n")
    for backend in backends(place):
        with Conversation(program, backend) as conversation:
            for number, line in enumerate(lines, 1):
                try:
                    conversation.play(line)
                except (Wrong, OSError) as why:
                    raise Wrong(f"on {backend}, line {number} of the conversation: {why}") from why
            if "^C" in lines:
                conversation.end()


def check_fence(place, fence):
    if fence.more == "fragment":
        check_fragment(place, fence)
    elif fence.more.startswith("body"):
        check_body(place, fence, fence.more[len("body"):])
    elif not re.search(r"^int main\(", fence.text, re.M):
        raise Wrong("neither a whole program, nor a fragment or body")
    elif fence.more == "server":
        check_server(place, fence)
    elif fence.more in ("", "fails"):
        check_program(place, fence, fence.more == "fails")
    else:
        raise Wrong(f"what is `{fence.info}`?")


# ---- names and links ----

ENVIRONMENT = {"MARU_IO", "MARU_WORKERS"}
NAME = re.compile(r"\b(?:maru|MARU)_\w+(?:\.[a-z]\w*)?")


def names_of_headers():
    """Every word of the headers outside of comments; and of what is installed beside them."""
    words = set(ENVIRONMENT)
    for path in glob.glob(os.path.join(ROOT, "include", "**", "*.h"), recursive=True):
        with open(path, encoding="utf-8") as file:
            words |= set(re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)))
    for path in glob.glob(os.path.join(ROOT, "packaging", "*")):
        with open(path, encoding="utf-8") as file:
            words |= set(re.findall(r"\bmaru_\w+_dep\b", file.read()))
    return words


def check_names(page, words):
    wrong = []
    for number, line in enumerate(page.prose, 1):
        for span in re.findall(r"`([^`]+)`", line):
            for name in NAME.findall(span):
                parts = name.split(".")
                if not all(part in words for part in parts) or parts[0].endswith("_"):
                    wrong.append(f"{page.path}:{number}: `{name}` is not in the headers")
    if wrong:
        raise Wrong("\n".join(wrong))


def check_links(page):
    wrong = []
    for number, line in enumerate(page.prose, 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, heading = target.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page.path), path)) if path \
                else page.path
            if not os.path.exists(os.path.join(PAGES, path)):
                wrong.append(f"{page.path}:{number}: {target} leads nowhere")
            elif heading and heading not in Page(path).headings():
                wrong.append(f"{page.path}:{number}: {path} has no heading {heading}")
    if wrong:
        raise Wrong("\n".join(wrong))


# ---- what compilers and CHECKs say ----

CONTRACT = "docs/contract.md"
NEG = os.path.join(ROOT, "tests", "neg")
ROW_LINK = re.compile(r"\]\(\.\./tests/neg/(\w+\.c)\)")


def rows(page):
    """[(line, {heading of the column: cell}, wrong programs)] of the tables that name some."""
    found, heads, before = [], None, ""
    for number, line in enumerate(page.prose, 1):
        if re.fullmatch(r"\|[\s|:-]+\|", line):
            heads = [cell.strip() for cell in before.strip("|").split("|")]
        elif line.startswith("|") and heads and ROW_LINK.search(line):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            found.append((number, dict(zip(heads, cells)), ROW_LINK.findall(line)))
        before = line
    return found


def what_it_says(place, column, path):
    """All that a compiler says, or the last words of the program."""
    if column in COMPILERS:
        if not shutil.which(column):
            raise Skipped(f"no {column}")
        flags = [flag for flag in FLAGS if flag != "-Werror"] + ["-Wconversion"]
        return call([column, *flags, *COMPILERS[column], "-c", path, "-o", place.file(".o")])[2]
    program = place.file("")
    rc, _, said = call(["gcc", "-std=c11", "-w", "-I" + os.path.join(ROOT, "include"), path,
                        os.path.join(NEG, "use.c"), "-o", program,
                        os.path.join(place.build, "libmaru.a"), "-luring", "-pthread"])
    if rc != 0:
        return said
    rc, _, said = call(["sh", "-c", f"ulimit -c 0; exec {program}"], LIMIT_S)
    return said


def check_row(place, row):
    number, cells, programs = row
    for column in ("gcc", "clang", "at run time"):
        quotes = re.findall(r"`([^`]+)`", cells.get(column, ""))
        if not quotes:
            continue
        for program in programs:
            said = what_it_says(place, column, os.path.join(NEG, program))
            for quote in quotes:
                if quote not in said:
                    raise Wrong(f"{CONTRACT}:{number}: {program}, {column}: `{quote}` is not in\n"
                                f"{said}")


def check_every_wrong_program(page):
    told = {program for _, _, programs in rows(page) for program in programs}
    missing = {os.path.basename(path) for path in glob.glob(os.path.join(NEG, "*.c"))} \
        - {"good.c", "use.c"} - told
    if missing:
        raise Wrong(f"{CONTRACT} has no row for {', '.join(sorted(missing))}")


# ---- all together ----

def all_checks(place):
    """[(name, function)]"""
    paths = ["README.md"] + sorted(os.path.relpath(path, PAGES) for path in
                                   glob.glob(os.path.join(PAGES, "docs", "*.md")))
    pages, words, checks = [Page(path) for path in paths], names_of_headers(), []
    for page in pages:
        checks.append((f"names of {page.path}", lambda page=page: check_names(page, words)))
        checks.append((f"links of {page.path}", lambda page=page: check_links(page)))
        for fence in page.fences:
            if fence.kind == "c":
                checks.append((f"{fence.place} {fence.info.split(' ', 2)[-1][:20]}",
                               lambda fence=fence: check_fence(place, fence)))
            elif fence.kind == "":
                checks.append((fence.place, no_language))
        if page.path == CONTRACT:
            checks.append((f"{CONTRACT} names all wrong programs",
                           lambda page=page: check_every_wrong_program(page)))
            checks += [(f"{CONTRACT}:{row[0]} row", lambda row=row: check_row(place, row))
                       for row in rows(page)]
    return checks


def no_language():
    raise Wrong("a fence that does not say what it holds")


def judge(check):
    """(word, why)"""
    try:
        check()
        return "ok", ""
    except Skipped as why:
        return "skipped", str(why)
    except (Wrong, OSError, subprocess.SubprocessError) as why:
        return "FAILED", str(why)


def main(argv):
    if len(argv) not in (1, 3) or not os.path.exists(os.path.join(argv[0], "libmaru.a")) \
            or argv[1:2] not in ([], ["--only"]):
        print("usage: check_docs.py BUILD [--only WORD], a build folder with libmaru.a",
              file=sys.stderr)
        return 2
    totals = {"ok": 0, "FAILED": 0, "skipped": 0}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        place = Place(folder, os.path.abspath(argv[0]))
        checks = [check for check in all_checks(place) if len(argv) == 1 or argv[2] in check[0]]
        for (name, _), (word, why) in zip(checks, pool.map(lambda c: judge(c[1]), checks)):
            totals[word] += 1
            print(f"{word:7} {name}{': ' if why else ''}{why}", flush=True)
    print(f"{totals['ok']} passed, {totals['FAILED']} failed, {totals['skipped']} skipped")
    return 1 if totals["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
