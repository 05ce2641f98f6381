"""``nbship demo --retrain``: July comes, the model is trained again once, goes live, and drift is over.

The second story on the same notebook, told with the same commands as anybody would use. It begins where the model of
the winter is registered and its package exported.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbship.demo import (
    MODEL,
    Exported,
    Json,
    Place,
    answer,
    doing,
    fact,
    last_line,
    nbship,
    psi_of,
    say,
    shown,
    succeed,
    title,
)
from nbship.errors import RunError

#: What is known when July is over and summer is here to stay.
SUMMER = ("June", "July")
SETTINGS = f"""
[tool.nbship.retrain]
drift = "critical"            # this much drift of the model that answers is a reason
then = "promote"              # no rollout: nothing serves here
set = {{ months = {json.dumps(SUMMER)} }}   # the notebook's parameter: what is known by now
"""
#: The export wrote what a model of winter days must reach; summer has three times the riders, so errors are larger.
LIMITS = {"mean_absolute_error": 40.0, "root_mean_squared_error": 60.0}
_SOMEBODY = ("-c", "user.name=demo", "-c", "user.email=demo@example.com")
_ERROR = """
import sys, warnings
warnings.filterwarnings("ignore")
import mlflow, pandas as pd
features, truth = pd.read_csv(sys.argv[1]), pd.read_csv(sys.argv[2])["bikers"]
for version in sys.argv[3:]:
    model = mlflow.sklearn.load_model(f"models:/bikeshare/{version}")
    print(f"{abs(model.predict(features) - truth).mean():.1f}")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A month against what the version that answers learnt from."""

    month: str
    severity: str
    psi: dict[str, float | None]
    severities: dict[str, str]


def tell(place: Place) -> None:
    """Tell the story. Raises RunError where it goes otherwise than it should."""
    title(5, "July comes, and the model has seen three winter months")
    with doing("the package makes July's and August's features"):
        package = Exported(place)
        for month in ("July", "Aug"):
            arrive(place, package, month)
    winter = compared(place, "July", "July")
    fact("July", f"{winter.severity}; critical: {', '.join(critical(winter))}")
    _expect(winter.severity == "critical", "July should be far from the winter")
    show_configured(place)
    retrained(place)
    show_normal(place, winter)
    show_answers(place)


def arrive(place: Place, package: Exported, month: str) -> None:
    """Lay one month's features and what came of them where live data goes."""
    place.live.mkdir(exist_ok=True)
    raw = package.month(month)
    package.features(raw).to_csv(features_of(place, month), index=False)
    raw[["bikers"]].to_csv(labels_of(place, month), index=False)


def compared(place: Place, month: str, window: str) -> Compared:
    """Compare a month with the reference of the version that answers, and keep the report with it."""
    current = str(features_of(place, month))
    report = answer(place, "drift", MODEL, "--current", current, "--window", window, "--json")
    rows: list[Json] = report["features"]
    return Compared(
        month=month,
        severity=report["severity"],
        psi={row["feature"]: psi_of(row) for row in rows},
        severities={row["feature"]: row["severity"] for row in rows},
    )


def show_configured(place: Place) -> None:
    """Say in the package when and on what it is trained again, and ask what would happen."""
    title(6, "The package says when it is trained again; nbship retrain --dry-run says what would happen")
    pyproject = place.package / "pyproject.toml"
    before = pyproject.read_text(encoding="utf-8")
    after = before + SETTINGS
    for name, limit in LIMITS.items():
        after = re.sub(
            rf"(?m)^{name} = .*$", f"{name} = {limit}  # riders: summer has three times as many", after
        )
    pyproject.write_text(after, encoding="utf-8")
    for line in after.splitlines():
        if line not in before.splitlines():
            say(f"  | {line}")
    succeed(place, ["git", *_SOMEBODY, "commit", "-qam", "train again in summer"], folder=place.package)
    for line in succeed(place, [*nbship(), "retrain", MODEL, "--dry-run"], folder=place.package).splitlines():
        say(f"  {line}")


def retrained(place: Place) -> None:
    """Let it be trained again, and see that one reason leads to one training."""
    title(7, "nbship retrain: the pipeline, the gates, the registry, and live")
    with doing("nbship retrain bikeshare"):
        done = _retrain(place)
    fact("because", done["why"])
    for verdict in done["verdicts"]:
        for row in verdict["rows"]:
            fact(row["status"], f"{row['what']} ({row['where']}): {row['found'] or row['cause']}")
    fact(done["result"], f"version {done['version']} answers")
    _expect(done["result"] == "promoted", f"the new version should be live: {done['says']}")
    _expect(_retrain(place)["result"] == "not due", "one July should lead to one training")
    fact("asked again", "not due: one reason leads to one training")


def _retrain(place: Place) -> Json:
    found: Json = json.loads(succeed(place, [*nbship(), "retrain", MODEL, "--json"], folder=place.package))
    return found


def show_normal(place: Place, winter: Compared) -> None:
    """Compare July, and the month after it that nobody had seen, with what answers now."""
    title(8, "Drift against the version that answers now (population stability index, and what it means)")
    with doing("July and August against version 2"):
        months = [compared(place, month, f"{month}, version 2") for month in ("July", "Aug")]
        errors = [wrong(place, month) for month in ("July", "Aug")]
    say(f"  {'':12}{'July, before':>18}{'July, now':>18}{'August, now':>18}")
    for feature in winter.psi:
        cells = [_cell(item, feature) for item in (winter, *months)]
        say(f"  {feature:12}" + "".join(f"{cell:>18}" for cell in cells))
    before, now = errors[0]
    off = (before, now, errors[1][1])
    say(f"  {'model off by':12}" + "".join(f"{error:>11} riders" for error in off))
    say(f"  In August version 1 would have been off by {errors[1][0]} riders an hour.")
    for item in months:
        _expect(item.severity != "critical", f"{item.month} should not be critical any more")
    _expect(float(now) < float(before), "the new version should be better in July")


def wrong(place: Place, month: str) -> tuple[str, str]:
    """Give how many riders an hour either version is off by in a month, as the registry's models predict it."""
    files = [str(features_of(place, month)), str(labels_of(place, month))]
    uri = f"sqlite:///{place.home / 'mlflow.db'}"
    code = f"import os; os.environ['MLFLOW_TRACKING_URI'] = {uri!r}\n{_ERROR}"
    lines = succeed(place, [sys.executable, "-c", code, *files, "1", "2"]).split()
    return lines[-2], lines[-1]


def show_answers(place: Place) -> None:
    """Ask what people ask of a model in production."""
    for number, words in enumerate((("lineage", MODEL), ("history", MODEL, "--verify")), start=9):
        title(number, f"nbship {' '.join(words)}")
        output = succeed(place, [*nbship(), *words])
        for line in output.splitlines():
            say(f"  {line}")
        _expect(bool(last_line(output)), "something should be said")
    fact("package", shown(place.package))


def features_of(place: Place, month: str) -> Path:
    """Tell where a month's features are."""
    return place.live / f"{month}.csv"


def labels_of(place: Place, month: str) -> Path:
    """Tell where stands what came of a month."""
    return place.live / f"{month}.labels.csv"


def critical(item: Compared) -> list[str]:
    """Give the features that are far from the reference."""
    return [feature for feature, severity in item.severities.items() if severity == "critical"]


def _cell(item: Compared, feature: str) -> str:
    value: Any = item.psi.get(feature)
    return f"{'' if value is None else f'{value:.2f} '}{item.severities.get(feature, '-')}"


def _expect(holds: bool, says: str) -> None:
    if not holds:
        raise RunError(says, where="retraining")
