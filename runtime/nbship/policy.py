"""An organisation's policy: what has to hold before a version gets a stage, and how lenient a project may be.

A TOML file, named by ``NBSHIP_POLICY`` or ``policy`` in ``[tool.nbship]`` (a path, an http(s) address, or any address
that fsspec knows). What it refuses, it refuses with the file and the line that say so. A policy that cannot be read
refuses everything that it might have refused.

    [promote.production]
    by = ["ada", "*@risk"]         # who may decide, as patterns
    checks = ["model"]             # `nbship check` that must have passed, of the version or its run
    from = ["staging"]             # the stages that it may come from
    known = ["datasets", "commit"] # parts of its lineage that must be known
    why = true                     # a reason must be given

    [gates.at_least]               # the project's own numbers may be stricter, and not more lenient
    min_rows = 100
    [rollout.at_most]
    max_error_increase = 0.005
    [alerts]
    set = { owner = "ml-platform" }
"""

from __future__ import annotations

import fnmatch
import os
import re
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from nbship import names, store
from nbship.config import ALERT_KEYS, GATES_KEYS, ROLLOUT_KEYS, check_keys
from nbship.errors import InputError, PolicyError, StoreError
from nbship.model import Stage

if TYPE_CHECKING:
    from nbship.config import Config

_TIMEOUT_S = 10.0
_PROMOTE_KEYS: Mapping[str, type] = {"by": list, "checks": list, "from": list, "known": list, "why": bool}
_SECTIONS = ("gates", "rollout", "alerts")
_SECTION_KEYS: Mapping[str, type] = {"at_least": dict, "at_most": dict, "require": list, "set": dict}
_HEADER = re.compile(r"\s*\[\[?\s*(?P<path>[^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*(?P<key>[A-Za-z0-9_\-\".]+)\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody wants to do to a version, and what is known of it.

    ``checks`` are the verdicts of gates by name, ``lacking`` the parts of its lineage that nobody has recorded.
    """

    model: str
    version: int
    stage: Stage
    before: Stage
    who: str
    why: str
    checks: Mapping[str, str] = field(default_factory=dict[str, str])
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy that was read; ``source`` is its address, ``text`` what stands there."""

    source: str
    text: str
    document: Mapping[str, Any]

    def at(self, *path: str) -> str:
        """Give the file and the line at which a key stands."""
        return f"{self.source}:{line_of(self.text, path)}"

    def allow(self, request: Request) -> None:
        """Raise PolicyError where the policy does not allow a promotion; all that speaks against it is named."""
        rules: Mapping[str, Any] = self.document.get("promote", {}).get(request.stage, {})
        found = [
            f"{self.at('promote', request.stage, key)}: {says}" for key, says in refusals(rules, request)
        ]
        if found:
            raise PolicyError(
                f"version {request.version} of {request.model!r} may not become {request.stage}\n  "
                + "\n  ".join(found),
                help="meet what the policy asks for, or ask whoever keeps it",
            )

    def applied(self, section: str, given: Mapping[str, Any], *, project: str) -> dict[str, Any]:
        """Give a project's table with what the policy says of it.

        What the project leaves out, the policy fills in. Raises PolicyError where the project is more lenient.
        """
        rules: Mapping[str, Any] = self.document.get(section, {})
        after = dict(given)
        for bound, mark in (("at_least", "below"), ("at_most", "above")):
            for key, limit in rules.get(bound, {}).items():
                value = after.setdefault(key, limit)
                if isinstance(limit, dict):
                    after[key] = self._bounded(section, (bound, key), value, limit, mark, project)
                elif value < limit if bound == "at_least" else value > limit:
                    raise self._lenient(
                        section, (bound, key), f"{key} is {value:g}, {mark} {limit:g}", project
                    )
        if rules.get("require"):
            after["require"] = sorted({*after.get("require", []), *rules["require"]})
        for key, value in rules.get("set", {}).items():
            if after.setdefault(key, value) != value:
                raise self._lenient(section, ("set", key), f"{key} is {after[key]!r}, not {value!r}", project)
        return after

    def _bounded(
        self,
        section: str,
        path: tuple[str, ...],
        given: Mapping[str, float],
        limits: Mapping[str, float],
        mark: str,
        project: str,
    ) -> dict[str, float]:
        """The same for a table of numbers, such as the least value of each metric."""
        after = dict(given)
        for key, limit in limits.items():
            value = after.setdefault(key, limit)
            if value < limit if mark == "below" else value > limit:
                raise self._lenient(
                    section, (*path, key), f"{path[-1]}.{key} is {value:g}, {mark} {limit:g}", project
                )
        return after

    def _lenient(self, section: str, path: tuple[str, ...], says: str, project: str) -> PolicyError:
        return PolicyError(
            f"[tool.nbship.{section}] is more lenient than the policy: {says} ({self.at(section, *path)})",
            where=project,
            help="make it as strict as the policy asks for, or leave the key out",
        )


def refusals(rules: Mapping[str, Any], request: Request) -> Iterable[tuple[str, str]]:
    """Yield each rule that speaks against a promotion, by its key, and what it says."""
    by = rules.get("by")
    if by is not None and not any(fnmatch.fnmatchcase(request.who, pattern) for pattern in by):
        yield "by", f"{request.who} may not decide it; who may: {', '.join(by)}"
    for check in rules.get("checks", ()):
        status = request.checks.get(check)
        if status != "passed":
            yield (
                "checks",
                f"`nbship check {check}` " + (f"says {status}" if status else "was not run for it"),
            )
    if "from" in rules and request.before not in (*rules["from"], request.stage):
        yield "from", f"it is {request.before}; it may come from {', '.join(rules['from'])}"
    for part in rules.get("known", ()):
        if part in request.lacking:
            yield "known", f"nothing is known of its {part}"
    if rules.get("why") and not request.why.strip():
        yield "why", "a reason must be given (--why)"


def of(settings: Config) -> Policy | None:
    """Give the policy that holds; None where none is named.

    Raises InputError where it is not one, StoreError where it cannot be read.
    """
    address = os.environ.get(names.ENV_POLICY) or settings.policy
    if not address:
        return None
    return parse(_read(address), source=store.shown(address))


def enforced(settings: Config) -> Config:
    """Give settings with what the policy says of rollouts and alerts. Raises PolicyError, InputError, StoreError."""
    policy = of(settings)
    if policy is None:
        return settings
    project = str(settings.project) if settings.project else "the configuration"
    given = {"rollout": settings.rollout, "alerts": settings.alerts}
    after: dict[str, Any] = {
        section: policy.applied(section, table or {}, project=project)
        for section, table in given.items()
        if section in policy.document
    }
    return replace(settings, **after)


def parse(text: str, *, source: str) -> Policy:
    """Read a policy. Raises InputError where it is no TOML, or has a key that no policy has."""
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise InputError(f"the policy cannot be read as TOML: {error}", where=source) from error
    check_keys(document, {"promote": dict, **dict.fromkeys(_SECTIONS, dict)}, source)
    check_keys(document.get("promote", {}), dict.fromkeys(get_args(Stage), dict), f"{source} [promote]")
    for stage, rules in document.get("promote", {}).items():
        check_keys(rules, _PROMOTE_KEYS, f"{source} [promote.{stage}]")
    for section in _SECTIONS:
        _check_section(document.get(section, {}), section, source)
    return Policy(source=source, text=text, document=document)


def _check_section(rules: Mapping[str, Any], section: str, source: str) -> None:
    check_keys(rules, _SECTION_KEYS, f"{source} [{section}]")
    known = {"gates": GATES_KEYS, "rollout": ROLLOUT_KEYS, "alerts": ALERT_KEYS}[section]
    for kind in ("at_least", "at_most", "set"):
        where = f"{source} [{section}.{kind}]"
        check_keys(rules.get(kind, {}), known, where)
        for key, value in rules.get(kind, {}).items():
            if kind != "set" and not isinstance(value, (int, float, dict)):
                raise InputError(f"{key!r} must be a number", where=where)


def line_of(text: str, path: Iterable[str]) -> int:
    r"""Give the line at which a key stands, or the table that it is in; 1 where neither is found.

    >>> line_of('[promote.production]\n# who\nby = ["ada"]', ("promote", "production", "by"))
    3
    """
    wanted, best = tuple(path), (0, 1)
    here: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            here, place = _parts(header["path"]), _parts(header["path"])
        elif key := _KEY.match(line):
            place = (*here, *_parts(key["key"]))
        else:
            continue
        if place == wanted[: len(place)] and len(place) > best[0]:
            best = (len(place), number)
    return best[1]


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in path.split("."))


def _read(address: str) -> str:
    try:
        if address.startswith(("http://", "https://")):
            with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # http(s) only
                return cast("bytes", answer.read()).decode("utf-8")
        if "://" in address:
            import fsspec

            opened: Any = fsspec.open(address, "r", encoding="utf-8")
            with opened as file:
                return str(file.read())
        return Path(address).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, ImportError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "strerror", None) or str(getattr(error, "reason", error))
        raise StoreError(
            f"the policy cannot be read: {reason}",
            where=store.shown(address),
            help="without it nothing is allowed that it might refuse; NBSHIP_POLICY or [tool.nbship] policy names it",
        ) from error
