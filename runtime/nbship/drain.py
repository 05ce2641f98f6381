"""Carries journals into MLflow: at least once, idempotently, one drainer at a time."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from nbship import journal, names, store, tracking
from nbship.errors import RefusedError, StoreError
from nbship.facts import Fact, StoreChosen
from nbship.journal import Blobs
from nbship.record import run_records

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.model import RunRecord
    from nbship.registry import Registry

_log = logging.getLogger("nbship.drain")

Opened = Callable[["Config"], "Registry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What a drain did: the sessions it wrote, what went wrong, and every run that is known by its receipt.

    ``away`` are the stores that do not answer, with the reason; what belongs there waits in its journals.
    """

    written: tuple[str, ...]
    problems: tuple[str, ...]
    runs: tuple[dict[str, Any], ...]
    away: tuple[StoreError, ...] = ()


def drain(
    config: Config, *, wait_s: float = 120.0, open_registry: Opened | None = None, by_hand: bool = True
) -> Drained:
    """Bring all journals of home into their stores.

    ``wait_s`` is how long to wait for another drainer; StoreError is raised where it does not come to an end.
    ``by_hand`` tries again what a store has refused, and holds the store of here and now for the right one, but for
    sessions whose project names its own. mlflow is imported only if there is something to write.
    """
    config.home.mkdir(parents=True, exist_ok=True)
    before = {folder.name for folder in waiting(config, refused=by_hand)}
    try:
        with FileLock(config.home / names.FILE_DRAIN_LOCK, timeout=wait_s):
            return _Drain(config, open_registry, by_hand=by_hand).run(before)
    except Timeout as error:
        raise StoreError(
            f"another process is writing to the store, and was not done after {wait_s:.0f} s",
            where=store.shown(config.tracking_uri),
            help=f"try again; what it does stands in {config.worker_log}",
        ) from error


def waiting(config: Config, *, refused: bool = False) -> list[Path]:
    """Give the sessions that hold facts their store does not have yet; ``refused`` adds what it did not take."""
    return [folder for folder in journal.sessions(config.journals) if is_waiting(folder, refused=refused)]


def receipts(config: Config) -> list[dict[str, Any]]:
    """Give what the receipts of all sessions say about their runs, oldest first."""
    found = (_receipt(folder) for folder in journal.sessions(config.journals))
    return [run for receipt in found if receipt for run in receipt["runs"]]


class _Drain:
    """One pass over the journals. A store that is away, or one session that fails, keeps none of the others."""

    def __init__(self, config: Config, open_registry: Opened | None, *, by_hand: bool) -> None:
        self._config = config
        self._open = open_registry or _connect
        self._by_hand = by_hand
        self._registries: dict[str, Registry] = {}
        self._away: dict[str, StoreError] = {}
        self._problems: dict[str, None] = {}

    def run(self, before: set[str]) -> Drained:
        """Write what is waiting. ``before`` were waiting when this was asked for, whoever has written them since."""
        written: dict[str, None] = {}
        # a kernel may have written more while we wrote; three rounds, and the next drain has the rest
        for number in range(3):
            folders = waiting(self._config, refused=self._by_hand and number == 0)
            for folder in folders:
                if self._session(folder):
                    written[folder.name] = None
            if self._away or not folders or all(journal.is_live(folder) for folder in folders):
                break
        new = before | set(written)
        runs = [{**run, "new": run["session"] in new} for run in receipts(self._config)]
        return Drained(
            written=tuple(written),
            problems=tuple(self._problems),
            runs=tuple(runs),
            away=tuple(self._away.values()),
        )

    def _session(self, folder: Path) -> bool:
        """Write one session, and tell whether it is written."""
        try:
            size = (folder / names.FILE_FACTS).stat().st_size
            live = journal.is_live(folder)
            reading = journal.read(folder)
            settings = settings_of(self._config, reading.facts, by_hand=self._by_hand)
            records = run_records(reading.session, reading.facts, live=live)
            self._tell_damage(reading)
            receipt = {"size": size, "complete": not live, "uri": store.shown(settings.tracking_uri)}
            try:
                runs = [self._write(settings, record) for record in records]
            except RefusedError as error:
                self._problem(f"{folder.name}: {error.what}")
                before = (_receipt(folder) or {}).get("runs", [])
                _leave_receipt(folder, {**receipt, "runs": before, "refused": error.what})
                return False
            _leave_receipt(folder, {**receipt, "runs": runs})
        except StoreError:
            return False  # told once for the store
        except Exception as error:  # noqa: BLE001  # one odd session keeps none of the others
            _log.exception("session %s cannot be written", folder.name)
            self._problem(f"{folder.name}: cannot be written: {type(error).__name__}: {error}")
            return False
        return True

    def _tell_damage(self, reading: journal.Reading) -> None:
        for line in reading.damaged_lines:
            self._problem(f"{reading.session}: line {line} is damaged and was left out")
        if reading.missing:
            self._problem(f"{reading.session}: {len(reading.missing)} facts are missing in its journal")

    def _problem(self, text: str) -> None:
        self._problems[text] = None

    def _registry(self, settings: Config) -> Registry:
        """Give the connection to a store, opened once; raise again what it said when it was away."""
        uri = settings.tracking_uri
        if uri in self._away:
            raise self._away[uri]
        if uri not in self._registries:
            with self._watching(uri):
                self._registries[uri] = self._open(settings)
        return self._registries[uri]

    @contextlib.contextmanager
    def _watching(self, uri: str) -> Generator[None]:
        """Remember that a store is away, so that each drain waits for it once."""
        try:
            with store.speaking_to(uri):
                yield
        except RefusedError:
            raise
        except StoreError as error:
            self._away[uri] = error
            raise

    def _write(self, settings: Config, record: RunRecord) -> dict[str, Any]:
        registry, run_id = self._registry(settings), None
        theirs = _theirs(settings, record)
        if theirs is not None:
            run_id = self._write_into(theirs, record)
            record = self._without_theirs(theirs, record, run_id)
        elsewhere = theirs is not None and theirs.tracking_uri != settings.tracking_uri
        with self._watching(settings.tracking_uri):
            if theirs is None or (elsewhere and record.registrations):
                # the registry stands beside our store, and a version wants its run there
                own = tracking.write_run(registry.client, settings, record)
            else:
                own = run_id or ""
                tracking.set_aside(registry.client, settings, record, keep=own)
            registered = self._register(registry, record, own)
        run_id = run_id or own
        _log.info("session %s run %s is MLflow run %s", record.session, record.ordinal, run_id)
        return {**_summary(record, run_id, registered), "uri": store.shown((theirs or settings).tracking_uri)}

    def _write_into(self, theirs: Config, record: RunRecord) -> str:
        assert record.attached is not None
        client = self._registry(theirs).client
        with self._watching(theirs.tracking_uri):
            return tracking.write_into(client, theirs, record, record.attached)

    def _without_theirs(self, theirs: Config, record: RunRecord, run_id: str) -> RunRecord:
        """Leave the fitted models out where the user's run has models of its own."""
        client = self._registry(theirs).client
        with self._watching(theirs.tracking_uri):
            return (
                replace(record, models=())
                if record.models and tracking.has_models(client, run_id)
                else record
            )

    def _register(self, registry: Registry, record: RunRecord, run_id: str) -> list[dict[str, Any]]:
        blobs = Blobs(folder=self._config.blobs)
        made: list[dict[str, Any]] = []
        for registration in record.registrations:
            fact = registration.fact
            try:
                blobs.get(fact.blob)
            except OSError:
                self._problem(f"{record.session}: the bytes of {fact.model!r} are gone from the blob store")
                continue
            version = registry.register(record, registration, run_id=run_id, blobs=blobs)
            made.append({"model": fact.model, "version": version, "ordinal": fact.ordinal})
        registry.keep(record, run_id=run_id, blobs=blobs)
        return made


def _connect(settings: Config) -> Registry:
    from nbship.registry import Registry

    return Registry(settings)


def settings_of(config: Config, facts: Sequence[Fact], *, by_hand: bool) -> Config:
    """Give the settings that a session was recorded with, as far as they are to hold.

    An address whose password was left out is known by the rest; one that is not known here gives way to ours.
    """
    chosen = next((fact for fact in facts if isinstance(fact, StoreChosen)), None)
    if chosen is None or (by_hand and chosen.origin != "pyproject"):
        return config
    uri = (
        config.tracking_uri
        if store.shown(config.tracking_uri) == chosen.tracking_uri
        else chosen.tracking_uri
    )
    if store.HIDDEN in uri:
        uri = config.tracking_uri
    return replace(config, tracking_uri=uri, experiment=chosen.experiment)


def _theirs(settings: Config, record: RunRecord) -> Config | None:
    """Give the settings of the store that holds the user's own run, if there is one that we can reach."""
    attached = record.attached
    if attached is None:
        return None
    if attached.tracking_uri == store.shown(settings.tracking_uri):
        return settings
    hidden = store.HIDDEN in attached.tracking_uri
    return None if hidden else replace(settings, tracking_uri=attached.tracking_uri)


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
            {
                "name": item.name,
                "digest": item.digest,
                "file": item.file,
                "store": item.store,
                "md5": item.md5,
            }
            for item in record.datasets
        ],
        "params": dict(record.params),
        "metrics": {item.key: item.value for item in record.metrics},
        "registered": list(registered),
    }


def is_waiting(folder: Path, *, refused: bool = False) -> bool:
    """Tell whether a session holds facts that its store does not have yet."""
    receipt = _receipt(folder)
    if receipt is None or (refused and "refused" in receipt):
        return True
    try:
        if receipt["size"] != (folder / names.FILE_FACTS).stat().st_size:
            return True
    except OSError:  # it was deleted just now
        return False
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
