"""The bytes of fitted models, kept off the user's thread where they are few; registering keeps them in any case."""

from __future__ import annotations

import io
import logging
from typing import Any

from nbship.facts import EstimatorFitted, ModelKept
from nbship_magics.fitted import fitted_state
from nbship_magics.session import Session

__all__ = ["keep_later"]

_log = logging.getLogger("nbship.magics")

#: Above this the bytes of a model are kept only when it is registered.
MOST_BYTES = 20 << 20


def keep_later(
    session: Session, fitted: EstimatorFitted, model: Any, signature: tuple[tuple[str, str], ...]
) -> None:
    """Have the bytes of a model kept as it is now; not if the next cell changes it while they are written."""
    state = fitted_state(model)

    def keep() -> None:
        content = _bytes(model)
        if content is None or fitted_state(model) != state:
            return  # a later fit has a fact of its own
        blob = session.blobs.put(content)
        predicts = hasattr(type(model), "predict")
        session.record(
            ModelKept(
                cell=fitted.cell,
                source_hash=fitted.source_hash,
                of=fitted.ordinal,
                blob=blob,
                format="cloudpickle",
                predicts=predicts,
                signature=signature,
            )
        )

    session.background.add(keep)


def _bytes(model: Any) -> bytes | None:
    """Give a model as bytes; None where there are too many, or where it cannot be pickled."""
    import cloudpickle

    sink = _Bounded()
    try:
        cloudpickle.dump(model, sink)
    except _TooManyError:
        return None
    except Exception as error:  # noqa: BLE001  # pickling runs the code of the model's class
        _log.info("a %s is not kept: %s", type(model).__name__, error)
        return None
    return sink.getvalue()


class _TooManyError(Exception):
    """More bytes than are kept."""


class _Bounded(io.BytesIO):
    def write(self, content: Any, /) -> int:
        if self.tell() + memoryview(content).nbytes > MOST_BYTES:
            raise _TooManyError
        return super().write(content)
