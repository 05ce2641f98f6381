"""What the panel may ask a worker, and the documents that answer.

=============  ====================================================================
state          `State` of a model
drift          `VersionDrift` of a version, no feature left out
feature        `FeatureDetail`: a feature's reference against a window
difference     `Difference`: the open notebook's cells against a version's
preview, act   `Preview`; then `Done`, or `Conflict` where something else stands
alert          an alert acknowledged or resolved
=============  ====================================================================
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast, get_args

from nbship import names
from nbship.errors import InputError, StoreError
from nbship.state import acting, admission, alerting, cellhashes, feature, reading
from nbship.state.documents import Action
from nbship.state.drifting import drift_of
from nbship.state.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Generator

    from nbship.config import Config
    from nbship.model import ModelVersion
    from nbship.registry import Registry
    from nbship.state.admission import Admission

#: How long a question waits for one that asks the same store; a store that hangs is told, and not piled upon.
WAIT_S = 20.0
#: The same while a store has not answered at all yet: it is being opened, which imports mlflow.
OPENING_S = 120.0


class Desk:
    """Answers questions about models. Stores are opened once; each is asked one question at a time."""

    def __init__(
        self,
        given: Admission,
        *,
        open_registry: Callable[[Config], Registry],
        clock: Callable[[], datetime],
    ) -> None:
        self._admission = given
        self._open_registry = open_registry
        self._clock = clock
        self._sources: dict[str, tuple[Sources, threading.Lock]] = {}
        self._answered: set[str] = set()
        self._making = threading.Lock()

    def models(self, question: Mapping[str, Any]) -> list[str]:
        """Give the names of the registered models."""
        with self._at(question) as sources:
            return sources.registry.models()

    def state(self, question: Mapping[str, Any]) -> Any:
        """Give the state of a model."""
        model, profile = _model(question), _profile(question)
        _, problems = admission.loaded(profile, self._admission)
        with self._at(question) as sources:
            found = reading.read(model, profile, sources=sources, now=self._clock())
        return replace(found, problems=(*problems, *found.problems)) if problems else found

    def drift(self, question: Mapping[str, Any]) -> Any:
        """Give the drift of a version with every feature."""
        with self._at(question) as sources:
            registry = sources.registry
            version = _version(registry, question)
            found = drift_of(sources, registry, version, whole=True)
        if found is None:
            raise InputError(
                f"version {version.version} of {version.model!r} was never compared with live data",
                help=f"nbship drift {version.model} --current FILE, or nbship monitor {version.model}",
            )
        return found

    def feature(self, question: Mapping[str, Any]) -> Any:
        """Give one feature of one window."""
        with self._at(question) as sources:
            registry = sources.registry
            version = _version(registry, question)
            return feature.feature_of(
                sources, registry, version, _text(question, "feature"), _optional(question, "window")
            )

    def difference(self, question: Mapping[str, Any]) -> Any:
        """Compare the cells of the open notebook with those of a version."""
        cells = [(str(row["id"]), str(row["source"])) for row in question.get("cells", [])]
        with self._at(question) as sources:
            return cellhashes.difference(_version(sources.registry, question), cells)

    def preview(self, question: Mapping[str, Any]) -> Any:
        """Say what an action would change."""
        with self._at(question) as sources:
            return acting.preview(sources, _wish(question), at=self._clock())

    def act(self, question: Mapping[str, Any]) -> Any:
        """Do it, against the revision that was seen."""
        expected = question.get("expected")
        if not isinstance(expected, int) or isinstance(expected, bool):
            raise InputError("which state did you see?", help='say "expected": the revision of the preview')
        with self._at(question) as sources:
            return acting.act(sources, _wish(question), expected=expected, at=self._clock())

    def alert(self, question: Mapping[str, Any]) -> Any:
        """Acknowledge or resolve an alert."""
        do = question.get("do")
        if do not in ("acknowledge", "resolve"):
            raise InputError(
                "an alert is acknowledged or resolved", help='say "do": "acknowledge" or "resolve"'
            )
        with self._at(question) as sources:
            return alerting.answer(
                sources,
                stream=_text(question, "stream"),
                key=_text(question, "key"),
                do=do,
                expected=_text(question, "expected"),
                who=_text(question, "who"),
                note=_optional(question, "note"),
                at=self._clock(),
            )

    @property
    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
        """What can be asked, by name."""
        asks = (
            self.models,
            self.state,
            self.drift,
            self.feature,
            self.difference,
            self.preview,
            self.act,
            self.alert,
        )
        return {ask.__name__: ask for ask in asks}

    @contextmanager
    def _at(self, question: Mapping[str, Any]) -> Generator[Sources]:
        """Open the stores of a question's profile, alone with them. Raises StoreError where they are still busy."""
        settings, _ = admission.loaded(_profile(question), self._admission)
        with self._making:
            if settings.tracking_uri not in self._sources:
                made = Sources(settings, open_registry=lambda: self._open_registry(settings))
                self._sources[settings.tracking_uri] = (made, threading.Lock())
            sources, lock = self._sources[settings.tracking_uri]
        known = settings.tracking_uri in self._answered
        if not lock.acquire(timeout=WAIT_S if known else OPENING_S):
            raise StoreError(
                "the tracking store has not answered an earlier question yet",
                help="it is slow or locked; the panel keeps trying",
            )
        try:
            yield sources
        finally:
            self._answered.add(settings.tracking_uri)
            lock.release()


def _version(registry: Registry, question: Mapping[str, Any]) -> ModelVersion:
    """Give the version that is asked about: by default the champion, else the newest."""
    number, model = question.get("version"), _model(question)
    if number is not None:
        return registry.version(model, _number(number))
    versions = registry.versions(model)
    if not versions:
        raise InputError(f"no model {model!r} is registered", help=f"%ship register VARIABLE --name {model}")
    return next((item for item in versions if names.ALIAS_LIVE in item.aliases), versions[0])


def _number(value: object) -> int:
    try:
        return int(cast("Any", value))
    except (TypeError, ValueError) as error:
        raise InputError(f"{value!r} is no version", help='say "version": NUMBER') from error


def _wish(question: Mapping[str, Any]) -> acting.Wish:
    action = question.get("action")
    if action not in get_args(Action):
        raise InputError(f"unknown action {action!r}", help=f"one of {', '.join(get_args(Action))}")
    number = question.get("version")
    return acting.Wish(
        action=cast("Action", action),
        model=_model(question),
        who=_text(question, "who"),
        why=_optional(question, "why") or "",
        version=None if number is None else _number(number),
        candidate=_optional(question, "candidate"),
        notebook=_optional(question, "notebook"),
    )


def _model(question: Mapping[str, Any]) -> str:
    return _text(question, "model")


def _profile(question: Mapping[str, Any]) -> str:
    return _optional(question, "profile") or admission.DEFAULT


def _text(question: Mapping[str, Any], name: str) -> str:
    value = question.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"which {name}?", help=f'ask with "{name}": "…"')
    return value


def _optional(question: Mapping[str, Any], name: str) -> str | None:
    value = question.get(name)
    return value if isinstance(value, str) and value else None
