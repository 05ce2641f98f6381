"""Carries journals into MLflow: at least once, idempotently, one drainer at a time."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from nbship import journal, names, store, tracking
from nbship.errors import StoreError
from nbship.journal import Blobs
from nbship.record import run_records

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.model import RunRecord
    from nbship.registry import Registry

_log = logging.getLogger("nbship.drain")

Opened = Callable[[], "Registry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What a drain did: the sessions it wrote, what is damaged, and every run that is known by its receipt."""

    written: tuple[str, ...]
    problems: tuple[str, ...]
    runs: tuple[dict[str, Any], ...]


def drain(config: Config, *, wait_s: float = 120.0, open_registry: Opened | None = None) -> Drained:
    """Bring all journals of home into the store. Raises StoreError where it does not answer.

    ``wait_s`` is how long to wait for another drainer. mlflow is imported only if there is something to write.
    """
    config.home.mkdir(parents=True, exist_ok=True)
    before = {folder.name for folder in waiting(config)}
    try:
        with FileLock(config.home / names.FILE_DRAIN_LOCK, timeout=wait_s):
            return _Drain(config, open_registry).run(before)
    except Timeout as error:
        raise StoreError(
            f"another process is writing to the store, and was not done after {wait_s:.0f} s",
            where=store.shown(config.tracking_uri),
            help=f"try again; what it does stands in {config.worker_log}",
        ) from error


def waiting(config: Config) -> list[Path]:
    """Give the sessions that hold facts the store does not have yet."""
    return [folder for folder in journal.sessions(config.journals) if _is_waiting(folder)]


def receipts(config: Config) -> list[dict[str, Any]]:
    """Give what the receipts of all sessions say about their runs, oldest first."""
    found = (_receipt(folder) for folder in journal.sessions(config.journals))
    return [run for receipt in found if receipt for run in receipt["runs"]]


class _Drain:
    def __init__(self, config: Config, open_registry: Opened | None) -> None:
        self._config = config
        self._open = open_registry or self._connect
        self._registry: Registry | None = None

    def _connect(self) -> Registry:
        from nbship.registry import Registry

        return Registry(self._config)

    def run(self, before: set[str]) -> Drained:
        """Write what is waiting. ``before`` were waiting when this was asked for, whoever has written them since."""
        written: dict[str, None] = {}
        problems: list[str] = []
        # a kernel may have written more while we wrote; three rounds, and the next drain has the rest
        for _ in range(3):
            folders = waiting(self._config)
            for folder in folders:
                problems += self._session(folder)
                written[folder.name] = None
            if not folders or all(journal.is_live(folder) for folder in folders):
                break
        new = before | set(written)
        runs = [{**run, "new": run["session"] in new} for run in receipts(self._config)]
        return Drained(written=tuple(written), problems=tuple(dict.fromkeys(problems)), runs=tuple(runs))

    def _session(self, folder: Path) -> list[str]:
        size = (folder / names.FILE_FACTS).stat().st_size
        live = journal.is_live(folder)
        reading = journal.read(folder)
        problems = [
            f"{folder.name}: line {line} is damaged and was left out" for line in reading.damaged_lines
        ]
        records = run_records(reading.session, reading.facts, live=live)
        runs = [self._write(record, problems) for record in records]
        _leave_receipt(
            folder, {"size": size, "complete": not live, "uri": self._config.tracking_uri, "runs": runs}
        )
        return problems

    def _write(self, record: RunRecord, problems: list[str]) -> dict[str, Any]:
        registry = self._registry = self._registry or self._open()
        with store.speaking_to(self._config.tracking_uri):
            run_id = tracking.write_run(registry.client, self._config, record)
        registered = self._register(registry, record, run_id, problems)
        _log.info("session %s run %s is MLflow run %s", record.session, record.ordinal, run_id)
        return _summary(record, run_id, registered)

    def _register(
        self, registry: Registry, record: RunRecord, run_id: str, problems: list[str]
    ) -> list[dict[str, Any]]:
        blobs = Blobs(folder=self._config.blobs)
        made: list[dict[str, Any]] = []
        for registration in record.registrations:
            fact = registration.fact
            if not blobs.path(fact.blob).is_file():
                problems.append(f"{record.session}: the bytes of {fact.model!r} are gone from the blob store")
                continue
            version = registry.register(record, registration, run_id=run_id, blobs=blobs)
            made.append({"model": fact.model, "version": version, "ordinal": fact.ordinal})
        return made


def _summary(record: RunRecord, run_id: str, registered: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "session": record.session,
        "run": record.ordinal,
        "name": record.name,
        "notebook": {
            "id": record.tags.get(names.TAG_NOTEBOOK_ID),
            "name": record.tags.get(names.TAG_NOTEBOOK_NAME),
        },
        "status": "running" if record.ended_ms is None else "finished",
        "datasets": [
            {"name": item.name, "digest": item.digest, "file": item.file} for item in record.datasets
        ],
        "params": dict(record.params),
        "metrics": {item.key: item.value for item in record.metrics},
        "registered": list(registered),
    }


def _is_waiting(folder: Path) -> bool:
    receipt = _receipt(folder)
    if receipt is None:
        return True
    if receipt["size"] != (folder / names.FILE_FACTS).stat().st_size:
        return True
    return not receipt["complete"] and not journal.is_live(folder)


def _receipt(folder: Path) -> dict[str, Any] | None:
    try:
        receipt = json.loads((folder / names.FILE_RECEIPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return receipt if isinstance(receipt, dict) and {"size", "complete", "runs"} <= set(receipt) else None


def _leave_receipt(folder: Path, receipt: dict[str, Any]) -> None:
    scratch = folder / f"{names.FILE_RECEIPT}.new"
    scratch.write_text(json.dumps(receipt), encoding="utf-8")
    scratch.replace(folder / names.FILE_RECEIPT)
