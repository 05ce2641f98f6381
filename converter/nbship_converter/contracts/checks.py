"""The tests of the contracts: the notebook's data keeps them, and a copy that was broken on purpose does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nbship_converter.contracts.columns import Rule
from nbship_converter.contracts.models import Model
from nbship_converter.ir import ColumnFacts, DatasetFacts

__all__ = ["contracts_test"]

_HEAD = '''"""The data keeps its contract, and a copy that was broken on purpose does not."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from pandera.errors import SchemaErrors

from {package}.config import Config
from {package}.contracts import {names}

'''
_ONE = """
@pytest.fixture(scope="module")
def {fixture}(config: Config) -> pd.DataFrame:
    path = config.data({path!r})
    if not path.exists():
        pytest.skip(f"{{path.name}} is not here: `nbship data pull` fetches it")
    return {reader}(path{options})


def test_{fixture}_keeps_its_contract({fixture}: pd.DataFrame) -> None:
    {model}.validate({fixture}, lazy=True)


@pytest.mark.parametrize(
    "broken",
    [
{broken}
    ],
)
def test_broken_{fixture}_is_refused({fixture}: pd.DataFrame, broken: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    with pytest.raises(SchemaErrors):
        {model}.validate(broken({fixture}.copy()), lazy=True)
"""


def contracts_test(pairs: Iterable[tuple[Model, DatasetFacts]], package: str) -> str:
    """Give the test module; files whose reading cannot be written down are left out, and "" where none is left."""
    readable = [(model, dataset) for model, dataset in pairs if dataset.options is not None]
    if not readable:
        return ""
    names = ", ".join(model.name for model, _ in readable)
    tests = "\n".join(_tests(model, dataset) for model, dataset in readable)
    return _HEAD.format(package=package, names=names) + tests


def _tests(model: Model, dataset: DatasetFacts) -> str:
    options = "".join(f", {name}={value!r}" for name, value in (dataset.options or {}).items())
    broken = "\n".join(
        f"        pytest.param({code}, id={reason!r})," for reason, code in _breakages(model, dataset)
    )
    return _ONE.format(
        fixture=_snake(model.name),
        path=model.path,
        reader=dataset.reader.replace("pandas.", "pd."),
        options=options,
        model=model.name,
        broken=broken,
    )


def _snake(name: str) -> str:
    """Give the fixture's name.

    >>> _snake("TrainData2"), _snake("Config")
    ('train_data2', 'config_data')
    """
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
    return f"{words}_data" if words in ("config", "results", "request", "pd", "pytest") else words


def _breakages(model: Model, dataset: DatasetFacts) -> Iterator[tuple[str, str]]:
    """Yield (what is broken, the code that breaks a frame so); only such as the contract promises to notice."""
    columns = {column.name: column for column in dataset.columns or ()}
    plain = [rule for rule in model.rules if not rule.pattern]
    first = next((column.name for column in dataset.columns or ()), "")
    yield "a column is missing", f"lambda frame: frame.drop(columns={first!r})"
    yield "a column too many", "lambda frame: frame.assign(one_column_too_many=0)"
    for rule in plain:
        if not rule.nullable and columns[rule.name].dtype != "object" and dataset.rows:
            yield "values are missing", f"lambda frame: frame.assign(**{{{rule.name!r}: None}})"
            break
    for rule in sorted(plain, key=lambda rule: rule.annotation != "float"):
        if _notices_unit(rule, columns[rule.name]):
            yield (
                "another unit",
                f"lambda frame: frame.assign(**{{{rule.name!r}: frame[{rule.name!r}] * 1000}})",
            )
            break
    for rule in plain:
        if "isin" in rule.checks and rule.annotation in ("str", "object"):
            yield "a new category", f"lambda frame: frame.assign(**{{{rule.name!r}: 'never seen before'}})"
            break


def _notices_unit(rule: Rule, column: ColumnFacts) -> bool:
    limit = rule.checks.get("le")
    return limit is not None and column.maximum is not None and column.maximum * 1000 > limit
