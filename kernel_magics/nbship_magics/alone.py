"""Steps called by themselves on a few rows: what goes in is small enough to lie in a repository.

A sample is made of what the step was given: rows at even distances, numbers rounded to what a reader can take in, text
that may be about people replaced. It is written as CSV and read again as the test will read it; what does not come
back as it was is no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbship_magics.wording import is_private

__all__ = ["lacking", "sampled"]

#: Rows of a sample, columns of one.
ROWS, COLUMNS = 24, 40
#: Different texts of a column up to which they are categories and not somebody's words.
CATEGORIES = 12


def sampled(
    step: str, given: Mapping[str, Any], folder: Path, words: Mapping[str, Any]
) -> dict[str, str] | None:
    """Give for each input the expression that makes a small one; None where one cannot be made small.

    Files that are there already are used as they are.
    """
    found: dict[str, str] = {}
    for name, value in given.items():
        text = _literal(value) or _table(f"{step}_{name}", value, folder, words)
        if text is None:
            return None
        found[name] = text
    return found if any("table(" in text for text in found.values()) else None


def lacking(
    call: Callable[[dict[str, Any]], Any], inputs: Mapping[str, Any], mentioned: str
) -> tuple[str, str] | None:
    """Give a table and a column without which the step raises a KeyError that names it."""
    for name, value in inputs.items():
        for column in getattr(value, "columns", ()):
            if isinstance(column, str) and (f'"{column}"' in mentioned or f"'{column}'" in mentioned):
                try:
                    call({**inputs, name: value.drop(columns=column)})
                except KeyError as error:
                    return (name, column) if column in str(error) else None
                except Exception:  # noqa: BLE001  # whatever else the step raises
                    return None
                return None
    return None


def _literal(value: Any) -> str | None:
    if isinstance(value, (bool, int, float)) and type(value).__module__ == "builtins" and value == value:  # noqa: PLR0124  # not NaN
        return repr(value)
    if isinstance(value, str) and len(value) <= 60 and not is_private("", [value]):  # noqa: PLR2004  # a line
        return repr(value)
    return None


def _table(name: str, value: Any, folder: Path, words: Mapping[str, Any]) -> str | None:
    """Write a sample of a table, column or array, and give the expression that reads it."""
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        frame, ending = value, ""
    elif isinstance(value, pd.Series) and isinstance(value.name, str):
        frame, ending = value.to_frame(), '.squeeze("columns")'
    elif type(value).__name__ == "ndarray" and value.ndim in (1, 2) and value.dtype.kind in "iuf":
        frame = pd.DataFrame(value.reshape(len(value), -1))
        frame.columns = [f"x{place}" for place in range(frame.shape[1])]
        ending = ".to_numpy().ravel()" if value.ndim == 1 else ".to_numpy()"
    else:
        return None
    if not 0 < frame.shape[1] <= COLUMNS or not len(frame):
        return None
    sample = _few(frame)
    path = folder / f"{name}.csv"
    if not path.exists():
        sample.to_csv(path, lineterminator="\n")
    text = f'table("{name}"){ending}'
    read = words["table"](name)
    same = list(map(str, read.dtypes)) == list(map(str, sample.dtypes)) and list(read) == list(sample)
    if not same or not len(read) or read.index.dtype != sample.index.dtype:
        path.unlink()
        return None
    return text


def _few(frame: Any) -> Any:
    """Give a few rows of a frame, rounded, without what may be about a person."""
    step = max(1, len(frame) // ROWS)
    sample = frame.iloc[::step].head(ROWS).copy()
    for place, name in enumerate(sample.columns):
        column = sample.iloc[:, place]
        if column.dtype.kind == "f":
            rounded: list[Any] = [float(f"{number:.6g}") for number in column]
        elif column.dtype.kind in "OTU" or str(column.dtype) in ("str", "string"):
            words = frame.iloc[:, place].dropna().astype(str).unique()
            if len(words) <= CATEGORIES and not is_private(name, words):
                continue
            rounded = [f"{name} {number}" for number in range(len(sample))]
        elif column.dtype.kind in "iu" and is_private(name):
            rounded = list(range(1, len(sample) + 1))
        else:
            continue
        sample[name] = type(column)(rounded, index=sample.index, dtype=column.dtype)
    if sample.index.dtype.kind not in "iu":
        sample = sample.reset_index(drop=True)
    return sample
