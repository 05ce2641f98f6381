"""The trial of an inference path: what a Predictor says of the notebook's own rows must be what the notebook said.

``python -m nbship_magics.served SOURCE DATA OUTPUT < WANTED`` runs an exported package in its own process; WANTED is a JSON object
with ``package, module, read, model, features, labels, predictions, columns``. It prints one JSON object: ``status``, and what was seen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from nbship.canonical import seed_generators

__all__ = ["trial"]

#: Records that are tried one by one.
ALONE = 50
#: Sums of floats may differ in the last digits with the number of rows computed at once.
CLOSE = 1e-9
#: Ways of numbering rows that are tried.
MOST_CANDIDATES = 6


class Splits:
    """Watches ``train_test_split``: which position of its input each part of its output has."""

    def __init__(self) -> None:
        import numpy as np
        from sklearn import model_selection

        self.seen: list[tuple[Any, Any]] = []
        split = model_selection.train_test_split

        def watched(*tables: Any, **options: Any) -> list[Any]:
            count = tables[0].shape[0] if hasattr(tables[0], "shape") else len(tables[0])
            *parts, first, second = split(*tables, np.arange(count), **options)
            self.seen += [(part, (count, (first, second)[place % 2])) for place, part in enumerate(parts)]
            return list(parts)

        model_selection.train_test_split = watched

    def of(self, part: Any) -> tuple[int, Any] | None:
        """Give (rows of the whole, positions) of a part of a split, None for anything else."""
        return next((positions for other, positions in self.seen if other is part), None)


class Resets:
    """Watches ``reset_index``: the labels that the rows had before they were numbered anew."""

    def __init__(self) -> None:
        import pandas as pd

        self.seen: list[Any] = []
        reset = pd.DataFrame.reset_index

        def watched(table: Any, *arguments: Any, **options: Any) -> Any:
            self.seen.append(table.index)
            return reset(table, *arguments, **options)

        pd.DataFrame.reset_index = watched  # type: ignore[method-assign, assignment]  # only in this process

    def candidates(self, labels: Any, whole: Any) -> list[Any]:
        """Give the positions in the table that labels may stand for, by each way in which they were numbered."""
        import numpy as np

        found = [whole.get_indexer(labels)] if _is_a_part(labels, whole) else []
        maps: list[Any] = []
        for before in self.seen:
            maps += [whole.get_indexer(before)] if _is_a_part(before, whole) else []
            maps += [known[before] for known in maps if _numbers(before, len(known))]
        found += [known[labels] for known in reversed(maps) if _numbers(labels, len(known))]
        unique: list[Any] = []
        for one in found[:MOST_CANDIDATES]:
            if (one >= 0).all() and not any(np.array_equal(one, other) for other in unique):
                unique.append(one)
        return unique


def _numbers(labels: Any, count: int) -> bool:
    return labels.dtype.kind in "iu" and bool(((labels >= 0) & (labels < count)).all())


def trial(source: Path, data: Path | None, output: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Run the package, make its Predictor, and compare it with the notebook's predictions."""
    import numpy as np

    sys.path.insert(0, str(source))
    splits, resets = Splits(), Resets()
    seed_generators()
    package = wanted["package"]
    config = import_module(f"{package}.config").Config(data_dir=data, output_dir=output)
    results = import_module(f"{package}.pipeline").run(config)
    features = getattr(results, wanted["features"])
    named = wanted.get("predictions")
    said = getattr(results, named) if named else getattr(results, wanted["model"]).predict(features)
    expected = np.asarray(said)
    module = import_module(f"{package}.{wanted['module']}")
    read = getattr(module, wanted["read"])
    table = read(config) if signature(read).parameters else read()
    found: dict[str, Any] = {"status": "lost"}
    candidates = list(_rows(table, results, features, wanted.get("labels"), splits, resets))
    if not any(len(rows) == len(expected) for rows in candidates):
        return found
    try:
        predictor = module.Predictor.trained(results, config)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told
        return _raised(error)
    for rows in candidates:
        if len(rows) == len(expected):
            told = _compared(predictor, table, np.asarray(rows), expected, features)
            found = told if found["status"] == "lost" or told["status"] == "equal" else found
            if found["status"] == "equal":
                break
    return found


def _raised(error: Exception) -> dict[str, Any]:
    return {"status": "raised", "error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}


def _rows(
    table: Any, results: Any, features: Any, labels: str | None, splits: Splits, resets: Resets
) -> Iterator[Any]:
    """Yield the positions in the table that the rows may have which the model is judged on."""
    import numpy as np
    import pandas as pd

    named = [features, getattr(results, labels) if labels else None]
    for value in named:
        index = getattr(value, "index", None)
        if isinstance(index, pd.Index):
            yield from resets.candidates(index, table.index)
    for value in named:
        part = splits.of(value)
        if part is not None:
            whole, positions = part
            if whole == len(table):
                yield positions
            for index in _indexes(results, whole):
                yield from resets.candidates(index[positions], table.index)
    if getattr(features, "shape", (0,))[0] == len(table):
        yield np.arange(len(table))


def _is_a_part(index: Any, whole: Any) -> bool:
    """Whether labels are those of the table."""
    return bool(whole.is_unique and index.isin(whole).all())


def _indexes(results: Any, count: int) -> Iterator[Any]:
    """Yield the labels of the tables and columns that have so many rows."""
    for field in fields(results):
        value = getattr(results, field.name)
        if hasattr(value, "iloc") and len(value) == count:
            yield value.index


def _compared(predictor: Any, table: Any, rows: Any, expected: Any, features: Any) -> dict[str, Any]:
    import numpy as np

    required = list(table.columns)
    records = table.iloc[rows]
    try:
        found = predictor.features(records)
        differs = _first_difference(found, features)
        predicted = predictor.predict(records)
        if differs or not _same(predicted, expected):
            return {
                "status": "different",
                "what": "all at once",
                "where": differs,
                **_example(predicted, expected, rows),
            }
        for place in np.unique(np.linspace(0, len(rows) - 1, min(ALONE, len(rows))).astype(int)):
            row = table.iloc[[rows[place]]]
            where = _first_difference(predictor.features(row), _at(features, place))
            for alone in (predictor.predict(row), [predictor.predict_one(row.to_dict("records")[0])]):
                if where or not _same(alone, expected[[place]]):
                    return {
                        "status": "different",
                        "what": "alone",
                        "where": where,
                        **_example(alone, expected[[place]], rows[[place]]),
                    }
        order = np.random.default_rng(0).permutation(len(rows))
        turned = table.iloc[rows[order]]
        where = _first_difference(predictor.features(turned), _at(features, order))
        if where or not _same(predictor.predict(turned), expected[order]):
            return {"status": "different", "what": "in another order", "where": where}
        required = _needed(predictor, table, records, expected, found)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told
        return _raised(error)
    exact = bool(
        np.array_equal(
            np.asarray(list(predicted)), expected.reshape(len(expected), *expected.shape[1:]).squeeze()
        )
    )
    return {"status": "equal", "exact": exact, "rows": [int(row) for row in rows], "required": required}


def _needed(predictor: Any, table: Any, records: Any, expected: Any, features: Any) -> list[Any]:
    """Give the columns whose values the features or their coming about depend on, for at least one of the rows."""
    import numpy as np

    order = np.random.default_rng(1).permutation(len(table))[: len(records)]
    needed = []
    for name in table.columns:
        others = table[name].to_numpy()[np.resize(order, len(records))]
        changed = records.assign(**{name: others}) if isinstance(name, str) else _put(records, name, others)
        if not _unmoved(predictor, records.drop(columns=[name]), features) or not _unmoved(
            predictor, changed, features
        ):
            needed.append(name)
    if len(needed) < len(table.columns) and not _same(predictor.predict(records[needed]), expected):
        return list(table.columns)
    return needed


def _put(records: Any, name: Any, values: Any) -> Any:
    changed = records.copy()
    changed[name] = values
    return changed


def _unmoved(predictor: Any, records: Any, features: Any) -> bool:
    try:
        return _first_difference(predictor.features(records), features) == ""
    except Exception:  # noqa: BLE001  # a value that is not understood is one that is looked at
        return False


def _same(found: Any, expected: Any) -> bool:
    import numpy as np

    found = np.asarray(list(found))
    expected = np.asarray(expected)
    if found.size != expected.size:
        return False
    found, expected = found.reshape(-1), expected.reshape(-1)
    if expected.dtype.kind in "fc" and found.dtype.kind in "fciu":
        return bool(np.allclose(found, expected, rtol=CLOSE, atol=0, equal_nan=True))
    return bool((found == expected).all())


def _example(found: Any, expected: Any, rows: Any) -> dict[str, Any]:
    import numpy as np

    values = np.asarray(list(found)).reshape(-1)
    wanted = np.asarray(expected).reshape(-1)
    if len(values) != len(wanted):
        return {"row": None, "found": f"{len(values)} predictions", "expected": f"{len(wanted)}"}
    if _same(values, wanted):
        return {"row": None, "differ": 0}
    differ = [place for place in range(len(values)) if not _same(values[[place]], wanted[[place]])]
    first = differ[0] if differ else 0
    row = int(rows[first]) if first < len(rows) else None
    return {
        "row": row,
        "found": repr(values[first].item()),
        "expected": repr(wanted[first].item()),
        "differ": len(differ),
    }


def _at(features: Any, place: Any) -> Any:
    import numpy as np

    places = np.atleast_1d(place)
    return (
        features.iloc[places]
        if hasattr(features, "iloc")
        else np.asarray(features)[places]
        if isinstance(features, list)
        else features[places]
    )


def _first_difference(found: Any, features: Any) -> str:  # noqa: PLR0911  # tables, then arrays
    """Give the first feature that differs, "" for none."""
    import numpy as np

    if hasattr(features, "columns") and hasattr(found, "columns"):
        if list(found.columns) != list(features.columns):
            odd = [str(name) for name in set(found.columns) ^ set(features.columns)]
            return f"the columns are others: {', '.join(sorted(odd)[:5]) or 'another order'}"
        for name in features.columns:
            if not _same_values(found[name].to_numpy(), features[name].to_numpy()):
                return str(name)
        return ""
    first, second = (
        np.asarray(value.todense()) if hasattr(value, "todense") else np.asarray(value)
        for value in (found, features)
    )
    if first.shape != second.shape:
        return f"the shape is {first.shape[1:]} and not {second.shape[1:]}"
    if first.ndim == 2:  # noqa: PLR2004  # rows and columns
        for place in range(first.shape[1]):
            if not _same_values(first[:, place], second[:, place]):
                return f"column {place}"
        return ""
    return "" if _same_values(first, second) else "the values"


def _same_values(found: Any, expected: Any) -> bool:
    import numpy as np
    import pandas as pd

    if len(found) != len(expected):
        return False
    if found.dtype.kind in "fc" or expected.dtype.kind in "fc":
        try:
            size = float(np.nanmax(np.abs(expected.astype(float)), initial=0.0))
            return bool(
                np.allclose(
                    found.astype(float), expected.astype(float), rtol=CLOSE, atol=1e-12 * size, equal_nan=True
                )
            )
        except (TypeError, ValueError):
            return False
    return bool(((found == expected) | (pd.isna(found) & pd.isna(expected))).all())


if __name__ == "__main__":
    _source, _data, _output = sys.argv[1:4]
    _told = sys.stdout
    sys.stdout = sys.stderr  # the notebook's own prints
    _result = trial(Path(_source), Path(_data) if _data else None, Path(_output), json.load(sys.stdin))
    # nobody would flush it at the end: it is sys.stdout no more
    print(json.dumps(_result), file=_told, flush=True)
