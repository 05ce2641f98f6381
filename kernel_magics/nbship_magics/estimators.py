"""Estimators in the user's namespace: which have been fitted by a cell, and on what."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nbship.facts import EstimatorFitted, FrameProfiled, MetricComputed
from nbship.tabular import is_tabular
from nbship_magics.cells import CellText, Fit
from nbship_magics.datasets import MOST_HASHED, snapshot
from nbship_magics.fitted import (
    Signature,
    features,
    fitted_state,
    is_estimator,
    judged,
    learns_in_place,
    parameters,
    signature,
)
from nbship_magics.identity import identity
from nbship_magics.models import keep_later
from nbship_magics.session import Session
from nbship_magics.stamps import is_watched, stamp

_SHELL = frozenset({"In", "Out", "exit", "quit"})
_MOST_IN_A_CONTAINER = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What is known of a fitted estimator: the fact that says so, and the columns and types it read."""

    ordinal: int
    signature: Signature
    profiled: bool
    stamp: tuple[int, ...]


class Estimators:
    """Compares the fitted state of all estimators before and after each cell."""

    def __init__(self, session: Session, namespace: dict[str, Any]) -> None:
        self._session = session
        self._namespace = namespace
        self._learnt: dict[int, Learnt] = {}
        self._alive: dict[int, Any] = {}
        self._new: dict[int, tuple[Any, tuple[int, ...]]] = {}  # what learns in place, as it was first seen

    def learnt(self, estimator: Any) -> Learnt | None:
        """Give what is known of an estimator."""
        return self._learnt.get(identity(estimator)) if self._is_same(estimator) else None

    def end_cell(self, text: CellText, names: Iterable[str]) -> None:
        """Record what this cell has fitted among ``names``: those that it could touch."""
        seen: set[int] = set()
        for name, estimator in self._estimators(names):
            if identity(estimator) in seen:
                continue
            seen.add(identity(estimator))
            stamp = fitted_state(estimator)
            known = self.learnt(estimator)
            call = next((fit for fit in text.fits if fit.estimator == name), None)
            if (
                known is None
                and learns_in_place(estimator)
                and not self._has_learnt(estimator, stamp, call, text)
            ):
                continue
            if stamp and (known is None or known.stamp != stamp or call is not None):
                self._record(name, estimator, stamp, call)

    def _has_learnt(self, estimator: Any, stamp: tuple[int, ...], call: Fit | None, text: CellText) -> bool:
        """Tell whether a model that does not say so has learnt: it was asked to, or is not as it was when it was new."""
        seen, before = self._new.get(identity(estimator), (None, stamp))
        if seen is None or seen() is not estimator:
            self._new[identity(estimator)] = _reference(estimator), stamp
            before = stamp
        return call is not None or text.steps or before != stamp

    def _is_same(self, estimator: Any) -> bool:
        alive = self._alive.get(identity(estimator))
        return alive is not None and alive() is estimator

    def _estimators(self, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
        """Give the estimators under the user's names, and in lists and dicts one level deep."""
        for name in names:
            if name.startswith("_") or name in _SHELL or name not in self._namespace:
                continue
            value = self._namespace[name]
            if is_estimator(value):
                yield name, value
            elif type(value) is dict and len(value) <= _MOST_IN_A_CONTAINER:
                yield from (
                    (f"{name}[{key!r}]", item) for key, item in list(value.items()) if is_estimator(item)
                )
            elif type(value) in {list, tuple} and len(value) <= _MOST_IN_A_CONTAINER:
                yield from (
                    (f"{name}[{place}]", item) for place, item in enumerate(value) if is_estimator(item)
                )

    def _record(self, name: str, estimator: Any, stamp: tuple[int, ...], call: Fit | None) -> None:
        names = features(estimator)
        frame_name, frame = self._frame(call, names)
        fact = self._session.record(
            EstimatorFitted(
                cell=self._session.cell,
                source_hash=self._session.source_hash,
                name=name,
                type=f"{type(estimator).__module__}.{type(estimator).__qualname__}",
                parameters=parameters(estimator),
                features=names,
                trained_on=frame_name,
                rows=len(frame) if frame is not None else None,
            )
        )
        for part, value in judged(estimator):
            self._session.record(
                MetricComputed(
                    cell=self._session.cell,
                    source_hash=self._session.source_hash,
                    name=f"{name}.{part}",
                    value=value,
                    function=part,
                )
            )
        if frame is not None:
            profile_later(self._session, fact.ordinal, frame)
        keep_later(self._session, fact, estimator, signature(frame))
        self._keep(estimator, fact.ordinal, frame, stamp)

    def _keep(self, estimator: Any, ordinal: int, frame: Any, stamp: tuple[int, ...]) -> None:
        self._alive[identity(estimator)] = _reference(estimator)
        self._learnt[identity(estimator)] = Learnt(
            ordinal=ordinal, signature=signature(frame), profiled=frame is not None, stamp=stamp
        )

    def _frame(self, call: Fit | None, features: tuple[str, ...]) -> tuple[str | None, Any]:
        """Give the frame that a fit names; one with other columns than the estimator saw is another frame."""
        if call is None or call.frame is None:
            return None, None
        frame: Any = self._namespace.get(call.frame)
        if not is_tabular(frame):
            return call.frame, None
        if call.columns is not None:
            chosen = (
                self._namespace.get(call.columns) if isinstance(call.columns, str) else list(call.columns)
            )
            if not isinstance(chosen, list) or not set(chosen) <= set(
                map(str, getattr(frame, "columns", ()))
            ):
                return call.frame, None
            frame = frame[chosen]
        labels = tuple(str(label) for label in getattr(frame, "columns", ()))
        return (call.frame, frame) if not features or labels == features else (call.frame, None)


def _reference(estimator: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(estimator)
    except TypeError:  # a class with slots: it lives as long as we do
        return lambda: estimator


def profile_later(session: Session, of: int, frame: Any) -> None:
    """Have a frame fingerprinted and profiled off the user's thread; `FrameProfiled` says what came of it."""
    held, problem = snapshot(frame)

    def profiled() -> None:
        session.record(_profiled(session, of, held, problem))

    session.background.add(profiled)


def _profiled(session: Session, of: int, frame: Any, problem: str | None) -> FrameProfiled:
    import json

    from nbship.errors import NbshipError
    from nbship.fingerprint import fingerprint
    from nbship.profile import profile

    if frame is None:
        return FrameProfiled(of=of, problem=problem)
    try:
        mark = stamp(frame) if is_watched(frame) else None
        known = session.profiles.get(mark)  # a search fits on one frame many times
        if known is None:
            blob = session.blobs.put(json.dumps(profile(frame).to_json()).encode())
            known = fingerprint(frame, budget_bytes=MOST_HASHED, parallel=False).table, blob
        session.profiles = {mark: known} if mark is not None else {}
        return FrameProfiled(of=of, table=known[0], profile_blob=known[1])
    except (NbshipError, OSError) as error:
        return FrameProfiled(of=of, problem=str(error))
