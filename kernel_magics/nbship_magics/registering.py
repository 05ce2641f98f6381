"""``%ship register``: the object's bytes into the blob store, a fact into the journal, and an answer at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nbship.errors import InputError
from nbship.facts import ModelRegistered
from nbship.tabular import is_tabular
from nbship_magics import origin
from nbship_magics.estimators import Estimators, profile_later
from nbship_magics.fitted import signature
from nbship_magics.session import Session

_MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.\- ]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A registration that is on disk; the worker gives it its version number."""

    id: str
    model: str
    type: str
    size: int
    reference: str | None


def register(
    session: Session,
    estimators: Estimators,
    namespace: dict[str, Any],
    *,
    variable: str,
    model: str,
    reference: str | None,
) -> Pending:
    """Take the object of a name as it is now. Raises InputError where it cannot be taken."""
    if not _MODEL_NAME.fullmatch(model):
        raise InputError(f"{model!r} cannot name a model", help="letters, digits, dot, dash and underscore")
    value = _named(namespace, variable)
    frame = _named(namespace, reference) if reference else None
    if reference and not is_tabular(frame):
        raise InputError(
            f"{reference} is a {type(frame).__name__}, not a table", help="give a frame or an array"
        )
    content, how = _bytes(value, variable)
    known = estimators.learnt(value)
    number = (
        session.frame_number() if frame is not None else (known.ordinal if known and known.profiled else None)
    )
    columns = signature(frame) if frame is not None else (known.signature if known else ())
    fact = session.record(
        ModelRegistered(
            model=model,
            variable=variable,
            type=f"{type(value).__module__}.{type(value).__qualname__}",
            format=how,
            blob=_kept(session, content),
            predicts=hasattr(value, "predict"),
            signature=columns,
            profile_of=number,
            user=origin.user(),
        )
    )
    if frame is not None and number is not None:
        profile_later(session, number, frame)
    session.background.add(lambda: session.wake_worker(now=True))
    source = reference or (f"the frame {variable} was fitted on" if number is not None else None)
    return Pending(
        id=f"{session.name}/{fact.ordinal}",
        model=model,
        type=type(value).__name__,
        size=len(content),
        reference=source,
    )


def _named(namespace: dict[str, Any], name: str) -> Any:
    if name not in namespace:
        raise InputError(f"there is no variable {name!r}", help="run the cell that makes it first")
    return namespace[name]


def _bytes(value: Any, variable: str) -> tuple[bytes, str]:
    """Give an object as bytes; classes of the notebook travel with it, because cloudpickle takes them by value."""
    import cloudpickle

    try:
        return cloudpickle.dumps(value), "cloudpickle"
    except Exception as error:  # pickling runs the user's code
        raise InputError(
            f"{variable} cannot be turned into bytes: {error}",
            help="register the estimator itself, without open files, locks or connections",
        ) from error


def _kept(session: Session, content: bytes) -> str:
    try:
        return session.blobs.put(content)
    except OSError as error:
        raise InputError(f"the bytes cannot be kept: {error}", where=str(session.blobs.folder)) from error
