"""What is installed and loaded: distributions by module, what they require and come from, and which are untyped."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["closure", "distributions", "elsewhere", "requirements", "untyped"]

#: Extras with which a distribution is worked on, and not used.
_WORKSHOP = re.compile(r"dev|test|doc|lint|typ(e|ing)|build|benchmark|release|ci$|all$")


def distributions() -> dict[str, list[str]]:
    """Give, for each top-level module that is loaded, the distributions that hold it, as ``name==version``."""
    loaded = {name.split(".")[0] for name in sys.modules}
    found: dict[str, list[str]] = {}
    for module, names in importlib.metadata.packages_distributions().items():
        if module in loaded:
            found[module] = sorted({f"{name}=={importlib.metadata.version(name)}" for name in names})
    return found


def untyped() -> list[str]:
    """Give the loaded top-level packages that do not say ``py.typed``, so that a type checker cannot follow them."""
    found = []
    for name in {name.split(".")[0] for name in sys.modules}:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and "site-packages" in file and not (Path(file).parent / "py.typed").exists():
            found.append(name)
    return sorted(found)


def closure(distributions: dict[str, list[str]]) -> dict[str, set[str]]:
    """Give every installed distribution that the loaded ones require, pinned, and with which extras."""
    pending = [(pin.partition("==")[0], "") for pins in distributions.values() for pin in pins]
    found: dict[str, set[str]] = {}
    while pending:
        name, extra = pending.pop()
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        extras = found.setdefault(f"{canonicalize_name(name)}=={distribution.version}", set())
        if extra not in extras:
            extras.add(extra)
            lines = [line for line in _declared(distribution) if _applies(line, [extra])]
            pending += [(line.name, asked) for line in lines for asked in ("", *line.extras)]
    return dict(sorted(found.items()))


def requirements(closure: dict[str, set[str]], loaded: Iterable[str]) -> dict[str, list[str]]:
    """Give what each distribution of a closure requires of the others, by canonical names.

    What it would require with an extra that nobody asked for counts where it is among ``loaded``, the pins of what
    the notebook loaded: pandas imports the engine of a file format by itself.
    """
    names = {pin.partition("==")[0] for pin in closure}
    used = {canonicalize_name(pin.partition("==")[0]) for pin in loaded}
    found: dict[str, list[str]] = {}
    for pin, extras in closure.items():
        name = pin.partition("==")[0]
        distribution = importlib.metadata.distribution(name)
        wanted = {
            required
            for line in _declared(distribution)
            if (required := canonicalize_name(line.name)) in names - {name}
            and _applies(line, extras | (_offered(distribution) if required in used else set()))
        }
        found[name] = sorted(wanted)
    return found


def elsewhere(closure: Iterable[str]) -> dict[str, str]:
    """Give the distributions that no index gave, and where from: ``git``, with its address, or a local folder or file."""
    found = {}
    for pin in closure:
        name = pin.partition("==")[0]
        distribution = importlib.metadata.distribution(name)
        text = distribution.read_text("direct_url.json")
        if text is not None and "conda" not in (
            distribution.read_text("INSTALLER") or ""
        ):  # it leaves its own
            found[name] = _source(json.loads(text))
    return found


def _source(told: dict[str, object]) -> str:
    """Say where a distribution came from, without naming a folder of this machine or a secret in an address."""
    url = re.sub(r"//[^/@]*@", "//", str(told.get("url", "")))
    version = told.get("vcs_info")
    if isinstance(version, dict):
        return f"{version.get('vcs', 'git')}+{url}@{version.get('commit_id', '')}"
    if url.startswith("file:"):
        return "a local folder" if "dir_info" in told else "a local file"
    return url


def _declared(distribution: Distribution) -> list[Requirement]:
    return [Requirement(line) for line in distribution.requires or []]


def _offered(distribution: Distribution) -> set[str]:
    extras: list[str] = distribution.metadata.get_all("Provides-Extra") or []
    return {extra for extra in extras if not _WORKSHOP.match(extra)}


def _applies(line: Requirement, extras: Iterable[str]) -> bool:
    return any(line.marker is None or line.marker.evaluate({"extra": extra}) for extra in extras)
