"""A small copy of a data folder: of each table some rows, spread over the whole of it; what is no table as it is.

A text table is cut as text, record by record, so that it is read by the notebook's own reader exactly as the whole was.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nbship.gates.reference import Dataset

__all__ = ["sample"]

_TEXT = frozenset({".csv", ".tsv", ".txt", ".data", ".dat"})
#: Records in front that are never left out: the header, and what stands above it.
_HEAD = 1


def sample(data: Path, datasets: Iterable[Dataset], target: Path, rows: int) -> int:
    """Lay out a sample of a data folder in ``target``; give how many files were cut."""
    readers = {dataset.path: dataset for dataset in datasets}
    cut = 0
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        name = path.relative_to(data).as_posix()
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        dataset = readers.get(name)
        if dataset is not None and dataset.rows > rows and _cut(path, place, dataset, rows):
            cut += 1
        else:
            place.symlink_to(path.resolve())
    return cut


def _cut(path: Path, place: Path, dataset: Dataset, rows: int) -> bool:
    if path.suffix.lower() in _TEXT and dataset.reader in ("pandas.read_csv", "pandas.read_table"):
        return _cut_text(path, place, dataset.options or {}, rows)
    if path.suffix.lower() in (".parquet", ".pq"):
        return _cut_parquet(path, place, rows)
    return False


def _cut_text(path: Path, place: Path, options: Mapping[str, Any], rows: int) -> bool:
    try:
        text = path.read_text(encoding=str(options.get("encoding") or "utf-8"))
    except (UnicodeError, LookupError):
        return False
    records = _records(text, str(options.get("quotechar") or '"'))
    head = _HEAD + int(options.get("skiprows") or 0) if isinstance(options.get("skiprows", 0), int) else _HEAD
    body = records[head:]
    step = len(body) / rows
    chosen = [body[int(number * step)] for number in range(rows)] if step > 1 else body
    with place.open("w", encoding=str(options.get("encoding") or "utf-8"), newline="") as sink:
        sink.writelines([*records[:head], *chosen])
    return step > 1


def _records(text: str, quote: str) -> list[str]:
    r"""Split text into records; a line break inside quotes belongs to its record.

    >>> _records('a,b\n1,"x\ny"\n2,z\n', '"')
    ['a,b\n', '1,"x\ny"\n', '2,z\n']
    """
    found: list[str] = []
    open_record = ""
    for line in io.StringIO(text, newline=""):
        open_record += line
        if open_record.count(quote) % 2 == 0:
            found.append(open_record)
            open_record = ""
    return [*found, open_record] if open_record else found


def _cut_parquet(path: Path, place: Path, rows: int) -> bool:
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    if table.num_rows <= rows:
        return False
    pq.write_table(table.take(np.linspace(0, table.num_rows - 1, rows).astype(int)), place)
    return True
