"""What a server was told, and the table that its supervisor keeps its frontends up to date with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import msgspec

from nbship.serving.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to serve. Times in seconds, sizes in bytes; each has its option of ``nbship serve``."""

    model: str
    host: str = "127.0.0.1"
    port: int = 8000
    frontends: int = 1
    workers: int = 2
    timeout_s: float = 5.0  # for one request, from its last byte to the answer
    hang_s: float = 10.0  # a worker that computes for longer is killed
    load_s: float = 120.0  # for a worker to load its version
    read_s: float = 10.0  # for a client to send its request
    watch_s: float = 1.0  # between two looks at the assignment
    grace_s: float = 20.0  # for what is under way when the server stops
    most_rows: int = 10_000  # of one request
    most_body: int = 4 * 2**20
    most_held: int = 256 * 2**20  # of all bodies that are being read or computed
    most_connections: int = 1000
    most_waiting: int = 256  # requests that wait for a worker
    most_shadowed: int = 500  # requests that the shadow sees in a second, of each frontend
    batch_rows: int = 64  # of several requests that are computed together; 1 turns it off
    worker_memory: int | None = None  # a worker that has more is replaced
    probabilities: bool = True
    extra: Literal["refuse", "ignore"] = "refuse"
    keys: str | None = None  # the file with the hashes of API keys
    spool: str = ""
    most_spool: int = 2**30
    log_url: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON, for a process of ours."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Settings:
        """Give it back."""
        return cls(**document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A version that can be asked: where its workers listen, and what it reads."""

    sockets: tuple[str, ...]
    schema: Schema
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What holds now: who answers, which versions are up, which cannot be, and what a person should know.

    It differs from the registry's assignment while a version is being loaded, or where it cannot be: then the one
    before goes on.
    """

    model: str
    revision: int = 0
    champion: int | None = None
    challenger: int | None = None
    mode: Literal["off", "shadow", "canary"] = "off"
    share: float = 0.0
    versions: Mapping[int, Up] = field(default_factory=dict[int, Up])
    failed: Mapping[int, str] = field(default_factory=dict[int, str])
    notes: tuple[str, ...] = ()
    processes: tuple[tuple[str, int], ...] = ()

    def encoded(self) -> bytes:
        """Give it as one line."""
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def decoded(cls, line: bytes) -> Table:
        """Give it back."""
        return msgspec.json.decode(line, type=cls)
