"""Run the project's checks, part by part, and tell how long each took.

    python scripts/check.py                all of them, as `make test` does
    python scripts/check.py lint types     only these

Everything runs even where something failed before, so that one run shows all there is to do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python does so itself, unless asked to be safe
import set_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = set_up.ROOT
TEMPLATE = "converter/nbship_converter/templates/package"
#: A part that takes longer than this hangs, even on a busy machine; the whole of CI aims at 20 minutes.
LIMIT_S = 1800
#: How pytest and jest close: `12 passed in 3.4s`, `Tests: 1 failed, 11 passed, 12 total`.
COUNTS = re.compile(r"\d+ (passed|failed)\b.*( in |\d+ total)")


@dataclass(frozen=True)
class Part:
    """Some commands that are run one after the other in one folder."""

    name: str
    commands: Sequence[str]
    folder: str = "."


@dataclass(frozen=True)
class Outcome:
    """How a part ended: how long it took, and how its tests ended, where it has any."""

    name: str
    passed: bool
    seconds: float
    counts: str


#: Cheap ones first: a typing slip should not wait for a browser.
PARTS = (
    Part("lint", ("ruff check .", "ruff format --check .", "lint-imports")),
    Part("types", ("mypy", "mypy scripts benchmarks", "pyright")),
    Part("typescript", ("jlpm lint", "jlpm test --ci"), "extension"),
    Part("template", ("ruff check .", "ruff format --check .", "mypy --strict src", "pytest -q"), TEMPLATE),
    Part(
        "unit",
        (
            "pytest -q -rs -n 2 --dist worksteal --durations 12 -m 'not browser and not wheel and not dvc and not feast'",
        ),
    ),
    Part("wheel", ("pytest -q -rs -m wheel tests/house",)),
    Part("dvc", ("pytest -q -rs -m dvc tests/house",)),
    Part("feast", ("pytest -q -rs -m feast tests/runtime/features",)),
    Part("browser", ("pytest -q -rs -m browser tests/browser",)),
)


def main(names: Sequence[str]) -> int:
    """Run the named parts, or all, and give the exit code."""
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        print(
            f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(part.name for part in PARTS)}"
        )
        return 2
    chosen = [part for part in PARTS if not names or part.name in names]
    environment = dict(set_up.environment())
    if any(part.name == "browser" for part in chosen):
        try:
            environment["NBSHIP_CHROMIUM"] = set_up.find_browser() or set_up.install_browser()
        except set_up.SetupError as error:  # its tests will fail, and the other parts still have much to say
            print(f"setup: {error}", file=sys.stderr)
    outcomes = [carry_out(part, environment) for part in chosen]
    show(outcomes)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def carry_out(part: Part, environment: Mapping[str, str]) -> Outcome:
    """Run one part's commands, showing what they say as they say it."""
    started = time.monotonic()
    passed, counts = True, ""
    for command in part.commands:
        print(f"\n=== {part.name}: {command}", flush=True)
        begun = time.monotonic()
        code, said = follow(command, ROOT / part.folder, environment)
        counts = said or counts
        told = "ok" if code == 0 else f"failed, exit code {code}"
        print(f"=== {part.name}: {told}, {time.monotonic() - begun:.0f} s", flush=True)
        passed = passed and code == 0
    return Outcome(part.name, passed, time.monotonic() - started, counts)


def follow(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command line, passing its output on, and give its exit code and its count of tests."""
    if not folder.is_dir():
        print(f"{folder.relative_to(ROOT)} does not exist")
        return 1, ""
    deadline = ["timeout", str(LIMIT_S)] if shutil.which("timeout") else []
    process = subprocess.Popen(
        [*deadline, "sh", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    counts = ""
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        counts = line.strip() if COUNTS.search(line) else counts
    return process.wait(), counts


def show(outcomes: Sequence[Outcome]) -> None:
    """Print the table of all parts, and what became of the whole."""
    print("\n=== all parts")
    for outcome in outcomes:
        word = "ok" if outcome.passed else "FAILED"
        print(f"{outcome.name:12}{word:8}{outcome.seconds:6.0f} s   {outcome.counts.strip('= ')}")
    total = sum(outcome.seconds for outcome in outcomes)
    failed = [outcome.name for outcome in outcomes if not outcome.passed]
    print(f"{'together':12}{'FAILED' if failed else 'ok':8}{total:6.0f} s   {', '.join(failed)}", flush=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
