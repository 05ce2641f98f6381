"""Where things are: home, tracking store, experiment.

Environment first, then ``[tool.nbship]`` of the nearest ``pyproject.toml``, then what works on one laptop:
MLflow on SQLite in home.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nbship import names
from nbship.errors import InputError

Origin = Literal["environment", "pyproject", "home"]

#: The keys that this version reads. Tables belong to the part that their name says.
KEYS: Mapping[str, type] = {
    "tracking_uri": str,  # any MLflow tracking URI; default: SQLite in home
    "artifacts": str,  # any address that MLflow takes, where tracking_uri is a database; default: a folder in home
    "experiment": str,  # the MLflow experiment that runs go to; default: nbship
    "model": str,  # the model that this repository makes
    "notebook": str,  # the notebook that this repository came from
    "package": str,  # the package in this repository
    "policy": str,  # the organisation's policy: a path (relative: from pyproject.toml) or an address; docs/registry.md
    "profile": str,  # which of [tool.nbship.profiles] holds; default: default
    "profiles": dict,  # named stores: profiles.NAME.tracking_uri
    "alerts": dict,  # who does what when something is found; `nbship doctor` fails where it is not said
    "check": dict,
    "data": dict,  # data.store: where data versions are kept (any fsspec address); data.snapshot: keep all that is read
    "evaluation": dict,  # what the model of an exported notebook is judged on
    "features": dict,  # features that models share; docs/features.md
    "gates": dict,
    "monitor": dict,  # where predictions are logged, and how they are cut into windows
    "retrain": dict,  # when the model is trained again, on what, and what becomes of the new version
    "rollout": dict,  # the steps from shadow to the whole traffic, and what a candidate must show at each
}
#: The keys of [tool.nbship.data].
DATA_KEYS: Mapping[str, type] = {
    "store": str,  # an fsspec address or a folder (relative: from pyproject.toml); default: DVC's cache, else home
    "snapshot": bool,  # whether a recorded notebook keeps every file that it reads, unasked; default: no
}
#: The keys of [tool.nbship.evaluation]: names in the Results of the exported package.
EVALUATION_KEYS: Mapping[str, type] = {
    "model": str,
    "features": str,  # the rows that the model is judged on, as it takes them
    "labels": str,
    "predictions": str,  # what the notebook's model said of those rows
    "task": str,  # classification, regression, clustering or unknown
}
#: The keys of [tool.nbship.gates]; docs/gates.md tells what each does.
GATES_KEYS: Mapping[str, type] = {
    "require": list,  # gates and parts that may not stay inconclusive: data, smoke, model, champion
    "drift": str,  # severity of drift that fails `check data`: info, warning, critical or never; default: critical
    "missing": float,  # how much a column's missing share may grow; default: 0.05
    "duplicates": float,  # how much the share of repeated rows may grow; default: 0.05
    "rows": float,  # share of the reference's rows that a file must have; default: 0.5
    "sample_rows": int,  # rows of each file that `check smoke` runs on; default: 500
    "not_finite": list,  # results that were NaN or infinite in the notebook itself
    "smoke_timeout_s": int,  # default: 300
    "model_timeout_s": int,  # default: 3600
    "min_rows": int,  # held-out rows below which a model is not judged; default: 50
    "tolerance": float,  # how much worse than the champion a model may be, as a share of the champion's; default: 0.01
    "slices": list,  # features whose values are judged apart; default: those with few distinct values
    "minimum": dict,  # metric -> at least
    "maximum": dict,  # metric -> at most
}
#: The keys of [tool.nbship.monitor].
MONITOR_KEYS: Mapping[str, type] = {
    "log": str,  # an fsspec address or a folder (relative: from pyproject.toml); default: predictions in home
    "window": str,  # 15min, 1h, 1d, 1w, 1mo, or a number of rows: "5000 rows"; default: 1d
    "grace_minutes": int,  # how long after its end a window waits for rows that are under way; default: 10
    "labels": str,  # a file or folder of tables with the truth, by key
    "key": str,  # the column of the labels that holds the request id; default: request
    "label": str,  # the column that holds the truth; default: label
    "task": str,  # classification or regression; default: what answers and truth look like
}
#: The keys of [tool.nbship.alerts]. The four words of a procedure hold for every rule that has none of its own.
ALERT_KEYS: Mapping[str, type] = {
    "owner": str,
    "action": str,
    "escalation": str,
    "runbook": str,
    "raise_after": int,  # so many windows in a row raise an alert; default: 1
    "clear_after": int,  # so many quiet windows in a row clear it; default: 2
    "rules": dict,  # rules.NAME: the same keys, for one rule
    "webhook": str,  # an http(s) address; its secret is NBSHIP_WEBHOOK_SECRET
    "mlflow": bool,  # whether the alerts that are open stand in a tag of the version; default: yes
}
#: The keys of [tool.nbship.retrain]; docs/retraining.md tells what each does.
RETRAIN_KEYS: Mapping[str, type] = {
    "every": str,  # a length of time: 12h, 7d, 4w; default: time alone is no reason
    "drift": str,  # severity of the champion's drift that is a reason: info, warning, critical, never; default: critical
    "windows": int,  # so many windows in a row; default: 1
    "wait": str,  # how long after an attempt the next one may begin; default: 1d
    "then": str,  # rollout, promote or nothing; default: rollout where [tool.nbship.rollout] is there, else promote
    "data": str,  # the folder with fresh data (relative: from pyproject.toml); default: the package's own
    "set": dict,  # fields of the package's Config
    "model": str,  # which of Results is the model; default: that of [tool.nbship.evaluation]
    "reference": str,  # which of Results it learnt from; default: the largest table with its columns
    "python": str,  # the interpreter of the package's environment; default: the one that runs nbship
    "timeout_s": int,  # default: 3600
}
#: The keys of [tool.nbship.rollout]; docs/rollout.md tells what each does.
ROLLOUT_KEYS: Mapping[str, type] = {
    "steps": list,  # "shadow", shares that grow, or tables with min_minutes and max_minutes of their own
    "interval_s": float,  # seconds between looks at the evidence; default: 60
    "min_minutes": float,  # how long each step is observed at least; default: 10
    "max_minutes": float,  # after so long without a decision somebody is told; default: 1440
    "confidence": float,  # default: 0.95
    "min_requests": int,  # on each side, at each step; default: 200
    "max_error_increase": float,  # how many more of the requests may fail than of the champion's; default: 0.01
    "max_latency_ratio": float,  # of the medians and of the 99th percentiles; default: 1.5
    "latency_slack_s": float,  # a difference that nobody minds, whatever the ratio; default: 0.005
    "max_disagreement": float,  # on how many of the same requests the answers may differ; default: 0.2
    "tolerance": float,  # when numbers differ, in standard deviations of the champion's answers; default: 0.25
    "drift": str,  # severity of the challenger's drift that fails: info, warning, critical, never; default: critical
    "metric_tolerance": float,  # how much larger the loss may be, as a share of the champion's; default: 0.05
    "min_labels": int,  # labels below which the metric is not judged; default: 100
    "require": list,  # drift, metric: what may not stay inconclusive; default: drift
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What this process works with.

    ``home`` holds journals, blobs and the default store; ``origin`` tells where ``tracking_uri`` came from;
    ``project`` is the ``pyproject.toml`` that was read, if there is one with ``[tool.nbship]``; ``data_store`` is the
    address that data versions go to, if one is named.
    """

    home: Path
    tracking_uri: str
    origin: Origin
    experiment: str = names.DEFAULT_EXPERIMENT
    model: str | None = None
    project: Path | None = None
    artifacts_named: str | None = None
    data_store: str | None = None
    snapshot: bool = False
    monitor: Mapping[str, Any] = field(default_factory=dict[str, Any])
    alerts: Mapping[str, Any] | None = None
    rollout: Mapping[str, Any] = field(default_factory=dict[str, Any])
    policy: str | None = None

    @property
    def log_url(self) -> str:
        """Where predictions are logged."""
        named = os.environ.get(names.ENV_LOG_URL) or self.monitor.get("log")
        if named is None:
            return str(self.home / names.FOLDER_PREDICTIONS)
        return self.beside_project(named)

    @property
    def state_url(self) -> str:
        """The database that the monitor and the alerts keep their state in."""
        return os.environ.get(names.ENV_STATE_URL) or f"sqlite:///{self.home / names.FILE_STATE}"

    def beside_project(self, address: str) -> str:
        """Give an address; a relative path is one from ``pyproject.toml``."""
        return _beside(self.project, address)

    @property
    def snapshots(self) -> Path:
        """Where data versions are kept while no store is named."""
        return self.home / names.FOLDER_SNAPSHOTS

    @property
    def origins(self) -> Path:
        """Where it stands which file of this machine an exported pointer was made from."""
        return self.home / names.FOLDER_ORIGINS

    @property
    def journals(self) -> Path:
        """The folder with one folder per kernel session."""
        return self.home / names.FOLDER_JOURNALS

    @property
    def blobs(self) -> Path:
        """The content-addressed store of model bytes and profiles."""
        return self.home / names.FOLDER_BLOBS

    @property
    def artifacts(self) -> Path:
        """Where artifacts go while the store is a database and no address is named."""
        return self.home / names.FOLDER_ARTIFACTS

    @property
    def artifact_url(self) -> str:
        """Where artifacts go while the store is a database; a tracking server has a place of its own."""
        named = os.environ.get(names.ENV_ARTIFACT_URL) or self.artifacts_named
        if named is None:
            return self.artifacts.as_uri()
        address = self.beside_project(named)
        return address if "://" in address else Path(address).absolute().as_uri()

    @property
    def worker_log(self) -> Path:
        """Where the worker, which nobody watches, says what it does."""
        return self.home / names.FOLDER_LOGS / names.FILE_WORKER_LOG


def load(*, start: Path | None = None, profile: str | None = None) -> Config:
    """Give the configuration that holds for ``start`` (default: the working folder).

    Raises InputError where ``[tool.nbship]`` has an unknown key or a value of the wrong type.
    """
    project, table = _project_table(start or Path.cwd())
    home = home_folder()
    uri, origin = _tracking_uri(table, home, project, profile)
    return Config(
        home=home,
        tracking_uri=uri,
        origin=origin,
        experiment=table.get("experiment", names.DEFAULT_EXPERIMENT),
        model=table.get("model"),
        project=project,
        artifacts_named=table.get("artifacts"),
        data_store=_data_store(table, project),
        snapshot=table.get("data", {}).get("snapshot", False),
        monitor=table.get("monitor", {}),
        alerts=table.get("alerts"),
        rollout=table.get("rollout", {}),
        policy=_beside(project, table["policy"]) if "policy" in table else None,
    )


def _beside(project: Path | None, address: str) -> str:
    if "://" in address or project is None:
        return address
    return str(project.parent / Path(address).expanduser())


def table(start: Path) -> Mapping[str, Any]:
    """Give ``[tool.nbship]`` as it holds for ``start``, checked; empty where there is none."""
    return _project_table(start)[1]


def _data_store(table: Mapping[str, Any], project: Path | None) -> str | None:
    given = os.environ.get(names.ENV_DATA_URL)
    named = table.get("data", {}).get("store")
    return given or (_beside(project, named) if named is not None else None)


def home_folder() -> Path:
    """Give the folder that holds everything of this user: ``NBSHIP_HOME``, or the platform's data folder."""
    if given := os.environ.get(names.ENV_HOME):
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("nbship", appauthor=False)


def _tracking_uri(
    table: Mapping[str, Any], home: Path, project: Path | None, profile: str | None
) -> tuple[str, Origin]:
    if given := os.environ.get(names.ENV_TRACKING_URI):
        return given, "environment"
    chosen = profile or table.get("profile", "default")
    profiles: Mapping[str, Any] = table.get("profiles", {})
    if chosen not in profiles and chosen != "default":
        raise InputError(
            f"there is no profile {chosen!r}",
            where=str(project) if project else None,
            help=f"name it under [tool.nbship.profiles.{chosen}] with its tracking_uri",
        )
    uri = profiles.get(chosen, {}).get("tracking_uri") or table.get("tracking_uri")
    return (uri, "pyproject") if uri else (f"sqlite:///{home / names.FILE_DATABASE}", "home")


def _project_table(start: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """Give the nearest ``pyproject.toml`` that has ``[tool.nbship]``, and that table, checked."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            table = _read(path).get("tool", {}).get("nbship")
            if table is not None:
                return path, _checked(table, path)
    return None, {}


def _read(path: Path) -> Mapping[str, Any]:
    import tomllib  # most notebooks have no pyproject.toml above them

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as TOML: {error}", where=str(path)) from error


def _checked(table: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    check_keys(table, KEYS, f"{path} [tool.nbship]")
    check_keys(table.get("data", {}), DATA_KEYS, f"{path} [tool.nbship.data]")
    check_keys(table.get("evaluation", {}), EVALUATION_KEYS, f"{path} [tool.nbship.evaluation]")
    check_keys(table.get("gates", {}), GATES_KEYS, f"{path} [tool.nbship.gates]")
    check_keys(table.get("monitor", {}), MONITOR_KEYS, f"{path} [tool.nbship.monitor]")
    check_keys(table.get("alerts", {}), ALERT_KEYS, f"{path} [tool.nbship.alerts]")
    check_keys(table.get("retrain", {}), RETRAIN_KEYS, f"{path} [tool.nbship.retrain]")
    check_keys(table.get("rollout", {}), ROLLOUT_KEYS, f"{path} [tool.nbship.rollout]")
    return table


def check_keys(table: Mapping[str, Any], keys: Mapping[str, type], where: str) -> None:
    """Raise InputError for a key that is not among ``keys`` (with the near match), or a value of another type."""
    for key, value in table.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(keys))}"
            raise InputError(f"unknown key {key!r}", where=where, help=advice)
        whole = keys[key] is float and isinstance(value, int) and not isinstance(value, bool)  # 1 is 1.0
        if not (isinstance(value, keys[key]) or whole):
            raise InputError(f"{key!r} must be a {keys[key].__name__}", where=where)
