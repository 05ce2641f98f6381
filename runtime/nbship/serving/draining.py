"""Segments of the spool -> Parquet of the prediction log, each row once; and the process that does it.

    python -m nbship.serving.draining SPOOL LOG_URL MODEL

A segment that its frontend has closed, or left behind when it was killed (nobody holds its lock), becomes one part for each version and day,
under a name that follows from the segment: drained again after a kill, it puts the same parts into the same places.
A log that is away is tried again; until then the segments stay where they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import msgspec

from nbship.errors import StoreError
from nbship.serving.spool import CLOSED, OPEN, Begun, Line

if TYPE_CHECKING:
    from nbship.monitoring.log import Log

_log = logging.getLogger("nbship.serving.draining")
_LOCK = "drain.lock"
_EPOCH = date(1970, 1, 1)
EVERY_S = 2.0
_begun = msgspec.json.Decoder(Begun)
_line = msgspec.json.Decoder(Line)
_BEGINS = b'{"type":"begun"'


@dataclass(slots=True, kw_only=True)
class Drained:
    """What became of the spool: parts put, rows in them, and lines that could not be read."""

    parts: int = 0
    rows: int = 0
    torn: list[str] = field(default_factory=list)


def drain(spool: Path, log: Log) -> Drained:
    """Put all segments that nobody writes any more into the log.

    Raises StoreError where the log does not take them; what was put stays put.
    """
    done = Drained()
    if not spool.is_dir():
        return done
    with filelock.FileLock(spool / _LOCK):
        for path in sorted([*spool.glob(f"*{CLOSED}"), *filter(_is_left_behind, spool.glob(f"*{OPEN}"))]):
            with contextlib.suppress(FileNotFoundError):  # its frontend has just closed it: the next time
                _segment(path, log, done)
                path.unlink()
    return done


def _is_left_behind(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _segment(path: Path, log: Log, done: Drained) -> None:
    from nbship.monitoring.log import part_content

    writer = path.name.partition("-")[0]
    for begun, lines in _parts(path, done):
        day = _EPOCH + timedelta(days=begun.day)
        predictions = [_prediction(line) for line in lines]
        first = min(item.at for item in predictions)
        name = f"{first:%H%M%S}-{writer}-{begun.number:06d}.parquet"
        log.put(begun.version, day, name, part_content(predictions))
        done.parts += 1
        done.rows += len(predictions)


def _parts(path: Path, done: Drained) -> Iterator[tuple[Begun, list[Line]]]:
    parts: dict[tuple[int, int], tuple[Begun, list[Line]]] = {}
    for text in path.read_bytes().split(b"\n"):
        if not text:
            continue
        try:
            if text.startswith(_BEGINS):
                begun = _begun.decode(text)
                parts.setdefault((begun.version, begun.day), (begun, []))
            else:
                line = _line.decode(text)
                parts[line.version, int(line.at // 86400)][1].append(line)
        except (msgspec.DecodeError, KeyError) as error:  # cut by a kill before its answer was sent
            done.torn.append(f"{path.name}: {error}")
    return iter(part for part in parts.values() if part[1])


def _prediction(line: Line) -> Prediction:
    from nbship.monitoring.records import Prediction

    return Prediction(
        request=line.request,
        at=datetime.fromtimestamp(line.at, UTC),
        version=line.version,
        inputs=line.inputs,
        outputs=line.outputs,
        latency_s=line.latency_s,
        role=line.role,
        outcome=line.outcome,
        key=line.key,
    )


if TYPE_CHECKING:
    from nbship.monitoring.records import Prediction


def main() -> None:
    """Drain every few seconds, until SIGTERM or until who started it has gone; then once more."""
    from nbship.monitoring.log import Log

    spool, url, model = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor says when it is over

    def wait_for_end() -> None:
        while os.read(0, 4096):  # not through sys.stdin, whose lock the end of the process would wait for
            pass
        stop.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    state = spool / "problem.txt"
    while True:
        last = stop.is_set()
        try:
            done = drain(spool, Log(url, model))
            with contextlib.suppress(OSError):
                state.unlink(missing_ok=True)
            for torn in done.torn:
                _log.warning("a line of the spool is torn: %s", torn)
        except (StoreError, OSError) as error:
            said = str(error).partition("\n")[0]
            _log.warning("predictions wait in the spool: %s", said)
            with contextlib.suppress(OSError):
                state.write_text(said, encoding="utf-8")
        if last:
            return
        stop.wait(EVERY_S)


if __name__ == "__main__":
    main()
