"""What can be said of a value without keeping it: a mark that changes with it, its kind, a summary."""

from __future__ import annotations

import functools
import json
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import xxhash

from nbship.canonical import digest, tokens

__all__ = [
    "aliases",
    "gpu",
    "kind",
    "mark",
    "open_figures",
    "origin",
    "peak_bytes",
    "random_marks",
    "summary",
    "tokens_or_opaque",
]

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)
#: Modules whose objects stand for something outside the value: a connection, a task, a lock.
_HANDLES = frozenset({"_asyncio", "asyncio", "sqlite3", "threading", "_thread", "socket", "concurrent"})


def tokens_or_opaque(value: object, own: Iterable[str] = ()) -> Iterator[tuple[str, str, Any]]:
    """Yield a value's tokens; one that cannot be taken apart ends with an opaque one.

    ``own`` names packages whose classes count as the user's own.
    """
    try:
        yield from tokens(value, own=own)
    except Exception as error:  # noqa: BLE001  # a value that cannot be taken apart is unchecked, not a failure
        yield "", "opaque", f"{type(value).__name__} ({type(error).__name__})"


def mark(value: object) -> str:
    """Give a digest that changes with the value's content."""
    if isinstance(value, type) and value.__module__ == "__main__":
        own = {
            name: id(member) for name, member in vars(value).items() if callable(member) or name[:2] != "__"
        }
        return json.dumps(own)  # what was put on a class later; its values may be anything
    if isinstance(value, (types.ModuleType, types.FunctionType, type)) or kind(value) == "figure":
        return ""
    hasher = xxhash.xxh3_128()
    digest(tokens_or_opaque(value), hasher)
    return hasher.hexdigest()


def kind(value: Any) -> str:  # noqa: PLR0911  # one line for each kind of value
    """Tell how Results treats a value: what is left out there is named here."""
    module = type(value).__module__
    if isinstance(value, type):
        return "class"
    if callable(value) and (isinstance(value, _FUNCTIONS) or hasattr(value, "__wrapped__")):
        return "function"
    if module.startswith(("matplotlib.", "mpl_toolkits.", "plotly.", "seaborn.", "altair.")):
        return "figure"
    if _holds_figures(value):
        return "figure"
    if isinstance(value, Iterator) or hasattr(value, "readline") or _is_resource(value):
        return "iterator"
    if module.split(".")[0] in _HANDLES:
        return "handle"
    if isinstance(value, (bool, int, float, complex)) or (
        module == "numpy" and not hasattr(value, "__len__")
    ):
        return "number"
    if hasattr(value, "get_params") or _is_fitted_elsewhere(value) or _is_own_model(value):
        return "model"
    return "value"


def _holds_figures(value: Any) -> bool:
    """Whether an array of objects or a list holds figures or axes, as ``plt.subplots`` gives them."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        items = list(value.ravel()[:1]) if value.dtype.kind == "O" else []
    else:
        items = list(value)[:20] if isinstance(value, (list, tuple)) else []
    return bool(items) and all(kind(item) == "figure" for item in items)


def _is_fitted_elsewhere(value: Any) -> bool:
    root = type(value).__module__.split(".")[0]
    return root in ("xgboost", "lightgbm", "catboost", "statsmodels", "keras", "torch") and (
        hasattr(value, "predict") or hasattr(value, "params") or hasattr(value, "state_dict")
    )


def _is_resource(value: Any) -> bool:
    """Whether a value stands for something outside that is opened and closed: a writer, a connection, a session."""
    kind = type(value)
    return hasattr(kind, "__exit__") and hasattr(kind, "close") and not hasattr(kind, "__len__")


def _is_own_model(value: Any) -> bool:
    """Whether a class that the notebook defines, or takes from beside it, learns and predicts."""
    own = hasattr(value, "__dict__") and type(value).__module__.split(".")[
        0
    ] not in sys.stdlib_module_names - {"__main__"}
    return (
        own
        and any(callable(getattr(value, name, None)) for name in ("fit", "train"))
        and hasattr(value, "predict")
    )


def origin(value: Any) -> str:
    """Give ``module.name`` of functions and classes that were imported, empty for the user's own."""
    module = getattr(value, "__module__", None) or ""
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)) and module not in (
        "__main__",
        "",
    ):
        return f"{module}.{getattr(value, '__name__', '')}"
    return ""


def aliases(values: dict[str, Any]) -> list[list[str]]:
    """Group names that hold one mutable object."""
    groups: dict[int, list[str]] = {}
    for name, value in values.items():
        if not isinstance(
            value,
            (str, bytes, int, float, complex, bool, type(None), tuple, frozenset, type, types.FunctionType),
        ):
            groups.setdefault(id(value), []).append(name)
    return [sorted(names) for names in groups.values() if len(names) > 1]


def _class_name(value: Any) -> str:
    """Name a value's class; the lines of a shell command are a list anywhere but at a prompt."""
    name = type(value).__name__
    return "list" if name == "SList" else name


def open_figures() -> int:
    """Count the figures that pyplot holds."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return len(pyplot.get_fignums()) if pyplot is not None else 0


def random_marks() -> dict[str, str]:
    """Give a mark of each global random generator that is loaded."""
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


def peak_bytes() -> int:
    """Give the most memory that this process has had so far; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def gpu() -> str:
    """Name the loaded library that has used a GPU, "" if none has."""
    torch, tensorflow = sys.modules.get("torch"), sys.modules.get("tensorflow")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return "torch"
    if tensorflow is not None and tensorflow.config.list_physical_devices("GPU"):
        return "tensorflow"
    return ""


def summary(value: Any) -> dict[str, Any]:
    """What a test may say about a value: its class, shape and columns, and a plain number itself."""
    found: dict[str, Any] = {"class": _class_name(value)}
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
