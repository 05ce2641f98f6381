"""The numbers that a cell's own text measures, taken where they are computed and handed on as they are.

The cell runs a tree in which each place (`nbship_magics.places`) is inside a call of ours that gives back the very object.
The source, line numbers and tracebacks stay the notebook's. Cells that time code run as they are, and so do functions where
there is a compiler of bytecode. A function may be sent to a process without us: there it does without the call.
"""

from __future__ import annotations

import ast
import builtins
import copy
import itertools
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbship_magics.dataflow import Dataflow
from nbship_magics.fitted import is_estimator
from nbship_magics.metrics import is_number
from nbship_magics.places import Loop, Place, places
from nbship_magics.redaction import kept_value
from nbship_magics.words import speaks_of_metric

__all__ = ["ByHand", "Noted", "Result"]

_log = logging.getLogger("nbship.magics")

#: The name among the builtins that the cells' trees call.
PROBE = "_nbship_measured"
_MOST_VALUES = 1000
_MOST_NAMES = 40
_LONGEST_NAME = 60
_MOST_INSIDE = 500
_TIMED = ("timeit", "%prun", "%memit", "%lprun", "%mprun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A number that a place gave: the name it gets there, and the object itself."""

    name: str
    value: float
    result: Any
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a library's measuring function gave, whatever it is, and the name that it has where it was called."""

    name: str
    result: Any
    named: bool


class ByHand:
    """A transformer of cells' trees, as IPython takes them, and what came of the last one."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.noted: list[Noted] = []
        self.results: list[Result] = []
        self._namespace = namespace
        self._flows = Dataflow()
        self._places: dict[int, Place] = {}
        self._inside: dict[int, Place] = {}
        self._numbers = itertools.count()
        self._names: set[str] = set()
        self._on = False

    def install(self, transformers: list[Any]) -> None:
        """Be asked for each cell."""
        setattr(builtins, PROBE, self.note)
        _ASKED.append(self)
        transformers.append(self)

    def remove(self, transformers: list[Any]) -> None:
        """Be asked no longer. What runs yet calls a probe that does nothing."""
        if self in transformers:
            transformers.remove(self)
        if self in _ASKED:
            _ASKED.remove(self)
        if getattr(builtins, PROBE, None) == self.note:
            setattr(builtins, PROBE, _handed_on)
        self._on = False

    def begin_cell(self, source: str) -> None:
        """Forget the last cell's numbers."""
        self.noted = []
        self.results = []
        self._names.clear()
        self._places.clear()
        self._on = not any(word in source for word in _TIMED)

    def end_cell(self) -> None:
        """Take no more: what runs from here on is not the cell."""
        self._on = False

    def visit(self, tree: Any) -> Any:
        """Give the tree of a cell with probes in it; the tree itself where there is nothing to measure."""
        if not self._on or not isinstance(tree, ast.Module):
            return tree
        try:
            found = places(tree, self._flows)
        except Exception:  # noqa: BLE001  # a tree that we do not understand runs as it is
            _log.exception("a cell was not searched for numbers")
            return tree
        if "numba" in sys.modules or len(self._inside) > _MOST_INSIDE:
            found = [place for place in found if not place.inside]
        return _Probing(*self._numbered(found)).visit(tree) if found else tree

    def _numbered(self, found: list[Place]) -> tuple[dict[int, int], dict[int, int]]:
        """Give the numbers of the places, by node: those of the cell itself, and those that outlive it in functions."""
        numbers = {next(self._numbers): place for place in found}
        self._places |= {number: place for number, place in numbers.items() if not place.inside}
        self._inside |= {number: place for number, place in numbers.items() if place.inside}
        nodes = {id(place.node): number for number, place in numbers.items()}
        inside = {id(place.node) for place in found if place.inside}
        return (
            {node: number for node, number in nodes.items() if node not in inside},
            {node: number for node, number in nodes.items() if node in inside},
        )

    def note(self, number: int, result: Any) -> Any:
        """Note what a place gave, and hand it on."""
        place = self._places.get(number) or self._inside.get(number)
        if place is not None and self._on and len(self.noted) + len(self.results) < _MOST_VALUES:
            try:
                self._note(place, result)
            except Exception:  # noqa: BLE001  # the user's objects may raise on any touch
                _log.exception("a number was not recorded")
        return result

    def _note(self, place: Place, result: Any) -> None:
        label = _label(place.loops, self._namespace)
        if place.function:
            self.results.append(
                Result(name=_qualified(place.name, label, place), result=result, named=place.named)
            )
        for name, value, one in _numbers(place, result):
            own = _qualified(name, label, place)
            if own in self._names or len(self._names) < _MOST_NAMES:
                self._names.add(own)
                self.noted.append(Noted(name=own, value=value, result=one, place=place))


def _handed_on(_: int, result: Any) -> Any:
    return result


_ASKED: list[ByHand] = []


def said(number: int, result: Any) -> Any:
    """Note what a function is about to print, and hand it on."""
    return _ASKED[-1].note(number, result) if _ASKED else result


#: What stands for an expression in a function, where ``_`` is the expression and 0 its number.
_SAFELY = """
__import__("sys").modules[{name!r}].said(0, _) if {name!r} in __import__("sys").modules else _
""".strip().format(name=__name__)


class _Probing(ast.NodeTransformer):
    """Puts each place into a call of the probe."""

    def __init__(self, numbers: Mapping[int, int], inside: Mapping[int, int]) -> None:
        self._numbers = numbers
        self._inside = inside

    def visit(self, node: ast.AST) -> Any:
        """Give a node with probes inside and around it; functions and classes stay as they are."""
        number = self._numbers.get(id(node))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not self._inside:
            return node
        self.generic_visit(node)
        if (within := self._inside.get(id(node))) is not None and isinstance(node, ast.expr):
            return ast.fix_missing_locations(ast.copy_location(_safely(within, node), node))
        if number is None:
            return node
        assert isinstance(node, ast.expr)
        call = ast.Call(ast.Name(PROBE, ast.Load()), [ast.Constant(number), node], [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


def _safely(number: int, node: ast.expr) -> ast.expr:
    """Give an expression that hands a value on, by way of us where we are."""
    made = ast.parse(_SAFELY, mode="eval").body
    for part in ast.walk(made):
        if isinstance(part, ast.Call) and len(part.args) == 2:  # noqa: PLR2004  # the number and the expression
            part.args = [ast.Constant(number), node]
    assert isinstance(made, ast.IfExp)
    made.orelse = copy.deepcopy(node)
    return made


def _numbers(place: Place, result: Any) -> Iterator[tuple[str, float, Any]]:
    """Give ``(name, number, object)`` of what a place gave: one, or the parts of a tuple, a dict, a history."""
    if place.parts:
        if isinstance(result, tuple | list) and len(result) == len(place.parts):
            for name, part in zip(place.parts, result, strict=True):
                if name:
                    yield from _flat(name, part, whole=place.trained)
    elif type(result) is dict:
        for key, part in list(result.items())[:_MOST_NAMES]:
            if isinstance(key, str) and speaks_of_metric(key):
                yield from _flat(f"{place.name}.{key}", part, whole=True)
    else:
        yield from _flat(place.name, result, whole=place.trained or place.named)


def _flat(name: str, value: Any, *, whole: bool, nested: bool = True) -> Iterator[tuple[str, float, Any]]:
    """Give a number; of a list or an array of numbers, where the ``whole`` is wanted, all, thinned to what is kept."""
    number = _number(value)
    if number is not None:
        yield name, number, value
    elif whole and (type(value) is list or getattr(value, "ndim", 0) == 1) and len(value) > 0:
        numbers = [_number(item) for item in _thinned(value)]
        if all(item is not None for item in numbers):
            yield from ((name, item, value) for item in numbers if item is not None)
        elif nested and type(value) is list and len(value) <= _MOST_NAMES:  # a history for each class
            for place, inner in enumerate(value if all(type(item) is list for item in value) else ()):
                yield from _flat(f"{name}.{place}", inner, whole=True, nested=False)


def _number(value: Any) -> float | None:
    """Give a Python, numpy or torch number as a float; None for anything else, a truth value too."""
    if is_number(value):
        return float(value)
    kind = type(value)
    if kind.__module__.partition(".")[0] in {"numpy", "torch", "jax", "jaxlib", "tensorflow"} and (
        getattr(value, "shape", None) == () or getattr(value, "ndim", None) == 0
    ):
        kept = value.detach() if hasattr(value, "detach") else value
        item = kept.item() if hasattr(kept, "item") else kept.numpy().item()
        return float(item) if is_number(item) else None
    return None


def _thinned(values: Any) -> list[Any]:
    """Give at most as many values as are kept, evenly, the last one among them."""
    step = -(-len(values) // _MOST_VALUES)
    kept = list(range(len(values) - 1, -1, -step))[::-1]
    return [values[place] for place in kept]


def _qualified(name: str, label: str, place: Place) -> str:
    """Give a name that tells the turns of a loop apart: ``model.score.X`` becomes ``Ridge.score.X``."""
    owner, _, rest = name.partition(".")
    if label and rest and any(owner in loop.targets for loop in place.loops):
        return f"{label}.{rest}"
    return f"{name}.{label}" if label else name


def _label(loops: tuple[Loop, ...], namespace: Mapping[str, Any]) -> str:
    """Give what tells the turns of loops apart by a word: a model's name, or a text that stands in the cell."""
    return ".".join(word for loop in loops if (word := _word(loop, namespace)))


def _word(loop: Loop, namespace: Mapping[str, Any]) -> str:
    held = [namespace.get(name) for name in loop.targets]
    texts = [value for value in held if type(value) is str and len(value) > 0 <= _LONGEST_NAME]
    models = [value for value in held if is_estimator(value)]
    through = namespace.get(loop.through)
    if texts and not models and type(through) is dict:
        models = [through[texts[0]]] if is_estimator(through.get(texts[0])) else []
    if texts and (models or loop.literal):  # a text from anywhere else may be somebody's
        return str(kept_value("", texts[0]))
    return type(models[0]).__name__ if models else ""
