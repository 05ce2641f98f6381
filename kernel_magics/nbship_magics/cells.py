"""What a cell's text says: names it sets and touches, constants, calls of ``fit``. Runs nothing."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from nbship.facts import Scalar
from nbship.sourcehash import source_hash
from nbship_magics.redaction import kept_value
from nbship_magics.words import speaks_of_training

_STEP = re.compile(r"\A\s*%%ship[ \t]+(?P<step>[A-Za-z_][\w.:]*)[ \t]*$", re.MULTILINE)
_FITS = frozenset({"fit", "fit_transform", "fit_predict", "partial_fit", "train", "learn"})
#: Calls that give a random generator its state; a name of its own tells each from other functions.
_SEEDS = frozenset(
    {"seed", "manual_seed", "set_seed", "set_random_seed", "seed_everything", "default_rng", "RandomState"}
)
#: Names of dicts that hold settings.
_SETTINGS = re.compile(r"param|config|setting|option|kwargs", re.IGNORECASE)
_SPLITS = frozenset({"train_test_split", "KFold", "StratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit", "TimeSeriesSplit", "GroupKFold", "RepeatedKFold"})  # fmt: skip
_SPLIT_WORDS = frozenset({"test_size", "train_size", "random_state", "shuffle", "n_splits", "n_repeats"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A call ``ESTIMATOR.fit(FRAME, ...)``: the names, and the columns taken of the frame where they are written."""

    estimator: str | None
    frame: str | None
    columns: str | tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A value that stands under a name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellText:
    """A cell, read. ``choices`` are seeds, how data was split, what a training was told: by the call's name.

    ``steps`` where an optimizer takes steps, as in a training of torch's.
    """

    source_hash: str
    step: str | None
    stored: frozenset[str]
    touched: frozenset[str]
    constants: tuple[tuple[str, Scalar], ...]
    choices: tuple[tuple[str, Scalar | Named], ...]
    fits: tuple[Fit, ...]
    steps: bool = False


def step_of(source: str) -> str | None:
    """Give the step that ``%%ship STEP`` on the first line names."""
    found = _STEP.match(source)
    return found["step"] if found else None


def read(source: str, code: str) -> CellText:
    """Read a cell: ``source`` as the user wrote it, ``code`` as Python. Code that does not parse says nothing."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        tree = ast.Module(body=[], type_ignores=[])
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return CellText(
        source_hash=source_hash(source),
        step=step_of(source),
        stored=frozenset(node.id for node in found if isinstance(node.ctx, ast.Store)),
        touched=frozenset(node.id for node in found),
        constants=tuple(_knobs(tree, found)),
        choices=tuple(_choices(tree)),
        fits=tuple(_fits(tree)),
        steps=any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in ast.walk(tree)),
    )


def _knobs(tree: ast.Module, found: list[ast.Name]) -> list[tuple[str, Scalar]]:
    """Give the constants of a cell; a name that the cell sets again otherwise is a counter or a sum."""
    constants = [pair for statement in tree.body for pair in _constants(statement)]
    written = Counter(name for name, _ in constants)
    stored = Counter(node.id for node in found if isinstance(node.ctx, ast.Store))
    return [(name, value) for name, value in constants if stored[name] <= written[name]]


def _constants(statement: ast.stmt) -> list[tuple[str, Scalar]]:
    """Give ``NAME = constant`` of a top-level statement, tuples too."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return _pairs(statement.target, statement.value)
    if isinstance(statement, ast.Assign):
        return [pair for target in statement.targets for pair in _pairs(target, statement.value)]
    return []


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[str, Scalar]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return [pair for one, other in pairs for pair in _pairs(one, other)]
    if not isinstance(target, ast.Name) or target.id.startswith("_"):
        return []
    if isinstance(value, ast.Dict) and _SETTINGS.search(target.id):
        return _items(target.id, value)
    constant = _constant(value)
    return [] if constant is None else [(target.id, kept_value(target.id, constant))]


def _items(name: str, settings: ast.Dict) -> list[tuple[str, Scalar]]:
    """Give the constants of a dict that holds settings, as ``xgboost.train`` takes them."""
    pairs = [
        (key.value, _constant(item))
        for key, item in zip(settings.keys, settings.values, strict=True)
        if isinstance(key, ast.Constant)
    ]
    return [(f"{name}.{key!s}", kept_value(str(key), item)) for key, item in pairs if item is not None]


def _choices(tree: ast.Module) -> Iterator[tuple[str, Scalar | Named]]:
    """Give ``np.random.seed(42)`` as ``("np.random.seed", 42)``, and of splits what they were told."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else ""
        last = name.rpartition(".")[2]
        if last in _SEEDS and (call.args or call.keywords):
            value = _chosen(call.args[0] if call.args else call.keywords[0].value)
            if isinstance(value, int | Named) and not isinstance(value, bool):
                yield name, value
        elif last in _SPLITS:
            for keyword in call.keywords:
                if keyword.arg in _SPLIT_WORDS and (value := _chosen(keyword.value)) is not None:
                    yield f"{last}.{keyword.arg}", value
        elif speaks_of_training(last):
            for keyword in call.keywords:
                value = _chosen(keyword.value)
                if keyword.arg not in {None, "verbose", "X", "y"} and value is not None:
                    yield f"{name}.{keyword.arg}", value


def _chosen(value: ast.expr) -> Scalar | Named:
    return Named(name=value.id) if isinstance(value, ast.Name) else _constant(value)


def _constant(value: ast.expr) -> Scalar:
    sign = 1
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        sign, value = -1, value.operand
    if not isinstance(value, ast.Constant) or not isinstance(value.value, bool | int | float | str):
        return None
    if sign == 1:
        return value.value
    return -value.value if isinstance(value.value, int | float) else None


def _fits(tree: ast.Module) -> list[Fit]:
    """Give all fits; one that a statement assigns straight away belongs to the assigned name."""
    owners: dict[ast.expr, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            owners[node.value] = node.targets[0].id
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [_fit(call, owners.get(call)) for call in calls if _method(call) in _FITS]


def _method(call: ast.Call) -> str | None:
    return call.func.attr if isinstance(call.func, ast.Attribute) else None


def _fit(call: ast.Call, owner: str | None) -> Fit:
    assert isinstance(call.func, ast.Attribute)
    receiver = ast.unparse(call.func.value) if not isinstance(call.func.value, ast.Call) else owner
    given = (
        call.args[0] if call.args else next((item.value for item in call.keywords if item.arg == "X"), None)
    )
    if isinstance(given, ast.Name):
        return Fit(estimator=receiver, frame=given.id)
    if isinstance(given, ast.Subscript) and isinstance(given.value, ast.Name):
        columns = _columns(given.slice)
        if columns is not None:
            return Fit(estimator=receiver, frame=given.value.id, columns=columns)
    return Fit(estimator=receiver, frame=None)


def _columns(chosen: ast.expr) -> str | tuple[str, ...] | None:
    """Give the columns of ``frame[columns]``: the name that holds them, or a written list of them."""
    if isinstance(chosen, ast.Name):
        return chosen.id
    if isinstance(chosen, ast.List):
        texts = [item.value for item in chosen.elts if isinstance(item, ast.Constant)]
        if len(texts) == len(chosen.elts) and all(isinstance(text, str) for text in texts):
            return tuple(str(text) for text in texts)
    return None
