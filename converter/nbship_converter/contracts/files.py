"""Facts -> the files of the data contract, and what there is to tell about data without one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nbship.gates.reference import FILE, VERSION
from nbship_converter.contracts.checks import contracts_test
from nbship_converter.contracts.columns import rules
from nbship_converter.contracts.models import Model, class_names, contracts_module
from nbship_converter.contracts.relied import relied_upon
from nbship_converter.findings import Finding
from nbship_converter.ir import DatasetFacts, Facts, Notebook
from nbship_converter.paths import data_name

__all__ = ["REQUIREMENT", "contract_files", "contract_findings"]

#: What contracts and their tests need: in the groups `dev` and `ops`, never among the package's own dependencies.
REQUIREMENT = "pandera[pandas]>=0.26"
_MOST_OTHERS = 50
#: document, datasets, a dataset, its profile, the columns: a column is one line
_DEEPEST = 5


def contract_files(
    facts: Facts | None, notebook: Notebook, package: str, data: Iterable[str]
) -> dict[str, str]:
    """Give ``contracts.py``, its tests and the reference; ``data`` are the names below ``data/`` of what was read."""
    if facts is None:
        return {}
    names = list(data)
    datasets = _covered(facts, names)
    models = _models(datasets, notebook)
    files = {FILE: _reference(datasets, models, names)}
    if models:
        files[f"src/{package}/contracts.py"] = contracts_module(models.values())
        tests = contracts_test([(models[number], datasets[number]) for number in models], package)
        if tests:
            files["tests/test_contracts.py"] = tests
    return files


def contract_findings(facts: Facts | None, data: Iterable[str]) -> list[Finding]:
    """Tell which data has no contract, or one that the gate cannot hold it against."""
    if facts is None:
        return []
    names = list(data)
    datasets = _covered(facts, names)
    found = [
        Finding(
            code="NB440",
            message=f"data/{data_name(dataset.path)} is read with an argument that cannot be written down",
        )
        for dataset in datasets
        if dataset.options is None
    ]
    if others := _others(datasets, names):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        found.append(
            Finding(code="NB441", message=f"data/{others[0]}{more} is not read as a table by pandas")
        )
    return found


def _covered(facts: Facts, names: list[str]) -> list[DatasetFacts]:
    return [
        dataset
        for dataset in facts.datasets
        if data_name(dataset.path) in names and dataset.columns is not None and dataset.columns
    ]


def _others(datasets: Iterable[DatasetFacts], names: Iterable[str]) -> list[str]:
    covered = {data_name(dataset.path) for dataset in datasets}
    return sorted(name for name in names if name not in covered)


def _models(datasets: list[DatasetFacts], notebook: Notebook) -> dict[int, Model]:
    relied = relied_upon(notebook)
    paths = [data_name(dataset.path) for dataset in datasets]
    return {
        number: Model(
            name=name,
            path=paths[number],
            rules=tuple(rules(dataset.columns or (), dataset.rows, relied)),
        )
        for number, (name, dataset) in enumerate(zip(class_names(paths), datasets, strict=True))
    }


def _reference(datasets: list[DatasetFacts], models: Mapping[int, Model], names: list[str]) -> str:
    document = {
        "schema": VERSION,
        "datasets": [
            {
                "path": data_name(dataset.path),
                "reader": dataset.reader,
                "options": dataset.options,
                "model": models[number].name,
                "rows": dataset.rows,
                "duplicates": dataset.duplicates,
                "profile": dataset.profile,
            }
            for number, dataset in enumerate(datasets)
        ],
        "others": _others(datasets, names)[:_MOST_OTHERS],
    }
    return _laid_out(document) + "\n"


def _laid_out(value: Any, depth: int = 0) -> str:
    """Write JSON with a line for each column: a change can be read in a diff, and a number needs no line."""
    if depth == _DEEPEST or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    inner, outer = " " * (depth + 1), " " * depth
    if isinstance(value, list):
        parts = [_laid_out(item, depth + 1) for item in value]
        return "[\n" + ",\n".join(f"{inner}{part}" for part in parts) + f"\n{outer}]"
    items = [
        f"{json.dumps(key, ensure_ascii=False)}: {_laid_out(value[key], depth + 1)}" for key in sorted(value)
    ]
    return "{\n" + ",\n".join(f"{inner}{item}" for item in items) + f"\n{outer}}}"
