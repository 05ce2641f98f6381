"""Scores a Parquet data set with a version of a model, part by part, in threads or on a Dask cluster.

A part is a row group of the input and becomes one file of the output, written whole or not at all, under a name that
says which part it is. Scoring again goes on where it ended: a file that was made by the same version, from the same
part of the same bytes, stays. So it may be killed at any moment, and run by several machines into one folder.

On a cluster each worker fetches the version itself, compares its files with what was signed off, and opens it once.
"""

from __future__ import annotations

import functools
import io
import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as _parquet

from nbship import snapshots
from nbship.errors import DataError, NbshipError, StoreError
from nbship.profile.executors import Executor
from nbship.profile.parts import RowGroup, parquet_parts
from nbship.serving.loading import Model, load
from nbship.serving.schema import Schema
from nbship.serving.sources import Files, OneFolder, Registered
from nbship.serving.worker import compare

if TYPE_CHECKING:
    from nbship.config import Config

pq: Any = _parquet
_MARK = b"nbship.score"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """How many rows there are, how many of them were scored now, and the files that hold the answers."""

    version: int
    rows: int
    scored: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every part needs to know; it travels to where the parts are computed."""

    model: str
    version: int
    folder: str | None  # a model of this machine; None: a registered one
    target: str
    keep: tuple[str, ...] | None
    probabilities: bool = True


def score(job: Job, source: str, executor: Executor) -> Scored:
    """Score every part of a Parquet file or folder. Raises DataError that names the part, InputError, StoreError."""
    parts = parquet_parts(source)
    done = list(executor.map(functools.partial(_scored, job=job), list(enumerate(parts))))
    return Scored(
        version=job.version,
        rows=sum(part.rows for part in parts),
        scored=sum(part.rows for part, (_, new) in zip(parts, done, strict=True) if new),
        files=tuple(name for name, _ in done),
    )


def job_of(
    settings: Config,
    model: str,
    *,
    version: int | None,
    target: str,
    keep: Sequence[str] | None,
    probabilities: bool,
) -> Job:
    """Give the job for a registered model (its live version, unless one is named) or a folder with an MLflow model."""
    path = Path(model)
    found: OneFolder | Registered
    if (path / "MLmodel").is_file():
        found, folder, name = OneFolder(path.resolve(), path.name), str(path.resolve()), path.name
    else:
        found, folder, name = Registered(settings, model), None, model
    number = version if version is not None else found.assignment()[1].champion
    if number is None:
        raise DataError(
            f"no version of {model!r} is live",
            help=f"--version N, or `nbship promote {model} N --to production`",
        )
    return Job(
        model=name,
        version=number,
        folder=folder,
        target=target,
        keep=tuple(keep) if keep is not None else None,
        probabilities=probabilities,
    )


def _scored(task: tuple[int, RowGroup], *, job: Job) -> tuple[str, bool]:
    """Score one part, and give the file's name and whether it was made now."""
    place, part = task
    name = f"part-{place:06d}.parquet"
    mark = json.dumps({"model": job.model, "version": job.version, "part": _identity(part), "keep": job.keep})
    target = _Target(job.target)
    if target.mark(name) == mark:
        return name, False
    model = _opened(job)
    table = part.read()
    try:
        answers = model.answer(_given(model.schema, table, f"{part.url}, row group {part.number}"))
    except NbshipError:
        raise
    except Exception as error:  # whatever the user's model raises
        said = str(error).strip().partition("\n")[0]
        raise DataError(
            f"the model raised {type(error).__name__}: {said}", where=f"{part.url}, row group {part.number}"
        ) from error
    kept = table if job.keep is None else table.select(_known(job.keep, table, part.url))
    target.put(name, _joined(kept, answers).replace_schema_metadata({_MARK: mark.encode()}))
    return name, True


def _identity(part: RowGroup) -> list[Any]:
    """Tell a part from another one, or from itself after the file was written anew."""
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(part.url)
    info = filesystem.info(path)
    changed = next(
        (str(info[key]) for key in ("mtime", "LastModified", "ETag", "updated") if key in info), ""
    )
    return [posixpath.basename(path), part.number, part.rows, info.get("size"), changed]


@functools.lru_cache(maxsize=4)
def _open(model: str, version: int, folder: str | None, probabilities: bool) -> Model:  # a key of the cache
    from nbship import config

    files = (
        Files(folder=Path(folder), digest=None)
        if folder is not None
        else Registered(config.load(), model).files(version)
    )
    if files.digest is not None:
        compare(files.folder, files.digest)
    return load(files.folder, probabilities=probabilities)


def _opened(job: Job) -> Model:
    return _open(job.model, job.version, job.folder, job.probabilities)


def _given(schema: Schema, table: pa.Table, where: str) -> Any:
    """Give a part as the model takes it. Raises DataError for a column that is missing or of another type."""
    if missing := [name for name in schema.names if name not in table.column_names]:
        raise DataError(
            f"there is no column {missing[0]!r}",
            where=where,
            help=f"the model reads {', '.join(schema.names)}",
        )
    frame = table.select(list(schema.names)).to_pandas()
    for field in schema.fields:
        column = frame[field.name]
        if field.kind not in {"string", "datetime"} and not _is_number(column):
            raise DataError(
                f"column {field.name!r} is {column.dtype}, the model reads {field.kind}", where=where
            )
        if not field.nullable and column.isna().any():
            raise DataError(
                f"column {field.name!r} lacks {int(column.isna().sum())} values, which the model does not do without",
                where=where,
            )
        if field.kind == "string":
            frame[field.name] = column.astype(object)
    return frame.to_numpy(dtype="<f8") if schema.numeric else frame


def _is_number(column: Any) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_numeric_dtype(column) or is_bool_dtype(column))


def _known(keep: Sequence[str], table: pa.Table, where: str) -> list[str]:
    if missing := [name for name in keep if name not in table.column_names]:
        raise DataError(f"there is no column {missing[0]!r} to keep", where=where)
    return list(keep)


def _joined(kept: pa.Table, answers: dict[str, list[Any]]) -> pa.Table:
    """Put the answers beside the columns that stay; an input that bears an answer's name gives way."""
    taken = [name for name in kept.column_names if name not in answers]
    table = kept.select(taken)
    for name, values in answers.items():
        if len(values) != kept.num_rows:
            raise DataError(f"the model gave {len(values)} answers for {kept.num_rows} rows")
        table = table.append_column(name, pa.array(np.asarray(values).tolist()))
    return table


class _Target:
    """The folder of answers, at any address that fsspec knows."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = snapshots.filesystem(url)
        self._shown = snapshots.shown(url)

    def mark(self, name: str) -> str | None:
        """Give what a file says it was made of; None where there is none, or it is no file of ours."""
        try:
            with self._fs.open(posixpath.join(self._root, name), "rb") as file:
                known = pq.ParquetFile(file).schema_arrow.metadata or {}
        except (OSError, pa.ArrowException, ValueError):
            return None
        found = known.get(_MARK)
        return found.decode() if found is not None else None

    def put(self, name: str, table: pa.Table) -> None:
        """Write a file, whole. Raises StoreError where that fails."""
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd")
        target = posixpath.join(self._root, name)
        try:
            snapshots.put_whole(self._fs, target, content.getvalue())
        except Exception as error:  # every file system has errors of its own
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise StoreError(f"the answers cannot be written: {said}", where=self._shown) from error
