#!/usr/bin/env python3
"""Writes what follows from the public headers: run it when they have changed.

    tests/outside/update.py

 - include/maru/ffi.h, the same functions for readers of C that know no macros;
 - runtime/base/sizes.h, the table behind maru_size_of;
 - tests/outside/abi.txt, the binary face that changes are compared with;
 - and in a new header the two lines that make its functions visible.

./test outside fails as long as one of them is not what would be written now; look at the
difference of abi.txt before you commit it, for programs that are out there feel it.
"""
import os
import re
import subprocess
import sys
import tempfile

import api

SIZES = "runtime/base/sizes.h"
ABI = "tests/outside/abi.txt"

FFI_HEAD = """\
/* ffi.h - everything that other languages call, for readers of C that know no macros, inlines,
 * bitfields or unions: cut the lines that begin with # and give it to cffi's cdef or LuaJIT's.
 *
 * Written by tests/outside/update.py from the other headers, which tell what each function does
 * and from which thread. C and C++ programs include maru.h instead. What is opaque here but lives
 * in your memory is zeroed, aligned to 8 bytes and as large as maru_size_of tells.%s */
#ifndef MARU_FFI_H
#define MARU_FFI_H

#ifdef MARU_H
#error "either maru.h or maru/ffi.h"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)
"""

FFI_TAIL = """
#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
"""

# Types of the system's headers, as what they are on Linux. Its structs are opaque.
SYSTEM = {"socklen_t": "uint32_t", "ssize_t": "int64_t", "mode_t": "uint32_t",
          "pid_t": "int32_t", "off_t": "int64_t", "uid_t": "uint32_t", "gid_t": "uint32_t"}
FOREIGN = re.compile(r"\bstruct (?!maru_)(\w+)")


def without_system(text):
    return re.sub(r"\b(?:" + "|".join(SYSTEM) + r")\b", lambda hit: SYSTEM[hit[0]], text)


def open_structs():
    """Those whose members are all for everybody's eyes, and made of such."""
    found = []
    for item in api.items("struct"):
        body = api.AGGREGATE.match(item.text)[3]
        by_value = re.findall(r"\b(maru_\w+|struct maru_\w+)\s+\w+\s*[;\[]", body)
        known = {other.type() for other in found} | {"maru_result"}
        is_plain = not re.search(r"\bunion\b|\w_\s*[;,\[]|:\s*\d", body)
        if is_plain and all(name in known or is_scalar(name) for name in by_value):
            found.append(item)
    return found


def is_scalar(name):
    return any(item.name == name for item in api.items("typedef", "enum"))


def paragraph(lines):
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def ffi_types(whole):
    names = {item.name for item in whole if not item.type().startswith("struct ")}
    rows = [f"typedef struct {hit[1]} {hit[2]};" for hit in
            (api.OPAQUE.match(item.text.rstrip(";")) for item in api.items("opaque"))
            if hit[2] not in names]
    rows += [f"typedef struct {api.AGGREGATE.match(item.text)[2] or item.name} {item.name};"
             for item in api.items("struct")
             if item.name not in names and not item.type().startswith("struct ")]
    rows = sorted(set(rows))
    known = " ".join(rows)
    tags = re.findall(r"\bstruct (maru_\w+) \*", " ".join(
        item.text for item in [*whole, *api.items("function", "inline", "data", "typedef")]))
    rows += sorted({f"struct {tag};" for tag in tags if f"struct {tag} " not in known})
    foreign = {f"struct {name};" for item in api.items("function", "inline")
               for name in FOREIGN.findall(item.text)}
    return sorted(rows) + sorted(foreign)


def ffi():
    """The text of ffi.h."""
    whole = open_structs()
    names = {item.name for item in whole}
    rest = [f"{name} {value}" for name, (value, is_int) in sorted(api.numbers().items())
            if not is_int]
    told = "\n *\n * Constants that are no int: " + ", ".join(rest) + "." if rest else ""
    out = FFI_HEAD % wrapped(told) + paragraph(ffi_types(whole))
    values = [f"    {name} = {value}," for name, (value, is_int) in api.numbers().items()
              if is_int]
    out += paragraph(["enum {", *values, "};"] if values else [])
    for item in api.items("enum", "typedef", "struct"):
        if item.kind != "struct" or item.name in names:
            out += paragraph([without_system(item.text)])
    for path in api.headers():
        rows = [as_declaration(item) for item in api.items_of(path)
                if item.kind in ("function", "inline", "data")]
        if rows:
            out += f"\n/* ---- {os.path.basename(path)} ---- */\n" + paragraph(rows)
    return out + FFI_TAIL


def as_declaration(item):
    text = item.text
    if item.kind == "inline":
        text = text[:text.index("{")].replace("static inline ", "").rstrip() + ";"
    return without_system(text)


def wrapped(text):
    lines = text.split("\n")
    while len(lines[-1]) > 96:
        cut = lines[-1].rindex(" ", 0, 96)
        lines[-1:] = [lines[-1][:cut], " * " + lines[-1][cut + 1:]]
    return "\n".join(lines)


def sizes():
    """The text of sizes.h."""
    rows = "".join(f'    {{ "{item.name}", sizeof({item.type()}) }},\n'
                   for item in sorted(api.items("struct"), key=lambda item: item.name))
    return f"""\
/* sizes.h - the public types and their sizes; written by tests/outside/update.py. */
#ifndef MARU_BASE_SIZES_H
#define MARU_BASE_SIZES_H

#include "maru.h"

static const struct size_row {{
    const char *type;
    size_t size;
}} size_rows[] = {{
{rows}}};

#endif
"""


def compiled(source, *flags):
    """What a C program prints."""
    with tempfile.TemporaryDirectory(prefix="maru-outside-") as folder:
        program = os.path.join(folder, "program")
        subprocess.run(["gcc", "-std=c11", "-I", os.path.join(api.ROOT, "include"), "-x", "c", "-",
                        "-o", program, *flags], input=source, text=True, check=True)
        return subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout


def layout(header, structs, enums, constants):
    """Sizes, offsets and values as the compiler sees them through `header`."""
    lines = []
    for item in structs:
        lines.append(f'printf("struct {item.name}: %zu bytes\\n", sizeof({item.type()}));')
        lines += [f'printf("    {name} at %zu\\n", offsetof({item.type()}, {name}));'
                  for name in item.members()]
    names = [name for item in enums for name in item.members()] + list(constants)
    lines += [f'printf("constant {name}: %lld\\n", (long long)({name}));' for name in names]
    body = "\n".join(lines)
    return compiled(f'#include "{header}"\n#include <stddef.h>\n#include <stdio.h>\n'
                    f"int main(void)\n{{\n{body}\nreturn 0;\n}}\n")


def abi():
    """The text of abi.txt."""
    functions = [" ".join(as_declaration(item).split()).rstrip(";")
                 for item in api.items("function", "inline", "data")]
    inside = layout("maru.h", api.items("struct"), api.items("enum"), sorted(api.numbers()))
    return ("The binary face of libmaru on 64-bit Linux; written by tests/outside/update.py.\n\n"
            + "\n".join(sorted(functions, key=lambda line: re.search(r"maru_\w+(?=\(|$)", line)[0]))
            + "\n\n" + inside)


OPENS = '#ifdef __cplusplus\nextern "C" {\n#endif\n'
CLOSES = "\n#ifdef __cplusplus\n}\n#endif\n"
PUSH, POP = "#pragma GCC visibility push(default)\n", "\n#pragma GCC visibility pop"


def made_visible(text):
    """A public header with the pragmas around its declarations."""
    if "#pragma GCC visibility" in text or text.count(OPENS) != 1 or text.count(CLOSES) != 1:
        return text
    return text.replace(OPENS, OPENS + PUSH).replace(CLOSES, POP + CLOSES)


WRITTEN = {api.FFI: ffi, SIZES: sizes, ABI: abi}


def write(path, wanted):
    full = os.path.join(api.ROOT, path)
    if not os.path.exists(full) or api.read(path) != wanted:
        with open(full, "w", encoding="utf-8") as file:
            file.write(wanted)
        print(f"wrote {path}")


def main():
    for path in api.headers():
        write(path, made_visible(api.read(path)))
    for path, text in WRITTEN.items():
        write(path, text())


if __name__ == "__main__":
    sys.exit(main())
