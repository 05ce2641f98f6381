"""Logs a verdict to MLflow, in a process of its own and for a few seconds at most: a gate never waits for a store.

It goes to the run of ``MLFLOW_RUN_ID`` where CI names one, else to a run of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbship import config, names, repository, store
from nbship.gates.report import as_markdown
from nbship.gates.settings import Repository
from nbship.gates.verdict import Verdict

__all__ = ["log"]

#: Importing mlflow takes 4 to 7 s, and more on a busy machine.
TIMEOUT_S = 30


def log(verdict: Verdict, repo: Repository) -> str | None:
    """Log a verdict; give a sentence on why it was not, None where it was or where there is no store to log to."""
    file = store.sqlite_file(repo.settings.tracking_uri)
    if file is not None and not file.is_file():
        return None
    document = {**verdict.to_json(), "markdown": as_markdown(verdict), "package": repo.package}
    with tempfile.TemporaryDirectory(prefix="nbship-log-") as scratch:
        path = Path(scratch) / "verdict.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "nbship.gates.logbook", str(path)],
                cwd=repo.root,
                timeout=TIMEOUT_S,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the verdict was not logged: the store took longer than {TIMEOUT_S} s"
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    return (
        None
        if done.returncode == 0
        else f"the verdict was not logged: {lines[-1] if lines else 'no reason given'}"
    )


def _child(path: Path) -> None:
    from nbship import tracking

    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    settings = config.load()
    client = store.connect(settings)
    with store.speaking_to(settings.tracking_uri):
        given = os.environ.get(names.ENV_RUN_ID)
        run_id = given or _new_run(client, tracking.experiment(client, settings), document)
        gate = document["gate"]
        client.set_tag(run_id, f"{names.TAG_GATE}{gate}", document["status"])
        for name, value in document["metrics"].items():
            client.log_metric(run_id, f"check.{gate}.{name}", value)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / names.ARTIFACT_GATES
            target.mkdir(parents=True)
            (target / f"{gate}.md").write_text(document.pop("markdown"), encoding="utf-8")
            (target / f"{gate}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
            client.log_artifacts(run_id, folder)
        if given is None:
            client.set_terminated(run_id, "FINISHED")


def _new_run(client: Any, experiment_id: str, document: dict[str, Any]) -> str:
    commit = repository.head_of(Path.cwd())
    tags = {names.TAG_PACKAGE_COMMIT: commit} if commit else {}
    at = datetime.now(UTC)
    name = f"check {document['gate']} {document['package']}"
    made = client.create_run(experiment_id, int(at.timestamp() * 1000), tags, name)
    return str(made.info.run_id)


if __name__ == "__main__":
    try:
        _child(Path(sys.argv[1]))
    except Exception as error:  # noqa: BLE001  # one line for whoever reads the gate's output
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        sys.exit(first[0])
