"""The package index, asked through uv: which hashes do these pins have, and what does the development need.

The index may be slow, away or without some of the packages; an export never waits long for it. Nothing that it says
names it: which index to ask is for each machine's own settings to say.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from platformdirs import user_cache_dir
from uv import find_uv_bin

from nbship_converter.environment.closure import name_of

__all__ = ["Answer", "Ask", "ask"]

#: Seconds that one answer of the index, and all of them together, may take.
REPLY_S = 5
PATIENCE_S = 60
#: How uv says that the index has no such distribution, or not that version.
_ABSENT = re.compile(r"(?:no version of |Because )([\w.-]+?)(?:==\S+)? ?(?:was not found|and you require|\()")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][\w.-]*)==", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Requirements by name, each with its pin and its hashes as a lock has them; ``absent`` has no index.

    ``reached`` is False where the index did not answer, ``solved`` where no versions go together.
    """

    requirements: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    reached: bool = True
    solved: bool = True


class Ask(Protocol):
    """Something that answers as the index does."""

    def __call__(
        self, wanted: Sequence[str], python: str, *, constraints: Sequence[str] = (), alone: bool = False
    ) -> Answer:
        """Resolve requirements for a version of Python; ``alone`` leaves out what they depend on."""
        ...


def ask(
    wanted: Sequence[str], python: str, *, constraints: Sequence[str] = (), alone: bool = False
) -> Answer:
    """Resolve requirements for a version of Python; ``alone`` leaves out what they depend on.

    What the index does not have is left out and named. The same question is answered from a cache.
    """
    place = _place([list(wanted), python, list(constraints), alone])
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        return Answer(requirements=kept["requirements"], absent=frozenset(kept["absent"]))
    except (OSError, ValueError, KeyError, TypeError):
        answer = _resolved(wanted, python, constraints, alone=alone)
    if answer.reached and answer.solved:
        _keep(place, {"requirements": dict(answer.requirements), "absent": sorted(answer.absent)})
    return answer


def _resolved(wanted: Sequence[str], python: str, constraints: Sequence[str], *, alone: bool) -> Answer:
    absent: set[str] = set()
    while left := [requirement for requirement in wanted if name_of(requirement) not in absent]:
        done = _compile(left, python, constraints, alone=alone)
        if done is None:
            return Answer(reached=False)
        if done.returncode == 0:
            return Answer(requirements=_split(done.stdout), absent=frozenset(absent))
        missing = {name_of(name) for name in _ABSENT.findall(" ".join(done.stderr.split()))}
        missing &= {name_of(requirement) for requirement in left}
        if not missing:
            solved = "No solution found" not in done.stderr
            return Answer(reached=not solved, solved=solved)
        absent |= missing
    return Answer(reached=not wanted, absent=frozenset(absent))  # an index that has nothing is none


def _compile(
    wanted: Sequence[str], python: str, constraints: Sequence[str], *, alone: bool
) -> subprocess.CompletedProcess[str] | None:
    with tempfile.TemporaryDirectory(prefix="nbship-lock-") as scratch:
        folder = Path(scratch)
        (folder / "wanted.in").write_text("\n".join(wanted) + "\n", encoding="utf-8")
        (folder / "constraints.in").write_text("\n".join(constraints) + "\n", encoding="utf-8")
        command = [
            *(find_uv_bin(), "pip", "compile", "--quiet", "--color", "never", "--generate-hashes"),
            *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
            *(
                "--python",
                sys.executable,
                "--python-version",
                python,
                "--constraints",
                "constraints.in",
                "wanted.in",
            ),
            *(["--no-deps"] if alone else []),
        ]
        try:
            return subprocess.run(
                command,
                cwd=folder,
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
        except (subprocess.TimeoutExpired, OSError):
            return None


def _environment() -> dict[str, str]:
    """Give the variables with which uv is short of patience, and asks the index that pip is told to ask."""
    waits = ("UV_HTTP_TIMEOUT", "UV_HTTP_CONNECT_TIMEOUT", "UV_REQUEST_TIMEOUT")
    index = {"UV_DEFAULT_INDEX": os.environ["PIP_INDEX_URL"]} if os.environ.get("PIP_INDEX_URL") else {}
    return {**index, **os.environ, **dict.fromkeys(waits, str(REPLY_S)), "UV_HTTP_RETRIES": "0"}


def _place(question: list[object]) -> Path:
    """Give where an answer is kept: other settings of the index are another question."""
    settings = {
        name: value for name, value in os.environ.items() if re.match(r"UV_.*INDEX|PIP_INDEX_URL", name)
    }
    key = hashlib.sha256(json.dumps([1, *question, settings], sort_keys=True).encode()).hexdigest()
    return Path(user_cache_dir("nbship")) / "locks" / f"{key}.json"


def _keep(place: Path, answer: object) -> None:
    """Write an answer as a whole; a disk that is full or read-only only means to ask again."""
    partial = place.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.write_text(json.dumps(answer), encoding="utf-8")
        partial.replace(place)


def _split(lock: str) -> dict[str, str]:
    """Take a lock apart: the text of each requirement by its canonical name."""
    starts = [found.start() for found in _REQUIREMENT.finditer(lock)]
    pieces = [lock[start:end] for start, end in zip(starts, [*starts[1:], len(lock)], strict=True)]
    return {name_of(piece): piece for piece in pieces}
