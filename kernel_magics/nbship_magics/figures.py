"""The pictures that cells show: the very bytes that went to the front end, so that nothing is drawn twice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from nbship.facts import FigureShown
from nbship_magics.session import Session

__all__ = ["Figures"]

_TYPES: Mapping[str, str] = {"image/png": "png", "image/svg+xml": "svg", "image/jpeg": "jpg"}
_LARGEST = 5 << 20
_MOST_PER_CELL = 20


class Figures:
    """Listens to what a shell displays, and keeps images in the blob store, off the user's thread."""

    def __init__(self, session: Session, shell: Any) -> None:
        self._session = session
        self._places = [(shell.display_pub, "publish"), (shell.displayhook, "write_format_data")]
        self._originals: list[tuple[Any, str, Any]] = []
        self._count = 0

    def install(self) -> None:
        """Begin to listen."""
        for place, name in self._places:
            original = getattr(place, name, None)
            if callable(original):
                self._originals.append((place, name, vars(place).get(name)))
                setattr(place, name, self._listening(original))

    def remove(self) -> None:
        """Listen no longer."""
        for place, name, own in self._originals:
            if own is None:
                vars(place).pop(name, None)
            else:
                setattr(place, name, own)
        self._originals.clear()

    def begin_cell(self) -> None:
        """Count the pictures of a cell from here."""
        self._count = 0

    @property
    def has_drawn(self) -> bool:
        """Whether this cell has shown a picture."""
        return self._count > 0

    def _listening(self, show: Callable[..., Any]) -> Callable[..., Any]:
        def listening(*args: Any, **kwargs: Any) -> Any:
            try:
                self._note(args[0] if args else kwargs.get("data"))
            except Exception:  # noqa: BLE001  # what is shown is shown
                self._session.failed("keeping a figure")
            return show(*args, **kwargs)

        return listening

    def _note(self, data: Any) -> None:
        if (
            not isinstance(data, Mapping)
            or self._session.source_hash is None
            or self._count >= _MOST_PER_CELL
        ):
            return
        for kind, ending in _TYPES.items():
            content = _bytes(data.get(kind))
            if content and len(content) <= _LARGEST:
                self._count += 1
                self._keep_later(content, ending)
                return

    def _keep_later(self, content: bytes, ending: str) -> None:
        place, cell, source_hash = self._count, self._session.cell, self._session.source_hash

        def keep() -> None:
            blob = self._session.blobs.put(content)
            self._session.record(
                FigureShown(cell=cell, source_hash=source_hash, blob=blob, format=ending, place=place)
            )

        self._session.background.add(keep)


def _bytes(given: Any) -> bytes | None:
    """Give an image as bytes; front ends get it as base64 text, SVG as it is."""
    if isinstance(given, bytes):
        return given
    if not isinstance(given, str):
        return None
    if given.lstrip().startswith("<"):
        return given.encode()
    try:
        return base64.b64decode(given, validate=False)
    except (binascii.Error, ValueError):
        return None
