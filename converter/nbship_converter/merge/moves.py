"""Which definition of one export is which of another: by the cells it comes from, by its name, by what it does."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from nbship_converter.merge.chunks import parsed

__all__ = ["Key", "Moves", "Origins", "definitions_in", "find_moves"]

#: A definition: the path of its module, and its name.
Key = tuple[str, str]
#: path -> name -> ids of the cells that a definition comes from
Origins = Mapping[str, Mapping[str, Iterable[str]]]

#: From this share of common lines on, a definition under another name is taken for the same one.
_ALIKE = 0.6
#: What comes from the same cell under another name has to have at least this much in common.
_RELATED = 0.25
_parsed = lru_cache(maxsize=4096)(parsed)  # each definition is held against all others


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What has another place or name: whole modules, and single definitions (those of a moved module not)."""

    modules: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[Key, Key] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.modules or self.definitions)

    def of(self, key: Key) -> Key:
        """Give where a definition is now."""
        return self.definitions.get(key, (self.modules.get(key[0], key[0]), key[1]))


def definitions_in(text: str) -> dict[str, str]:
    """Map the names of a module's functions and classes to their text; none for what is not valid Python."""
    tree = _parsed(text)
    if tree is None:
        return {}
    return {
        node.name: ast.get_source_segment(text, node) or ""
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }


def find_moves(
    base: Mapping[str, str],
    side: Mapping[str, str],
    origins: Origins | None = None,
    new: Origins | None = None,
) -> Moves:
    """Find out what became of the definitions of ``base`` in ``side``; both map paths to modules.

    What is nowhere any more has no entry, and neither has what stayed where it was.
    """
    before = {
        (path, name): text for path, module in base.items() for name, text in definitions_in(module).items()
    }
    after = {
        (path, name): text for path, module in side.items() for name, text in definitions_in(module).items()
    }
    pairs = dict(_by_origin(before, after, origins or {}, new or {}))
    taken = set(pairs.values())
    pairs |= {key: key for key in before if key in after and key not in pairs and key not in taken}
    pairs |= _by_name(_left(before, pairs), _left(after, pairs.values()))
    pairs |= _by_likeness(_left(before, pairs), _left(after, pairs.values()))
    modules = _whole_modules(base, side, pairs)
    moved = Moves(modules=modules)
    return Moves(
        modules=modules, definitions={old: now for old, now in pairs.items() if moved.of(old) != now}
    )


def _left(definitions: Mapping[Key, str], taken: Iterable[Key]) -> dict[Key, str]:
    gone = set(taken)
    return {key: text for key, text in definitions.items() if key not in gone}


def _by_origin(
    before: Mapping[Key, str], after: Mapping[Key, str], origins: Origins, new: Origins
) -> dict[Key, Key]:
    """Pair what comes from the same cells: the largest common share first, then what kept its name."""
    ranked = []
    for old, text in before.items():
        cells = set(origins.get(old[0], {}).get(old[1], ()))
        for now, other in after.items():
            others = set(new.get(now[0], {}).get(now[1], ()))
            common = len(cells & others)
            related = common and (old[1] == now[1] or likeness(text, other) >= _RELATED)
            if related and _kind(text) == _kind(other):
                ranked.append((-common / len(cells | others), old != now, old[1] != now[1], old, now))
    return _greedy((old, now) for *_, old, now in sorted(ranked))


def _by_name(before: Mapping[Key, str], after: Mapping[Key, str]) -> dict[Key, Key]:
    """Pair what has the same name elsewhere, if there is just one of that name."""
    counts = Counter(name for _, name in after)
    places = {name: (path, name) for path, name in after}
    return {key: places[key[1]] for key in before if counts[key[1]] == 1 and not _is_test(key)}


def _by_likeness(before: Mapping[Key, str], after: Mapping[Key, str]) -> dict[Key, Key]:
    """Pair what does nearly the same, the likest first; in the same module sooner than elsewhere."""
    ranked = []
    for old, text in before.items():
        for now, other in after.items():
            share = likeness(text, other) if _kind(text) == _kind(other) else 0.0
            if share >= _ALIKE:
                ranked.append((-share, old[0] != now[0], old, now))
    return _greedy((old, now) for *_, old, now in sorted(ranked))


def _greedy(pairs: Iterable[tuple[Key, Key]]) -> dict[Key, Key]:
    found: dict[Key, Key] = {}
    taken: set[Key] = set()
    for old, now in pairs:
        if old not in found and now not in taken:
            found[old] = now
            taken.add(now)
    return found


def _whole_modules(
    base: Mapping[str, str], side: Mapping[str, str], pairs: Mapping[Key, Key]
) -> dict[str, str]:
    """Give the modules that have another path: gone from theirs, with most definitions in a new one."""
    found: dict[str, str] = {}
    for path in sorted(base.keys() - side.keys()):
        homes = Counter(now[0] for old, now in pairs.items() if old[0] == path)
        home, count = homes.most_common(1)[0] if homes else ("", 0)
        if home and home not in base and home not in found.values() and count * 2 > sum(homes.values()):
            found[path] = home
    return found


def _is_test(key: Key) -> bool:
    return key[0].startswith("tests/")


def _kind(text: str) -> str:
    tree = _parsed(text)
    return type(tree.body[0]).__name__.removeprefix("Async") if tree and tree.body else ""


def likeness(one: str, other: str) -> float:
    r"""Give the share of lines that two definitions have in common, whatever they are called, 0 to 1.

    >>> likeness("def a():\n    x = 1\n    return x", "def b():\n    x = 1\n    return x")
    1.0
    """
    first, second = Counter(_body_lines(one)), Counter(_body_lines(other))
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 0.0


@lru_cache(maxsize=4096)
def _body_lines(text: str) -> tuple[str, ...]:
    tree = _parsed(text)
    if (
        tree is None
        or not tree.body
        or not isinstance(tree.body[0], (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ):
        return ()
    node = tree.body[0]
    documented = ast.get_docstring(node) is not None
    body = node.body[1:] if documented else node.body
    lines = [line.strip() for statement in body for line in ast.unparse(statement).splitlines()]
    own = re.compile(rf"(?<![\w.]){re.escape(node.name)}\b")
    return tuple(own.sub("_", line) for line in lines)
