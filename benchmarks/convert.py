"""From a notebook to code: nbship against nbconvert, jupytext and marimo, and what its proof costs.

Three tables. (1) Static analysis (read, compile, emit; in this process) of notebooks with 100, 500 and 2,000
code cells: the seconds a cell must not grow with the length. (2) Whole commands on 100 cells, turn about, each a
process of its own: the peers' converters and ``nbship export --no-run``. (3) For an example notebook, the seconds
of the package's run over those of the notebook's own clean run: what the proof adds to an export that runs.

It is not the same work: nbconvert and jupytext copy the cells into one script, marimo puts them into the cells
of its own format and finds out their names; nbship writes a package of several modules with tests, linted,
formatted and passed by ``mypy --strict``. The peers are installed by uv into a folder that is deleted afterwards.
Every figure is the fastest of three rounds; mypy's knowledge of the standard library is cached by the first one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nbship_converter.compile import compile_notebook
from nbship_converter.emit import emit
from nbship_converter.ir import Program
from nbship_converter.merge import fill
from nbship_converter.project import Project, sources
from nbship_converter.read import load, read
from nbship_converter.run import clean_run
from nbship_converter.verify import judge, run_package

LENGTHS, ROUNDS, CELLS = (100, 500, 2000), 3, 100
EXAMPLE = Path(__file__).parent.parent / "examples" / "bikeshare.ipynb"
PEERS = ("jupytext", "marimo", "nbconvert")


#: What data scientists write: a section of ten cells loads, defines, cleans, draws, splits, fits and scores, under
#: names of its own, and reads what the section before it made. It runs as well as it reads.
_IMPORTS = """import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split

%matplotlib inline
np.random.seed(0)
"""
_SECTION = (
    """# how many rows this part looks at
ROWS_{n} = 200
TEST_SHARE_{n} = 0.25
frame_{n} = pd.DataFrame({{"load": np.random.rand(ROWS_{n}), "hour": np.arange(ROWS_{n}) % 24}})
frame_{n}["demand"] = 3 * frame_{n}["load"] + np.sin(frame_{n}["hour"] / 24 * 2 * np.pi)""",
    "frame_{n}.head()",
    """def lagged_{n}(frame, column, steps=(1, 2)):
    \"\"\"Give the frame with the column's earlier values beside it.\"\"\"
    wider = frame.copy()
    for step in steps:
        wider[f"{{column}}_{{step}}"] = wider[column].shift(step)
    return wider.dropna()""",
    """table_{n} = lagged_{n}(frame_{n}, "demand")
table_{n} = table_{n}[table_{n}["load"] < 0.99]
late_{n} = [hour for hour in table_{n}["hour"] if hour > 18]""",
    """table_{n}["peak"] = (table_{n}["demand"] > table_{n}["demand"].mean() + {back}).astype(int)
print(f"{{len(table_{n})}} rows, {{table_{n}.peak.sum()}} of them peaks")""",
    """fig, ax = plt.subplots(figsize=(8, 3))
ax.plot(table_{n}["hour"], table_{n}["demand"], ".", label="demand")
for hour in (6, 18):
    ax.axvline(hour, color="grey", lw=0.5)
ax.set_title("Part {n}")
plt.show()""",
    """columns_{n} = [c for c in table_{n}.columns if c != "demand"]
X_train_{n}, X_test_{n}, y_train_{n}, y_test_{n} = train_test_split(
    table_{n}[columns_{n}], table_{n}["demand"], test_size=TEST_SHARE_{n}, random_state=0
)""",
    """model_{n} = Ridge(alpha=0.1)
model_{n}.fit(X_train_{n}, y_train_{n})""",
    """guess_{n} = model_{n}.predict(X_test_{n})
error_{n} = mean_absolute_error(y_test_{n}, guess_{n})
if error_{n} > 1:
    print("poor", error_{n})
else:
    print("good", error_{n})""",
    """scores_{n} = {{}}
for name, part in {{"train": (X_train_{n}, y_train_{n}), "test": (X_test_{n}, y_test_{n})}}.items():
    scores_{n}[name] = r2_score(part[1], model_{n}.predict(part[0]))
scores_{n}""",
)


def long_notebook(cells: int) -> dict[str, Any]:
    """Give a notebook's JSON with that many code cells, and a heading above every section."""
    found = [
        _cell("markdown", 0, "# Demand, part by part\n\nOne model for each part of the data."),
        _cell("code", 1, _IMPORTS),
    ]
    for place in range(cells - 1):
        section, part = divmod(place, len(_SECTION))
        if part == 0:
            found.append(_cell("markdown", len(found), f"## Part {section}\n\nThe *same* questions again."))
        back = f"error_{section - 1}" if section else "0.1"
        found.append(_cell("code", len(found), _SECTION[part].format(n=section, back=back)))
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": found}


def _cell(kind: str, place: int, source: str) -> dict[str, Any]:
    extra: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": f"cell-{place}", "metadata": {}, "source": source, **extra}


def fastest(
    work: Callable[[], object], rounds: int = ROUNDS, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Give the seconds of the fastest of some rounds, by the wall's clock unless told another."""
    taken = []
    for _ in range(rounds):
        started = clock()
        work()
        taken.append(clock() - started)
    return min(taken)


def analysis() -> None:
    """Print the seconds of static analysis by the notebook's length."""
    print("static analysis (read, compile, emit), CPU seconds")
    each: list[float] = []
    for length in LENGTHS:
        content = long_notebook(length)
        seconds = fastest(partial(_emitted, content), clock=time.process_time)
        each.append(seconds / length)
        print(
            f"  {length:5} cells{seconds:9.3f} s{each[-1] * 1000:8.2f} ms a cell{each[-1] / each[0]:6.2f} x the first"
        )


def _emitted(content: dict[str, Any]) -> dict[str, str]:
    return emit(_program(content), "demo")


def _program(content: dict[str, Any]) -> Program:
    return compile_notebook(read(content, "demo")[0], None)[0]


def peers(folder: Path) -> Path:
    """Install the peers and give the folder of their commands."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *PEERS], check=True)
    return python.parent


def commands(scratch: Path) -> None:
    """Print the seconds of whole commands on the same notebook."""
    notebook = scratch / "long.ipynb"
    notebook.write_text(json.dumps(long_notebook(CELLS)), encoding="utf-8")
    ours = Path(sys.executable).parent / "nbship"
    theirs = peers(scratch / "peers")
    exported = iter(range(ROUNDS))
    said: dict[str, Callable[[], list[object]]] = {
        "jupytext --to py:percent": lambda: [
            theirs / "jupytext",
            *("--to", "py:percent", "-o", scratch / "jupytext.py", notebook),
        ],
        "nbconvert --to script": lambda: [
            *(theirs / "jupyter", "nbconvert", "--to", "script", "--output", "script", notebook)
        ],
        "marimo convert": lambda: [theirs / "marimo", "convert", notebook, "-o", scratch / "marimo.py"],
        "nbship steps": lambda: [ours, "steps", notebook],
        "nbship export --no-run": lambda: [
            *(ours, "export", "--no-run", notebook),
            *("--to", scratch / f"export{next(exported)}"),
        ],
    }
    taken: dict[str, list[float]] = {name: [] for name in said}
    for _ in range(ROUNDS):
        for name, arguments in said.items():
            taken[name].append(fastest(partial(_run, arguments), rounds=1))
    print(f"whole commands, {CELLS} cells")
    export = min(taken["nbship export --no-run"])
    for name, rounds in taken.items():
        print(f"  {name:26}{min(rounds):8.2f} s{min(rounds) / export:8.2f} x the time of the export")


def _run(arguments: Callable[[], list[object]]) -> None:
    subprocess.run(list(map(str, arguments())), check=True, capture_output=True)


def proof(scratch: Path) -> bool:
    """Print what the proof of the example costs, and say whether its package is equal to it."""
    content = load(EXAMPLE)
    notebook, _ = read(content, EXAMPLE.stem)
    runs = []
    of_notebook = fastest(lambda: runs.append(clean_run(notebook, EXAMPLE.parent)))
    facts = runs[-1].facts
    program, _ = compile_notebook(notebook, facts)
    fill(scratch, sources(Project(program=program, facts=facts, package="demo", python="", content=content)))
    found = []
    data = EXAMPLE.parent / "data"
    of_package = fastest(lambda: found.append(run_package(scratch / "src", "demo", data=data)))
    verification = judge(program.results, runs[-1].values, found[-1], facts.aliases)
    print(f"proof of {EXAMPLE.name}: {verification.status}")
    print(f"  the notebook's clean run{of_notebook:8.2f} s")
    print(f"  the package's run       {of_package:8.2f} s{of_package / of_notebook:8.2f} x the notebook's")
    return verification.status == "equal"


def main() -> int:
    """Print the three tables; fails only if the example's package is not equal to its notebook."""
    analysis()
    with TemporaryDirectory() as scratch:
        commands(Path(scratch))
    with TemporaryDirectory() as scratch:
        return 0 if proof(Path(scratch)) else 1


if __name__ == "__main__":
    sys.exit(main())
