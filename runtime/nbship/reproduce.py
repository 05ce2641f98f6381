"""Runs a recorded run again, from the sources that were recorded, and says whether the same came out.

Nothing is checked out and nothing of the user's is written: the cells run in a fresh kernel in a scratch folder with
copies of the files that the run read, recorded into a scratch home. What may differ (packages, Python, the data, a
redacted secret) is told before.
"""

from __future__ import annotations

import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from nbship import journal, names
from nbship.comparison import Difference, data_differences
from nbship.errors import InputError, RunError
from nbship.facts import CellRan, Fact, MatrixComputed, MetricComputed
from nbship.model import Dataset, Executed, RunRecord
from nbship.past import PastRun, recorded
from nbship.record import run_records

Verdict = Literal["equal", "close", "different"]
#: Where both differ from the last digits on only, the machine's arithmetic did.
CLOSE = 1e-12
CELL_TIMEOUT_S = 1800
_DEPTH = "notebook/folder/of/the"  # room for paths that begin with `../`
_NOT_RUN = re.compile(
    r"^[ \t]*(?:[!%](?:pip|conda|mamba|uv|apt|apt-get)\b|%(?:load_ext[ \t]+nbship|ship[ \t]+(?:register|export|data)\b)).*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a run stands on and how much of it is here. ``packages`` and ``data`` list only what is not as it was."""

    cells: tuple[str, ...]
    commit: str | None
    dirty: bool | None
    packages: tuple[Difference, ...]
    data: tuple[Difference, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What came out again: the names that are not equal, each with both values, and the verdict."""

    verdict: Verdict
    checked: int
    params: tuple[Difference, ...]
    data: tuple[Difference, ...]
    metrics: tuple[Difference, ...]


def needs(run: PastRun, folder: Path) -> Needs:
    """Give what ``run`` needs; its data is looked for below ``folder``. Raises InputError where there are no sources."""
    cells = [item for item in run.history if item.succeeded]
    lost = [item for item in cells if item.source is None]
    if not cells or lost:
        what = f"the source of {len(lost)} of its cells was" if cells else "no cells were"
        raise InputError(
            f"run {run.id} cannot be run again: {what} not recorded",
            help="it was recorded before sources were kept; what is recorded from now on can be run again",
        )
    return Needs(
        cells=tuple(item.source or "" for item in cells),
        commit=run.commit,
        dirty=run.dirty,
        packages=_packages(run),
        data=tuple(_data(run.datasets, folder)),
        problems=tuple(_problems(run.history)),
    )


def _problems(history: Iterable[Executed]) -> Iterable[str]:
    redacted = sum(item.redacted and item.succeeded for item in history)
    failed = sum(not item.succeeded for item in history)
    if redacted:
        yield f"{redacted} cells held a secret, which was not kept: they may not run"
    if failed:
        yield f"{failed} executions had failed and are left out"


def _packages(run: PastRun) -> tuple[Difference, ...]:
    pairs = [(name, number, _installed(name)) for name, number in run.pins.items()]
    if run.python is not None:
        pairs.append(("python", run.python, platform.python_version()))
    return tuple(Difference(name=name, first=was, second=now) for name, was, now in pairs if was != now)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _data(datasets: Sequence[Dataset], folder: Path) -> Iterable[Difference]:
    from nbship.fingerprint import hash_file

    for item in datasets:
        if item.file is None:
            continue  # from a URL, or made by a library
        path = folder / item.name
        now = hash_file(path) if path.is_file() else None
        if now != item.file:
            yield Difference(name=item.name, first=item.file, second=now)


def reproduce(run: PastRun, needed: Needs, folder: Path, *, timeout_s: int = CELL_TIMEOUT_S) -> Reproduction:
    """Run the cells and compare. Raises RunError where one does not run to its end."""
    with tempfile.TemporaryDirectory(prefix="nbship-again-") as name:
        scratch = Path(name)
        place = scratch / _DEPTH
        place.mkdir(parents=True)
        _copy(run.datasets, folder, place, scratch)
        _execute(needed.cells, place, _environment(scratch, folder), timeout_s)
        return verdict(run, _record(scratch / "home", run))


def _copy(datasets: Sequence[Dataset], folder: Path, place: Path, scratch: Path) -> None:
    for item in datasets:
        source, target = folder / item.name, (place / item.name).resolve()
        if item.file is not None and source.is_file() and target.is_relative_to(scratch.resolve()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _environment(scratch: Path, folder: Path) -> dict[str, str]:
    """Give the environment: nothing of it reaches the user's store, and modules beside the notebook are found."""
    paths = [str(folder.resolve()), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        names.ENV_HOME: str(scratch / "home"),
        names.ENV_WORKER: "off",
        names.ENV_CAPTURE: "on",
        names.ENV_TRACKING_URI: f"sqlite:///{scratch / 'mlflow.db'}",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def _execute(cells: Sequence[str], place: Path, environment: Mapping[str, str], timeout_s: int) -> None:
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ModuleNotFoundError as error:
        raise RunError(f"{error.name} is not installed", help="pip install 'nbship[convert]'") from error

    content = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(_NOT_RUN.sub("", source)) for source in cells]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbclient's own, on event loops
        client = NotebookClient(
            content, km=_kernel(), timeout=timeout_s, resources={"metadata": {"path": str(place)}}
        )
        try:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            client.execute(
                cleanup_kc=True, env=dict(environment), **quiet
            )  # a kernel that is handed over is ours to end
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            last = str(getattr(error, "evalue", "") or str(error).strip().splitlines()[-1])
            raise RunError(
                f"the run does not get to its end again: {getattr(error, 'ename', type(error).__name__)}: {last}",
                help="what it needs and lacks stands above; modules beside the notebook are found with --from FOLDER",
            ) from error


def _kernel() -> Any:
    """Give a manager of a kernel in this interpreter that records from its first cell on."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    arguments = [sys.executable, "-m", "ipykernel_launcher", "--ext=nbship", "-f", "{connection_file}"]
    manager = AsyncKernelManager(kernel_name="python3")
    manager._kernel_spec = KernelSpec(argv=arguments, display_name="nbship", language="python")  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # there is no other way to hand over a spec that is not installed
    return manager


def _record(home: Path, run: PastRun) -> RunRecord:
    folders = journal.sessions(home / names.FOLDER_JOURNALS)
    facts = journal.read(folders[-1]).facts if folders else ()
    records = run_records("again", list(_in_their_cells(facts, run.history)), live=False)
    mine = [record for record in records if record.ordinal == run.number]
    if not mine:
        raise RunError("the run was not recorded again", help="is recording switched off in the notebook?")
    return mine[-1]


def _in_their_cells(facts: Iterable[Fact], history: Sequence[Executed]) -> Iterable[Fact]:
    """Give what was measured in the cells of the first time: names of metrics tell one cell from another."""
    cells = [item.cell for item in history if item.succeeded]
    ran = 0
    for fact in facts:
        ran += isinstance(fact, CellRan)
        measured = isinstance(fact, MetricComputed | MatrixComputed)
        yield replace(fact, cell=cells[ran - 1]) if measured and 0 < ran <= len(cells) else fact


def verdict(run: PastRun, again: RunRecord) -> Reproduction:
    """Compare parameters, data and every metric value of a run with those of its repetition. Pure."""
    then = _then(run)
    now = recorded(again.params, [(item.key, item.step, item.value) for item in again.metrics])
    params = _unequal(then["params"], now["params"])
    data = tuple(
        Difference(name=item.name, first=item.first, second=item.second)
        for item in data_differences(run.datasets, again.datasets)
    )
    metrics = _unequal(_by_name(then["metrics"]), _by_name(now["metrics"]))
    far = [item for item in metrics if not _is_close(item)]
    word: Verdict = "different" if params or data or far else "close" if metrics else "equal"
    checked = len(then["params"]) + len(then["metrics"]) + len(run.datasets)
    return Reproduction(verdict=word, checked=checked, params=params, data=data, metrics=metrics)


def _then(run: PastRun) -> Mapping[str, Any]:
    return run.own or recorded(run.params, [(name, 0, value) for name, value in run.metrics.items()])


def _by_name(rows: Sequence[Sequence[Any]]) -> dict[str, str]:
    return {f"{key}" if not step else f"{key} ({step + 1})": str(value) for key, step, value in rows}


def _unequal(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Difference, ...]:
    found = (
        Difference(name=name, first=then.get(name), second=now.get(name)) for name in sorted({*then, *now})
    )
    return tuple(item for item in found if item.first != item.second)


def _is_close(item: Difference) -> bool:
    return None not in (item.first, item.second) and math.isclose(
        float(item.first), float(item.second), rel_tol=CLOSE
    )
