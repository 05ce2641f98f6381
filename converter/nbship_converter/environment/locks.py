"""``requirements.lock``: what the package needs, as the kernel had it; ``requirements-dev.lock``: what its checks need.

Both are pinned, with hashes where the index answers. An earlier lock stays as it is, byte for byte, while its pins do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement

from nbship_converter.environment.closure import name_of, pins_of
from nbship_converter.environment.index import Answer, Ask, ask
from nbship_converter.environment.tools import installed, pinned
from nbship_converter.findings import Finding
from nbship_converter.ir import Facts
from nbship_converter.merge.chunks import requirement_chunks

__all__ = ["DEVELOPMENT", "LOCK", "Locks", "locked", "unhashed"]

LOCK = "requirements.lock"
DEVELOPMENT = "requirements-dev.lock"
_HEADS = {
    LOCK: "# What the package needs, as the notebook's kernel had it.\n",
    DEVELOPMENT: "# What `make quality unit` needs besides requirements.lock.\n",
}
_UNRUN = "# The notebook was not run, so no versions are known. `uv pip compile pyproject.toml --generate-hashes` finds some.\n"
_ADD_HASHES = (
    "# No index answered when this was written. With one: uv pip compile {name} --output-file {name} --no-deps"
    " --generate-hashes --no-emit-index-url\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """The locks by path, and what there is to tell."""

    files: Mapping[str, str]
    findings: tuple[Finding, ...] = ()


def unhashed(dependencies: Iterable[str], facts: Facts | None) -> str:
    """Give the text of the lock as it is known without an index."""
    if facts is None:
        return _HEADS[LOCK] + _UNRUN
    return _text(LOCK, pins_of(dependencies, facts), {}, facts.elsewhere)


def locked(
    pyproject: str,
    facts: Facts | None,
    earlier: Mapping[str, str] | None = None,
    *,
    index: Ask | None = ask,
) -> Locks:
    """Give both locks for a ``pyproject.toml``; ``earlier`` are those of the last export, ``index`` None if not asked."""
    settings = tomllib.loads(pyproject)
    before = earlier or {}
    python = facts.python if facts else settings["project"]["requires-python"].strip(">=")
    pins = pins_of(settings["project"]["dependencies"], facts) if facts else ()
    from_index = [pin for pin in pins if facts and name_of(pin) not in facts.elsewhere]
    known = _hashed(before.get(LOCK, ""), from_index)
    answer = _asked(index, [pin for pin in from_index if name_of(pin) not in known], python)
    files = {LOCK: unhashed(settings["project"]["dependencies"], facts)}
    left_out = dict.fromkeys(answer.absent, "no index") | (facts.elsewhere if facts else {})
    if facts and answer.reached:
        files[LOCK] = _text(LOCK, pins, {**known, **answer.requirements}, left_out)
    if known.keys() == {name_of(pin) for pin in from_index} and from_index:
        files[LOCK] = before[LOCK]
    same = _pins_in(files[LOCK]) == _pins_in(before.get(LOCK, ""))
    wanted = settings.get("dependency-groups", {}).get("dev", [])
    files[DEVELOPMENT], solution = _development(
        wanted, pins, python, before.get(DEVELOPMENT, "") if same else "", index if answer.reached else None
    )
    return Locks(files=files, findings=tuple(_findings(pins, left_out, [answer, solution])))


def _development(
    wanted: Sequence[str], pins: Sequence[str], python: str, before: str, index: Ask | None
) -> tuple[str, Answer]:
    """Give the lock of the tools, in the versions with which the export itself was checked, and how the index answered."""
    kept = {name_of(pin) for pin in pins}
    own = installed(wanted)
    asked = [pinned(line, own) for line in wanted if name_of(line) not in kept]
    have = _pins_in(before)
    if before and "--hash" in before and all(_is_in(line, have) for line in asked):
        return before, Answer()
    ours = [f"{name}=={version}" for name, version in own.items() if name not in kept]
    answer = _asked(index, asked, python, (*pins, *ours))
    if answer.reached and not answer.solved:
        answer = _asked(index, asked, python, tuple(pins))
    if answer.reached and answer.solved:
        hashed = {name: text for name, text in answer.requirements.items() if name not in kept}
        return _HEADS[DEVELOPMENT] + "".join(hashed.values()), answer
    unknown = [line for line in asked if name_of(line) not in own]
    return _text(DEVELOPMENT, sorted([*ours, *unknown]), {}, {}), answer


def _asked(
    index: Ask | None, wanted: Sequence[str], python: str, constraints: Sequence[str] | None = None
) -> Answer:
    """Ask for the hashes of pins, or for all that goes with constraints; where nobody is asked, nobody answers."""
    if not wanted:
        return Answer()
    if index is None:
        return Answer(reached=False)
    return index(wanted, python, constraints=constraints or (), alone=constraints is None)


def _text(name: str, pins: Iterable[str], hashed: Mapping[str, str], left_out: Mapping[str, str]) -> str:
    lines = [
        f"# {pin} is not from an index: {left_out[name_of(pin)]}\n"
        if name_of(pin) in left_out
        else hashed.get(name_of(pin), f"{pin}\n")
        for pin in pins
    ]
    complete = all(line.startswith("#") or "--hash" in line for line in lines)
    return _HEADS[name] + ("" if complete else _ADD_HASHES.format(name=name)) + "".join(lines)


def _hashed(lock: str, pins: Sequence[str]) -> dict[str, str]:
    """Give the requirements of an earlier lock that have these pins, and hashes."""
    chunks = {chunk.key: _bare(chunk.text) for chunk in requirement_chunks(lock)}
    wanted = {name_of(pin): pin for pin in pins}
    return {
        name: chunks[name]
        for name, pin in wanted.items()
        if "--hash" in chunks.get(name, "") and chunks[name].split()[0] == pin
    }


def _bare(text: str) -> str:
    """Take the comments above a requirement away."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def _pins_in(lock: str) -> dict[str, str]:
    """Give the pins of a lock by name."""
    bare = (_bare(chunk.text).split() for chunk in requirement_chunks(lock))
    return {name_of(words[0]): words[0] for words in bare if words}


def _is_in(requirement: str, pins: Mapping[str, str]) -> bool:
    found = pins.get(name_of(requirement), "")
    return bool(found) and Requirement(requirement).specifier.contains(
        found.partition("==")[2], prereleases=True
    )


def _findings(
    pins: Sequence[str], left_out: Mapping[str, str], answers: Iterable[Answer]
) -> Iterable[Finding]:
    told = [f"{pin} ({left_out[name_of(pin)]})" for pin in pins if name_of(pin) in left_out]
    if told:
        yield Finding(code="NB414", message=f"not from a package index: {', '.join(told)}")
    for answer in answers:
        if not answer.solved:
            yield Finding(
                code="NB415",
                message="no versions of the tools in the `dev` group go with what the kernel had",
            )
        elif not answer.reached:
            yield Finding(code="NB413", message="no package index answered: the locks have no hashes")
            return
