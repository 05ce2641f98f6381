"""The feature store: the views of a repository with the two stores and the catalogue behind them.

What it reads and writes by goes one way: `compute` runs the function and keeps what it gives offline and online;
`latest` reads online, `training` and `replay` offline. So a model is served what it was trained on.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship import config as configuration
from nbship import names, repository
from nbship.errors import DataError, InputError
from nbship.features import joins, online
from nbship.features.catalogue import Catalogue, Computation, Definition
from nbship.features.compute import compute, function_of
from nbship.features.definition import definition_hash
from nbship.features.offline import OfflineStore
from nbship.features.online import online_store, rows_of
from nbship.features.views import FeatureView, views_of

if TYPE_CHECKING:
    import pandas as pd

    from nbship.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a computation kept."""

    view: str
    definition: str
    rows: int
    entities: int
    newest: str


class FeatureStore:
    """The features of the repository that ``settings`` were read in."""

    def __init__(self, settings: Config, table: Mapping[str, Any]) -> None:
        self.views = views_of(table)
        self._settings = settings
        self._offline_url = settings.beside_project(
            table.get("offline") or str(settings.home / names.FOLDER_FEATURES)
        )
        self._online_url = table.get("online") or f"sqlite:///{settings.home / names.FILE_ONLINE}"
        self._online: online.OnlineStore | None = None

    @classmethod
    def at(cls, start: Path) -> FeatureStore:
        """Give the store as ``[tool.nbship.features]`` has it for a folder."""
        return cls(configuration.load(start=start), configuration.table(start).get("features", {}))

    def view(self, name: str) -> FeatureView:
        """Give a view. Raises InputError where there is none of that name."""
        if name not in self.views:
            known = ", ".join(sorted(self.views)) or "none yet: [tool.nbship.features.views.NAME]"
            raise InputError(f"there is no feature view {name!r}", help=f"views here: {known}")
        return self.views[name]

    def definition(self, view: FeatureView) -> str:
        """Give the hash of what a view's function computes today."""
        return definition_hash(_sources(view), view.module, view.attribute)

    def compute(
        self,
        view: FeatureView,
        frame: pd.DataFrame,
        *,
        at: datetime,
        who: str,
        source: str | None = None,
        digest: str | None = None,
    ) -> Kept:
        """Compute a view's features and keep them, offline first; registers the definition where it is new.

        A process that dies between the two stores has kept everything offline: computing again brings the online
        store up to date, and a row kept twice is one row to every reader.
        """
        features = compute(view, frame, function_of(view))
        if features.empty:
            raise DataError("the table has no rows", where=source or f"feature view {view.name}")
        _refuse_future(features, view, at)
        definition = self.definition(view)
        catalogue = self.catalogue()
        catalogue.register(self._described(view, definition, features, at=at, who=who))
        part = OfflineStore(self._offline_url).append(view, definition, features, at=at)
        self.online.put(_space(view, definition), rows_of(features, view))
        newest = features[view.time].max().isoformat()
        catalogue.note(
            Computation(
                view=view.name,
                definition=definition,
                part=part,
                at=at.astimezone(UTC).isoformat(),
                rows=len(features),
                newest=newest,
                source=source,
                digest=digest,
            )
        )
        entities = len(features.drop_duplicates(list(view.keys)))
        return Kept(
            view=view.name, definition=definition, rows=len(features), entities=entities, newest=newest
        )

    def latest(
        self, view: FeatureView, keys: Sequence[online.Key], *, now: datetime
    ) -> list[Mapping[str, Any] | None]:
        """Give the newest features of each entity; None where there are none, or they are too old."""
        found = self.online.get(_space(view, self.definition(view)), keys)
        return [online.fresh(row, view, now) for row in found]

    def training(
        self, views: Sequence[FeatureView], rows: pd.DataFrame, *, time: str, as_: joins.As = "true"
    ) -> pd.DataFrame:
        """Give rows with the features of several views as they were at each row's own moment."""
        for view in views:
            rows = joins.joined(rows, self.history(view), view, time=time, as_=as_)
        return rows

    def history(self, view: FeatureView) -> pd.DataFrame:
        """Give every value that today's definition of a view has had."""
        return OfflineStore(self._offline_url).history(view, self.definition(view))

    def catalogue(self) -> Catalogue:
        """Give the catalogue of views."""
        return Catalogue(self._settings.state_url)

    @property
    def online(self) -> online.OnlineStore:
        """The online store, opened when it is first asked."""
        if self._online is None:
            self._online = online_store(self._online_url)
        return self._online

    def _described(
        self, view: FeatureView, definition: str, features: pd.DataFrame, *, at: datetime, who: str
    ) -> Definition:
        root = self._settings.project.parent if self._settings.project else Path.cwd()
        return Definition(
            view=view.name,
            definition=definition,
            function=view.function,
            keys=view.keys,
            time=view.time,
            columns={str(name): str(features[name].dtype) for name in features.columns},
            owner=view.owner,
            freshness_s=view.freshness.total_seconds() if view.freshness else None,
            description=view.description,
            commit=repository.head_of(root),
            dirty=repository.is_dirty(root),
            registered_at=at.astimezone(UTC).isoformat(),
            registered_by=who,
        )


def _space(view: FeatureView, definition: str) -> str:
    return f"{view.name}:{definition}"


def _refuse_future(features: pd.DataFrame, view: FeatureView, at: datetime) -> None:
    """A value from the future would stay the newest of its entity, and be served before its time."""
    ahead = int((features[view.time] > at.astimezone(UTC)).sum())
    if ahead:
        raise DataError(
            f"{ahead} rows lie in the future by column {view.time!r}",
            where=f"feature view {view.name}",
            help="is it in another time zone? Times without one count as UTC",
        )


def _sources(view: FeatureView) -> dict[str, str]:
    """Give the text of each module of a view's package. Raises InputError where it is not installed."""
    package = view.module.partition(".")[0]
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise InputError(f"there is no package {package!r}", help="install it: pip install -e .")
    if not found.submodule_search_locations:
        return {package: Path(found.origin).read_text(encoding="utf-8")}
    root = Path(found.origin).parent
    return {
        _dotted(package, path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*.py"))
    }


def _dotted(package: str, path: Path) -> str:
    parts = [package, *path.with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
