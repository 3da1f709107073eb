#!/usr/bin/env python3
"""Plants known bugs into a copy of the sources, and demands that a model finds each.

    tests/plant/plant.py [--root DIR] [--cc CC] [--only NAME] [--list]

A model that passes proves little until it is seen to fail. plants.py names the bugs; each is put
into the copy, its model's program is built there as tests/model/programs.txt says, and the model,
which passes without the bug, must fail. Prints a line for each plant and `N planted, N caught`; fails unless all are caught, or
if a plant's text is no longer in its file exactly once.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True          # nothing is left in the tree
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from plants import PLANTS   # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
COPIED = ("include", "runtime", "timer", "io", "tests/model")
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-g", "-O1")
ENGINE_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2")
MODEL_FLAGS = ("-fsanitize=thread", "-DMARU_MODEL")
WRAPPED = ("malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign",
           "memcpy", "memmove", "memset")
SECONDS_MOST = 120                      # of one program; each model takes a few seconds


class Rotten(Exception):
    """A plant that does not fit the sources, or whose model fails without it."""


class Copy:
    """A copy of the sources in a directory of its own, with the objects built from it."""

    def __init__(self, root, where, cc):
        self.root, self.cc = os.path.join(where, "tree"), cc
        self.objects = os.path.join(where, "objects")
        os.mkdir(self.objects)
        for part in COPIED:
            if os.path.isdir(os.path.join(root, part)):
                shutil.copytree(os.path.join(root, part), os.path.join(self.root, part))
        self.programs = self.read_programs()
        self.built = set()              # objects of the sources as they are without any plant
        self.sound = {}                 # of a model and its options: does it pass without one?

    def path(self, name):
        return os.path.join(self.root, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read_programs(self):
        programs = {}
        for line in self.read("tests/model/programs.txt").splitlines():
            line = line.split("#")[0].strip()
            if line:
                program, sources = line.split(":", 1)
                programs[program] = [f"tests/model/model_{program}.c"] + sources.split()
        return programs

    def compile(self, source, name, flags):
        includes = [f"-I{self.path(part)}" for part in ("", "include", "tests/model")]
        subprocess.run([self.cc, *flags, *includes, "-c", self.path(source), "-o", name],
                       check=True)

    def object_of(self, source, flags, planted):
        """The object of a source; one that `planted` may have changed is built each time."""
        is_changed = planted is not None and (planted == source or planted.endswith(".h"))
        name = source.replace("/", "_") + (".planted.o" if is_changed else ".o")
        path = os.path.join(self.objects, name)
        if is_changed or path not in self.built:
            self.compile(source, path, flags)
        if not is_changed:
            self.built.add(path)
        return path

    def build(self, program, planted):
        model = "tests/model"
        engine = sorted(f"{model}/{name}" for name in os.listdir(self.path(model))
                        if name.startswith("mc_") and name.endswith(".c"))
        objects = [self.object_of(source, FLAGS + MODEL_FLAGS, planted)
                   for source in self.programs[program]]
        objects += [self.object_of(source, ENGINE_FLAGS, None) for source in engine]
        path = os.path.join(self.objects, program)
        wraps = [f"-Wl,--wrap={name}" for name in WRAPPED]
        subprocess.run([self.cc, "-rdynamic", *wraps, *objects, "-o", path], check=True)
        return path


def failed_models(path, plant):
    """The names of the models that failed, of those whose name contains the expected one."""
    done = subprocess.run([path, "--only", plant.model, *plant.options], check=False,
                          capture_output=True, text=True, timeout=SECONDS_MOST)
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED ")]


def sow(copy, plant):
    """Puts the bug into the copy; returns the file's text without it."""
    text = copy.read(plant.file)
    found = text.count(plant.old)
    if found != 1:
        raise Rotten(f"its text stands {found} times in {plant.file}")
    copy.write(plant.file, text.replace(plant.old, plant.new))
    return text


def check_sound(copy, plant):
    """The model must be quiet as long as there is no bug."""
    key = (plant.program, plant.model, plant.options)
    if plant.program not in copy.programs:
        raise Rotten(f"no program {plant.program}")
    if key not in copy.sound:
        failed = failed_models(copy.build(plant.program, None), plant)
        copy.sound[key] = plant.model not in failed
    if not copy.sound[key]:
        raise Rotten("its model fails without it")


def is_caught(copy, plant):
    """Prints the plant's line; True if its model has found it."""
    about = f"{plant.name}  by {plant.model} ({plant.invariant})"
    try:
        check_sound(copy, plant)
        text = sow(copy, plant)
        try:
            path = copy.build(plant.program, plant.file)
            failed = failed_models(path, plant)
        finally:
            copy.write(plant.file, text)
    except Rotten as rotten:
        print(f"ROTTEN  {about}: {rotten}", flush=True)
        return False
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"BROKEN  {about}: {error}", flush=True)
        return False
    caught = plant.model in failed
    print(f"{'caught ' if caught else 'MISSED '} {about}", flush=True)
    return caught


def main():
    parser = argparse.ArgumentParser(description="plants bugs and demands that models find them")
    parser.add_argument("--root", default=os.path.join(HERE, "..", ".."),
                        help="the project's root")
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"), help="the compiler")
    parser.add_argument("--only", default="", help="plants whose name contains this")
    parser.add_argument("--list", action="store_true", help="print the plants")
    arguments = parser.parse_args()
    plants = [plant for plant in PLANTS if arguments.only in plant.name]
    if arguments.list:
        for plant in plants:
            print(f"{plant.name}  by {plant.program}: {plant.model} ({plant.invariant})")
        return 0
    with tempfile.TemporaryDirectory(prefix="maru-plant-") as where:
        copy = Copy(arguments.root, where, arguments.cc)
        caught = sum([is_caught(copy, plant) for plant in plants])
    print(f"{len(plants)} planted, {caught} caught")
    return 0 if plants and caught == len(plants) else 1


if __name__ == "__main__":
    sys.exit(main())
