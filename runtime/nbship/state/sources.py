"""The stores that a state is drawn from, opened when they are needed and kept: opening one takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from nbship import store
from nbship.drift import DriftReport
from nbship.model import ModelVersion, RunDetails
from nbship.state.documents import VersionDrift

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.monitoring.ledger import Ledger
    from nbship.registry import Registry
    from nbship.registry.assignments import Assignments

#: What is kept of each kind, so that a server that is never stopped stays small.
MOST_KEPT = 5000

_K = TypeVar("_K")
_V = TypeVar("_V")
DriftKey = tuple[str, int, tuple[object, ...]]


class Sources:
    """Registry, assignments and ledger of one configuration. Raises StoreError where one does not answer."""

    def __init__(self, settings: Config, *, open_registry: Callable[[], Registry]) -> None:
        self.settings = settings
        self._open_registry = open_registry
        self._ledger: Ledger | None = None
        self._assignments: Assignments | None = None
        self._runs: dict[str, RunDetails] = {}
        self._reports: dict[tuple[str, str, str], DriftReport] = {}
        self.drifts: dict[DriftKey, VersionDrift] = {}

    @property
    def registry(self) -> Registry:
        """MLflow's registry."""
        return self._open_registry()

    @property
    def ledger(self) -> Ledger | None:
        """What the monitor remembers; None where nothing was ever kept, so that looking makes no database."""
        if self._ledger is None and self._has_database():
            from nbship.monitoring.ledger import Ledger

            self._ledger = Ledger(self.settings.state_url)
        return self._ledger

    @property
    def assignments(self) -> Assignments | None:
        """Who answers, and how that came; None where nothing was ever kept."""
        if self._assignments is None and self._has_database():
            from nbship.registry.assignments import Assignments

            self._assignments = Assignments(self.settings)
        return self._assignments

    def _has_database(self) -> bool:
        file = store.sqlite_file(self.settings.state_url)
        return file is None or file.is_file()

    def runs(self, registry: Registry, versions: Sequence[ModelVersion]) -> dict[str, RunDetails]:
        """Give what the runs of versions tell; a run that has ended is asked for once."""
        wanted = [item.run_id for item in versions if item.run_id and item.run_id not in self._runs]
        found = registry.run_details(wanted) if wanted else {}
        _keep(self._runs, {name: run for name, run in found.items() if run.ended})
        return {**self._runs, **found}

    def report(self, registry: Registry, version: ModelVersion, at: str, path: str) -> DriftReport:
        """Give a report; it is fetched once."""
        key = (version.run_id or "", at, path)
        if key not in self._reports:
            _keep(self._reports, {key: registry.report(version, path)})
        return self._reports[key]

    def close(self) -> None:
        """Let go of the databases."""
        for opened in (self._ledger, self._assignments):
            if opened is not None:
                opened.close()
        self._ledger = self._assignments = None


def _keep(known: dict[_K, _V], new: dict[_K, _V]) -> None:
    known.update(new)
    while len(known) > MOST_KEPT:
        del known[next(iter(known))]
