"""Every string that two places must agree on: tags, artifact paths, folders, environment variables."""

from __future__ import annotations

from typing import Final

# Environment variables.
ENV_HOME: Final = "NBSHIP_HOME"
ENV_CAPTURE: Final = "NBSHIP_CAPTURE"
ENV_DATA_URL: Final = "NBSHIP_DATA_URL"
ENV_ARTIFACT_URL: Final = (
    "NBSHIP_ARTIFACT_URL"  # artifacts, while the tracking store is a database and no server
)
ENV_LOG_URL: Final = "NBSHIP_LOG_URL"  # where predictions are logged
ENV_STATE_URL: Final = (
    "NBSHIP_STATE_URL"  # the database of assignments, their history, the monitor and alerts
)
ENV_POLICY: Final = "NBSHIP_POLICY"  # the organisation's policy: a path or an address
ENV_WEBHOOK_SECRET: Final = "NBSHIP_WEBHOOK_SECRET"  # noqa: S105  # the name of what webhooks are signed with
ENV_PANEL: Final = "NBSHIP_PANEL"  # JSON: what the Jupyter server's configuration lets its worker open
ENV_WORKER: Final = "NBSHIP_WORKER"  # "off": kernels start no worker
ENV_TRACKING_URI: Final = "MLFLOW_TRACKING_URI"
ENV_RUN_ID: Final = "MLFLOW_RUN_ID"
ENV_STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"  # GitHub shows what is appended to this file

# Entry-point groups.
GROUP_COMMANDS: Final = "nbship.commands"
GROUP_QUESTIONS: Final = "nbship.questions"
GROUP_IPYTHON: Final = "nbship.ipython"

# Folders and files in home.
FOLDER_JOURNALS: Final = "journals"
FOLDER_BLOBS: Final = "blobs"
FOLDER_LOGS: Final = "logs"
FOLDER_ARTIFACTS: Final = "artifacts"
FOLDER_STATES: Final = "states"
FOLDER_SNAPSHOTS: Final = "snapshots"
FOLDER_ORIGINS: Final = "origins"
FOLDER_FEATURES: Final = "features"
FOLDER_PREDICTIONS: Final = "predictions"
FILE_STATE: Final = "state.db"
FILE_ONLINE: Final = "online.db"
FILE_DATABASE: Final = "mlflow.db"
FILE_DRAIN_LOCK: Final = "drain.lock"
FILE_WORKER_LOCK: Final = "worker.lock"
FILE_WORKER_LOG: Final = "worker.log"
FILE_ALERTS_LOG: Final = "alerts.jsonl"
FILE_MAGICS_LOG: Final = "magics.log"
FILE_FACTS: Final = "facts.jsonl"
FILE_WRITER_LOCK: Final = "writer.lock"
FILE_RECEIPT: Final = "receipt.json"

# Tags on an MLflow run.
TAG_SESSION: Final = "nbship.session"
TAG_RUN: Final = "nbship.run"
TAG_NOTEBOOK_ID: Final = "nbship.notebook.id"
TAG_NOTEBOOK_NAME: Final = "nbship.notebook.name"
TAG_CELLS: Final = "nbship.cells"
TAG_ESTIMATORS: Final = "nbship.estimators"
TAG_DATASETS: Final = "nbship.datasets"
TAG_INFERRED: Final = "nbship.inferred"  # metrics that the notebook computed by hand, and how
TAG_STEPS: Final = "nbship.steps"
TAG_UNEXPLAINED: Final = "nbship.unexplained_bytes"
TAG_PYTHON: Final = "nbship.python"
TAG_DIRTY: Final = "nbship.git.dirty"
TAG_GATE: Final = "nbship.check."

# Tags on a model version. `stage` has no prefix: it is the word of DESIGN 5.6 that others read too.
TAG_STAGE: Final = "stage"
TAG_ORDINAL: Final = "nbship.ordinal"
TAG_CREATED_BY: Final = "nbship.created_by"
TAG_PACKAGE_COMMIT: Final = "nbship.package_commit"
TAG_CELL_HASHES: Final = "nbship.cell_hashes"
PLACE: Final = "#"  # what begins the name of a cell that has no id, in that tag; its place follows
TAG_REFERENCE: Final = "nbship.reference"
TAG_FILES: Final = "nbship.files"  # what the model's files must be for a server to open them
TAG_DRIFT: Final = "nbship.drift"
TAG_ALERTS: Final = "nbship.alerts"
TAG_DRIFT_WINDOW: Final = "nbship.drift.window."
TAG_HEAD: Final = "nbship.audit.head."  # and a history's name: its last record, also a tag of the model

# Aliases and stages of a model version.
ALIAS_LIVE: Final = "champion"
ALIAS_CANDIDATE: Final = "challenger"
STAGE_EXPERIMENTAL: Final = "experimental"
STAGE_STAGING: Final = "staging"
STAGE_PRODUCTION: Final = "production"
STAGE_ARCHIVED: Final = "archived"

# Before the names of metrics that the notebook computed by hand.
METRICS_INFERRED: Final = "inferred"

# What happens to a model, as its history calls it.
ACTION_REGISTERED: Final = "registered"
ACTION_PROMOTED: Final = "promoted"
ACTION_ROLLED_BACK: Final = "rolled back"
ACTION_ARCHIVED: Final = "archived"
ACTION_ROLLOUT_STARTED: Final = "rollout started"
ACTION_ROLLOUT_STEPPED: Final = "rollout stepped"
ACTION_ROLLOUT_FINISHED: Final = "rollout finished"
ACTION_ELSEWHERE: Final = "changed elsewhere"
ACTION_RETRAINED: Final = "retrained"

# Artifacts.
ARTIFACT_ENVIRONMENT: Final = "nbship/environment.txt"
ARTIFACT_CELLS: Final = "nbship/cells.json"
ARTIFACT_FIGURES: Final = "figures"
ARTIFACT_TABLES: Final = "tables"
ARTIFACT_HISTORY: Final = "nbship/history.json"
ARTIFACT_DRIFT: Final = "nbship/drift"
ARTIFACT_GATES: Final = "nbship/check"
ARTIFACT_PROFILE: Final = "nbship/profile.json"

DEFAULT_EXPERIMENT: Final = "nbship"
