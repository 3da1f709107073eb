#!/usr/bin/env python3
"""Runs the examples of BUILD on both backends, and the echo server against unkind clients.

    check_examples.py BUILD

Everything is on loopback, on ports that the kernel chooses, and has a time limit; the servers are
ended in every case. The last line is "N passed, N failed, N skipped".
"""
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib

BACKENDS = ("ring", "epoll")
LIMIT_S = 10                            # of one step against a server
CLIENTS = 1000
FEW_DESCRIPTORS = 40
NO_RING = 77                            # exit code of tests/check/backend.c


class Skip(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class Server:
    """A server on a port of its own, the echo server if none is named, for a with statement."""

    was_asked = False

    def __init__(self, build, backend, *options, descriptors=None, command=None):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.process = subprocess.Popen(
            [os.path.join(build, "examples", part) if i == 0 else part for i, part in
             enumerate(command or ("echo_server", "--port", "0", *options))],
            env=dict(os.environ, MARU_IO=backend), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=limit if descriptors else None)
        try:
            readable, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
            line = self.process.stdout.readline() if readable else ""
            told = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
            expect(told, f"the server said {line!r}")
            self.port = int(told[1])
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        code = self.process.poll()
        self.end()
        if kind is None and not self.was_asked:
            expect(code is None, f"the server ended by itself, with {code}")

    def ask(self, number):
        """Asks it to stop, waits until it is deaf; the number of open connections that it says."""
        self.was_asked = True
        self.process.send_signal(number)
        readable, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
        line = self.process.stdout.readline() if readable else ""
        told = re.fullmatch(r"stopping: (\d+) open connections?\n", line)
        expect(told, f"the server said {line!r}")
        until(self.is_deaf, "the server still listens")
        return int(told[1])

    def is_deaf(self):
        try:
            self.connect().close()
            return False
        except (ConnectionRefusedError, ConnectionResetError):
            return True

    def ends(self, code, line):
        """It ends by itself, says this, and leaves its port to others."""
        self.process.wait(timeout=LIMIT_S)
        out, err = self.process.stdout.read(), self.process.stderr.read()
        expect(self.process.returncode == code, f"code {self.process.returncode}, {err!r}")
        expect(out == line + "\n", f"it said {out!r}")
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", self.port))

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), LIMIT_S)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def descriptors_at_rest(self, ready=None):
        """It listens before its runtime exists, so the first client is waited for."""
        if ready:
            ready()
        else:
            echoes(self)
        seen = [-1, self.descriptors()]
        while seen[-1] != seen[-2]:
            time.sleep(0.05)
            seen.append(self.descriptors())
        return seen[-1]


def receive(client, count):
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        if not piece:
            break
        data += piece
    return data


def echo(client, data):
    client.sendall(data)
    back = receive(client, len(data))
    expect(back == data, f"sent {data[:40]!r}, received {back[:40]!r}")


def echoes(server):
    with server.connect() as client:
        echo(client, b"still there")


def until(condition, what):
    limit = time.monotonic() + LIMIT_S
    while not condition():
        expect(time.monotonic() < limit, what)
        time.sleep(0.005)


# ---- what the examples print ----

def run(build, backend, name, *arguments):
    return subprocess.run([os.path.join(build, "examples", name), *arguments], timeout=LIMIT_S,
                          env=dict(os.environ, MARU_IO=backend), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)


def readme(build, backend):
    """The README's first example, as a reader would copy it."""
    with open("README.md", encoding="utf-8") as page:
        code = re.search(r"```c\n(.*?)```", page.read(), re.S)[1]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "greet")
        subprocess.run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                        "-Iinclude", "-o", program, "-x", "c", "-", "-x", "none",
                        os.path.join(build, "libmaru.a"), "-luring", "-pthread"],
                       input=code, text=True, check=True, timeout=60)
        done = subprocess.run([program], env=dict(os.environ, MARU_IO=backend), text=True,
                              stdout=subprocess.PIPE, timeout=LIMIT_S)
    expect(done.returncode == 0 and done.stdout == "hello world\nbye\n", f"{done.stdout!r}")


def told_output(name):
    """What the example's opening comment says that it prints; None if it says nothing of it."""
    with open(f"examples/{name}.c", encoding="utf-8") as file:
        opening = file.read().split("*/")[0]
    told = re.search(r"prints:\n \*\n((?: \*     .*\n)+)", opening)
    return told and re.sub(r"^ \*     ", "", told[1], flags=re.M)


def output_is_as_told(name):
    """A check that an example prints what it promises, to the letter."""
    def check(build, backend):
        done = run(build, backend, name)
        expect(done.returncode == 0 and done.stderr == "", f"{done.returncode}, {done.stderr!r}")
        expect(done.stdout == told_output(name), f"it printed {done.stdout!r}")
    check.__name__ = name
    return check


def sources():
    return sorted(name for name in os.listdir("examples") if name.endswith((".c", ".cc", ".cpp")))


def readme_of_examples(build, backend):
    """It lists every example, once, and nothing else; and every one of them is built."""
    with open("examples/README.md", encoding="utf-8") as page:
        listed = re.findall(r"^\| `([^`]+)` \|", page.read(), re.M)
    expect(sorted(listed) == sources(), f"listed {sorted(listed)}, there are {sources()}")
    with open("examples/meson.build", encoding="utf-8") as file:
        recipe = file.read()
    for name in sources():
        expect(f"'{name.rpartition('.')[0]}'" in recipe, f"{name} is not built")


def poll_loop(build, backend):
    done = run(build, backend, "poll_loop")
    expect(done.returncode == 0 and done.stderr == "", f"{done.returncode}, {done.stderr!r}")
    expect(done.stdout == "".join(f"the loop read {n}\n" for n in (3, 2, 1)),
           f"it printed {done.stdout!r}")


def factorials_of_other_numbers(build, backend):
    for numbers, last in (("0", "[1]"), ("1 1", "[1, 1]"),
                          ("20 0 5", "[2432902008176640000, 1, 120]")):
        done = run(build, backend, "factorials", *numbers.split())
        expect(done.returncode == 0 and done.stdout.endswith(f"\n{last}\n"), f"{done.stdout!r}")


def uv_loop(build, backend):
    if not os.path.exists(os.path.join(build, "examples/uv_loop")):
        raise Skip("libuv is not installed")
    done = run(build, backend, "uv_loop")
    expect(done.returncode == 0 and done.stderr == "", f"{done.returncode}, {done.stderr!r}")
    expect(done.stdout == "a task begins\nlibuv ticks\na task has slept 20 ms\n",
           f"it printed {done.stdout!r}")


def blocking(build, backend):
    """Its ticks, of which there may be any number, then the checksum."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        for data in (b"", b"123456789", os.urandom(100000)):
            with open(path, "wb") as file:
                file.write(data)
            done = run(build, backend, "blocking", path)
            expect(done.returncode == 0 and done.stderr == "", f"{done.returncode}, {done.stderr!r}")
            *ticks, last = done.stdout.splitlines()
            expect(last == f"{zlib.crc32(data):08x} {len(data)} {path}", f"it printed {last!r}")
            expect(ticks == [f"tick {n + 1}" for n in range(len(ticks))], f"it printed {ticks!r}")
        done = run(build, backend, "blocking", path + ".none")
        expect(done.returncode == 1 and "ENOENT" in done.stderr,
               f"{done.returncode}, {done.stderr!r}")


def blocking_ticks_meanwhile(build, backend):
    """Reading a fifo blocks until somebody writes: after three ticks that is us."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fifo")
        os.mkfifo(path)
        with subprocess.Popen([os.path.join(build, "examples/blocking"), path],
                              env=dict(os.environ, MARU_IO=backend), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True) as process:
            watch = threading.Timer(LIMIT_S, process.kill)
            watch.start()
            try:
                ticks = [process.stdout.readline() for _ in range(3)]
                expect(ticks == ["tick 1\n", "tick 2\n", "tick 3\n"], f"it printed {ticks!r}")
                with open(path, "wb") as fifo:
                    fifo.write(b"123456789")
                last = process.stdout.read().splitlines()[-1]
                expect(last == f"cbf43926 9 {path}", f"it printed {last!r}")
                expect(process.wait() == 0, f"it ended with {process.returncode}")
            finally:
                watch.cancel()
                process.kill()


def cpp_futures(build, backend):
    if not os.path.exists(os.path.join(build, "examples", "cpp_futures")):
        raise Skip("no C++ compiler")
    done = run(build, backend, "cpp_futures")
    expect(done.returncode == 0 and done.stderr == "", f"{done.returncode}, {done.stderr!r}")
    expect(done.stdout == "the thread says 42\nthe task has slept 3 times\n",
           f"it printed {done.stdout!r}")


def client_and_server(build, backend):
    with Server(build, backend) as server:
        for text in ("hello", "", "x", "a" * 1024):
            arguments = [str(server.port), text] if text != "hello" else [str(server.port)]
            done = run(build, backend, "echo_client", *arguments)
            expect(done.returncode == 0, f"{text[:20]!r}: {done.returncode}, {done.stderr!r}")
            expect(done.stdout == text + "\n", f"{text[:20]!r}: it printed {done.stdout[:40]!r}")


def nobody_listens(build, backend):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        done = run(build, backend, "echo_client", str(nobody.getsockname()[1]))
        expect(done.returncode == 1 and "ECONNREFUSED" in done.stderr,
               f"{done.returncode}, {done.stderr!r}")
        done = run(build, backend, "echo_server", "--port", str(nobody.getsockname()[1]))
        expect(done.returncode == 1 and done.stderr.count("\n") == 1,
               f"{done.returncode}, {done.stderr!r}")


def wrong_arguments(build, backend):
    wrong = [("echo_server", *line.split(" ")) for line in
             ("--port", "--port x", "--port -1", "--port 65536", "--port 1x", "--host",
              "--grace -1", "--grace x", "--idle-seconds 0", "--idle-seconds -5", "--idle-seconds 86401", "--help", "7",
              "--port 0 --nothing 1")]
    wrong += [("blocking",), ("blocking", "a", "b"), ("echo_client",), ("echo_client", "0"), ("echo_client", "65536"),
              ("echo_client", "x"), ("echo_client", "-1"), ("echo_client", "1", "a" * 1025),
              ("echo_client", "1", "a", "b")]
    wrong += [("factorials", "x"), ("factorials", ""), ("factorials", "2", "-1"),
              ("factorials", "21"), ("factorials", *["1"] * 65), ("million_sleepers", "--byte"),
              ("million_sleepers", "--bytes", "1"), ("ticker", "--real", "--real")]
    for name, *arguments in wrong:
        done = run(build, backend, name, *arguments)
        expect(done.returncode == 2, f"{name} {arguments}: code {done.returncode}")
        expect(done.stdout == "" and done.stderr.startswith("usage: ")
               and done.stderr.count("\n") == 1, f"{name} {arguments}: said {done.stderr!r}")


# ---- unkind clients ----

def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def resets(build, backend):
    with Server(build, backend) as server:
        before = server.descriptors_at_rest()
        with server.connect() as patient:
            for n in range(60):
                client = server.connect()
                if n % 3:
                    client.sendall(b"x" * 5000)
                if n % 3 == 2:
                    client.recv(1)
                reset(client)
            echo(patient, b"others are untouched")
        until(lambda: server.descriptors() == before, "the server keeps descriptors")
        echoes(server)


def stalls(build, backend):
    """A client that sends and never receives fills its own connection, nobody else's."""
    with Server(build, backend) as server:
        with server.connect() as client:
            client.setblocking(False)
            idle_since, sent = time.monotonic(), 0
            while time.monotonic() - idle_since < 0.2:
                try:
                    sent += client.send(b"x" * 65536)
                    idle_since = time.monotonic()
                except BlockingIOError:
                    echoes(server)
            client.settimeout(LIMIT_S)
            before = server.cpu_seconds()
            time.sleep(0.3)
            expect(server.cpu_seconds() - before < 0.15, "the server is busy with a stalled client")
            client.shutdown(socket.SHUT_WR)
            expect(len(receive(client, sent + 1)) == sent, "bytes were lost")
        echoes(server)


def idle_ones_are_closed(build, backend):
    with Server(build, backend, "--idle-seconds", "1") as server:
        with server.connect() as client:
            echo(client, b"x")
            began = time.monotonic()
            expect(client.recv(1) == b"", "not closed")
            expect(time.monotonic() - began > 0.5, "closed too early")
        echoes(server)


def half_close(build, backend):
    with Server(build, backend) as server:
        for size in (0, 1, 10000, 200000):
            data = os.urandom(size)
            with server.connect() as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                expect(receive(client, size + 1) == data, f"{size} bytes did not come back")


def one_byte_at_a_time(build, backend):
    with Server(build, backend) as server:
        with server.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for n in range(500):
                echo(client, bytes([n % 256]))
            for n in range(500):
                client.sendall(bytes([n % 256]))
            expect(receive(client, 500) == bytes(n % 256 for n in range(500)), "wrong bytes")


def no_descriptors(build, backend):
    """More clients than descriptors: those within are served, the others once there is room."""
    with Server(build, backend, descriptors=FEW_DESCRIPTORS) as server:
        clients = []
        try:
            for _ in range(2 * FEW_DESCRIPTORS):
                clients.append(server.connect())
            echo(clients[0], b"the first one is served")
            clients[-1].sendall(b"the last one waits")
            readable, _, _ = select.select([clients[-1]], [], [], 0.3)
            expect(not readable, "the limit was not felt")
            before = server.cpu_seconds()
            time.sleep(0.3)
            expect(server.cpu_seconds() - before < 0.15, "the server is busy without descriptors")
            for client in clients[:-1]:
                client.close()
            expect(receive(clients[-1], 18) == b"the last one waits", "it was not served")
        finally:
            for client in clients:
                client.close()
        echoes(server)


def a_thousand_at_once(build, backend):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CLIENTS + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Skip(f"RLIMIT_NOFILE is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    clients = []
    try:
        with Server(build, backend) as server:
            before = server.descriptors_at_rest()
            for _ in range(CLIENTS):
                clients.append(server.connect())
            for turn in range(3):
                for n, client in enumerate(clients):
                    client.sendall(b"%d of client %d" % (turn, n))
                for n, client in enumerate(clients):
                    want = b"%d of client %d" % (turn, n)
                    expect(receive(client, len(want)) == want, f"client {n}, turn {turn}")
            while clients:
                clients.pop().close()
            until(lambda: server.descriptors() == before, "the server keeps descriptors")
    finally:
        while clients:
            clients.pop().close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- the line server ----

def line_server(build, backend, **more):
    return Server(build, backend, command=("line_server", "0"), **more)


def ask(client, question, *answers):
    client.sendall(question)
    want = b"".join(answer + b"\n" for answer in answers)
    back = receive(client, len(want))
    expect(back == want, f"asked {question[:40]!r}, received {back[:60]!r}")


def lines_are_answered(build, backend):
    with line_server(build, backend) as server:
        with server.connect() as client:
            ask(client, b"echo hello\n", b"hello")
            ask(client, b"echo \r\n", b"")
            ask(client, b"sum 1 2 3.5\nsum \n", b"6.5", b"0")
            ask(client, b"\n", b"error: empty line")
            ask(client, b"dance\n", b"error: unknown command")
            client.sendall(b"time\n")
            expect(abs(int(client.recv(64)) - time.time()) < 60, "it tells another time")
            ask(client, b"echo %\x00gone\n", b"%")
            client.sendall(b"quit\necho no more\n")
            expect(receive(client, 1) == b"", "it did not end")


def lines_in_pieces(build, backend):
    with line_server(build, backend) as server, server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"echo one byte at a time\r":
            client.sendall(bytes([byte]))
        ask(client, b"\nec", b"one byte at a time")
        ask(client, b"ho two\nsum 4", b"two")
        ask(client, b" 5\n", b"9")
        many = [b"%d of many" % n for n in range(1000)]
        ask(client, b"".join(b"echo " + line + b"\n" for line in many), *many)


def lines_too_long(build, backend):
    with line_server(build, backend) as server, server.connect() as client:
        for size in (254, 255, 256, 257, 10000, 1000000):
            ask(client, b"x" * size + b"\necho goes on\n",
                b"error: unknown command" if size < 255 else b"error: line too long", b"goes on")


def half_closed_lines(build, backend):
    with line_server(build, backend) as server:
        for question, answer in ((b"", b""), (b"echo a\n", b"a\n"), (b"echo a\necho b", b"a\nb\n"),
                                 (b"x" * 999, b"error: line too long\n")):
            with server.connect() as client:
                client.sendall(question)
                client.shutdown(socket.SHUT_WR)
                expect(receive(client, 100) == answer, f"asked {question[:40]!r}")


def a_client_that_stalls_is_left(build, backend):
    """One that is silent in the middle of a line, and one that takes no answers."""
    with line_server(build, backend) as server:
        before = server.descriptors_at_rest(ready=lambda: server.connect().close())
        with server.connect() as silent, server.connect() as deaf, server.connect() as good:
            silent.sendall(b"ech")
            deaf.setblocking(False)
            began = time.monotonic()
            try:
                while time.monotonic() - began < 1:
                    deaf.send(b"echo " + b"x" * 200 + b"\n")
            except BlockingIOError:
                pass
            for _ in range(7):
                ask(good, b"echo still there\n", b"still there")
                time.sleep(1)
            expect(receive(silent, 1) == b"", "the silent one was not left")
            until(lambda: server.descriptors() == before + 1, "the deaf one was not left")
        until(lambda: server.descriptors() == before, "the server keeps descriptors")


def many_clients_with_lines(build, backend):
    with line_server(build, backend) as server:
        clients = [server.connect() for _ in range(200)]
        for turn in range(3):
            for n, client in enumerate(clients):
                client.sendall(b"echo %d of %d\nsum %d " % (turn, n, turn))
            for n, client in enumerate(clients):
                ask(client, b"%d\n" % n, b"%d of %d" % (turn, n), b"%d" % (turn + n))
        for client in clients:
            client.close()


def no_descriptors_for_lines(build, backend):
    with line_server(build, backend, descriptors=FEW_DESCRIPTORS) as server:
        clients = [server.connect() for _ in range(2 * FEW_DESCRIPTORS)]
        ask(clients[0], b"echo first\n", b"first")
        clients[-1].sendall(b"echo last\n")
        for client in clients[:-1]:
            client.close()
        expect(receive(clients[-1], 5) == b"last\n", "it was not served")
        clients[-1].close()


# ---- the end ----

CUT = "cutting what is open"


def asked_to_stop(build, backend):
    for number in (signal.SIGINT, signal.SIGTERM):
        with Server(build, backend) as server:
            echoes(server)                  # its end may not have been seen yet
            expect(server.ask(number) <= 1, "there was one connection")
            server.ends(0, "stopped")


def open_ones_may_finish(build, backend):
    with Server(build, backend) as server:
        clients = [server.connect() for _ in range(20)]
        for client in clients:
            echo(client, b"before")
        expect(server.ask(signal.SIGINT) == 20, "there are twenty")
        for client in clients:
            echo(client, b"after" * 1000)
        expect(server.process.poll() is None, "it did not wait")
        for client in clients:
            client.close()
        server.ends(0, "stopped")


def stalled_ones_are_cut_in_time(build, backend):
    with Server(build, backend, "--grace", "1") as server:
        with server.connect() as stalled, server.connect() as silent:
            echo(silent, b"x")
            stalled.setblocking(False)
            try:
                while True:
                    stalled.send(b"x" * 65536)
            except BlockingIOError:
                pass
            began = time.monotonic()
            expect(server.ask(signal.SIGTERM) == 2, "there are two")
            server.ends(1, "time is up: " + CUT)
            expect(time.monotonic() - began > 0.9, "it was cut too early")
            expect(silent.recv(1) == b"", "not closed")


def a_second_ctrl_c_ends_at_once(build, backend):
    for second in (signal.SIGINT, signal.SIGTERM):
        with Server(build, backend, "--grace", "86400") as server:
            with server.connect() as client:
                echo(client, b"x")
                expect(server.ask(signal.SIGINT) == 1, "there is one")
                server.process.send_signal(second)
                server.ends(1, "asked again: " + CUT)


def asked_without_descriptors(build, backend):
    """Stopping needs no descriptor that clients could have taken."""
    with Server(build, backend, descriptors=FEW_DESCRIPTORS) as server:
        clients = [server.connect() for _ in range(2 * FEW_DESCRIPTORS)]
        echo(clients[0], b"x")
        expect(0 < server.ask(signal.SIGINT) < FEW_DESCRIPTORS, "the limit was not felt")
        for client in clients:
            client.close()
        server.ends(0, "stopped")


CHECKS = (
    readme,
    readme_of_examples,
    *(output_is_as_told(name.removesuffix(".c")) for name in sources()
      if name.endswith(".c") and told_output(name.removesuffix(".c"))),
    factorials_of_other_numbers,
    blocking,
    blocking_ticks_meanwhile,
    poll_loop,
    uv_loop,
    cpp_futures,
    client_and_server,
    nobody_listens,
    wrong_arguments,
    resets,
    stalls,
    idle_ones_are_closed,
    half_close,
    one_byte_at_a_time,
    no_descriptors,
    a_thousand_at_once,
    lines_are_answered,
    lines_in_pieces,
    lines_too_long,
    half_closed_lines,
    a_client_that_stalls_is_left,
    many_clients_with_lines,
    no_descriptors_for_lines,
    asked_to_stop,
    open_ones_may_finish,
    stalled_ones_are_cut_in_time,
    a_second_ctrl_c_ends_at_once,
    asked_without_descriptors,
)


def main(argv):
    if len(argv) != 2:
        print(f"usage: {argv[0]} BUILD", file=sys.stderr)
        return 2
    passed = failed = skipped = 0
    has_ring = subprocess.run([os.path.join(argv[1], "tests/check/backend")],
                              stdout=subprocess.DEVNULL).returncode != NO_RING
    for check in CHECKS:
        for backend in BACKENDS:
            began = time.monotonic()
            try:
                if backend == "ring" and not has_ring:
                    raise Skip("this machine allows no rings")
                check(argv[1], backend)
                passed += 1
                word = "ok"
            except Skip as why:
                skipped += 1
                word = f"skipped: {why}"
            except Exception as error:  # whatever it is, the next check runs
                failed += 1
                word = "FAILED"
                if not isinstance(error, AssertionError):
                    traceback.print_exc(file=sys.stdout)
                else:
                    word += f": {error}"
            name = check.__name__.replace("_", " ")
            print(f"{name}, {backend}: {word} ({time.monotonic() - began:.2f} s)", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
