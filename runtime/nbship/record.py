"""From facts to runs: what MLflow should hold, computed from a whole journal and nothing else.

Pure: the same facts give the same records, so that draining a journal again, after a crash or beside a kernel that
still writes, adds what is new and doubles nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from nbship import names
from nbship.facts import (
    CellRan,
    CellSource,
    DatasetHashed,
    DatasetKept,
    DatasetRead,
    EnvironmentSeen,
    EstimatorFitted,
    Fact,
    FigureShown,
    FrameProfiled,
    MatrixComputed,
    MetricComputed,
    ModelKept,
    ModelRegistered,
    ParameterSet,
    RunStarted,
    Scalar,
    SessionEnded,
    SessionStarted,
    StoreChosen,
    UserRun,
)
from nbship.model import (
    Attachment,
    CellSummary,
    Dataset,
    Executed,
    Figure,
    MetricValue,
    Registration,
    RunRecord,
    Table,
)

_F = TypeVar("_F", bound=Fact)

_NOT_A_KEY = re.compile(r"[^A-Za-z0-9_\-. /]+")  # what mlflow accepts everywhere, Windows included
_LONGEST_VALUE = 6000
_LONGEST_TAG = 7500
_LONGEST_KEY = 250
_QUIET = (SessionStarted, StoreChosen, RunStarted, SessionEnded, EnvironmentSeen, DatasetKept)
_CONTEXT = (SessionStarted, RunStarted, ParameterSet, DatasetRead, DatasetHashed, EnvironmentSeen)


def run_records(session: str, facts: Sequence[Fact], *, live: bool) -> list[RunRecord]:
    """Give one record per run of the session; a run is over when another follows or the kernel is gone."""
    if not facts:
        return []
    by_run: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_run[fact.run].append(fact)
    start = next(iter(_only(facts, SessionStarted)), None)
    profiled = {fact.of: fact.profile_blob for fact in _only(facts, FrameProfiled)}
    history = tuple(_history(facts))
    kept = {fact.of: fact for fact in _only(facts, DatasetKept) if fact.md5 is not None}
    last = max(by_run)
    return [
        _record(session, run, part, start, profiled, kept, history, open_=live and run == last and not more)
        for run in sorted(by_run)
        if _says_something(by_run[run])
        for part, more in _parts(by_run[run])
    ]


def _parts(facts: Sequence[Fact]) -> list[tuple[list[Fact], bool]]:
    """Split a run where the user begins another MLflow run; each part, and whether another follows.

    What came before the first belongs to it. What a later one stands on (data, knobs, environment) is said again.
    """
    parts: list[list[Fact]] = [[]]
    current: str | None = None
    for fact in facts:
        if isinstance(fact, UserRun):
            if current is not None and fact.run_id != current:
                parts.append([item for item in parts[-1] if isinstance(item, _CONTEXT)])
            current = fact.run_id
        parts[-1].append(fact)
    return [(part, number < len(parts)) for number, part in enumerate(parts, start=1)]


def _record(
    session: str,
    run: int,
    facts: Sequence[Fact],
    start: SessionStarted | None,
    profiled: Mapping[int, str | None],
    kept: Mapping[int, DatasetKept],
    history: Sequence[Executed],
    *,
    open_: bool,
) -> RunRecord:
    environments = _only(facts, EnvironmentSeen)
    times = [milliseconds(fact.at) for fact in facts]
    datasets = tuple(_datasets(facts, kept, open_=open_))
    return RunRecord(
        session=session,
        ordinal=run,
        name=_name(facts, start, session),
        started_ms=min(times),
        ended_ms=None if open_ else max(times),
        user=start.user if start else "",
        params=_params(facts),
        metrics=tuple(_metrics(_only(facts, MetricComputed))),
        tags=_tags(session, run, facts, start)
        | dataset_tag(datasets)
        | _inferred_tag(_only(facts, MetricComputed)),
        datasets=datasets,
        requirements=environments[-1].requirements if environments else (),
        cells=tuple(_cells(_only(facts, CellRan))),
        figures=tuple(_figures(facts)),
        tables=tuple(_tables(_only(facts, MatrixComputed))),
        models=() if open_ else tuple(_models(facts)),
        history=tuple(item for item in history if item.run <= run),
        registrations=tuple(_registrations(facts, profiled, open_=open_)),
        attached=_attachment(facts, open_=open_),
    )


def _attachment(facts: Sequence[Fact], *, open_: bool) -> Attachment | None:
    """Give the user's run; a kernel that is gone logs nothing more into it."""
    told = _only(facts, UserRun)
    if not told:
        return None
    settled = not (open_ and told[-1].active)
    return Attachment(run_id=told[-1].run_id, tracking_uri=told[-1].tracking_uri, settled=settled)


def milliseconds(at: str) -> int:
    """Give an ISO 8601 time as milliseconds since 1970, which is what MLflow counts in."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def key(name: str) -> str:
    """Give a name that every MLflow store accepts."""
    return _NOT_A_KEY.sub("_", name)[:_LONGEST_KEY].strip("/ ") or "_"


def _says_something(facts: Iterable[Fact]) -> bool:
    return any(not isinstance(fact, _QUIET) for fact in facts)


def _only(facts: Iterable[Fact], kind: type[_F]) -> list[_F]:
    return [fact for fact in facts if isinstance(fact, kind)]


def _name(facts: Sequence[Fact], start: SessionStarted | None, session: str) -> str:
    named = [fact.name for fact in _only(facts, RunStarted) if fact.name]
    if named:
        return named[-1]
    return start.notebook_name if start and start.notebook_name else session


def _params(facts: Iterable[Fact]) -> dict[str, str]:
    """Give knobs and estimators' parameters; a value that changed later stands as ``NAME/2`` beside the first.

    MLflow forbids changing a parameter, and the history of a knob is worth keeping.
    """
    history: dict[str, list[str]] = defaultdict(list)
    for fact in facts:
        for name, value in _settings(fact):
            text = _text(value)
            if not history[name] or history[name][-1] != text:
                history[name].append(text)
    return {
        name if turn == 1 else f"{name}/{turn}": text
        for name, values in history.items()
        for turn, text in enumerate(values, start=1)
    }


def _settings(fact: Fact) -> list[tuple[str, Scalar]]:
    if isinstance(fact, ParameterSet):
        return [(key(fact.name), fact.value)]
    if isinstance(fact, EstimatorFitted):
        return [(key(f"{fact.name}.{name}"), value) for name, value in sorted(fact.parameters.items())]
    return []


def _text(value: Scalar) -> str:
    return str(value)[:_LONGEST_VALUE]


def _metrics(facts: Iterable[MetricComputed]) -> Iterable[MetricValue]:
    """Give each value of each metric; steps count the values of one cell, run once or again."""
    steps: Counter[str] = Counter()
    for fact, name in _keyed(facts):
        yield MetricValue(
            key=name, value=fact.value, at_ms=milliseconds(fact.at), step=steps[name], function=fact.function
        )
        steps[name] += 1


def _keyed(facts: Iterable[MetricComputed]) -> Iterable[tuple[MetricComputed, str]]:
    """Give each value with its key: what another cell measures under the same name stands as ``NAME/2`` beside the first.

    MLflow shows the last value of a key alone, and ``acc`` of one model is not that of the next. The very same value,
    computed again elsewhere, is no other.
    """
    cells: dict[str, list[str | None]] = defaultdict(list)
    values: dict[str, set[float]] = defaultdict(set)
    for fact in facts:
        name = key(fact.name if fact.inferred is None else f"{names.METRICS_INFERRED}/{fact.name}")
        cell = fact.cell or fact.source_hash
        if cell not in cells[name]:
            if fact.value in values[name]:
                continue
            cells[name].append(cell)
        values[name].add(fact.value)
        turn = cells[name].index(cell) + 1
        yield fact, name if turn == 1 else f"{name}/{turn}"


def _inferred_tag(facts: Iterable[MetricComputed]) -> dict[str, str]:
    """Say how the notebook computed what no library measured."""
    told = {name: fact.inferred for fact, name in _keyed(facts) if fact.inferred is not None}
    text = _json([{"metric": name, "computed": expression} for name, expression in told.items()])
    return {names.TAG_INFERRED: text} if text else {}


def _tables(facts: Iterable[MatrixComputed]) -> Iterable[Table]:
    """Give each matrix as text that MLflow shows as a table: the last of a name in a cell."""
    cells: dict[str, list[str | None]] = defaultdict(list)
    tables: dict[str, Table] = {}
    for fact in facts:
        name, cell = key(fact.name), fact.cell or fact.source_hash
        if cell not in cells[name]:
            cells[name].append(cell)
        turn = cells[name].index(cell) + 1
        path = f"{name if turn == 1 else f'{name}-{turn}'}.csv"
        head = ["actual \\ predicted", *map(str, range(len(fact.rows)))]
        lines = [head, *([str(place), *(f"{item:g}" for item in row)] for place, row in enumerate(fact.rows))]
        tables[path] = Table(path=path, text="".join(",".join(line) + "\n" for line in lines))
    return tables.values()


def _datasets(facts: Sequence[Fact], kept: Mapping[int, DatasetKept], *, open_: bool) -> Iterable[Dataset]:
    """Give each table once, in the order of reading; while the run is open, only those whose hash has come."""
    hashes = {fact.of: fact for fact in _only(facts, DatasetHashed)}
    seen: set[tuple[str, str | None]] = set()
    for read in _only(facts, DatasetRead):
        hashed = hashes.get(read.ordinal)
        if hashed is None and open_:
            continue
        digest = (hashed.table or hashed.file) if hashed else None
        if (read.name, digest) in seen:
            continue
        seen.add((read.name, digest))
        yield Dataset(
            name=read.name,
            digest=digest,
            file=hashed.file if hashed else None,
            schema=hashed.schema if hashed else None,
            reader=read.reader,
            rows=read.rows,
            columns=read.columns,
            context=read.context,
            store=kept[read.ordinal].store if read.ordinal in kept else None,
            md5=kept[read.ordinal].md5 if read.ordinal in kept else None,
        )


def _registrations(
    facts: Sequence[Fact], profiled: Mapping[int, str | None], *, open_: bool
) -> Iterable[Registration]:
    """Give what is to be registered; while the run is open, a model waits for its reference profile."""
    for fact in _only(facts, ModelRegistered):
        if not open_ or fact.profile_of is None or fact.profile_of in profiled:
            blob = None if fact.profile_of is None else profiled.get(fact.profile_of)
            yield Registration(fact=fact, profile_blob=blob)


def _cells(facts: Iterable[CellRan]) -> Iterable[CellSummary]:
    """Give one line per cell and source, as it ran last, in the order of the first time."""
    times: Counter[tuple[str | None, str | None]] = Counter()
    last: dict[tuple[str | None, str | None], CellRan] = {}
    for fact in facts:
        times[fact.cell, fact.source_hash] += 1
        last[fact.cell, fact.source_hash] = fact
    for which, fact in last.items():
        yield CellSummary(
            cell=fact.cell,
            source_hash=fact.source_hash,
            step=fact.step,
            succeeded=fact.succeeded,
            duration_s=fact.duration_s,
            times=times[which],
        )


def _models(facts: Sequence[Fact]) -> Iterable[ModelRegistered]:
    """Give the fitted models whose bytes are kept: the last of each name, unless it is registered anyhow."""
    kept = {fact.of: fact for fact in _only(facts, ModelKept)}
    registered = {fact.blob for fact in _only(facts, ModelRegistered)}
    last = {fit.name: fit for fit in _only(facts, EstimatorFitted) if fit.ordinal in kept}
    for fit in last.values():
        own = kept[fit.ordinal]
        if own.blob not in registered:
            yield ModelRegistered(
                ordinal=fit.ordinal,
                run=fit.run,
                at=fit.at,
                cell=fit.cell,
                source_hash=fit.source_hash,
                model=key(fit.name),
                variable=fit.name,
                type=fit.type,
                format=own.format,
                blob=own.blob,
                predicts=own.predicts,
                signature=own.signature,
            )


def _figures(facts: Sequence[Fact]) -> list[Figure]:
    """Give the pictures that each cell showed when it ran last, named by the cell's number and their own."""
    numbers: dict[str | None, int] = {}
    for cell in _only(facts, CellRan):
        numbers.setdefault(cell.cell or cell.source_hash, len(numbers) + 1)  # some front ends tell no id
    shown: dict[str, str] = {}
    for fact in _only(facts, FigureShown):
        shown[f"cell-{numbers.get(fact.cell or fact.source_hash, 0):03}-{fact.place}.{fact.format}"] = (
            fact.blob
        )
    return [Figure(path=path, blob=blob) for path, blob in shown.items()]


def _history(facts: Sequence[Fact]) -> Iterable[Executed]:
    """Give every execution of a cell with its source: what a reproduction runs again."""
    sources = {fact.source_hash: fact for fact in _only(facts, CellSource)}
    for fact in _only(facts, CellRan):
        told = sources.get(fact.source_hash)
        yield Executed(
            run=fact.run,
            cell=fact.cell,
            source_hash=fact.source_hash,
            succeeded=fact.succeeded,
            source=told.source if told else None,
            redacted=told.redacted if told else False,
        )


def _tags(session: str, run: int, facts: Sequence[Fact], start: SessionStarted | None) -> dict[str, str]:
    cells = _only(facts, CellRan)
    steps = {fact.step: None for fact in cells if fact.step}
    tags = {
        names.TAG_SESSION: session,
        names.TAG_RUN: str(run),
        names.TAG_CELLS: str(len(cells)),
        names.TAG_ESTIMATORS: _json([_estimator(fact) for fact in _only(facts, EstimatorFitted)]),
        names.TAG_STEPS: ", ".join(steps) or None,
        names.TAG_UNEXPLAINED: str(sum(fact.unexplained for fact in cells)).removeprefix("0") or None,
    }
    return {name: value[:_LONGEST_TAG] for name, value in (tags | _origin(start)).items() if value}


def _estimator(fact: EstimatorFitted) -> dict[str, object]:
    return {"name": fact.name, "type": fact.type, "trained_on": fact.trained_on, "rows": fact.rows}


def _origin(start: SessionStarted | None) -> dict[str, str | None]:
    if start is None:
        return {}
    return {
        names.TAG_NOTEBOOK_ID: start.notebook_id,
        names.TAG_NOTEBOOK_NAME: start.notebook_name,
        names.TAG_PYTHON: start.python,
        names.TAG_DIRTY: None if start.dirty is None else str(start.dirty).lower(),
        "mlflow.source.git.commit": start.commit,
        "mlflow.source.name": start.notebook_name,
        "mlflow.source.type": "NOTEBOOK",
    }


def dataset_tag(datasets: Iterable[Dataset]) -> dict[str, str]:
    """Give the tag of a run that holds the whole hashes of what it read; none where it read nothing."""
    rows: list[dict[str, object]] = [
        {"name": item.name, "digest": item.digest, "file": item.file, **_kept(item)} for item in datasets
    ]
    text = _json(rows)
    return {names.TAG_DATASETS: text} if text else {}


def _kept(item: Dataset) -> dict[str, object]:
    """Say where the bytes of a dataset are kept, if they are."""
    return {} if item.md5 is None else {"store": item.store, "md5": item.md5}


def _json(value: list[dict[str, object]]) -> str | None:
    """Give as many rows as a tag takes."""
    text = json.dumps(value, separators=(",", ":"))
    while len(text) > _LONGEST_TAG:
        value = value[:-1]
        text = json.dumps(value, separators=(",", ":"))
    return text if value else None
