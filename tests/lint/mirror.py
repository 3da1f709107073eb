"""The mirror: sizes and counts of the code beside those of the codebases we learn from.

It finds nothing and fails nothing. A number that has drifted is a question, not an answer.
"""

import re

from tree import LIBRARY

LONG_FUNCTION = 70

# name, files, file lines median/p90/max, comment %, asserts per 1000, function lines, > 100 cols
MODELS = (
    ("tokio runtime", 111, "115/603/2216", "37", "14", "-", "0.6"),
    ("libvsync include", 101, "129/379/653", "42", "29", "9/34/194", "0"),
    ("mimalloc", 38, "438/1078/1718", "20", "40", "6/31/108", "7.4"),
    ("liburing src", 27, "69/729/2183", "17", "0", "5/18/85", "0"),
    ("nng core", 77, "162/581/1729", "14", "78", "10/32/179", "0"),
    ("TigerBeetle src", 200, "380/1604/12414", "12", "65", "max 70", "0.4"),
    ("(libuv src)", 72, "178/1095/2751", "16", "10", "12/50/310", "0.05"),
    ("(redis src)", 183, "198/2676/14069", "24", "4", "12/54/1316", "2"),
)

ROW = "{:<20}{:>6}  {:>16}{:>10}{:>9}  {:>12}{:>8}"
ASSERT = re.compile(r"\b(?:D?CHECK\w*|assert|_Static_assert|cr_assert\w*|cr_expect\w*)\s*\(")


def three(sizes):
    """median/p90/max, by nearest rank."""
    if not sizes:
        return "-"
    ranked = sorted(sizes)
    p90 = ranked[min(len(ranked) - 1, int(len(ranked) * 0.9))]
    return f"{ranked[len(ranked) // 2]}/{p90}/{ranked[-1]}"


def functions_of(source):
    """[(line, lines)] of the functions: from the head to a brace in the first column."""
    found, head = [], None
    for number, line in enumerate(source.code, 1):
        if line.startswith("{"):
            while head and head > 1 and source.code[head - 2][:1].strip() \
                    and not re.search(r"[;}]\s*$", source.code[head - 2]) \
                    and not source.code[head - 2].startswith("#"):
                head -= 1
            start = head or number
        elif line.startswith("}"):
            if head:
                found.append((start, number - start + 1))
            head = None
        elif re.match(r"\w", line) and "(" in line and not line.rstrip().endswith(";"):
            head, start = number, number
    return found


def figures(tree, name, folders):
    paths = tree.under(folders)
    sources = [source for source in map(tree.source, paths) if source]
    sizes, functions = [], []
    lines = comments = asserts = wide = 0
    for source in sources:
        rows = source.text.splitlines()
        sizes.append(len(rows))
        filled = [number for number, row in enumerate(rows) if row.strip()]
        lines += len(filled)
        comments += sum(1 for number in filled if source.comments[number].strip()
                        and not source.code[number].strip())
        wide += sum(1 for row in rows if len(row) > 100)
        asserts += len(ASSERT.findall(source.code_text))
        functions += [(size, source.path, line) for line, size in functions_of(source)]
    share = f"{100 * comments / lines:.0f}" if lines else "-"
    per_thousand = f"{1000 * asserts / lines:.0f}" if lines else "-"
    row = ROW.format(name, len(sources), three(sizes), share, per_thousand,
                     three([size for size, _, _ in functions]),
                     f"{100 * wide / lines:.2g}" if lines else "-")
    return row, [entry for entry in functions if entry[0] > LONG_FUNCTION]


def show(tree):
    print(ROW.format("", "files", "lines", "comment %", "asserts", "functions", "wide %"))
    print(ROW.format("", "", "med/p90/max", "", "/1000", "med/p90/max", ""))
    rooms = [("maru library", LIBRARY + ("include/",))]
    rooms += [("  " + room, (room,)) for room in LIBRARY + ("include/",)]
    rooms += [("maru tests", ("tests/",)), ("maru bench", ("bench/",))]
    long = []
    for name, folders in rooms:
        row, too_long = figures(tree, name, folders)
        print(row)
        if not name.startswith(" "):
            long += too_long
    for model in MODELS:
        name, files, sizes, share, asserts, functions, wide = model
        print(ROW.format(name, files, sizes, share, asserts, functions, wide))
    print(f"functions over {LONG_FUNCTION} lines: {len(long)}")
    for size, path, line in sorted(long, reverse=True):
        print(f"  {path}:{line}: {size} lines")
