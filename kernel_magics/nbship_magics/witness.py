"""The witness of a clean run: what each cell really did, written down for the converter.

A kernel that the converter starts loads this module as an extension (``--ext``) with ``NBSHIP_WITNESS``
naming a scratch folder and ``NBSHIP_MIRROR`` the tree in which the notebook runs. After each cell it writes one line of ``cells.jsonl``: names bound, rebound, changed
in place or deleted, types, random state used, files read and written, figures open. ``%nbship_testify``
at the end writes ``end.json`` (types of the user's functions, aliases, what was imported) and ``values.pickle``
(the tokens of every value, for the comparison with the package).

Unlike the recording of a live session it checks every name after every cell, however long that takes.
"""

from __future__ import annotations

import builtins
import json
import os
import pickle
import platform
import sys
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbship.canonical import seed_generators
from nbship_magics import testimony
from nbship_magics.calls import GAVE, SEEN, Calls, Instrument
from nbship_magics.describe import describe
from nbship_magics.distributions import closure, distributions, elsewhere, requirements, untyped
from nbship_magics.files import Files
from nbship_magics.neighbours import Neighbours
from nbship_magics.readings import Readings

_HIDDEN = {"In", "Out", "exit", "quit", "open", "get_ipython", "display"}


def load_ipython_extension(shell: Any) -> None:
    """Watch every cell of this kernel and write what it did into the folder of ``NBSHIP_WITNESS``."""
    witness = Witness(shell, Path(os.environ["NBSHIP_WITNESS"]), Path(os.environ["NBSHIP_MIRROR"]))
    shell.events.register("pre_run_cell", witness.before_cell)
    shell.events.register("post_run_cell", witness.after_cell)
    shell.ast_transformers.append(Instrument())
    witness.files.watch_shell(shell)
    shell.register_magic_function(witness.testify, "line", "nbship_testify")
    setattr(builtins, SEEN, witness.calls.seen)
    setattr(builtins, GAVE, witness.calls.gave)
    sys.addaudithook(witness.files.hook)
    sys.meta_path.insert(0, witness.neighbours)
    witness.readings.install()
    seed_generators(int(os.environ["NBSHIP_SEED"]))
    witness.random = testimony.random_marks()


class Witness:
    """Compares the namespace before and after each cell."""

    def __init__(self, shell: Any, folder: Path, root: Path) -> None:
        self.neighbours = Neighbours(root)
        self.shell = shell
        self.folder = folder
        self.calls = Calls()
        self.files = Files()
        self.readings = Readings(shell.user_ns)
        self.hidden = dict(shell.user_ns)
        self.marks: dict[str, tuple[int, str]] = {}
        self.random = testimony.random_marks()
        self.modules = frozenset(sys.modules)

    def names(self) -> Iterator[tuple[str, Any]]:
        """Yield the user's names with their values; IPython's own are left out."""
        for name, value in list(self.shell.user_ns.items()):
            ours = name in _HIDDEN or (
                name.startswith("_") and (name.strip("_") == "" or name[1:2] in "0123456789i_")
            )
            if not ours and not (name in self.hidden and self.hidden[name] is value):
                yield name, value

    def before_cell(self, info: Any) -> None:
        """Forget the files of the cell before."""
        self.files.start()

    def after_cell(self, result: Any) -> None:
        """Write down what the cell did; its own error, if any, is the caller's to report."""
        if not getattr(result.info, "store_history", True):
            return
        self.files.stop()
        now = {name: (id(value), testimony.mark(value)) for name, value in self.names()}
        values = dict(self.names())
        bound = [
            name for name, mark in now.items() if name not in self.marks or self.marks[name][0] != mark[0]
        ]
        changed = [name for name, mark in now.items() if name not in bound and self.marks[name][1] != mark[1]]
        random = testimony.random_marks()
        self._write(
            {
                "ok": result.success,
                "failed_line": _failed_line(result),
                "shown": result.result is not None,
                "folder": str(Path.cwd()),
                "bound": bound,
                "changed": changed,
                "deleted": [name for name in self.marks if name not in now],
                "types": {name: describe(values[name]) for name in [*bound, *changed]},
                "random": sorted(
                    name for name, mark in random.items() if self.random.get(name, mark) != mark
                ),
                "reads": self.files.reads,
                "writes": self.files.writes,
                "beyond": sorted(self.files.beyond),
                "figures": testimony.open_figures(),
            }
        )
        self.marks, self.random = now, random

    def _write(self, fact: dict[str, Any]) -> None:
        with (self.folder / "cells.jsonl").open("a", encoding="utf-8") as sink:
            sink.write(json.dumps(fact) + "\n")

    def testify(self, _: str = "") -> None:
        """Write what stands at the end: every value's tokens, types, aliases, functions, distributions."""
        peak = testimony.peak_bytes()  # what follows takes memory of its own
        values = {name: value for name, value in self.names() if not isinstance(value, types.ModuleType)}
        with (self.folder / "values.pickle").open("wb") as sink:
            for name, value in values.items():
                pickle.dump(
                    (name, list(testimony.tokens_or_opaque(value, self.neighbours.roots))), sink, protocol=5
                )
        found = distributions()
        pins = closure(found)
        loaded = {pin for name, own in found.items() if name not in self.modules for pin in own}
        end = {
            "types": {name: describe(value) for name, value in values.items()},
            "kinds": {name: testimony.kind(value) for name, value in values.items()},
            "aliases": testimony.aliases(values),
            "functions": self.calls.signatures(),
            "modules": {
                name: value.__name__ for name, value in self.names() if isinstance(value, types.ModuleType)
            },
            "origins": {name: testimony.origin(value) for name, value in values.items()},
            "distributions": found,
            "untyped": untyped(),
            "closure": list(pins),
            "requirements": requirements(pins, loaded),
            "elsewhere": elsewhere(pins),
            "peak_bytes": peak,
            "gpu": testimony.gpu(),
            "summaries": {name: testimony.summary(value) for name, value in values.items()},
            "neighbours": self.neighbours.sources,
            "python": platform.python_version(),
            "datasets": self.readings.told(),
        }
        (self.folder / "end.json").write_text(json.dumps(end), encoding="utf-8")


def _failed_line(result: Any) -> int | None:
    """Give the line of the cell in which it raised, if it did."""
    error = result.error_in_exec
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__ if error is not None else None)
        if frame.f_globals.get("__name__") == "__main__" and frame.f_code.co_name == "<module>"
    ]
    return lines[0] if lines else None
