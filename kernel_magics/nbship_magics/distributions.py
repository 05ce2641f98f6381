"""What is installed and loaded: distributions by module, their closure, and which are untyped."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

__all__ = ["closure", "distributions", "untyped"]


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


def closure(distributions: dict[str, list[str]]) -> list[str]:
    """Give every installed distribution that the loaded ones require, pinned, without extras."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pending = [pin.partition("==")[0] for pins in distributions.values() for pin in pins]
    found: dict[str, str] = {}
    while pending:
        name = canonicalize_name(pending.pop())
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = distribution.version
        for line in distribution.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(requirement.name)
    return [f"{name}=={version}" for name, version in sorted(found.items())]
