"""``nbship check smoke``: the pipeline on a small sample, from end to end.

Where the notebook's code cannot work on a sample (a category that the sample does not have, two files that must
match, a fixed number of rows), all the data is tried as long as it is small; else the check says so and stays open.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from nbship.gates.runner import Ran, run
from nbship.gates.sampling import sample
from nbship.gates.settings import Repository
from nbship.gates.verdict import Row, Verdict, verdict

__all__ = ["check_smoke"]

SAMPLE_ROWS = 500
TIMEOUT_S = 300
#: Bytes of data up to which the whole of it is tried.
SMALL = 20 * 1024**2


def check_smoke(repository: Repository) -> Verdict:
    """Run the package in a scratch folder and say whether it came to its end with finite results."""
    datasets, others = repository.files()
    absent = [
        name for name in [*(one.path for one in datasets), *others] if not (repository.data / name).exists()
    ]
    if absent:
        return _verdict(
            Row(
                what="run",
                where=repository.package,
                status="inconclusive",
                expected=f"data/{absent[0]}",
                found="no such file",
                cause="the data is not here: `nbship data pull` fetches what is pointed to",
            )
        )
    with tempfile.TemporaryDirectory(prefix="nbship-sample-") as scratch:
        count = repository.gate("sample_rows", SAMPLE_ROWS)
        cut = sample(repository.data, datasets, Path(scratch), count) if repository.data.is_dir() else 0
        first = _run(repository, Path(scratch))
    if not cut or _is_good(first, repository):
        data = f"a sample of {count:,} rows" if cut else "all the data"
        return _verdict(*_judged(repository, first, data))
    return _on_everything(repository, first, count)


def _on_everything(repository: Repository, first: Ran, count: int) -> Verdict:
    """Tell a package that is broken from one that only cannot work on a sample."""
    why = _why(first)
    if _size(repository.data) > SMALL:
        return _verdict(
            Row(
                what="run",
                where=_where(repository, first),
                status="inconclusive",
                expected=f"a run on a sample of {count:,} rows",
                found=why,
                cause="the notebook's code may not work on a sample, and all the data is too large for a smoke run",
            )
        )
    whole = _run(repository, repository.data)
    note = Row(
        what="sample",
        where=_where(repository, first),
        status="passed",
        found=f"on {count:,} rows: {why}; so all the data was used",
    )
    rows = _judged(repository, whole, "all the data")
    return _verdict(*rows, *([note] if _is_good(whole, repository) else []))


def _run(repository: Repository, data: Path) -> Ran:
    return run(
        repository.source,
        repository.package,
        data=data,
        timeout_s=repository.gate("smoke_timeout_s", TIMEOUT_S),
        evaluation=repository.evaluation,
    )


def _not_finite(ran: Ran, repository: Repository) -> list[str]:
    """Give the results that should be finite; what was not in the notebook itself may stay so."""
    return [name for name in ran.not_finite if name not in repository.gate("not_finite", [])]


def _is_good(ran: Ran, repository: Repository) -> bool:
    return not (ran.timed_out or ran.failure or _not_finite(ran, repository))


def _why(ran: Ran) -> str:
    if ran.timed_out:
        return "it takes too long"
    if ran.failure is not None:
        return f"{ran.failure.error} ({ran.failure.place})"
    return f"not finite: {', '.join(ran.not_finite)}"


def _where(repository: Repository, ran: Ran) -> str:
    step = ran.failure.step if ran.failure is not None else None
    return f"step `{step}`" if step else repository.package


def _judged(repository: Repository, ran: Ran, data: str) -> list[Row]:
    limit = repository.gate("smoke_timeout_s", TIMEOUT_S)
    if ran.timed_out:
        return [
            Row(
                what="run",
                where=repository.package,
                status="failed",
                expected=f"an end within {limit:g} s",
                found=f"still running on {data}",
                cause="raise `smoke_timeout_s` in [tool.nbship.gates] if it may take that long",
            )
        ]
    if ran.failure is not None:
        return [
            Row(
                what="run",
                where=_where(repository, ran),
                status="failed",
                expected=f"a run on {data}",
                found=ran.failure.error,
                cause=f"it was raised in {ran.failure.place}",
            )
        ]
    rows = [Row(what="run", where=repository.package, status="passed", found=f"it ran on {data}")]
    bad = _not_finite(ran, repository)
    rows += [
        Row(
            what="results",
            where=f"result `{name}`",
            status="failed",
            expected="finite numbers",
            found="NaN or infinity",
            cause="a division by zero, a logarithm of zero, or missing values that went in",
        )
        for name in bad
    ]
    if not bad:
        rows.append(
            Row(what="results", where=repository.package, status="passed", found=f"{len(ran.names)} results")
        )
    return rows


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _verdict(*rows: Row) -> Verdict:
    return verdict(rows, gate="smoke")
