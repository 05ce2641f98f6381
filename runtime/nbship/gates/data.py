"""``nbship check data``: every file of the data contract, read as the notebook read it.

Three things are looked at: the contract (``contracts.py``), the distribution against the reference that was exported,
and quality (missing values, repeated rows, how many rows there are). What was found on one column is one row, with
one cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship.drift import RANK, compare
from nbship.errors import DataError
from nbship.gates.causes import explain
from nbship.gates.contract import Issue, contracts_of, held_against
from nbship.gates.loading import read
from nbship.gates.reference import Dataset, current_profile
from nbship.gates.settings import Repository
from nbship.gates.verdict import Row, Status, Verdict, verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_data"]

KINDS = ("contract", "distribution", "quality")
NEVER = "never"
_FEWEST_ROWS = 50


def check_data(repository: Repository) -> Verdict:
    """Hold each file against what the notebook saw. Raises InputError where nothing was exported to hold it against."""
    datasets, others = repository.datasets()
    rows: list[Row] = []
    contracts: Any = None
    if datasets:
        try:
            contracts = contracts_of(repository.source, repository.package)
        except DataError as error:
            rows.append(_no_contracts(error))
    for dataset in datasets:
        rows += _dataset(repository, dataset, contracts)
    rows += [_presence(repository, name) for name in others]
    if not rows:
        rows = [
            Row(
                what="data",
                where="data/",
                status="passed",
                found="the notebook reads no file: there is nothing to check",
            )
        ]
    return verdict(rows, gate="data")


def _no_contracts(error: DataError) -> Row:
    absent = "No module named 'pandera'" in error.what
    return Row(
        what="contract",
        where=error.where or "contracts.py",
        status="inconclusive" if absent else "failed",
        expected="models that can be imported",
        found=error.what,
        cause="pandera is not installed: `pip install --group ops`" if absent else "it was edited by hand",
    )


def _presence(repository: Repository, name: str) -> Row:
    absent = _absent(repository, name)
    return absent or Row(what="file", where=f"data/{name}", status="passed", found="it is there")


def _absent(repository: Repository, name: str) -> Row | None:
    path = repository.data / name
    if path.exists():
        return None
    fetched = _pointed(repository.root, name)
    return Row(
        what="file",
        where=f"data/{name}",
        status="inconclusive" if fetched else "failed",
        expected="a file",
        found="nothing",
        cause="it was not fetched: `nbship data pull` brings it" if fetched else "the file is missing",
    )


def _pointed(root: Path, name: str) -> bool:
    """Whether a pointer stands for the file, or for a folder above it."""
    path = root / "data" / name
    above = [path, *path.parents][: len(Path(name).parts) + 1]
    return any(folder.with_name(f"{folder.name}.dvc").is_file() for folder in above)


def _dataset(repository: Repository, dataset: Dataset, contracts: Any) -> list[Row]:
    where = f"data/{dataset.path}"
    if absent := _absent(repository, dataset.path):
        return [absent]
    if dataset.options is None:
        text = "the notebook reads it with an argument that cannot be written down, such as a function"
        return [Row(what="contract", where=where, status="inconclusive", cause=text)]
    try:
        frame = read(dataset, repository.data / dataset.path)
    except DataError as error:
        return [_unreadable(where, dataset, error)]
    issues = [
        *_contract(contracts, dataset, frame),
        *_distribution(repository, dataset, frame),
        *_quality(repository, dataset, frame),
    ]
    return [*_rows(where, dataset, frame, issues), *_passed(where, dataset, frame, issues, contracts)]


def _unreadable(where: str, dataset: Dataset, error: DataError) -> Row:
    arguments = ", ".join(f"{name}={value!r}" for name, value in (dataset.options or {}).items())
    return Row(
        what="reading",
        where=where,
        status="failed",
        expected=f"a table by {dataset.reader}({arguments})",
        found=error.what,
        cause="the file has another form than the notebook's had",
    )


def _contract(contracts: Any, dataset: Dataset, frame: pd.DataFrame) -> list[Issue]:
    model = getattr(contracts, dataset.model or "", None)
    return [] if model is None else held_against(model, frame, dataset.profile)


def _distribution(repository: Repository, dataset: Dataset, frame: pd.DataFrame) -> Iterator[Issue]:
    level = repository.gate("drift", "critical")
    if dataset.profile is None or level == NEVER:
        return
    report = compare(dataset.profile, current_profile(frame, dataset.profile), extra_columns=False)
    for feature in report.features:
        decisive = feature.decisive
        schema = decisive is None or decisive.name == "schema"
        if RANK[feature.severity] < min(RANK["warning"], RANK[level]) or feature.severity == "too_few":
            continue
        if schema and feature.feature not in map(str, frame.columns):
            continue  # the contract says so, and quality where there is none
        yield Issue(
            kind="distribution",
            column=feature.feature,
            expected="distributed as in the notebook",
            found=feature.reason,
            open=RANK[feature.severity] < RANK[level],
        )


def _quality(repository: Repository, dataset: Dataset, frame: pd.DataFrame) -> Iterator[Issue]:
    count, least = len(frame), repository.gate("rows", 0.5)
    if count < least * dataset.rows:
        yield Issue(
            kind="quality",
            column="",
            expected=f"at least {least:.0%} of the notebook's {dataset.rows:,} rows",
            found=f"{count:,} rows",
        )
    allowed = repository.gate("missing", 0.05)
    for name, before in (
        (column.name, column) for column in (dataset.profile.columns if dataset.profile else ())
    ):
        if name not in frame.columns or not count or not before.rows:
            continue
        share, was = float(frame[name].isna().mean()), before.missing / before.rows
        if share - was > allowed:
            yield Issue(
                kind="quality",
                column=name,
                expected=f"at most {was + allowed:.0%} missing",
                found=f"{share:.0%} missing",
            )
    yield from _repeated(repository, dataset, frame)


def _repeated(repository: Repository, dataset: Dataset, frame: pd.DataFrame) -> Iterator[Issue]:
    try:
        share = float(frame.duplicated().mean()) if len(frame) else 0.0
    except TypeError:  # a cell holds a list or a dict
        return
    limit = (dataset.duplicates / dataset.rows if dataset.rows else 0.0) + repository.gate("duplicates", 0.05)
    if share > limit:
        yield Issue(
            kind="quality",
            column="",
            expected=f"at most {limit:.0%} of the rows repeated",
            found=f"{share:.0%} of the rows repeat an earlier one",
        )


def _rows(where: str, dataset: Dataset, frame: pd.DataFrame, issues: list[Issue]) -> Iterator[Row]:
    """Give a row for each column, or for the file, with all that was found on it."""
    columns = list(dict.fromkeys(issue.column for issue in issues))
    causes = (
        explain(dataset.profile, frame, [name for name in columns if name])
        if dataset.profile and columns
        else {}
    )
    for column in columns:
        own = [issue for issue in issues if issue.column == column]
        status: Status = "inconclusive" if all(issue.open for issue in own) else "failed"
        yield Row(
            what=", ".join(kind for kind in KINDS if any(issue.kind == kind for issue in own)),
            where=f"{where}, column `{column}`" if column else where,
            status=status,
            expected="; ".join(dict.fromkeys(issue.expected for issue in own)),
            found="; ".join(dict.fromkeys(issue.found for issue in own)),
            cause=causes.get(column, "") if column else _of_the_file(own),
        )


def _of_the_file(issues: list[Issue]) -> str:
    few = any("rows" in issue.found and "repeat" not in issue.found for issue in issues)
    return "only a part of the data has arrived" if few else "the same rows were delivered more than once"


def _passed(
    where: str, dataset: Dataset, frame: pd.DataFrame, issues: list[Issue], contracts: Any
) -> Iterator[Row]:
    """Give a row for each kind of check that found nothing."""
    found = {issue.kind for issue in issues}
    size = f"{len(frame.columns):,} columns, {len(frame):,} rows"
    if "contract" not in found and contracts is not None:
        if getattr(contracts, dataset.model or "", None) is None:
            text = f"contracts.py has no class {dataset.model} any more"
            yield Row(what="contract", where=where, status="inconclusive", cause=text)
        else:
            yield Row(what="contract", where=where, status="passed", found=size)
    if "distribution" not in found and dataset.profile is not None:
        few = min(len(frame), dataset.rows) < _FEWEST_ROWS
        text = f"not judged: fewer than {_FEWEST_ROWS} rows" if few else "as in the notebook"
        yield Row(what="distribution", where=where, status="passed", found=text)
    if "quality" not in found:
        text = "missing values, repeated rows and the number of rows as in the notebook"
        yield Row(what="quality", where=where, status="passed", found=text)
