"""Bring the demo to a day on which there is something to decide, for `make lab` and the tour on Binder.

    python scripts/lab_scene.py DIR

The model that ``nbship demo --to DIR`` registered has answered for twelve weeks, while spring became autumn; the monitor
has watched it and raised alerts, one of which somebody works on; and a second version waits as challenger. All of it
is made by the commands and records that a user has, but for the clock: the weeks are the last twelve.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nbship import config, demo
from nbship.monitoring.log import Log, Writer
from nbship.monitoring.records import Prediction

#: What the challenger is made with, where the notebook says otherwise.
CHANGED = ("min_samples_leaf=2", "min_samples_leaf=5")
WEEKS = 12
PROJECT = """\
# The demo's own settings: what the panel and `nbship monitor` go by.
[tool.nbship]
model = "bikeshare"

[tool.nbship.monitor]
window = "1w"

[tool.nbship.alerts]
owner = "the bike team"
action = "look whether the season explains it; if it does, train again with the new months"
escalation = "whoever is on duty for the city's forecasts"
runbook = "docs/monitoring.md"
"""


def main(folder: Path) -> None:
    """Make the scene, in the order in which it would have happened."""
    place = demo.Place(root=folder.resolve())
    (place.notebook.parent / "pyproject.toml").write_text(PROJECT)
    with demo.doing("a challenger: the notebook with another setting, run and registered"):
        register_challenger(place)
    with demo.doing(f"{WEEKS} weeks of predictions, in the log"):
        answer_for_weeks(place)
    with demo.doing("nbship monitor: windows, reports, alerts"):
        demo.succeed(place, [*demo.nbship(), "monitor", "--once"])
    with demo.doing("nbship alerts ack: somebody takes one"):
        take_one(place)


def register_challenger(place: demo.Place) -> None:
    """Run a copy of the notebook as its author might have tried it; the notebook itself stays as it is."""
    content = json.loads(place.notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        source = "".join(cell["source"])
        cell["source"] = source.replace(*CHANGED)
    before = place.notebook.read_bytes()
    try:
        place.notebook.write_text(json.dumps(content), encoding="utf-8")
        demo.run_notebook(place)
        demo.answer(place, "sync", "--json")
    finally:
        place.notebook.write_bytes(before)


def answer_for_weeks(place: demo.Place) -> None:
    """Log what the model answered: April's hours first, then July's, then October's, up to last week."""
    package = demo.Exported(place)
    writer = Writer(Log(_settings(place).log_url, demo.MODEL))
    rows = [(row, answer) for name in demo.LIVE_MONTHS for row, answer in _month(package, name)]
    ends = _last_week(datetime.now(UTC))
    step = timedelta(weeks=WEEKS) / len(rows)
    for number, (row, answer) in enumerate(rows):
        at = ends - timedelta(weeks=WEEKS) + number * step
        writer.append(
            Prediction(
                request=f"demo-{number}",
                at=at,
                version=1,
                inputs=row,
                outputs={"prediction": answer},
                latency_s=0.004,
            )
        )
    writer.flush()
    if writer.failure is not None:
        raise writer.failure


def _month(package: demo.Exported, name: str) -> list[tuple[dict[str, Any], float]]:
    features = package.features(package.month(name))
    answers = package.predictions(features)
    rows: list[dict[str, Any]] = features.to_dict("records")  # type: ignore[assignment]  # names are text here
    return list(zip(rows, answers, strict=True))


def _last_week(now: datetime) -> datetime:
    """Give the last Monday's beginning that lies so far back that its week is closed."""
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    return today - timedelta(days=today.weekday())


def take_one(place: demo.Place) -> None:
    """Let somebody take the first alert."""
    found: Any = json.loads(demo.succeed(place, [*demo.nbship(), "alerts", "--json"]))
    if not found:
        return
    words = [found[0]["key"], "--by", "grace", "--note", "summer came; a new training is being prepared"]
    demo.succeed(place, [*demo.nbship(), "alerts", "ack", *words])


def _settings(place: demo.Place) -> config.Config:
    """Give the configuration of the demo's home."""
    import os

    os.environ["NBSHIP_HOME"] = str(place.home)
    return config.load(start=place.notebook.parent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
