"""The truth that comes later: tables of (key, label), and how they join with what was predicted.

The key is the request id. A label that comes twice and says the same counts once; one that says two things is
*conflicting* and counts for neither, as nobody here knows which is true. A prediction whose label never comes is
*missing*; a label whose prediction is not in the window is not looked for elsewhere. All of it is counted and told.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as _compute
import pyarrow.csv as _csv
import pyarrow.parquet as _parquet

from nbship import snapshots
from nbship.errors import StoreError

pc: Any = _compute
pq: Any = _parquet
csv: Any = _csv

_SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Every label by its key; ``conflicting`` keys came with several, ``repeated`` counts the copies."""

    values: Mapping[str, Any]
    conflicting: frozenset[str] = frozenset()
    repeated: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Predictions with their truth, and what became of the others."""

    rows: pa.Table
    truth: tuple[Any, ...]
    missing: int
    conflicting: int
    repeated: int


def labels_of(table: pa.Table, *, key: str, label: str) -> Labels:
    """Read labels from a table; rows without a key or a label are no labels yet.

    >>> labels_of(pa.table({"k": ["a", "a", "b"], "y": [1, 0, 1]}), key="k", label="y").conflicting
    frozenset({'a'})
    """
    values: dict[str, Any] = {}
    conflicting: set[str] = set()
    repeated = 0
    for name, value in zip(table.column(key).to_pylist(), table.column(label).to_pylist(), strict=True):
        if name is None or value is None or value != value:  # noqa: PLR0124  # NaN is no label
            continue
        text = str(name)
        if text in values:
            repeated += values[text] == value
            conflicting |= {text} if values[text] != value else set()
        else:
            values[text] = value
    return Labels(values=values, conflicting=frozenset(conflicting), repeated=repeated)


def join(rows: pa.Table, labels: Labels) -> Joined:
    """Give the answered rows whose label is known, in order of time, each request once."""
    answered = rows.filter(pc.equal(rows.column("outcome"), "ok")).sort_by("time")
    keep: list[int] = []
    truth: list[Any] = []
    seen: set[str] = set()
    counts = {"missing": 0, "conflicting": 0, "repeated": 0}
    for place, request in enumerate(answered.column("request").to_pylist()):
        if request in seen:
            counts["repeated"] += 1
        elif request in labels.conflicting:
            counts["conflicting"] += 1
        elif request not in labels.values:
            counts["missing"] += 1
        else:
            keep.append(place)
            truth.append(labels.values[request])
        seen.add(request)
    return Joined(rows=answered.take(pa.array(keep, pa.int64())), truth=tuple(truth), **counts)


class Source:
    """A file or a folder of tables at any fsspec address; ``read`` gives None where nothing has changed since."""

    def __init__(self, url: str, *, key: str, label: str) -> None:
        self._url = url
        self._key, self._label = key, label
        self._seen: object = None

    def read(self) -> Labels | None:
        """Read every table. What cannot be read is told in ``problems``; raises StoreError for a silent address."""
        found = self._files()
        state = [(path, size, str(at)) for path, size, at in found]
        if state == self._seen:
            return None
        tables: list[pa.Table] = []
        problems: list[str] = []
        for path, _, _ in found:
            name = posixpath.basename(path)
            try:
                table = _read(self._fs().cat_file(path), name).select([self._key, self._label])
                tables.append(table)
            except (pa.ArrowException, OSError, ValueError, LookupError) as error:
                said = str(error).strip().partition("\n")[0]
                problems.append(f"labels in {name} cannot be read: {said[:200]}")
        self._seen = state
        return self._joined(tables, problems)

    def _joined(self, tables: list[pa.Table], problems: list[str]) -> Labels:
        if not tables:
            return Labels(values={}, problems=tuple(problems))
        keyed = [table.set_column(0, self._key, pc.cast(table.column(0), pa.string())) for table in tables]
        try:
            whole = pa.concat_tables(keyed, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            problems.append(f"{self._label!r} has several types; the tables' labels are compared as text")
            texts = [
                table.set_column(1, self._label, pc.cast(table.column(1), pa.string())) for table in keyed
            ]
            whole = pa.concat_tables(texts)
        found = labels_of(whole, key=self._key, label=self._label)
        return Labels(
            values=found.values,
            conflicting=found.conflicting,
            repeated=found.repeated,
            problems=tuple(problems),
        )

    def _fs(self) -> Any:
        import fsspec

        return fsspec.core.url_to_fs(self._url)[0]

    def _files(self) -> list[tuple[str, Any, Any]]:
        import fsspec

        try:
            fs, root = fsspec.core.url_to_fs(self._url)
            fs.invalidate_cache()
            if not fs.exists(root):
                return []
            listed = fs.find(root, detail=True) if fs.isdir(root) else {root: fs.info(root)}
        except Exception as error:  # every file system has errors of its own
            raise StoreError(
                f"the labels cannot be listed: {error}",
                where=snapshots.shown(self._url),
                help="[tool.nbship.monitor] labels says where they are",
            ) from error
        rows = [(str(path), info.get("size"), _changed(info)) for path, info in listed.items()]
        return sorted(row for row in rows if row[0].endswith(_SUFFIXES))


def _changed(info: Mapping[str, Any]) -> Any:
    return next((info[name] for name in ("mtime", "LastModified", "ETag", "etag") if name in info), None)


def _read(content: bytes, name: str) -> pa.Table:
    table: pa.Table = (
        csv.read_csv(io.BytesIO(content)) if name.endswith(".csv") else pq.read_table(io.BytesIO(content))
    )
    return table.replace_schema_metadata(None)
