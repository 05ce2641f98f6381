"""What a package depends on -> everything that has to be installed for it, as the kernel had it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nbship_converter.ir import Facts

__all__ = ["canonical", "name_of", "pins_of"]


def pins_of(dependencies: Iterable[str], facts: Facts) -> tuple[str, ...]:
    """Give the transitive closure of pinned dependencies, pinned to what was installed in the kernel."""
    versions = {name_of(pin): pin for pin in facts.closure}
    pending = [name_of(pin) for pin in dependencies]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found and name in versions:
            found.add(name)
            pending += facts.requirements.get(name, ())
    return tuple(versions[name] for name in sorted(found))


def name_of(requirement: str) -> str:
    """Give the canonical name of what a requirement asks for.

    >>> name_of("Flask_Login[x]==1.0"), name_of("dask [array] >=2 ; python_version > '3'")
    ('flask-login', 'dask')
    """
    return canonical(re.split(r"[\s=<>~!\[;@]", requirement.strip(), maxsplit=1)[0])


def canonical(name: str) -> str:
    """Give a distribution's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()
