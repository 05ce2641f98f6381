"""The witness of a clean run: what each cell really did, written down for the converter.

A kernel that the converter starts loads this module as an extension (``--ext``) with ``NBSHIP_WITNESS``
naming a scratch folder. After each cell it writes one line of ``cells.jsonl``: names bound, rebound, changed
in place or deleted, types, random state used, files read and written, figures open. ``%nbship_testify``
at the end writes ``end.json`` (types of the user's functions, aliases, what was imported) and ``values.pickle``
(the tokens of every value, for the comparison with the package).

Unlike the recording of a live session it checks every name after every cell, however long that takes.
"""

from __future__ import annotations

import ast
import builtins
import importlib.metadata
import json
import os
import pickle
import platform
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash

from nbship.canonical import digest, tokens
from nbship_magics.describe import describe, merge

#: Calls of one function of the user's that are looked at.
MOST_CALLS = 40
_HIDDEN = {"In", "Out", "exit", "quit", "open", "get_ipython", "display"}
_SEEN, _GAVE = "_nbship_seen", "_nbship_gave"


def load_ipython_extension(shell: Any) -> None:
    """Watch every cell of this kernel and write what it did into the folder of ``NBSHIP_WITNESS``."""
    witness = Witness(shell, Path(os.environ["NBSHIP_WITNESS"]))
    shell.events.register("pre_run_cell", witness.before_cell)
    shell.events.register("post_run_cell", witness.after_cell)
    shell.ast_transformers.append(_Instrument())
    shell.register_magic_function(witness.testify, "line", "nbship_testify")
    setattr(builtins, _SEEN, witness.calls.seen)
    setattr(builtins, _GAVE, witness.calls.gave)
    sys.addaudithook(witness.files.hook)


class Witness:
    """Compares the namespace before and after each cell."""

    def __init__(self, shell: Any, folder: Path) -> None:
        self.shell = shell
        self.folder = folder
        self.calls = _Calls()
        self.files = _Files()
        self.hidden = dict(shell.user_ns)
        self.marks: dict[str, tuple[int, str]] = {}
        self.random = _random_marks()

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
        now = {name: (id(value), _mark(value)) for name, value in self.names()}
        values = dict(self.names())
        bound = [
            name for name, mark in now.items() if name not in self.marks or self.marks[name][0] != mark[0]
        ]
        changed = [name for name, mark in now.items() if name not in bound and self.marks[name][1] != mark[1]]
        random = _random_marks()
        self._write(
            {
                "ok": result.success,
                "bound": bound,
                "changed": changed,
                "deleted": [name for name in self.marks if name not in now],
                "types": {name: describe(values[name]) for name in [*bound, *changed]},
                "random": sorted(
                    name for name, mark in random.items() if self.random.get(name, mark) != mark
                ),
                "reads": self.files.reads,
                "writes": self.files.writes,
                "figures": _open_figures(),
            }
        )
        self.marks, self.random = now, random

    def _write(self, fact: dict[str, Any]) -> None:
        with (self.folder / "cells.jsonl").open("a", encoding="utf-8") as sink:
            sink.write(json.dumps(fact) + "\n")

    def testify(self, _: str = "") -> None:
        """Write what stands at the end: every value's tokens, types, aliases, functions, distributions."""
        values = {name: value for name, value in self.names() if not isinstance(value, types.ModuleType)}
        with (self.folder / "values.pickle").open("wb") as sink:
            for name, value in values.items():
                pickle.dump((name, list(_tokens_or_opaque(value))), sink, protocol=5)
        end = {
            "types": {name: describe(value) for name, value in values.items()},
            "kinds": {name: _kind(value) for name, value in values.items()},
            "aliases": _aliases(values),
            "functions": self.calls.signatures(),
            "modules": {
                name: value.__name__ for name, value in self.names() if isinstance(value, types.ModuleType)
            },
            "origins": {name: _origin(value) for name, value in values.items()},
            "distributions": _distributions(),
            "untyped": _untyped(),
            "closure": _closure(_distributions()),
            "summaries": {name: _summary(value) for name, value in values.items()},
            "python": platform.python_version(),
        }
        (self.folder / "end.json").write_text(json.dumps(end), encoding="utf-8")


def _tokens_or_opaque(value: object) -> Iterator[tuple[str, str, Any]]:
    try:
        yield from tokens(value)
    except Exception as error:  # noqa: BLE001  # a value that cannot be taken apart is unchecked, not a failure
        yield "", "opaque", f"{type(value).__name__} ({type(error).__name__})"


def _mark(value: object) -> str:
    if isinstance(value, (types.ModuleType, types.FunctionType, type)):
        return ""
    hasher = xxhash.xxh3_128()
    digest(_tokens_or_opaque(value), hasher)
    return hasher.hexdigest()


def _kind(value: Any) -> str:  # noqa: PLR0911  # one line for each kind of value
    """Tell how Results treats a value: what is left out there is named here."""
    module = type(value).__module__
    if isinstance(value, type):
        return "class"
    if callable(value) and isinstance(
        value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
    ):
        return "function"
    if module.startswith(("matplotlib.", "mpl_toolkits.", "plotly.", "seaborn.", "altair.")):
        return "figure"
    if _holds_figures(value):
        return "figure"
    if isinstance(value, Iterator) or hasattr(value, "readline"):
        return "iterator"
    if isinstance(value, (bool, int, float, complex)) or (
        module == "numpy" and not hasattr(value, "__len__")
    ):
        return "number"
    if hasattr(value, "get_params") or _is_fitted_elsewhere(value):
        return "model"
    return "value"


def _holds_figures(value: Any) -> bool:
    """Whether an array of objects or a list holds figures or axes, as ``plt.subplots`` gives them."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        items = list(value.ravel()[:1]) if value.dtype.kind == "O" else []
    else:
        items = list(value)[:20] if isinstance(value, (list, tuple)) else []
    return bool(items) and all(_kind(item) == "figure" for item in items)


def _is_fitted_elsewhere(value: Any) -> bool:
    root = type(value).__module__.split(".")[0]
    return root in ("xgboost", "lightgbm", "catboost", "statsmodels", "keras", "torch") and (
        hasattr(value, "predict") or hasattr(value, "params") or hasattr(value, "state_dict")
    )


def _origin(value: Any) -> str:
    """Give ``module.name`` of functions and classes that were imported, empty for the user's own."""
    module = getattr(value, "__module__", None) or ""
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)) and module not in (
        "__main__",
        "",
    ):
        return f"{module}.{getattr(value, '__name__', '')}"
    return ""


def _aliases(values: dict[str, Any]) -> list[list[str]]:
    """Group names that hold one mutable object."""
    groups: dict[int, list[str]] = {}
    for name, value in values.items():
        if not isinstance(
            value,
            (str, bytes, int, float, complex, bool, type(None), tuple, frozenset, type, types.FunctionType),
        ):
            groups.setdefault(id(value), []).append(name)
    return [sorted(names) for names in groups.values() if len(names) > 1]


def _open_figures() -> int:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return len(pyplot.get_fignums()) if pyplot is not None else 0


def _random_marks() -> dict[str, str]:
    import random

    marks = {"random": str(hash(random.getstate()))}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        state = numpy.random.get_state()
        marks["numpy"] = f"{xxhash.xxh3_64_hexdigest(state[1].tobytes())}:{state[2:]}"
    torch = sys.modules.get("torch")
    if torch is not None:
        marks["torch"] = xxhash.xxh3_64_hexdigest(torch.get_rng_state().numpy().tobytes())
    return marks


def _distributions() -> dict[str, list[str]]:
    """Give, for each top-level module that is loaded, the distributions that hold it, as ``name==version``."""
    loaded = {name.split(".")[0] for name in sys.modules}
    found: dict[str, list[str]] = {}
    for module, names in importlib.metadata.packages_distributions().items():
        if module in loaded:
            found[module] = sorted({f"{name}=={importlib.metadata.version(name)}" for name in names})
    return found


def _untyped() -> list[str]:
    """Give the loaded top-level packages that do not say ``py.typed``, so that a type checker cannot follow them."""
    found = []
    for name in {name.split(".")[0] for name in sys.modules}:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and "site-packages" in file and not (Path(file).parent / "py.typed").exists():
            found.append(name)
    return sorted(found)


def _closure(distributions: dict[str, list[str]]) -> list[str]:
    """Give every installed distribution that the loaded ones require, pinned, without extras."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pending = [pin.partition("==")[0] for pins in distributions.values() for pin in pins]
    found: dict[str, str] = {}
    while pending:
        name = canonicalize_name(pending.pop())
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = distribution.version
        for line in distribution.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(requirement.name)
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _summary(value: Any) -> dict[str, Any]:
    """What a test may say about a value: its class, shape and columns, and a plain number itself."""
    found: dict[str, Any] = {"class": type(value).__name__}
    try:
        if isinstance(value, (bool, int, float)):
            found["number"] = value if isinstance(value, (bool, int)) else float(repr(float(value)))
        elif type(getattr(value, "shape", None)) is tuple:
            found["shape"] = [int(length) for length in value.shape]
            if hasattr(value, "columns") and all(isinstance(name, str) for name in value.columns):
                found["columns"] = [str(name) for name in value.columns][:200]
            elif getattr(getattr(value, "dtype", None), "kind", "") in ("f", "i", "u", "b") and value.size:
                found["mean"] = float(value.mean())
        elif isinstance(value, (list, tuple, dict, set, str)):
            found["length"] = len(value)
    except Exception:  # noqa: BLE001  # the user's object may raise on any touch
        return found
    return found


class _Files:
    """Notes which files a cell opens; an audit hook cannot be removed, so it looks at a switch first."""

    def __init__(self) -> None:
        self.watching = False
        self.reads: list[str] = []
        self.writes: list[str] = []

    def start(self) -> None:
        self.reads, self.writes, self.watching = [], [], True

    def stop(self) -> None:
        self.watching = False

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.watching or event not in ("open", "sqlite3.connect", "os.listdir", "os.scandir"):
            return
        try:
            self._note(event, args)
        except Exception:  # noqa: BLE001  # a hook that raises would stop the user's cell
            return

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        if not isinstance(args[0], (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100  # resolve() would open what it follows
        mode = str(args[1] or "") if event == "open" else ""
        flags = args[2] if event == "open" and isinstance(args[2], int) else 0
        writing = any(letter in mode for letter in "wax+") or (
            not mode and bool(flags & (os.O_WRONLY | os.O_RDWR))
        )
        kept = self.writes if writing else self.reads
        if path not in kept:
            kept.append(path)


class _Calls:
    """What the user's own functions were given and gave back."""

    def __init__(self) -> None:
        self.parameters: dict[str, dict[str, set[str]]] = {}
        self.returns: dict[str, set[str]] = {}
        self.counts: dict[str, int] = {}

    def seen(self, name: str, values: dict[str, Any]) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.counts[name] <= MOST_CALLS:
            kept = self.parameters.setdefault(name, {})
            for parameter, value in values.items():
                kept.setdefault(parameter, set()).add(_describe_safely(value))

    def gave(self, name: str, value: Any) -> Any:
        if self.counts.get(name, 0) <= MOST_CALLS:
            self.returns.setdefault(name, set()).add(_describe_safely(value))
        return value

    def signatures(self) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "parameters": {parameter: merge(seen) for parameter, seen in parameters.items()},
                "returns": merge(self.returns.get(name, {"None"})),
            }
            for name, parameters in self.parameters.items()
        }


def _describe_safely(value: object) -> str:
    try:
        return describe(value)
    except Exception:  # noqa: BLE001  # the user's object may raise on any touch
        return "typing.Any"


class _Instrument(ast.NodeTransformer):
    """Makes each function that a cell defines tell what it was given and gave back.

    Only plain functions and methods at the top of a cell: a decorator may compile the source (numba) or
    rely on the signature, so decorated ones stay as they are.
    """

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                _instrument(statement, statement.name)
            elif isinstance(statement, ast.ClassDef):
                for member in statement.body:
                    if isinstance(member, ast.FunctionDef):
                        _instrument(member, f"{statement.name}.{member.name}")
        return ast.fix_missing_locations(node)


def _instrument(function: ast.FunctionDef, name: str) -> None:
    if function.decorator_list:
        return
    _Returns(name).visit_body(function)
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    seen = ast.Dict(
        keys=[ast.Constant(argument.arg) for argument in given],
        values=[ast.Name(argument.arg, ast.Load()) for argument in given],
    )
    call = ast.Expr(ast.Call(ast.Name(_SEEN, ast.Load()), [ast.Constant(name), seen], []))
    has_docstring = ast.get_docstring(function, clean=False) is not None
    function.body.insert(1 if has_docstring else 0, ast.copy_location(call, function.body[0]))


class _Returns(ast.NodeTransformer):
    """Wraps the returned expressions of one function, not of those inside it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def visit_body(self, function: ast.FunctionDef) -> None:
        function.body = [self.visit(statement) for statement in function.body]

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is not None:
            wrapped = ast.Call(ast.Name(_GAVE, ast.Load()), [ast.Constant(self.name), node.value], [])
            node.value = ast.copy_location(wrapped, node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node
