"""What a run of the package may be held to: observed twice, and only what both runs agree on.

The second run has another order of hashing, other random numbers where the tests fix none, one thread, and the plainest
kernels for linear algebra: what differs there would differ on another machine.
"""

from __future__ import annotations

import ast
import json
import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nbship.canonical import SEED
from nbship_converter.expectations.claims import claims
from nbship_converter.ir import Program

__all__ = ["Alone", "Check", "Observation", "Observed", "agreed", "observe"]

#: Relative differences up to which a number is asserted as it is, and up to which it is asserted loosely.
STEADY, LOOSE = 1e-9, 1e-6

Firmness = Literal["firm", "loose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An expression with ``{}`` for a value, and what it comes to."""

    expression: str
    value: Any
    firmness: Firmness = "firm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What a step made of a few rows: the expressions of its inputs, what they came to, a column it cannot lack.

    ``files`` are the rows, by their path in the repository.
    """

    inputs: Mapping[str, str]
    made: Mapping[str, tuple[Check, ...]]
    lacking: tuple[str, str] | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What one step made, by name, said, drew and wrote, and which options it set.

    ``kept`` names what a step that gave back its inputs would have made just so.
    """

    made: Mapping[str, tuple[Check, ...]] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    said: tuple[str, ...] = ()
    whole: bool = True
    drew: tuple[str, ...] = ()
    wrote: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    alone: Alone | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What each step did, which claims about the results hold (or not), and a file whose absence is named."""

    steps: Mapping[str, Observed] = field(default_factory=dict)
    claims: Mapping[str, bool] = field(default_factory=dict)
    absent: str | None = None


def observe(
    program: Program, repository: Path, package: str, *, python: str, data: Path, variables: Iterable[str]
) -> Observation:
    """Run the package of a repository twice as its tests will, and give what both runs agree on.

    Nothing where it does not run that way.
    """
    request = {
        "source": str(repository / "src"),
        "tests": str(repository / "tests"),
        "package": package,
        "data": str(data),
        "steps": {step.name: list(step.outputs) for step in program.steps},
        "files": sorted(path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()),
        "claims": [claim.text for claim in claims(program)],
        "fixed": SEED if program.unseeded is not None else None,
    }
    unset = dict.fromkeys(variables, "not-set-in-tests")
    with tempfile.TemporaryDirectory(prefix="nbship-samples-") as samples:
        request["samples"] = samples
        first = _run({**request, "seed": SEED}, python, unset)
        second = _run({**request, "seed": SEED + 1}, python, {**unset, **_ELSEWHERE}) if first else {}
        rows = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(samples).glob("*.csv"))}
    if not first or not second:
        return Observation()
    return Observation(
        steps={
            name: agreed(step, second["steps"][name], rows)
            for name, step in first["steps"].items()
            if name in second["steps"]
        },
        claims={
            text: holds
            for text, holds in first["claims"].items()
            if holds is not None and second["claims"].get(text) is holds
        },
        absent=first["absent"] if first["absent"] == second["absent"] else None,
    )


#: Makes this machine compute like another one.
_ELSEWHERE = {
    "PYTHONHASHSEED": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Nehalem",
}


def _run(request: dict[str, Any], python: str, variables: Mapping[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="nbship-observe-") as scratch:
        out = Path(scratch) / "observed.json"
        elsewhere = Path(scratch) / "elsewhere"
        elsewhere.mkdir()
        full = {**request, "out": str(out), "output": str(Path(scratch) / "output")}
        environment = {**os.environ, "PYTHONHASHSEED": "0", "MPLBACKEND": "agg", **variables}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            [python, "-m", "nbship_magics.observe", json.dumps(full)],
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0 or not out.exists():
            return {}
        told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return told


def agreed(first: Mapping[str, Any], second: Mapping[str, Any], rows: Mapping[str, str]) -> Observed:
    """Give what two observations of one step agree on; ``rows`` are the small inputs by name."""
    made = {
        name: tuple(_checks(pairs, dict(second["made"].get(name, ()))))
        for name, pairs in first["made"].items()
    }
    lines = set(second["said"])
    said = [line for line in first["said"] if line in lines and _is_tellable(line)]
    return Observed(
        made={name: checks for name, checks in made.items() if checks},
        kept=frozenset(
            name
            for name, kept in first["kept"].items()
            if all(
                repr(check.value) == kept.get(check.expression)
                for check in made[name]
                if check.firmness == "firm"
            )
        ),
        said=tuple(said),
        whole=len(said) == len(first["said"]),
        drew=tuple(first["drew"]) if first["drew"] == second["drew"] else (),
        wrote=tuple(first["wrote"]) if first["wrote"] == second["wrote"] else (),
        options={
            name: value
            for name, value in sorted(first["options"].items())
            if value == second["options"].get(name) and value != "in use" and len(value) <= 80  # noqa: PLR2004  # a line
        },
        alone=_alone(first.get("alone"), second.get("alone"), rows),
    )


def _alone(first: Any, second: Any, rows: Mapping[str, str]) -> Alone | None:
    if not first or not second or first["inputs"] != second["inputs"]:
        return None
    made = {
        name: tuple(_checks(pairs, dict(second["made"].get(name, ()))))
        for name, pairs in first["made"].items()
    }
    used = [name for name in rows if any(f'table("{name}")' in text for text in first["inputs"].values())]
    same = first["lacking"] is not None and first["lacking"] == second["lacking"]
    return Alone(
        inputs=first["inputs"],
        made={name: checks for name, checks in made.items() if checks},
        lacking=tuple(first["lacking"]) if same else None,
        files={f"tests/data/{name}.csv": rows[name] for name in used},
    )


def _checks(pairs: Iterable[tuple[str, str]], other: Mapping[str, str]) -> Iterable[Check]:
    for expression, text in pairs:
        try:
            here, there = ast.literal_eval(text), ast.literal_eval(other[expression])
        except (ValueError, SyntaxError, KeyError):  # not a number, or not said in the other run
            continue
        distance = _distance(here, there)
        if distance <= LOOSE:
            yield Check(expression=expression, value=here, firmness="firm" if distance <= STEADY else "loose")


def _distance(here: Any, there: Any) -> float:  # noqa: PLR0911  # one line for each kind of literal
    """Give the greatest relative difference of two literals of the same form, infinity where the form differs."""
    if type(here) is not type(there):
        return math.inf
    if isinstance(here, float):
        scale = max(abs(here), abs(there), 1e-12)
        return abs(here - there) / scale if abs(here - there) > 1e-14 else 0.0  # noqa: PLR2004  # both are nought
    if isinstance(here, dict):
        if list(here) != list(there):
            return math.inf
        return max((_distance(value, there[key]) for key, value in here.items()), default=0.0)
    if isinstance(here, (list, tuple)):
        if len(here) != len(there):
            return math.inf
        scale = max((abs(value) for value in here if isinstance(value, float)), default=0.0)
        return max(
            (_distance(*pair) for pair in zip(here, there, strict=True) if not _are_nought(*pair, scale)),
            default=0.0,
        )
    return 0.0 if here == there else math.inf


def _are_nought(here: Any, there: Any, scale: float) -> bool:
    """Whether two numbers of a list are both nothing beside its greatest."""
    return isinstance(here, float) and isinstance(there, float) and max(abs(here), abs(there)) < 1e-9 * scale


def _is_tellable(line: str) -> bool:
    """Whether a printed line may stand in a test: a sentence, not a row of a table, no long number, nothing private."""
    text = line.strip()
    return (
        0 < len(text) <= 110  # noqa: PLR2004  # a line of code
        and "  " not in text
        and text.isprintable()
        and not re.search(
            r"\d\.\d{7,}|\S+@\S+\.\w|\d[\d ()/-]{8,}\d|[A-Za-z0-9+/_-]{32,}|://|0x[0-9a-f]+", text
        )
        and not re.search(r"\b(seconds?|secs?|ms|minutes?|time|took|elapsed)\b", text, re.IGNORECASE)
    )
