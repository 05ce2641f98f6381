"""What the sidebar, the widget and ``nbship status`` show of a model: one document, drawn from the registry alone.

Its JSON is a contract with the TypeScript side; ``tests/contract/state.json`` is an example that both sides check.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship import names
from nbship.drift import RANK, DriftReport, FeatureDrift
from nbship.errors import StoreError
from nbship.model import ModelVersion, Severity, Window

if TYPE_CHECKING:
    from nbship.config import Config
    from nbship.registry import Registry

_log = logging.getLogger("nbship.state")
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Whether the registry answered, what it said if not, and when the document was true."""

    reachable: bool
    message: str | None
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDigest:
    """A dataset and its content hash."""

    name: str
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookName:
    """The notebook that made a version."""

    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """A version, as a row of the panel."""

    version: int
    status: str
    stage: str
    aliases: tuple[str, ...]
    created: str
    created_by: str | None
    run_id: str | None
    metrics: Mapping[str, float]
    datasets: tuple[NamedDigest, ...]
    notebook: NotebookName
    package_commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A feature's measure in one window."""

    window: str
    value: float | None
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureState:
    """A feature in the latest window, by the test that decided, and that measure in all windows."""

    feature: str
    kind: str
    severity: Severity
    reason: str
    test: str | None
    value: float | None
    thresholds: tuple[float, ...] | None
    history: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftState:
    """What live data has done to a version; ``severity`` is the latest window's."""

    version: int
    severity: Severity
    windows: tuple[Window, ...]
    features: tuple[FeatureState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """All of it. ``revision`` changes when, and only when, what is shown changes."""

    schema: int
    model: str
    profile: str
    revision: str
    store: Store
    versions: tuple[VersionState, ...]
    drift: tuple[DriftState, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the document of the contract."""
        document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return document


def read(
    model: str, profile: str, *, settings: Config, open_registry: Callable[[], Registry], now: datetime
) -> ModelState:
    """Give the state of a model; where the store does not answer, the last one known, marked as such."""
    try:
        versions, drift = _from_registry(open_registry(), model)
    except StoreError as error:
        store = Store(reachable=False, message=str(error.what), as_of=now.isoformat())
        return _remembered(settings, model, profile, store) or _state(model, profile, store, (), ())
    current = _state(
        model, profile, Store(reachable=True, message=None, as_of=now.isoformat()), versions, drift
    )
    _remember(settings, current)
    return current


def _from_registry(registry: Registry, model: str) -> tuple[tuple[VersionState, ...], tuple[DriftState, ...]]:
    versions = registry.versions(model)
    drift = [_drift(registry, version) for version in versions if registry.windows(version)]
    return tuple(_version(registry, version) for version in versions), tuple(drift)


def _version(registry: Registry, version: ModelVersion) -> VersionState:
    datasets = (NamedDigest(name=item.name, digest=item.digest) for item in registry.datasets(version))
    return VersionState(
        version=version.version,
        status=version.status,
        stage=version.stage,
        aliases=version.aliases,
        created=version.created,
        created_by=version.created_by,
        run_id=version.run_id,
        metrics={name: _finite(value) for name, value in registry.metrics(version).items()},
        datasets=tuple(datasets),
        notebook=NotebookName(
            id=version.tags.get(names.TAG_NOTEBOOK_ID), name=version.tags.get(names.TAG_NOTEBOOK_NAME)
        ),
        package_commit=version.tags.get(names.TAG_PACKAGE_COMMIT),
    )


def _finite(value: float) -> Any:
    return value if abs(value) < float("inf") else None  # NaN too: JSON has no word for either


def _drift(registry: Registry, version: ModelVersion) -> DriftState:
    found = registry.windows(version)
    windows = [window for window, _ in found]
    reports = [registry.report(version, path) for _, path in found]
    features = [_feature(feature, windows, reports) for feature in reports[-1].features]
    features.sort(key=lambda row: (-RANK[row.severity], -(row.value or 0.0), row.feature))
    return DriftState(
        version=version.version,
        severity=windows[-1].severity,
        windows=tuple(windows),
        features=tuple(features),
    )


def _feature(
    feature: FeatureDrift, windows: Sequence[Window], reports: Sequence[DriftReport]
) -> FeatureState:
    decisive = feature.decisive
    history = []
    for window, report in zip(windows, reports, strict=True):
        there = report.feature(feature.feature)
        measure = there.test(decisive.name) if there is not None and decisive is not None else None
        if there is not None:
            value = measure.value if measure else None
            severity = measure.severity if measure else there.severity
            history.append(Point(window=window.window, value=value, severity=severity))
    return FeatureState(
        feature=feature.feature,
        kind=feature.kind,
        severity=feature.severity,
        reason=feature.reason,
        test=decisive.name if decisive else None,
        value=decisive.value if decisive else None,
        thresholds=decisive.thresholds if decisive else None,
        history=tuple(history),
    )


def _state(
    model: str,
    profile: str,
    store: Store,
    versions: tuple[VersionState, ...],
    drift: tuple[DriftState, ...],
) -> ModelState:
    shown = [[dataclasses.asdict(item) for item in versions], [dataclasses.asdict(item) for item in drift]]
    text = json.dumps([model, profile, store.reachable, shown], sort_keys=True)
    return ModelState(
        schema=SCHEMA,
        model=model,
        profile=profile,
        revision=hashlib.sha256(text.encode()).hexdigest()[:8],
        store=store,
        versions=versions,
        drift=drift,
    )


def _memory(settings: Config, model: str, profile: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9_\-]+", "_", f"{profile}-{model}")
    return settings.home / names.FOLDER_STATES / f"{name}.json"


def _remember(settings: Config, state: ModelState) -> None:
    path = _memory(settings, state.model, state.profile)
    scratch = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(state.to_json()), encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        _log.warning("the state of %s is not remembered: %s", state.model, error)


def _remembered(settings: Config, model: str, profile: str, store: Store) -> ModelState | None:
    """Give what was last seen, with ``as_of`` of that time and the message of now."""
    try:
        document = json.loads(_memory(settings, model, profile).read_text(encoding="utf-8"))
        then = document["store"]["as_of"]
        versions = tuple(_version_from(row) for row in document["versions"])
        drift = tuple(_drift_from(row) for row in document["drift"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return _state(model, profile, dataclasses.replace(store, as_of=then), versions, drift)


def _version_from(row: Mapping[str, Any]) -> VersionState:
    given = dict(row)
    given["aliases"] = tuple(row["aliases"])
    given["datasets"] = tuple(NamedDigest(**item) for item in row["datasets"])
    given["notebook"] = NotebookName(**row["notebook"])
    return VersionState(**given)


def _drift_from(row: Mapping[str, Any]) -> DriftState:
    given = dict(row)
    given["windows"] = tuple(Window(**item) for item in row["windows"])
    given["features"] = tuple(_feature_from(item) for item in row["features"])
    return DriftState(**given)


def _feature_from(row: Mapping[str, Any]) -> FeatureState:
    given = dict(row)
    given["thresholds"] = tuple(row["thresholds"]) if row["thresholds"] else None
    given["history"] = tuple(Point(**point) for point in row["history"])
    return FeatureState(**given)
