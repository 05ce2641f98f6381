"""The proof: the package runs in a fresh process, and each name is compared with the notebook's own value."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import blake3

from nbship.canonical import Token, compare, digest
from nbship.errors import RunError

__all__ = [
    "NameOutcome",
    "PackageRun",
    "Verification",
    "fingerprint_of",
    "judge",
    "match",
    "package_environment",
    "read_probe",
    "run_package",
]

NameOutcome = Literal["equal", "close", "different", "volatile", "missing", "unchecked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How the package's results relate to the notebook's: one outcome a name, one status for all.

    ``measures`` say how good the package's model is, and how good one that learnt nothing.
    """

    names: Mapping[str, NameOutcome]
    reasons: Mapping[str, str] = field(default_factory=dict)
    ran: bool = True
    measures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def status(self) -> Literal["equal", "different", "not_run"]:
        """``equal`` only if every name was compared and none differs, and at least one is equal."""
        if not self.ran:
            return "not_run"
        good = all(outcome in ("equal", "close", "volatile") for outcome in self.names.values())
        return "equal" if good and "equal" in self.names.values() else "different"

    def as_json(self) -> dict[str, Any]:
        """Give what ``export --json`` prints."""
        return {"status": self.status, "names": dict(self.names)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRun:
    """What the package's run left: tokens by name, and which names share one object."""

    values: dict[str, list[Token]]
    identities: dict[str, int]
    measures: dict[str, dict[str, float]] = field(default_factory=dict)


def package_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Give the environment in which a package runs by itself: no windows, one hash seed, nothing of ours on its path."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {"PYTHONHASHSEED": "0", **inherited, **variables, "MPLBACKEND": "agg"}


def run_package(
    source: Path,
    package: str,
    *,
    python: str = sys.executable,
    data: Path | None = None,
    variables: Mapping[str, str] | None = None,
    evaluation: Mapping[str, str] | None = None,
    timeout_s: int = 3600,
) -> PackageRun:
    """Run ``PACKAGE.pipeline.run`` in a fresh process in an empty folder and give what it made.

    ``variables`` are added to its environment. Raises RunError with the last lines of the traceback when it does not run to its end.
    """
    with tempfile.TemporaryDirectory(prefix="nbship-proof-") as scratch:
        out = Path(scratch) / "values.pickle"
        elsewhere = Path(scratch) / "elsewhere"
        elsewhere.mkdir()
        arguments = [str(source), package, str(out), str(data or ""), str(Path(scratch) / "output")]
        arguments.append(json.dumps(dict(evaluation or {})))
        try:
            done = subprocess.run(
                [python, "-m", "nbship_magics.probe", *arguments],
                cwd=elsewhere,
                env=package_environment(variables or {}),
                timeout=timeout_s,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RunError(
                f"the package ran longer than {timeout_s} s", where=package, help="Raise --timeout."
            ) from error
        if done.returncode != 0:
            lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
            raise RunError(
                f"the package did not run: {lines[-1] if lines else 'no output'}",
                where=_last_place(lines, source),
                help="Run it by hand: `python -m " + package + " run`.",
            )
        measures = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
        return replace(read_probe(out), measures=measures)


def _last_place(lines: list[str], source: Path) -> str:
    places = [line.strip() for line in lines if line.strip().startswith("File") and str(source) in line]
    return places[-1].replace(str(source), "src") if places else "the package"


def read_probe(path: Path) -> PackageRun:
    """Read what a probe wrote."""
    values: dict[str, list[Token]] = {}
    identities: dict[str, int] = {}
    with path.open("rb") as source:
        while True:
            try:
                name, identity, stream = pickle.load(source)  # noqa: S301  # written a moment ago by our own probe
            except EOFError:
                return PackageRun(values=values, identities=identities)
            values[name], identities[name] = stream, identity


def judge(
    wanted: Iterable[str],
    expected: Mapping[str, list[Token]],
    found: PackageRun,
    aliases: Iterable[Iterable[str]],
) -> Verification:
    """Compare name by name; names that were one object in the notebook must be one in the package."""
    outcomes: dict[str, NameOutcome] = {}
    reasons: dict[str, str] = {}
    for name in wanted:
        if name not in found.values or name not in expected:
            outcomes[name], reasons[name] = "missing", "the package does not return it"
            continue
        outcomes[name], reason = compare(expected[name], found.values[name])
        if reason:
            reasons[name] = reason
    return _with_aliases(outcomes, reasons, found, aliases)


def match(
    wanted: Iterable[str],
    expected: Mapping[str, str],
    found: PackageRun,
    aliases: Iterable[Iterable[str]],
) -> Verification:
    """Compare by fingerprints alone: what is not bitwise the same, or has nothing to compare, is ``unchecked``."""
    outcomes: dict[str, NameOutcome] = {}
    for name in wanted:
        stream = found.values.get(name, [])
        same = bool(stream) and fingerprint_of(stream) == expected.get(name)
        outcomes[name] = "equal" if same and all(token[1] != "opaque" for token in stream) else "unchecked"
    return _with_aliases(outcomes, {}, found, aliases)


def _with_aliases(
    outcomes: dict[str, NameOutcome],
    reasons: dict[str, str],
    found: PackageRun,
    aliases: Iterable[Iterable[str]],
) -> Verification:
    for group in aliases:
        names = [
            name for name in group if name in found.identities and outcomes.get(name) in ("equal", "close")
        ]
        if len({found.identities[name] for name in names}) > 1:
            for name in names:
                outcomes[name], reasons[name] = (
                    "different",
                    f"{' and '.join(names)} were one object in the notebook",
                )
    return Verification(names=outcomes, reasons=reasons)


def fingerprint_of(stream: Iterable[Token]) -> str:
    """Give the fingerprint of a token stream, ``b3:`` and 64 hex digits."""
    hasher = blake3.blake3()
    digest(stream, hasher)
    return f"b3:{hasher.hexdigest()}"
