"""The offline store: every value that a view ever had, as Parquet parts below any fsspec address.

``URL/VIEW/DEFINITION/20261128T101502.000000-1f3a9c07.parquet``: one part for each time features were kept, never changed
afterwards, written whole or not at all. Each row carries its event time and, in `KNOWN`, when it was kept. Another
definition is another folder: values of two functions are never mixed.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import secrets
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as _parquet

from nbship import snapshots
from nbship.errors import DataError, NbshipError, StoreError
from nbship.features.joins import KNOWN
from nbship.features.views import FeatureView

pq: Any = _parquet


class OfflineStore:
    """Feature history below one address. Raises StoreError where the address does not answer."""

    def __init__(self, url: str) -> None:
        self.shown = snapshots.shown(url)
        with self._speaking("opened"):
            self._fs, self._root = snapshots.filesystem(url)

    def append(self, view: FeatureView, definition: str, features: pd.DataFrame, *, at: datetime) -> str:
        """Keep features that become known at ``at``, and give the part's name."""
        known = pd.Timestamp(at.astimezone(UTC)).as_unit("us")
        table = arrow_table(features.assign(**{KNOWN: known}))
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd", write_page_checksum=True)
        name = f"{known:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}.parquet"
        with self._speaking("written to"):
            target = posixpath.join(self._folder(view, definition), name)
            snapshots.put_whole(self._fs, target, content.getvalue())
        return name

    def history(self, view: FeatureView, definition: str) -> pd.DataFrame:
        """Give all rows of a definition, in the order in which they became known; none where nothing was kept.

        Raises DataError for a part that is damaged: a history with a hole would be a wrong answer.
        """
        folder = self._folder(view, definition)
        with self._speaking("read"):
            self._fs.invalidate_cache()
            paths = sorted(self._fs.glob(f"{folder}/*.parquet")) if self._fs.isdir(folder) else []
        tables = [self._read(str(path)) for path in paths]
        if not tables:
            stamps = {name: pd.Series(dtype="datetime64[us, UTC]") for name in (view.time, KNOWN)}
            return pd.DataFrame({**{key: pd.Series(dtype=object) for key in view.keys}, **stamps})
        found: pd.DataFrame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
        return found

    def _read(self, path: str) -> pa.Table:
        with self._speaking("read"):
            content = self._fs.cat_file(path)
        try:
            return pq.read_table(io.BytesIO(content), page_checksum_verification=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(
                "a part of the feature history is damaged",
                where=posixpath.basename(path),
                help="bring it back from a backup, or delete it and compute its features again",
            ) from error

    def _folder(self, view: FeatureView, definition: str) -> str:
        return posixpath.join(self._root, view.name, definition)

    @contextlib.contextmanager
    def _speaking(self, doing: str) -> Generator[None]:
        try:
            yield
        except NbshipError:
            raise
        except Exception as error:  # every file system has errors of its own
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise StoreError(
                f"the feature store cannot be {doing}: {said}",
                where=self.shown,
                help="[tool.nbship.features] offline says where it is",
            ) from error


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Give a frame as Arrow, without its index.

    Times in a zone go by hand: pyarrow takes them by a way that pandas is closing.
    """
    return pa.table({str(name): _column(frame[name]) for name in frame.columns})


def _column(column: pd.Series) -> pa.Array | pa.ChunkedArray:
    zone = getattr(column.dtype, "tz", None)
    if zone is None:
        return pa.Array.from_pandas(column)
    naive = column.dt.tz_convert(None).to_numpy()
    return pa.array(naive).cast(pa.timestamp(column.dt.unit, str(zone)))
