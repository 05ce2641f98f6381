"""Compare pairs of tables with one tool, in that tool's own environment; called by drift_peers.py.

    python drift_worker.py TOOL FOLDER

FOLDER holds ``NAME/reference.parquet`` and ``NAME/current.parquet``. Prints one JSON object: for each pair the CPU
seconds of the comparison (importing, reading and a stored profile apart) and for each column what was found. Each
round has a window of its own, eight rows shorter than the last (so aligned alike), and can use nothing of the last.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

Found = dict[str, dict[str, Any]]
#: Gives the comparison of a window, everything that may be done with the reference beforehand being done.
Prepare = Callable[[pd.DataFrame], Callable[[pd.DataFrame], Found]]
#: The best of so many rounds counts, of fewer where they take more than so many seconds together.
ROUNDS, ENOUGH_S = 7, 5.0


def nbship(reference: pd.DataFrame) -> Callable[[pd.DataFrame], Found]:
    """Against a stored profile: severity and PSI."""
    drift, profiles = importlib.import_module("nbship.drift"), importlib.import_module("nbship.profile")
    known = profiles.profile(reference)

    def run(current: pd.DataFrame) -> Found:
        report = drift.compare(known, profiles.profile(current, like=known))
        return {
            feature.feature: {
                "drift": drift.RANK[feature.severity] >= drift.RANK["info"],
                "said": feature.reason,
            }
            for feature in report.features
        }

    return run


def evidently(reference: pd.DataFrame) -> Callable[[pd.DataFrame], Found]:
    """Its preset, as most use it."""
    root, presets = importlib.import_module("evidently"), importlib.import_module("evidently.presets")
    numbers = [str(name) for name in reference.select_dtypes("number")]
    others = [str(name) for name in reference if name not in numbers]

    def run(current: pd.DataFrame) -> Found:
        definition = root.DataDefinition(numerical_columns=numbers, categorical_columns=others)
        sides = [root.Dataset.from_pandas(side, data_definition=definition) for side in (current, reference)]
        found: Found = {}
        for metric in root.Report([presets.DataDriftPreset()]).run(*sides).dict()["metrics"]:
            settings = metric.get("config") or {}
            if settings.get("column"):
                value, limit = float(metric["value"]), float(settings.get("threshold") or 0.1)
                by_p = "p_value" in str(settings.get("method"))
                found[settings["column"]] = {
                    "drift": value < limit if by_p else value >= limit,
                    "said": f"{settings.get('method')} {value:.3g}",
                }
        return found

    return run


def nannyml(reference: pd.DataFrame) -> Callable[[pd.DataFrame], Found]:
    """Its univariate calculator with its defaults, in ten chunks; drift where most chunks raise an alert."""
    nml = importlib.import_module("nannyml")
    names = [str(name) for name in reference]
    kinds = [str(name) for name in reference.select_dtypes(exclude="number")]

    def run(current: pd.DataFrame) -> Found:
        calculator = nml.UnivariateDriftCalculator(
            column_names=names, treat_as_categorical=kinds, chunk_number=10
        )
        calculator.fit(reference)
        frame = calculator.calculate(current).filter(period="analysis").to_df(multilevel=True)
        found: Found = {}
        for name in names:
            alerts = frame[(name, "jensen_shannon", "alert")].mean()
            value = frame[(name, "jensen_shannon", "value")].mean()
            found[name] = {"drift": bool(alerts > 0.5), "said": f"Jensen-Shannon {value:.3g}"}  # noqa: PLR2004  # most
        return found

    return run


TOOLS: dict[str, Prepare] = {"nbship": nbship, "Evidently": evidently, "NannyML": nannyml}


def _best(run: Callable[[pd.DataFrame], Found], current: pd.DataFrame) -> float:
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < ENOUGH_S:
        window = current.iloc[8 * len(times) + 8 :]
        started = time.process_time()
        run(window)
        times.append(time.process_time() - started)
    return min(times)


def main(tool: str, folder: Path) -> int:
    """Run one tool over all pairs."""
    warnings.filterwarnings("ignore")
    rows = {}
    for pair in sorted(path for path in folder.iterdir() if path.is_dir()):
        current = pd.read_parquet(pair / "current.parquet")
        run = TOOLS[tool](pd.read_parquet(pair / "reference.parquet"))
        found = run(current)  # what a tool does once, the first time it is called, is not counted
        rows[pair.name] = {"cpu_s": _best(run, current), "columns": found}
    print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
