"""How each kind of value is taken apart into tokens; see `nbship.canonical` for what they are for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import inspect
import io
import pathlib
import re
import sys
import types
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

__all__ = ["Token", "Walk", "array_bytes", "digest", "is_timing"]

#: Where in a value, what it is there, and its content.
Token = tuple[str, str, Any]

#: How deep a value is followed; deeper than any estimator seen, shallow enough for the interpreter's stack.
MAX_DEPTH = 120

_EXACT = (bool, int, str, bytes, type(None), complex)
_BY_TEXT = (
    dt.date,
    dt.time,
    dt.timedelta,
    dt.tzinfo,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    pathlib.PurePath,
    range,
    slice,
)
_OPAQUE = (types.GeneratorType, types.CoroutineType, types.FrameType, types.TracebackType)
_DRAWN_BY = frozenset({"matplotlib", "mpl_toolkits", "plotly", "altair", "bokeh", "seaborn", "ipywidgets"})
#: The lines that IPython gives for ``lines = !command``: a list with shortcuts for a prompt.
_SHELL_LINES = "IPython.utils.text.SList"
_CACHES = frozenset({"_cache", "_cacher", "_item_cache"})
_TIMING = re.compile(r"(^|_)(time|times|seconds|duration)_?$")


class _Hasher(Protocol):
    def update(self, data: Any, /) -> Any: ...


def digest(stream: Iterable[Token], hasher: _Hasher) -> None:
    """Feed a token stream to a hasher (``blake3.blake3()``, ``xxhash.xxh3_128()``, any with ``update``)."""
    numpy = sys.modules.get("numpy")
    for label, kind, payload in stream:
        hasher.update(f"{label}\0{kind}\0".encode("utf-8", "surrogatepass"))
        if numpy is not None and isinstance(payload, numpy.ndarray):
            hasher.update(array_bytes(payload))
        else:
            hasher.update(repr(payload).encode("utf-8", "surrogatepass"))


def is_timing(name: str) -> bool:
    """Whether an attribute or key of this name holds how long something took.

    >>> is_timing("refit_time_"), is_timing("mean_fit_time"), is_timing("times_won")
    (True, True, False)
    """
    return _TIMING.search(name) is not None


def array_bytes(array: Any) -> memoryview | bytes:
    """Give the content of an array as bytes: in C order, with one NaN for all."""
    import numpy as np

    flat: Any = np.ascontiguousarray(array)
    if flat.dtype.kind in "fc":
        gone = np.isnan(flat)
        if gone.any():
            flat = flat.copy()
            flat[gone] = np.nan  # one payload for all
    return (
        flat.tobytes()
        if flat.dtype.kind in "mMV" or flat.ndim == 0
        else memoryview(flat).cast("B")
        if flat.size
        else b""
    )


class Walk:
    """One pass over a value; remembers what it is inside of, so that cycles end."""

    def __init__(self, own: frozenset[str]) -> None:
        self.own = own
        self.inside: set[int] = set()

    def walk(self, value: Any, label: str, depth: int) -> Iterator[Token]:
        """Yield the tokens of one value that stands at ``label``."""
        kind = type(value)
        if kind in _EXACT:
            yield label, kind.__name__, value
        elif kind is float:
            yield label, "float", value
        elif id(value) in self.inside:
            yield label, "cycle", self.name(kind)
        elif depth > MAX_DEPTH:
            yield label, "opaque", f"{kind.__name__} nested too deeply"
        else:
            self.inside.add(id(value))
            try:
                yield from self._taker(value)(self, value, label, depth + 1)
            finally:
                self.inside.discard(id(value))

    def _taker(self, value: Any) -> _Taker:
        for matches, taker in _TAKERS:
            if matches(value):
                return taker
        return _take_instance

    def name(self, kind: type) -> str:
        """Give a class's identity, without the module and function that hold it where it is the user's own."""
        return self.named(getattr(kind, "__module__", ""), kind.__qualname__)

    def named(self, module: str | None, name: str) -> str:
        """Give the full name of a function or class, the user's own wherever it was moved."""
        if (module or "").split(".")[0] in self.own:
            return name.rsplit("<locals>.", 1)[-1]
        return f"{module or ''}.{name}"


_Taker = Callable[[Walk, Any, str, int], Iterator[Token]]


def _take_array(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    masked = sys.modules["numpy"].ma.MaskedArray
    if isinstance(value, masked):
        yield label, "masked", str(value.dtype)
        yield from walk.walk(value.filled(), f"{label}.data", depth)
        yield from walk.walk(masked.__getattribute__(value, "mask"), f"{label}.mask", depth)
    elif value.dtype.names:
        yield label, "records", [str(value.dtype), list(value.shape)]
        for name in value.dtype.names:
            yield from walk.walk(value[name], f"{label}.{name}", depth)
    elif value.dtype.kind == "O":
        yield label, "objects", list(value.shape)
        for place, item in enumerate(value.ravel()):
            yield from walk.walk(item, f"{label}[{place}]", depth)
    else:
        yield label, f"array {value.dtype} {value.shape}", value.view(sys.modules["numpy"].ndarray)


def _take_number(_: Walk, value: Any, label: str, __: int) -> Iterator[Token]:
    yield label, f"numpy {value.dtype}", value.item() if value.dtype.kind in "fiub" else repr(value)


def _take_generator(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    state = value.bit_generator.state if hasattr(value, "bit_generator") else value.get_state(legacy=False)
    yield label, "random", walk.name(type(value))
    yield from walk.walk(state, f"{label}.state", depth)


def _take_frame(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    yield label, "frame", list(value.shape)
    yield from walk.walk(value.columns, f"{label}.columns", depth)
    yield from walk.walk(value.index, f"{label}.index", depth)
    for place in range(value.shape[1]):
        yield from _column(walk, value.iloc[:, place], f"{label}[{value.columns[place]!r}]", depth)


def _take_series(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    yield label, type(value).__name__, len(value)
    yield from walk.walk(list(value.names) if hasattr(value, "names") else value.name, f"{label}.name", depth)
    if hasattr(value, "index"):
        yield from walk.walk(value.index, f"{label}.index", depth)
    yield from _column(walk, value, label, depth)


def _column(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    import numpy as np

    pandas = sys.modules["pandas"]
    if isinstance(value.dtype, np.dtype) and value.dtype.kind != "O":
        yield from walk.walk(value.to_numpy(), label, depth)
        return
    yield label, "column", str(value.dtype)
    if isinstance(value.dtype, pandas.CategoricalDtype):
        categories: Any = value.dtype
        yield from walk.walk(categories.categories, f"{label}.categories", depth)
        yield from walk.walk(np.asarray(pandas.Categorical(value).codes), label, depth)
        return
    items: Any = np.array(value.astype(object), dtype=object)
    items[np.asarray(pandas.isna(items))] = None
    yield from _strings(walk, items, label, depth)


def _strings(walk: Walk, items: Any, label: str, depth: int) -> Iterator[Token]:
    """Yield a column of text as two tokens instead of one for each row."""
    if all(type(item) is str or item is None for item in items):
        yield label, "lengths", [-1 if item is None else len(item) for item in items]
        yield label, "text", "".join(item for item in items if item is not None)
    else:
        yield from walk.walk(items, label, depth)


def _take_sparse(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    matrix = value.tocsr().copy()
    matrix.sum_duplicates()
    yield label, f"sparse {value.format}", list(matrix.shape)
    for part in ("data", "indices", "indptr"):
        yield from walk.walk(getattr(matrix, part), f"{label}.{part}", depth)


def _take_tensor(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    yield label, "tensor", str(value.dtype)
    array = value.detach().cpu() if hasattr(value, "detach") else value
    yield from walk.walk(array.numpy(), label, depth)


def _take_polars(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    yield label, "polars", [str(value.shape)]
    columns = value.get_columns() if hasattr(value, "get_columns") else [value]
    for column in columns:
        yield f"{label}[{column.name!r}]", "column", str(column.dtype)
        yield from walk.walk(column.to_list(), f"{label}[{column.name!r}]", depth)


def _take_mapping(walk: Walk, value: Mapping[Any, Any], label: str, depth: int) -> Iterator[Token]:
    kept = [(key, item) for key, item in value.items() if not (type(key) is str and is_timing(key))]
    yield label, walk.name(type(value)), len(kept)
    for place, (key, item) in enumerate(kept):
        if type(key) in _EXACT:
            yield from walk.walk(item, f"{label}[{key!r}]", depth)
        else:
            yield from walk.walk(key, f"{label}.key{place}", depth)
            yield from walk.walk(item, f"{label}.value{place}", depth)


def _take_sequence(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    name = walk.name(type(value))
    kind = "list" if name == _SHELL_LINES else name
    yield label, type(value).__name__ if type(value) in (list, tuple) else kind, len(value)
    for place, item in enumerate(value):
        yield from walk.walk(item, f"{label}[{place}]", depth)


def _take_set(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    import hashlib

    def order(item: Any) -> str:
        hasher = hashlib.sha256()
        digest(walk.walk(item, "", depth), hasher)
        return hasher.hexdigest()

    yield label, type(value).__name__, len(value)
    for place, item in enumerate(sorted(value, key=order)):
        yield from walk.walk(item, f"{label}{{{place}}}", depth)


def _take_enum(walk: Walk, value: enum.Enum, label: str, _: int) -> Iterator[Token]:
    yield label, "enum", f"{walk.name(type(value))}.{value.name}"


def _take_text(walk: Walk, value: Any, label: str, _: int) -> Iterator[Token]:
    yield label, walk.name(type(value)), str(value) if not isinstance(value, dt.timedelta) else repr(value)


def _take_named(walk: Walk, value: Any, label: str, _: int) -> Iterator[Token]:
    """Functions, classes and modules nested in a value count by name: their code is not what was computed."""
    name = getattr(value, "__qualname__", getattr(value, "__name__", repr(type(value))))
    yield label, "named", walk.named(getattr(value, "__module__", None), name)


def _take_method(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    yield label, "method", value.__name__
    yield from walk.walk(value.__self__, f"{label}.__self__", depth)


def _take_partial(walk: Walk, value: functools.partial[Any], label: str, depth: int) -> Iterator[Token]:
    """Take a function with some arguments given; what an exported package gives besides does not count.

    A global that the notebook's function reads is a keyword parameter without a default in the package.
    """
    words = dict(value.keywords)
    if (getattr(value.func, "__module__", "") or "").split(".")[0] in walk.own - {"__main__"}:
        parameters = inspect.signature(value.func).parameters.values()
        given = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
        words = {word: item for word, item in words.items() if word not in given}
    if not value.args and not words and value.keywords:
        yield from walk.walk(value.func, label, depth)
        return
    yield label, "partial", walk.name(type(value))
    yield from walk.walk([value.func, list(value.args), words], label, depth)


def _take_buffer(walk: Walk, value: Any, label: str, _: int) -> Iterator[Token]:
    """Take what a file in memory holds, and where it is read next; its attributes are the interpreter's affair."""
    yield label, walk.name(type(value)), None if value.closed else (value.getvalue(), value.tell())


def _take_opaque(walk: Walk, value: Any, label: str, _: int) -> Iterator[Token]:
    yield label, "opaque", walk.name(type(value))


def _take_instance(walk: Walk, value: Any, label: str, depth: int) -> Iterator[Token]:
    """Take an object apart as pickle would: how it is made, then its state."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001  # whatever the user's object raises, it only means: not comparable
        yield label, "opaque", walk.name(type(value))
        return
    yield label, "instance", walk.name(type(value))
    if isinstance(reduced, str):
        return
    _, arguments, *rest = reduced
    state, items, pairs = [*rest, None, None, None][:3]
    plain = [part for part in arguments if not isinstance(part, type)]
    yield from walk.walk(plain, f"{label}()", depth)
    yield from _state(walk, value, state, label, depth)
    for name, extra in (("items", items), ("pairs", pairs)):
        if extra is not None:
            yield from walk.walk(list(extra), f"{label}.{name}", depth)


def _state(walk: Walk, value: Any, state: Any, label: str, depth: int) -> Iterator[Token]:
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):  # noqa: PLR2004  # (dict, slots)
        yield from _state(walk, value, state[0], label, depth)
        state = state[1]
    if not isinstance(state, dict):
        yield from walk.walk(state, f"{label}.state", depth)
        return
    cached = _cached_names(type(value))  # type: ignore[arg-type]  # a metaclass may forbid hashing; none seen does
    for name in sorted(state, key=str):
        if not (isinstance(name, str) and (name in cached or is_timing(name))):
            yield from walk.walk(state[name], f"{label}.{name}", depth)


@functools.lru_cache(maxsize=4096)
def _cached_names(kind: type) -> frozenset[str]:
    found = {
        name
        for base in kind.__mro__
        for name, attribute in vars(base).items()
        if isinstance(attribute, functools.cached_property)
        or type(attribute).__name__ in ("cache_readonly", "CachedAttribute")
    }
    return frozenset(found) | _CACHES


def _from(module: str, *names: str) -> Callable[[Any], bool]:
    """Match instances of classes of a module that only counts where something has imported it."""

    def matches(value: Any) -> bool:
        loaded = sys.modules.get(module)
        return loaded is not None and any(
            isinstance(value, kind) for name in names if isinstance(kind := getattr(loaded, name, None), type)
        )

    return matches


def _of(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _is_drawing(value: Any) -> bool:
    """Figures and widgets: a web of objects that holds no result."""
    return type(value).__module__.split(".")[0] in _DRAWN_BY


def _is_sparse(value: Any) -> bool:
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "tocsr")


_TAKERS: list[tuple[Callable[[Any], bool], _Taker]] = [
    (_of(enum.Enum), _take_enum),
    (_is_drawing, _take_opaque),
    (_from("numpy", "ndarray"), _take_array),
    (_from("pandas", "DataFrame"), _take_frame),
    (_from("pandas", "Series", "Index"), _take_series),
    (_from("pandas", "Timestamp", "Timedelta", "Period", "Interval", "DateOffset"), _take_text),
    (_from("numpy", "generic"), _take_number),
    (_from("numpy.random", "Generator", "RandomState"), _take_generator),
    (_is_sparse, _take_sparse),
    (_from("torch", "Tensor"), _take_tensor),
    (_from("tensorflow", "Tensor", "Variable"), _take_tensor),
    (_from("polars", "DataFrame", "Series"), _take_polars),
    (_of(*_BY_TEXT), _take_text),
    (_of(io.StringIO, io.BytesIO), _take_buffer),
    (_of(types.MethodType), _take_method),
    (_of(functools.partial), _take_partial),
    (_of(type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType), _take_named),
    (_of(*_OPAQUE), _take_opaque),
    (
        lambda value: isinstance(value, dict) and not dataclasses.is_dataclass(value),
        _take_mapping,
    ),
    (lambda value: isinstance(value, (list, tuple)), _take_sequence),
    (_of(set, frozenset), _take_set),
]
