#!/usr/bin/env python3
"""Awaits a sleep through the plain functions of libmaru.so, as another language does: no header,
no callback. await_sleep.py LIBRARY; prints whose memory it was."""
import ctypes
import sys

NAP_NS = 20_000_000


def room(library, name):
    """Zeroed memory for a public type, aligned as 8-byte words are."""
    size = library.maru_size_of(name)
    assert size > 0, name
    return (ctypes.c_uint64 * ((size + 7) // 8))()


def declare(library):
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    for name, result, arguments in (
            ("maru_size_of", ctypes.c_size_t, [ctypes.c_char_p]),
            ("maru_now", number, []),
            ("maru_err_name", ctypes.c_char_p, [ctypes.c_int]),
            ("maru_runtime_new", ctypes.c_int, [pointer, pointer]),
            ("maru_runtime_free", ctypes.c_int, [pointer]),
            ("maru_sleep_for", pointer, [pointer, number]),
            ("maru_block_on_future", number, [pointer, pointer]),
            ("maru_spawn_future_on", pointer, [pointer, pointer]),
            ("maru_join_task", pointer, [pointer, pointer]),
            ("maru_cancel", None, [pointer])):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def main(path):
    library = ctypes.CDLL(path)
    declare(library)
    runtime = ctypes.c_void_p()
    assert library.maru_runtime_new(None, ctypes.byref(runtime)) == 0

    nap, other, join = (room(library, name)
                        for name in (b"maru_sleep", b"maru_sleep", b"maru_join_wait"))
    begin = library.maru_now()
    assert library.maru_block_on_future(runtime, library.maru_sleep_for(nap, NAP_NS)) == 0
    assert library.maru_now() - begin >= NAP_NS

    # An hour's sleep as a task of its own, cancelled and joined.
    task = library.maru_spawn_future_on(runtime, library.maru_sleep_for(other, 3600 * 10**9))
    assert task
    library.maru_cancel(task)
    result = library.maru_block_on_future(runtime, library.maru_join_task(join, task))
    assert library.maru_err_name(result) == b"ECANCELED", result

    assert library.maru_runtime_free(runtime) == 0
    with open("/proc/self/maps", encoding="ascii") as maps:
        print("jemalloc" if "jemalloc" in maps.read() else "libc")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
