"""How far a job is, from what its command says on stderr. Pure.

A command that is asked for ``--progress`` says ``{"step": "run", "detail": "3 of 20 cells"}`` on a line of its own when a
step begins or is further; every other line is for people, and goes to the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

StepState = Literal["waiting", "running", "done", "failed", "skipped"]
_ERROR = re.compile(r"^Error: ", re.MULTILINE)
_CELL = re.compile(r"^(?P<where>.+?, cell (?P<cell>\d+)(?:, line \d+)?): (?P<what>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a job."""

    name: str
    state: StepState = "waiting"
    detail: str | None = None


Steps = tuple[Step, ...]


def waiting(names: Sequence[str]) -> Steps:
    """The steps of a job that has not begun."""
    return tuple(Step(name=name) for name in names)


def advanced(steps: Steps, line: str) -> Steps | None:
    """The steps after a line; None for a line that is no word of progress.

    >>> [step.state for step in advanced(waiting(["read", "run", "write"]), '{"step": "run"}')]
    ['done', 'running', 'waiting']
    """
    told = _told(line)
    places = {step.name: place for place, step in enumerate(steps)}
    if told is None or told[0] not in places:
        return None
    name, detail = told
    here = places[name]
    if any(step.state == "running" for step in steps[here + 1 :]):
        return steps  # a later step does an earlier one's work again, to compare
    return tuple(
        _passed(step)
        if place < here
        else replace(step, state="running", detail=detail)
        if place == here
        else step
        for place, step in enumerate(steps)
    )


def _passed(step: Step) -> Step:
    return replace(step, state="done") if step.state in {"waiting", "running"} else step


def begun(steps: Steps) -> Steps:
    """The steps of a job whose first is under way."""
    return (replace(steps[0], state="running"), *steps[1:])


def _told(line: str) -> tuple[str, str | None] | None:
    try:
        told = json.loads(line) if line.startswith('{"step"') else None
    except ValueError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("step"), str):
        return None
    detail = told.get("detail")
    return told["step"], detail if isinstance(detail, str) else None


def ended(steps: Steps, *, well: bool) -> Steps:
    """The steps once the command has ended: what ran is done or failed, what never came is skipped."""
    last: StepState = "done" if well else "failed"
    return tuple(
        replace(step, state=last)
        if step.state == "running"
        else replace(step, state="skipped")
        if step.state == "waiting"
        else step
        for step in steps
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed; ``cell`` is the index over all cells where it was one."""

    what: str
    where: str | None = None
    help: str | None = None
    cell: int | None = None


def error_of(log: str, code: int | None) -> JobError:
    r"""Why a command failed, from the last error that it told.

    >>> error_of("Error: churn.ipynb, cell 7, line 2: KeyError: 'income'\n  help: Mend the cell.\n", 1)
    JobError(what="KeyError: 'income'", where='churn.ipynb, cell 7, line 2', help='Mend the cell.', cell=7)
    """
    places = list(_ERROR.finditer(log))
    if not places:
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "it said nothing")
        return JobError(what=f"it ended with exit code {code}: {last.strip()}", help="The log has the rest.")
    what, _, advice = log[places[-1].end() :].partition("\n  help: ")
    found = _CELL.match(what.strip())
    return JobError(
        what=found["what"].strip() if found else what.strip(),
        where=found["where"] if found else None,
        help=advice.strip().splitlines()[0] if advice.strip() else None,
        cell=int(found["cell"]) if found else None,
    )
