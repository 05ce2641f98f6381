"""The model registry: versions, their aliases and stages, and what live data has done to them.

A facade over MLflow's registry. Everything that the sidebar shows is kept with the version, as tags and artifacts:
whoever reaches the registry can draw the whole panel.
"""

from __future__ import annotations

import functools
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nbship import names, packing, store, tracking
from nbship.drift import DriftReport
from nbship.errors import DataError, InputError
from nbship.model import Dataset, ModelVersion, Registration, RunDetails, RunRecord, Stage, Window
from nbship.profile import Profile
from nbship.registry import lifecycle
from nbship.registry.assignments import Assignments
from nbship.registry.audit import Head
from nbship.registry.reconciling import reconcile, stage_tag

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion
    from mlflow.entities.model_registry import RegisteredModel

    from nbship.config import Config
    from nbship.facts import ModelRegistered
    from nbship.journal import Blobs
    from nbship.leases import Leases

#: Fitted models of one session that are looked for at once.
_MOST_MODELS = 1000
_MOST_EXPERIMENTS = 1000
_RUNS_AT_ONCE = 200
_NOT_A_SLUG = re.compile(r"[^A-Za-z0-9_\-]+")


class Registry:
    """What the rest of the core knows of MLflow. Raises StoreError where the store does not answer."""

    def __init__(self, config: Config, *, client: MlflowClient | None = None) -> None:
        self.config = config
        self.client = store.connect(config) if client is None else client

    @functools.cached_property
    def assignments(self) -> Assignments:
        """Who answers for each model. Raises StoreError where nbship's own database does not answer."""
        return Assignments(self.config)

    @functools.cached_property
    def leases(self) -> Leases:
        """Who may do what only one may do at a time."""
        from nbship.leases import Leases

        return Leases(self.config)

    def close(self) -> None:
        """Let go of nbship's own database; what is asked afterwards opens it again."""
        for name in ("assignments", "leases"):
            if (opened := self.__dict__.pop(name, None)) is not None:
                opened.close()

    def models(self) -> list[str]:
        """Give the names of all registered models."""
        with self.speaking():
            return sorted(model.name for model in self.mlflow_models())

    def versions(self, model: str) -> list[ModelVersion]:
        """Give the versions of a model, newest first; none where there is no such model."""
        with self.speaking():
            found = self.mlflow_versions(model)
            aliases = self._aliases(model) if found else {}
        versions = [_version(item, aliases.get(int(item.version), ())) for item in found]
        return sorted(versions, key=lambda version: -version.version)

    def mlflow_versions(self, model: str) -> list[MlflowVersion]:
        """Give the versions of a model as MLflow has them."""
        return list(self.client.search_model_versions(f"name = '{_quoted(model)}'"))

    def all_mlflow_versions(self) -> Iterator[MlflowVersion]:
        """Give the versions of all models as MLflow has them."""
        return _all_pages(self.client.search_model_versions)

    def mlflow_models(self) -> Iterator[RegisteredModel]:
        """Give all models as MLflow has them."""
        return _all_pages(self.client.search_registered_models)

    def version_numbers(self, model: str) -> list[int]:
        """Give the numbers of the versions that there are, oldest first."""
        with self.speaking():
            found = self.mlflow_versions(model)
        return sorted(int(item.version) for item in found)

    def version(self, model: str, number: int) -> ModelVersion:
        """Give one version. Raises InputError where there is none of this number."""
        versions = self.versions(model)
        for version in versions:
            if version.version == number:
                return version
        if not versions:
            raise self._unknown(model)
        there = ", ".join(str(item.version) for item in versions)
        raise InputError(f"{model!r} has no version {number}", help=f"versions: {there}")

    def champion(self, model: str) -> ModelVersion:
        """Give the version that serves. Raises InputError where there is none."""
        versions = self.versions(model)
        for version in versions:
            if names.ALIAS_LIVE in version.aliases:
                return version
        if not versions:
            raise self._unknown(model)
        raise InputError(f"no version of {model!r} is {names.ALIAS_LIVE}", help="promote one first")

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        """Give the last values of the metrics of the run that made a version."""
        run = self._run(version)
        return dict(sorted(run.data.metrics.items())) if run else {}

    def run_tags(self, version: ModelVersion) -> dict[str, str]:
        """Give the tags of the run that made a version."""
        run = self._run(version)
        return dict(run.data.tags) if run else {}

    def datasets(self, version: ModelVersion) -> list[Dataset]:
        """Give the tables that the run of a version has read, with their whole digests."""
        run = self._run(version)
        rows = json.loads(run.data.tags.get(names.TAG_DATASETS, "[]")) if run else []
        return [Dataset(name=row["name"], digest=row["digest"], file=row.get("file")) for row in rows]

    def run_details(self, run_ids: Sequence[str]) -> dict[str, RunDetails]:
        """Give what runs tell of the versions they made, in few questions however many runs there are."""
        with self.speaking():
            experiments = [
                item.experiment_id for item in self.client.search_experiments(max_results=_MOST_EXPERIMENTS)
            ]
            found: dict[str, RunDetails] = {}
            for start in range(0, len(run_ids), _RUNS_AT_ONCE):
                some = ",".join(f"'{_quoted(name)}'" for name in run_ids[start : start + _RUNS_AT_ONCE])
                query = f"attributes.run_id IN ({some})"
                for run in self.client.search_runs(experiments, query, max_results=_RUNS_AT_ONCE):
                    found[run.info.run_id] = _details(run)
        return found

    def register(self, record: RunRecord, registration: Registration, *, run_id: str, blobs: Blobs) -> int:
        """Give the version number of a registration; it is made once, however often this is called."""
        fact = registration.fact
        with self.speaking():
            self._ensure_model(fact.model)
            found = self._registered(record.session, fact)
            number = (
                found if found is not None else self._create(record, registration, run_id=run_id, blobs=blobs)
            )
        lifecycle.place(self, fact.model, number, who=fact.user, at=datetime.now(UTC))
        return number

    def keep(self, record: RunRecord, *, run_id: str, blobs: Blobs) -> None:
        """Log the fitted models of a run that nobody has registered, as models of the run; each once."""
        if not record.models:
            return
        with self.speaking():
            there = self._logged(record.session)
            for fact in record.models:
                if str(fact.ordinal) not in there and blobs.path(fact.blob).is_file():
                    self._logged_model(record, Registration(fact=fact), run_id=run_id, blobs=blobs)

    def _logged(self, session: str) -> set[str]:
        """Give the ordinals of the facts whose models are logged and whole."""
        query = f"tags.`{names.TAG_SESSION}` = '{session}'"
        experiment_id = tracking.experiment(self.client, self.config)
        found = self.client.search_logged_models([experiment_id], query, max_results=_MOST_MODELS)
        return {str(item.tags.get(names.TAG_ORDINAL)) for item in found if str(item.status) == "READY"}

    def reference(self, version: ModelVersion) -> Profile:
        """Give the profile of the frame that a version was fitted on. Raises DataError where it has none."""
        if version.source is None or not version.tags.get(names.TAG_REFERENCE):
            raise DataError(
                f"version {version.version} of {version.model!r} has no reference profile",
                help="register it with `%ship register VARIABLE --name MODEL --reference FRAME`",
            )
        with self.speaking():  # `models:/ID` takes no path behind it, the place it stands for does
            place = self.client.get_logged_model(version.source.rpartition("/")[2]).artifact_location
        return Profile.from_json(self._artifact(f"{place.rstrip('/')}/{names.ARTIFACT_PROFILE}"))

    def record_drift(
        self,
        version: ModelVersion,
        window: str,
        report: DriftReport,
        *,
        at: datetime,
        current: Profile | None = None,
    ) -> None:
        """Keep a report with its version: the whole as an artifact of the run, its head as a tag.

        ``current`` is what was compared, counted: with it the panel can show a feature's bins.
        """
        slug = _NOT_A_SLUG.sub("_", window)[:100] or "_"
        head = Window(
            window=window,
            at=at.astimezone(UTC).isoformat(),
            rows=report.current_rows,
            reference_rows=report.reference_rows,
            severity=report.severity,
        )
        path = f"{names.ARTIFACT_DRIFT}/v{version.version}/{slug}.json"
        with self.speaking():
            self._put(version, path, {"window": window, "at": head.at, **report.to_json()})
            if current is not None:
                self._put(version, _profile_path(path), current.to_json())
            tag = {"window": window, "at": head.at, "rows": head.rows, "reference_rows": head.reference_rows}
            self._tag(
                version,
                names.TAG_DRIFT_WINDOW + slug,
                json.dumps({**tag, "severity": head.severity, "path": path}),
            )
            self._tag(version, names.TAG_DRIFT, head.severity)

    def record_alerts(self, version: ModelVersion, alerts: str) -> None:
        """Keep the open alerts of a version, where whoever reaches the registry sees them."""
        with self.speaking():
            self._tag(version, names.TAG_ALERTS, alerts)

    def windows(self, version: ModelVersion) -> list[tuple[Window, str]]:
        """Give the windows that a version has been compared with, oldest first, and where each report is."""
        rows = [
            json.loads(value)
            for name, value in version.tags.items()
            if name.startswith(names.TAG_DRIFT_WINDOW)
        ]
        rows.sort(key=lambda row: str(row["at"]))
        return [(Window(**{k: v for k, v in row.items() if k != "path"}), row["path"]) for row in rows]

    def report(self, version: ModelVersion, path: str) -> DriftReport:
        """Give a report that was recorded."""
        return DriftReport.from_json(self._artifact(f"runs:/{version.run_id}/{path}"))

    def project(self, model: str) -> None:
        """Make MLflow show who answers, and follow what was done in it. Raises StoreError."""
        reconcile(self, model)

    def heads(self, model: str) -> list[Head]:
        """Give the heads of the model's history that MLflow has kept; of other histories too, where there are any."""
        with self.speaking():
            found = self.mlflow_versions(model)
            kept = [item.tags for item in found]
            kept += [self.client.get_registered_model(model).tags] if found else []
        written = {tags[name] for tags in kept for name in tags if name.startswith(names.TAG_HEAD)}
        return [head for head in map(Head.parse, sorted(written)) if head is not None]

    def _unknown(self, model: str) -> InputError:
        known = ", ".join(self.models()) or "none yet"
        return InputError(f"no model {model!r} is registered", help=f"registered models: {known}")

    def current(self, version: ModelVersion, path: str) -> Profile | None:
        """Give what the report at ``path`` was made of, counted; None where that was not kept."""
        kept = _profile_path(path)
        with self.speaking():
            there = self.client.list_artifacts(version.run_id or "", path.rpartition("/")[0])
        if kept not in {item.path for item in there}:
            return None
        return Profile.from_json(self._artifact(f"runs:/{version.run_id}/{kept}"))

    def speaking(self) -> Any:
        """Turn what MLflow's client raises into a StoreError."""
        return store.speaking_to(self.config.tracking_uri)

    def _run(self, version: ModelVersion) -> Run | None:
        if version.run_id is None:
            return None
        with self.speaking():
            return self.client.get_run(version.run_id)

    def _aliases(self, model: str) -> dict[int, tuple[str, ...]]:
        found: Mapping[str, Any] = self.client.get_registered_model(model).aliases
        by_version: dict[int, list[str]] = {}
        for alias, number in sorted(found.items()):
            by_version.setdefault(int(number), []).append(alias)
        return {number: tuple(aliases) for number, aliases in by_version.items()}

    def _ensure_model(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self.client.create_registered_model(model)

    def _registered(self, session: str, fact: ModelRegistered) -> int | None:
        for item in self.mlflow_versions(fact.model):
            made_by = (item.tags.get(names.TAG_SESSION), item.tags.get(names.TAG_ORDINAL))
            if made_by == (session, str(fact.ordinal)):
                return int(item.version)
        return None

    def _create(self, record: RunRecord, registration: Registration, *, run_id: str, blobs: Blobs) -> int:
        model_id, files = self._logged_model(record, registration, run_id=run_id, blobs=blobs)
        made = self.client.create_model_version(
            registration.fact.model,
            source=f"models:/{model_id}",
            run_id=run_id,
            tags={**_version_tags(record, registration), names.TAG_FILES: files},
            model_id=model_id,
        )
        return int(made.version)

    def _logged_model(
        self, record: RunRecord, registration: Registration, *, run_id: str, blobs: Blobs
    ) -> tuple[str, str]:
        """Upload the bytes as an MLflow model, and give its id and its files' fingerprint.

        One that a crash left unfinished stays unfinished, and unused.
        """
        from mlflow.entities import LoggedModelOutput

        fact, profile = registration.fact, registration.profile_blob
        experiment_id = tracking.experiment(self.client, self.config)
        tags = {names.TAG_SESSION: record.session, names.TAG_ORDINAL: str(fact.ordinal)}
        made = self.client.create_logged_model(experiment_id, tracking_name(fact.model), run_id, tags)
        with tempfile.TemporaryDirectory() as folder:
            packing.write_model(
                Path(folder),
                fact,
                blobs.get(fact.blob),
                model_id=made.model_id,
                python=record.tags.get(names.TAG_PYTHON, ""),
                requirements=record.requirements,
                profile=blobs.get(profile) if profile else None,
            )
            files = packing.digest(Path(folder))
            self.client.log_model_artifacts(made.model_id, folder)
        self.client.finalize_logged_model(made.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, 0)])  # the run's page lists it
        return str(made.model_id), files

    def _put(self, version: ModelVersion, path: str, document: Mapping[str, Any]) -> None:
        if version.run_id is None:
            raise DataError(f"version {version.version} of {version.model!r} has no run to keep reports with")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / path
            target.parent.mkdir(parents=True)
            target.write_text(json.dumps(document), encoding="utf-8")
            self.client.log_artifacts(version.run_id, folder)

    def _tag(self, version: ModelVersion, name: str, value: str) -> None:
        self.client.set_model_version_tag(version.model, str(version.version), name, value)

    def _artifact(self, uri: str) -> Mapping[str, Any]:
        from mlflow.artifacts import download_artifacts

        with self.speaking(), tempfile.TemporaryDirectory() as folder:
            path = download_artifacts(uri, dst_path=folder, tracking_uri=self.config.tracking_uri)
            return cast("Mapping[str, Any]", json.loads(Path(path).read_text(encoding="utf-8")))


def _profile_path(report: str) -> str:
    return f"{report.removesuffix('.json')}.profile.json"


def tracking_name(model: str) -> str:
    """Give a name that mlflow takes for a logged model: no slash, colon, dot, per cent or quote."""
    return re.sub(r"[/:.%\"']+", "_", model)


def _details(run: Run) -> RunDetails:
    rows = json.loads(run.data.tags.get(names.TAG_DATASETS, "[]"))
    return RunDetails(
        run_id=run.info.run_id,
        ended=run.info.end_time is not None,
        metrics=dict(sorted(run.data.metrics.items())),
        datasets=tuple(Dataset(name=row["name"], digest=row["digest"], file=row.get("file")) for row in rows),
    )


def _version(item: MlflowVersion, aliases: Sequence[str]) -> ModelVersion:
    tags = dict(item.tags)
    return ModelVersion(
        model=item.name,
        version=int(item.version),
        status=str(item.status).lower(),
        stage=cast("Stage", stage_tag(item)),
        aliases=tuple(aliases),
        created=datetime.fromtimestamp(item.creation_timestamp / 1000, UTC).isoformat(),
        created_by=tags.get(names.TAG_CREATED_BY),
        run_id=item.run_id or None,
        source=item.source,
        tags=tags,
    )


def _version_tags(record: RunRecord, registration: Registration) -> dict[str, str]:
    fact = registration.fact
    # some front ends tell no id: such a cell is known by its place among those that ran
    hashes = {
        cell.cell or f"{names.PLACE}{place}": cell.source_hash
        for place, cell in enumerate(record.cells, start=1)
        if cell.source_hash
    }
    tags = {
        names.TAG_SESSION: record.session,
        names.TAG_ORDINAL: str(fact.ordinal),
        names.TAG_CREATED_BY: fact.user,
        names.TAG_REFERENCE: registration.profile_blob or "",
        names.TAG_CELL_HASHES: json.dumps(hashes, separators=(",", ":"))
        if hashes
        else record.tags.get(names.TAG_CELL_HASHES, ""),
        names.TAG_NOTEBOOK_ID: record.tags.get(names.TAG_NOTEBOOK_ID, ""),
        names.TAG_NOTEBOOK_NAME: record.tags.get(names.TAG_NOTEBOOK_NAME, ""),
        names.TAG_PACKAGE_COMMIT: record.tags.get(names.TAG_PACKAGE_COMMIT, ""),
        **{name: value for name, value in record.tags.items() if name.startswith(names.TAG_GATE)},
    }
    return {name: value for name, value in tags.items() if value}


def _all_pages(search: Callable[..., Any]) -> Iterator[Any]:
    """Give what a search finds, page after page: by default MLflow gives the first hundred models only."""
    page = search()
    yield from page
    while page.token:
        page = search(page_token=page.token)
        yield from page


def _quoted(model: str) -> str:
    return model.replace("'", "")
