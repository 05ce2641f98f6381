"""Three versions of pyproject.toml -> one, key by key, in the words and the order that the user's has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, Table

from nbship_converter.merge.lines import Text, merge_lines

__all__ = ["merge_toml"]

_ABSENT: Any = object()


def merge_toml(base: str, ours: str, theirs: str) -> Text | None:
    """Merge tables key by key and lists of strings as sets; None if one of the three is not TOML.

    Where both changed one key, the conflict markers stand around that key alone: the result is written three
    times, with each side's value of it, and these three are merged line by line.
    """
    try:
        sides = [tomlkit.parse(text).unwrap() for text in (base, ours, theirs)]
        results = [_resolved(ours, theirs, sides, prefer) for prefer in ("base", "ours", "theirs")]
    except (TOMLKitError, ValueError):
        return None
    return merge_lines(*results)


def _resolved(ours: str, theirs: str, sides: list[Any], prefer: str) -> str:
    document, new = tomlkit.parse(ours), tomlkit.parse(theirs)
    _merge_into(document, new, *sides, prefer=prefer)
    return tomlkit.dumps(document)


def _merge_into(document: Any, new: Any, base: Any, ours: Any, theirs: Any, *, prefer: str) -> None:
    """Bring a table to what the merge of its three versions is."""
    for key in list(dict.fromkeys([*theirs, *ours, *base])):
        before, by_hand, wanted = (side.get(key, _ABSENT) for side in (base, ours, theirs))
        if isinstance(by_hand, Mapping) and isinstance(wanted, Mapping):
            inner = before if isinstance(before, Mapping) else {}
            _merge_into(document[key], new[key], inner, by_hand, wanted, prefer=prefer)
        elif wanted in (by_hand, before):
            continue
        elif by_hand == before:
            _put(document, key, wanted, new)
        elif _is_words(by_hand) and _is_words(wanted):
            _set_items(document[key], before if _is_words(before) else [], by_hand, wanted, prefer=prefer)
        elif prefer == "theirs":
            _put(document, key, wanted, new)
        elif prefer == "base":
            _put(document, key, before, None)


def _put(document: Any, key: str, value: Any, source: Any) -> None:
    """Set a key as the new file writes it, with its comment; or take it out."""
    if value is _ABSENT:
        document.pop(key, None)
    elif (
        key in document
        and not isinstance(document[key], (Table, AoT))
        and not isinstance(value, (Mapping, list))
    ):
        document[key] = value
    else:
        item = source.item(key) if source is not None and hasattr(source, "item") else tomlkit.item(value)
        document[key] = item


def _is_words(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _set_items(array: Array, base: Iterable[str], ours: list[str], theirs: list[str], *, prefer: str) -> None:
    """Take out of a list what the new export dropped and put in what it brings, by requirement where it is one."""
    before, by_hand, new = ({_name(item): item for item in side} for side in (base, ours, theirs))
    for name, item in before.items():
        if by_hand.get(name) == item and name not in new:
            array.remove(item)
    for name, item in new.items():
        if name not in by_hand:
            if name not in before:  # else it was taken out by hand
                array.append(item)
        elif item not in (before.get(name), by_hand[name]):
            preferred = {"base": before.get(name, item), "ours": by_hand[name], "theirs": item}
            untouched = by_hand[name] == before.get(name)
            array[array.unwrap().index(by_hand[name])] = item if untouched else preferred[prefer]


def _name(item: str) -> str:
    found = re.match(r"[A-Za-z0-9][\w.-]*", item)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else item
