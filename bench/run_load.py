#!/usr/bin/env python3
"""The main job of ./run: the echo server under load, beside the best loop in plain C.

For each number of connections the servers take turns, each loaded from a second process, three
rounds; the table shows the median. The message is 64 bytes, one at a time on each connection.
The generator keeps one CPU busy: where there are only two, a second worker takes it away from
the generator, and the row with one worker is the one to compare with plain C, which has one
thread.
"""
import json
import os
import resource
import signal
import statistics
import subprocess
import sys

ROUNDS = 3
SERVERS = (
    ("maru", ["examples/echo_server", "--port", "0"], {}),
    ("maru, 1 worker", ["examples/echo_server", "--port", "0"], {"MARU_WORKERS": "1"}),
    ("plain C", ["bench/plain_echo", "--port", "0"], {}),
)


def usage(text):
    print(f"run: {text}; ./run --help tells the options", file=sys.stderr)
    sys.exit(2)


def parse(options):
    seconds, connections = 3.0, []
    while options:
        name, value = options[0], options[1] if len(options) > 1 else ""
        options = options[2:]
        if not value.replace(".", "", 1).isdigit() or float(value) <= 0:
            usage(f"{name} wants a number above zero")
        if name == "--seconds":
            seconds = float(value)
        elif name == "--connections" and value.isdigit():
            connections.append(int(value))
        else:
            usage(f"'{name} {value}' is not understood")
    return seconds, connections or [1, 64, 1000]


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Server:
    """A server on a free port, ended when the block is left, whatever happens in it."""

    def __init__(self, build, command, env):
        self.command = [os.path.join(build, command[0]), *command[1:]]
        self.env = dict(os.environ, **env)

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        env=self.env)
        line = self.process.stdout.readline()
        if not line.startswith("listening on"):
            self.process.wait()
            sys.exit(f"run: {self.command[0]} did not start")
        self.port = line.rsplit(":", 1)[1].strip()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load_once(build, command, env, connections, seconds):
    with Server(build, command, env) as server:
        before = server.cpu_seconds()
        load = subprocess.run([os.path.join(build, "bench/load"), "--port", server.port,
                               "--connections", str(connections), "--seconds", str(seconds),
                               "--json", "-"],
                              stdout=subprocess.PIPE, text=True, timeout=seconds + 60)
        used = server.cpu_seconds() - before
    if load.returncode != 0:
        sys.exit("run: the load generator gave up")
    figures = json.loads(load.stdout.splitlines()[-1])
    figures["cpu_us"] = used * 1e6 / max(1, figures["messages"])
    return figures


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def row(name, runs, best):
    rate = median(runs, "messages_per_second")
    return (f"{name:14} {rate:12,.0f} {rate / best:7.2f} {median(runs, 'p50_us'):9.1f} "
            f"{median(runs, 'p99_us'):9.1f} {median(runs, 'p999_us'):9.1f} "
            f"{median(runs, 'cpu_us'):9.2f}")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def measure(build, connections, seconds):
    runs = {name: [] for name, _, _ in SERVERS}
    for turn in range(ROUNDS):
        for name, command, env in SERVERS:
            progress(f"{connections} connections, round {turn + 1} of {ROUNDS}: {name}")
            runs[name].append(load_once(build, command, env, connections, seconds))
    if sys.stderr.isatty():
        progress("")
    return runs


def main(build, options):
    seconds, all_connections = parse(options)
    limit = raise_file_limit()
    for connections in all_connections:
        if connections + 100 > limit:
            usage(f"{connections} connections do not fit: this process may open {limit} files")
        runs = measure(build, connections, seconds)
        best = median(runs["plain C"], "messages_per_second")
        print(f"\n{connections} connection{'s' * (connections > 1)}, 64 bytes, "
              f"{ROUNDS} x {seconds:g} s, median")
        print(f"{'server':14} {'messages/s':>12} {'ratio':>7} {'p50 us':>9} {'p99 us':>9} "
              f"{'p99.9 us':>9} {'CPU us/m':>9}")
        for name, _, _ in SERVERS:
            print(row(name, runs[name], best))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
