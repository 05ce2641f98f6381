"""``nbship-hash v2``: what a table holds, as one hash that does not care how it is stored.

Two tables have the same ``table`` hash if and only if they have the same columns, by label, type and order, holding
the same values in the same order of rows, be they in pandas 2 or 3, pyarrow, polars or numpy (by position). It sees
every row, and no chunk, offset, dictionary, unit of time or payload of a NaN; docs/fingerprint.md is its definition.

**Column**: BLAKE3 of the JSON of the column's node (layout.py). **Table**: of its labels, columns and row count.
**Schema**: of the labels and the exact types as they are held, without values. **Index**: a pandas index is a table
of its own, beside the others; the plain count has none.

Written ``b3:`` and 64 hex digits. Past a budget a table is sampled and its hashes begin with ``b3:partial:``, so that
none is ever equal to that of a whole table. A file's hash is the BLAKE3 of its bytes: the same file with another
table is *reader drift*, which does happen (pandas 2 and 3 parse some floats apart).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from blake3 import blake3

from nbship import layout
from nbship import table as tables
from nbship.codes import Coded
from nbship.digests import files_below
from nbship.errors import DataError, InputError
from nbship.streams import CORES, Node, hash_json, in_parallel
from nbship.tabular import is_tabular

#: Of the definition; part of everything that is hashed.
VERSION = 2
_PREFIX = "b3:"
_PARTIAL = "b3:partial:"
_BYTES_PER_READ = 1 << 20
_SAMPLED_RANGES = 64
#: Bytes below which a second thread takes longer to begin than it saves.
_WORTH_THREADS = 1 << 24

Ranges = tuple[tuple[int, int], ...]
_Placed = tuple[int, tables.Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The hashes of a table: the whole, column by column, the schema alone, the index alone.

    ``hashed_rows`` is less than ``rows`` where a budget cut it short: see `partial`.
    """

    table: str
    columns: Mapping[str, str]
    schema: str
    index: str | None
    rows: int
    hashed_rows: int

    @property
    def partial(self) -> bool:
        """Whether only a sample of the rows was hashed."""
        return self.table.startswith(_PARTIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFingerprint:
    """The hashes of a file or folder, and of the table in it where it is a data file.

    ``reader`` is what made the table; ``file`` is None where there was nothing to hash, and ``problem`` says what
    could not be done.
    """

    path: str
    file: str | None
    content: Fingerprint | None = None
    reader: str | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give what ``nbship fingerprint --json`` prints for a file."""
        return {
            "path": self.path,
            "file": self.file,
            "table": self.content.table if self.content else None,
            "columns": dict(self.content.columns) if self.content else None,
            "schema": self.content.schema if self.content else None,
            "rows": self.content.rows if self.content else None,
            "reader": self.reader,
            "problem": self.problem,
        }


def fingerprint(table: Any, *, budget_bytes: int | None = None, parallel: bool = True) -> Fingerprint:
    """Give the hashes of a pandas, pyarrow or polars table, or of a numpy array (by position).

    A table of more than ``budget_bytes`` is hashed in 64 ranges of rows, spread evenly, the first and the last among
    them; the result is ``partial``. A large one is hashed on all cores, unless ``parallel`` is False: who hashes in
    the background leaves them to others. Raises DataError for what is no table or holds objects that have no content
    of their own.

    >>> import pandas as pd
    >>> one = fingerprint(pd.DataFrame({"x": ["a", "b"]}))
    >>> other = fingerprint(pd.DataFrame({"x": pd.Categorical(["a", "b"], categories=["b", "a"])}))
    >>> one.table == other.table, one.schema == other.schema
    (True, False)
    """
    if not is_tabular(table):
        raise DataError(f"a {type(table).__name__} is not a table")
    rows = tables.row_count(table)
    ranges = _sampled(table, rows, budget_bytes) if budget_bytes is not None else None
    return _hashed(tables.rows_of(table, ranges) if ranges else table, rows, ranges, parallel)


def fingerprint_file(path: Path) -> FileFingerprint:
    """Give the hashes of a file or folder; of a data file, the table's too. Raises InputError, DataError."""
    if path.is_dir():
        return FileFingerprint(path=str(path), file=hash_folder(path))
    if not path.exists():
        raise InputError("no such file", where=str(path), help="give files or folders that are there")
    if not path.is_file():
        raise InputError("is neither a file nor a folder", where=str(path), help="give files or folders")
    file = hash_file(path)
    if tables.reader_of(path) is None:
        return FileFingerprint(path=str(path), file=file)
    if not path.stat().st_size:
        raise DataError("is empty, and so no table", where=str(path), help="fetch or write the file again")
    frame, reader = tables.read_table(path)
    return FileFingerprint(path=str(path), file=file, content=fingerprint(frame), reader=reader)


def hash_file(path: Path) -> str:
    """Give the BLAKE3 of a file's bytes. Raises InputError where it cannot be read."""
    hasher = blake3()
    try:
        with path.open("rb", buffering=0) as file:
            buffer = memoryview(bytearray(_BYTES_PER_READ))
            while count := file.readinto(buffer):
                hasher.update(buffer[:count])
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            help="give a file that you may read",
        ) from error
    return _PREFIX + hasher.hexdigest()


def hash_folder(path: Path) -> str:
    """Give the hash of a folder's files: the BLAKE3 of what ``b3sum`` prints for them, sorted by path.

    Hidden files and folders do not count, nor do times, owners, empty folders and links to folders. Raises
    InputError where there is no file, or one cannot be read.
    """
    names = [name for name in files_below(path) if not any(part.startswith(".") for part in name.split("/"))]
    if not names:
        raise InputError(
            "the folder holds no files",
            where=str(path),
            help="hidden files (.name) do not count; give a file",
        )
    rows = "".join(f"{hash_file(path / name).removeprefix(_PREFIX)}  {name}\n" for name in names)
    return _PREFIX + blake3(rows.encode("utf-8", "surrogateescape")).hexdigest()


def _sampled(table: Any, rows: int, budget_bytes: int) -> Ranges | None:
    """Give the ranges of rows that a budget allows, at least one row each; None where it allows all."""
    size = tables.byte_count(table)
    if size <= budget_bytes:
        return None
    each = max(1, int(rows * (budget_bytes / size)) // _SAMPLED_RANGES)
    starts = np.unique(np.linspace(0, rows - each, min(_SAMPLED_RANGES, rows // each)).astype(int))
    return tuple((int(start), int(start) + each) for start in starts)


def _hashed(table: Any, rows: int, ranges: Ranges | None, parallel: bool) -> Fingerprint:
    columns, index = tables.columns(table), tables.index_columns(table)
    size = sum(_size(column.source) for column in columns) if parallel else 0
    cores = CORES if size >= _WORTH_THREADS else 1
    hashed = _column_hashes(columns, ranges, cores)
    return Fingerprint(
        table=_table_hash(columns, hashed, rows, ranges),
        columns={column.name: digest for column, digest in zip(columns, hashed, strict=True)},
        schema=_schema_hash(columns),
        index=_table_hash(index, _column_hashes(index, ranges, 1), rows, ranges) if index else None,
        rows=rows,
        hashed_rows=rows if ranges is None else sum(stop - start for start, stop in ranges),
    )


def _size(source: tables.Values) -> int:
    if isinstance(source, (layout.Source, Coded)):
        return source.nbytes
    return int(source.get_total_buffer_size())


def _column_hashes(columns: Sequence[tables.Column], ranges: Ranges | None, cores: int) -> list[str]:
    groups = _groups(columns, cores)
    if cores > 1 and len(groups) > 1:
        with ThreadPoolExecutor(cores) as pool:
            found = list(pool.map(_nodes, groups))
    else:
        with in_parallel(cores > 1):
            found = [_nodes(group) for group in groups]
    nodes = {place: node for group in found for place, node in group}
    return [_hash({"column": nodes[place], "v": VERSION}, ranges) for place in range(len(columns))]


def _groups(columns: Sequence[tables.Column], cores: int) -> list[list[_Placed]]:
    """Part columns into what is hashed at a time: NumPy's go forward together, one share of them on each core."""
    numpy = [item for item in enumerate(columns) if isinstance(item[1].source, layout.Source)]
    others = [[item] for item in enumerate(columns) if not isinstance(item[1].source, layout.Source)]
    share = max(1, -(-len(numpy) // cores))
    return [numpy[start : start + share] for start in range(0, len(numpy), share)] + others


def _nodes(group: Sequence[_Placed]) -> list[tuple[int, Node]]:
    sources = [column.source for _, column in group if isinstance(column.source, layout.Source)]
    if sources:
        return list(zip((place for place, _ in group), layout.numpy_nodes(sources), strict=True))
    return [(place, _node(column)) for place, column in group]


def _node(column: tables.Column) -> Node:
    try:
        if isinstance(column.source, Coded):
            return layout.coded_node([column.source], column.source.entries.type)
        values = column.source if isinstance(column.source, pa.ChunkedArray) else column.values
        return layout.text_node(values, "mixed") if column.mixed else layout.node(values)
    except DataError as error:
        raise DataError(f"column {column.name!r}: {error.what}", help="leave the column out") from error


def _table_hash(
    columns: Sequence[tables.Column], hashed: Sequence[str], rows: int, ranges: Ranges | None
) -> str:
    pairs = [
        [column.label, digest.rpartition(":")[2]] for column, digest in zip(columns, hashed, strict=True)
    ]
    return _hash({"columns": pairs, "rows": rows, "v": VERSION}, ranges)


def _schema_hash(columns: Sequence[tables.Column]) -> str:
    rows = [[column.label, column.label_type, column.held] for column in columns]
    return _hash({"schema": rows, "v": VERSION}, None)


def _hash(document: Mapping[str, Any], ranges: Ranges | None) -> str:
    if ranges is None:
        return _PREFIX + hash_json(document)
    return _PARTIAL + hash_json({**document, "partial": ranges})
