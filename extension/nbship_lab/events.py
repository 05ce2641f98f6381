"""What browsers are told at once: that a state or a job is another one. The events carry no data of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_events import EventLogger

SCHEMA_ID = "urn:nbship:lab:v1"


def _text(title: str) -> dict[str, Any]:
    return {"type": "string", "title": title, "description": title}


SCHEMA: Mapping[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "nbship",
    "description": "A model's state, or a job, is another one: whoever shows it asks again.",
    "personal-data": False,
    "type": "object",
    "required": ["kind"],
    "properties": {
        "kind": {**_text("What is another one"), "enum": ["state", "job"]},
        "model": _text("The model"),
        "profile": _text("The tracking profile"),
        "revision": _text("The state's revision"),
        "job": _text("The job's id"),
        "state": _text("The job's state"),
        "step": _text("The job's step"),
    },
}


class Events:
    """Tells browsers, by the server's own event bus."""

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        if SCHEMA_ID not in logger.schemas:
            logger.register_event_schema(dict(SCHEMA))

    def state(self, model: str, profile: str, revision: str) -> None:
        """Tell that a model's state is another one."""
        self._emit({"kind": "state", "model": model, "profile": profile, "revision": revision})

    def job(self, job: str, state: str, step: str | None) -> None:
        """Tell that a job is further."""
        self._emit({"kind": "job", "job": job, "state": state, **({"step": step} if step else {})})

    def _emit(self, data: dict[str, Any]) -> None:
        self._logger.emit(schema_id=SCHEMA_ID, data=data)
