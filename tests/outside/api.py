"""The public face, as its headers tell it: functions, types, constants and macros.

Reads include/maru.h and every header that it includes, in that order, with the eyes of the lint.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tests", "lint"))

from headers import ATTRIBUTE, function_name, is_function_head, top_level_items  # noqa: E402
from tree import Source  # noqa: E402

FFI = "include/maru/ffi.h"
INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
DEFINE = re.compile(r"\s*#\s*define\s+(\w+)(\([^)]*\))?(.*)", re.S)
NUMBER = re.compile(r"\(?(-?(?:0x[0-9a-fA-F]+|\d+))([uUlL]*)\)?")
AGGREGATE = re.compile(r"(?:typedef\s+)?(struct|union|enum)\b\s*(\w*)\s*\{(.*)\}\s*(\w*)", re.S)
OPAQUE = re.compile(r"typedef\s+(?:struct|union)\s+(\w+)\s+(\w+)$")
NESTED = re.compile(r"(?:struct|union)\s*\w*\s*\{[^{}]*\}")
DECLARED = re.compile(r"\(\s*\*\s*(\w+)\s*\)\s*\(|(\w+)\s*(?:\[[^\]]*\]\s*)*$")


class Item:
    """One declaration: `kind` is function, inline, data, struct, enum, opaque or typedef."""

    def __init__(self, header, kind, name, text):
        self.header, self.kind, self.name, self.text = header, kind, name, text

    def members(self):
        """The names of a struct's members, or of an enum's values."""
        body = AGGREGATE.match(self.text)[3]
        if self.kind == "enum":
            return re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip())
        names = []
        for declaration in NESTED.sub("", body).split(";"):
            for part in split_at_commas(declaration):
                hit = DECLARED.search(part.strip())
                if hit:
                    names.append(hit[1] or hit[2])
        return names

    def type(self):
        """How C names it."""
        tag = AGGREGATE.match(self.text)
        return tag[4] or f"struct {tag[2]}"


def split_at_commas(text):
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def headers():
    """The umbrella and what it includes, each after what it includes itself."""
    found = []

    def visit(path):
        if path in found or not os.path.exists(os.path.join(ROOT, path)):
            return
        for line in read(path).split("\n"):
            hit = INCLUDE.match(line)
            if hit:
                visit(os.path.normpath(os.path.join(os.path.dirname(path), hit[1])))
        found.append(path)
    visit("include/maru.h")
    return found


def tidy(text):
    """A declaration as other compilers read it: without attributes, its lines kept."""
    text = ATTRIBUTE.sub("", text.replace("MARU_MUST_USE", ""))
    lines = [line.rstrip() for line in text.split("\n")]
    return re.sub(r"\s+;$", ";", "\n".join(line for line in lines if line))


def kind_of(head, text):
    if head.startswith("static inline"):
        return "inline"
    if is_function_head(head):
        return "function"
    if head.startswith("extern"):
        return "data"
    if AGGREGATE.match(text):
        return {"struct": "struct", "union": "struct", "enum": "enum"}[AGGREGATE.match(text)[1]]
    if OPAQUE.match(head.rstrip(" ;")):
        return "opaque"
    return "typedef" if head.startswith("typedef") else None


def name_of(kind, head, text):
    if kind in ("function", "inline"):
        return function_name(head)
    if kind in ("struct", "enum"):
        hit = AGGREGATE.match(text)
        return hit[4] or hit[2]
    if kind == "opaque":
        return OPAQUE.match(head.rstrip(" ;"))[2]
    hit = re.search(r"(\w+)\s*(?:\[[^\]]*\])*\s*;$|(\w+)\s*\(", head)
    return hit[1] or hit[2]


def items_of(path):
    source, found = Source(path, read(path)), []
    for first, last, text in top_level_items(source):
        head = ATTRIBUTE.sub("", " ".join(text.replace("MARU_MUST_USE", "").split()))
        whole = tidy("\n".join(source.code[first - 1:last]))
        kind = kind_of(head, whole)
        if kind:
            found.append(Item(path, kind, name_of(kind, head, whole), whole))
    return found


def items(*kinds):
    """All declarations of these kinds, in the order a compiler sees them."""
    return [item for path in headers() for item in items_of(path) if item.kind in kinds]


def macros():
    """{name: (has parameters, body)} of all public headers."""
    found = {}
    for path in headers():
        joined = "\n".join(Source(path, read(path)).code).replace("\\\n", " ")
        for line in joined.split("\n"):
            hit = DEFINE.match(line)
            if hit:
                found[hit[1]] = (hit[2] is not None, hit[3].strip())
    return found


def numbers():
    """{name: (value as written, is an int)} of the constants among the macros."""
    found = {}
    for name, (has_parameters, body) in macros().items():
        hit = NUMBER.fullmatch(body)
        if name.endswith("_") or has_parameters:
            continue
        if hit:
            is_int = "l" not in hit[2].lower() and int(hit[1], 0) < 2**31
            found[name] = (hit[1], is_int)
        elif re.fullmatch(r"INT64_\w+|UINT\d+_\w+", body):
            found[name] = (body, False)
    return found
