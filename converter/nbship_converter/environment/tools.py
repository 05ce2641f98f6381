"""The tools with which an exported repository is checked: the very versions that checked it when it was exported."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import Requirement

from nbship_converter.environment.closure import canonical

__all__ = ["installed", "pinned"]


def pinned(requirement: str, own: Mapping[str, str]) -> str:
    """Pin a tool to the version that is installed here, if one is.

    >>> pinned("ruff>=0.9", {"ruff": "0.14.1"}), pinned("pandera[pandas]>=0.26", {})
    ('ruff==0.14.1', 'pandera[pandas]>=0.26')
    """
    parsed = Requirement(requirement)
    version = own.get(canonical(parsed.name))
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extras}=={version}" if version else requirement


def installed(tools: Iterable[str]) -> dict[str, str]:
    """Give the versions of the tools and of all they require, as far as they are installed beside nbship."""
    pending = [Requirement(line) for line in tools]
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while pending:
        requirement = pending.pop()
        name = canonical(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                try:
                    found[name] = importlib.metadata.version(name)
                except importlib.metadata.PackageNotFoundError:
                    continue
                pending += _required(name, extra)
    return dict(sorted(found.items()))


def _required(name: str, extra: str) -> Iterator[Requirement]:
    for line in importlib.metadata.requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement
