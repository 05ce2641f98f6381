"""What a frontend and a worker say to each other over their socket: frames of MessagePack, each with its length.

A batch is the rows of several requests; an answer has, for each of them, what the model gives or why it gives
nothing. Rows of numbers travel as the bytes of an array, so that neither side builds an object for each value.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec

_LENGTH = struct.Struct("<I")


class Batch(msgspec.Struct, array_like=True, gc=False):
    """Rows to compute: ``counts`` of each request; ``rows`` are an array's bytes (numeric) or lists of values."""

    number: int
    counts: list[int]
    rows: bytes | list[list[Any]]


class Answer(msgspec.Struct, array_like=True, gc=False):
    """What the model gives for one request: by output, a value for each row; or ``problem``."""

    outputs: dict[str, list[Any]]
    problem: str | None = None
    seconds: float = 0.0


class Answers(msgspec.Struct, array_like=True, gc=False):
    """The answers to a batch, in its order."""

    number: int
    answers: list[Answer]


_encoder = msgspec.msgpack.Encoder()
_batches = msgspec.msgpack.Decoder(Batch)
_answers = msgspec.msgpack.Decoder(Answers)


def frame(message: Batch | Answers) -> bytes:
    """Give a message as it goes over the socket."""
    content = _encoder.encode(message)
    return _LENGTH.pack(len(content)) + content


def length(head: bytes | bytearray | memoryview) -> int:
    """Give the length of the frame that begins with these four bytes."""
    (found,) = _LENGTH.unpack(head)
    return int(found)


HEAD = _LENGTH.size


def batch(content: bytes | memoryview) -> Batch:
    """Read a batch."""
    return _batches.decode(content)


def answers(content: bytes | memoryview) -> Answers:
    """Read answers."""
    return _answers.decode(content)


class Packer:
    """Packs rows for the wire; ``numeric`` for a model that takes an array of floats."""

    def __init__(self, width: int, *, numeric: bool) -> None:
        self._pack = struct.Struct(f"<{width}d").pack if numeric else None

    def __call__(self, rows: Sequence[tuple[Any, ...]]) -> bytes | list[list[Any]]:
        """Give the rows of one request, packed."""
        pack = self._pack
        if pack is None:
            return [list(row) for row in rows]
        try:
            return b"".join([pack(*row) for row in rows])
        except struct.error:  # a null among them
            nan = float("nan")
            return b"".join([pack(*(nan if value is None else value for value in row)) for row in rows])

    def joined(self, parts: Sequence[Any]) -> bytes | list[list[Any]]:
        """Give the packed rows of several requests as one."""
        if len(parts) == 1:
            return parts[0]  # type: ignore[no-any-return]  # what was packed above
        return b"".join(parts) if self._pack is not None else [row for part in parts for row in part]
