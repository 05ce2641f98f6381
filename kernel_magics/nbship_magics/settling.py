"""Which numbers of a cell are recorded, each once, and under which name: measured by libraries, and by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbship_magics.byhand import ByHand
from nbship_magics.identity import identity
from nbship_magics.metrics import Measured

__all__ = ["BY_HAND", "Metric", "by_identity", "name_of", "settled"]

#: What stands for the function of a number that no library's function gave.
BY_HAND = "by hand"
_PERCENT = 100
_CLOSE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number as it is recorded; ``inferred`` is the expression, where the notebook computed it by hand."""

    name: str
    value: float
    function: str
    inferred: str | None = None


def settled(
    measured: Sequence[Measured],
    hand: ByHand,
    names: Mapping[int, str],
    owners: Mapping[int, str],
) -> list[Metric]:
    """Give each number once. ``names`` are those that the cell bound, ``owners`` those of estimators, by identity.

    What a library measured has the name that the notebook gives the very object, else one made of the estimator, the
    function and the data. What is only shown is left out where it is a number that is there already, or 100 times it.
    """
    found = [_measured(one, hand, names, owners) for one in measured]
    theirs = {identity(one.result) for one in measured}
    adopted = {(metric.name, metric.value) for metric in found}  # under the name that the notebook gave it
    theirs |= {identity(one.result) for one in hand.noted if (one.name, one.value) in adopted}
    seen = set(theirs)
    values = {metric.value for metric in found}
    for one in hand.noted:
        shown = one.place.shown and (identity(one.result) in seen or _is_there(one.value, values))
        if shown or identity(one.result) in theirs:
            continue
        by_library = one.place.function and not one.place.parts
        expression = None if by_library else one.place.expression
        function = one.place.function or BY_HAND
        found.append(Metric(name=one.name, value=one.value, function=function, inferred=expression))
        seen.add(identity(one.result))
        values.add(one.value)
    return found


def name_of(result: Any, hand: ByHand, names: Mapping[int, str]) -> str | None:
    """Give the name that the notebook has for an object, else the one that was made where it was computed."""
    bound = names.get(identity(result))
    same = [item for item in hand.results if item.result is result]
    kept = next((item.name for item in same if item.named), None)
    return bound or kept or (same[0].name if same else None)


def _measured(one: Measured, hand: ByHand, names: Mapping[int, str], owners: Mapping[int, str]) -> Metric:
    name = name_of(one.result, hand, names)
    if name is None:
        parts = (_owner(one.estimator, owners), one.function, one.on)
        name = ".".join(part for part in parts if part)
    unnamed = identity(one.result) not in names or one.part == "mean"
    if one.part in ("", "mean") and unnamed and not _is_round(one.value):
        kept = (item.name for item in hand.noted if item.place.named and item.value == one.value)
        name_kept = next(kept, None)  # the mean of folds may be what the notebook keeps
        if name_kept is not None:
            return Metric(name=name_kept, value=one.value, function=one.function)
    own = name or one.function
    return Metric(name=f"{own}.{one.part}" if one.part else own, value=one.value, function=one.function)


def _owner(estimator: Any, owners: Mapping[int, str]) -> str:
    """Give the name of an estimator; of one that has none any more its class."""
    return "" if estimator is None else owners.get(identity(estimator), type(estimator).__name__)


def _is_there(value: float, values: set[float]) -> bool:
    """Tell whether a number is there already, or a hundredth of it."""
    return not _is_round(value) and any(
        value == other or math.isclose(value, _PERCENT * other, rel_tol=_CLOSE) for other in values
    )


def _is_round(value: float) -> bool:
    """Tell a value that two different metrics may well share: 0, 1, a count."""
    return not math.isfinite(value) or value % 1 == 0


def by_identity(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[int, str]:
    """Give the first name of each object among some names."""
    found: dict[int, str] = {}
    for name in names:
        if name in namespace:
            found.setdefault(identity(namespace[name]), name)
    return found
