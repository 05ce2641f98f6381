"""Where data comes from: any source that Config names is fetched once into a file, and checked, before a step reads it.

=====================================================  =============================  ==================
source                                                 what is fetched                extra to install
=====================================================  =============================  ==================
``/mnt/share/rides.csv``                               nothing: it is read in place
``https://host/rides.csv``                             the file                       ``remote``
``s3://bucket/rides.csv``, any other fsspec address    the file                       ``remote``, ``s3``
``postgresql://$USER:$PASSWORD@host/db#select ...``    the rows of the query          ``sql``
``kafka://host:9092/topic?rows=1000&seconds=30``       JSON messages, one row each    ``kafka``
``feast:REPOSITORY#DATASET``                           the rows of a saved dataset    ``feast``
=====================================================  =============================  ==================

Credentials come from the environment: ``$NAME`` stands for a variable, and a password that is written out is refused.
A file may end in ``#sha256=...``; without it the pointer beside the data (``.dvc``) tells what belongs there. Rows are
written as CSV, JSON lines or Parquet, as the file's name asks for, in batches, so that they need not fit into memory.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

Row = Mapping[str, Any]

#: Rows that are in memory at a time, and seconds that a server may take to answer.
BATCH_ROWS = 10_000
TIMEOUT_S = 30
DATABASES = frozenset(
    "postgresql mysql mariadb sqlite oracle mssql duckdb snowflake bigquery redshift".split()
)
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
_done: set[tuple[str, Path]] = set()


class SourceError(ConnectionError):
    """A source that is away, cannot be asked, or gave something else than was promised; ``remedy`` says what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


@dataclass(frozen=True)
class Source:
    """A source as it was named: without the values of its variables, so that it can be shown."""

    name: str

    @property
    def scheme(self) -> str:
        """What stands before the colon, without a database's driver; a path has none."""
        return urlsplit(self.name).scheme.split("+")[0] if re.match(r"[\w+.-]{2,}:", self.name) else ""

    @property
    def promised(self) -> str | None:
        """The SHA-256 that the name ends in, if it does; ``any`` takes whatever comes."""
        found = re.search(r"#sha256=(\w+)$", self.name)
        return found[1] if found else None

    def address(self) -> str:
        """Give the address with the values of its variables. Raises SourceError for a password in plain sight."""
        if re.search(r"://[^/@]*:(?!\$)[^/@]+@", self.name):
            raise SourceError(
                "a source has a password in its address",
                "Put it into a variable, and write $NAME in its place.",
            )
        return _VARIABLE.sub(_value, re.sub(r"#sha256=\w+$", "", self.name))


def fetch(name: str, path: Path, pointer: Path) -> Path:
    """Give a file with what the source ``name`` has: the source itself, or ``path``, which is filled.

    What has the promised SHA-256 is not fetched again, anything else once in each run. Raises SourceError.
    """
    source = Source(name)
    promised = source.promised or _pointed(pointer)
    if source.scheme in ("", "file"):
        local = Path(source.address().removeprefix("file://"))
        _check(local, promised, name)
        return local
    kept = path.is_file() and (
        (name, path) in _done if promised in (None, "any") else _sha256(path) == promised
    )
    if not kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        try:
            _retried(lambda: _fill(source, partial, path.suffix), name)
            _check(partial, promised, name)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _done.add((name, path))
    return path


def _fill(source: Source, path: Path, suffix: str) -> None:
    """Write what a source has to a file."""
    if source.scheme in ("http", "https"):
        with urllib.request.urlopen(source.address(), timeout=TIMEOUT_S) as reply, path.open("wb") as sink:
            shutil.copyfileobj(reply, sink)
    elif source.scheme in DATABASES:
        write_rows(query(source), path, suffix)
    elif source.scheme == "kafka":
        wanted = {key: float(value[0]) for key, value in parse_qs(urlsplit(source.name).query).items()}
        write_rows(messages(kafka_consumer(source), **wanted), path, suffix)
    elif source.scheme == "feast":
        write_rows(saved_dataset(source), path, suffix)
    else:
        with _library("fsspec", "remote").open(source.address(), "rb") as reply, path.open("wb") as sink:
            shutil.copyfileobj(reply, sink)


def query(source: Source) -> Iterator[Row]:
    """Give the rows of the query, or of the table, that stands after the ``#`` of a database's address."""
    sql = _library("sqlalchemy", "sql")
    address, _, asked = source.address().partition("#")
    text = asked if " " in asked.strip() else f"select * from {asked}"
    engine = sql.create_engine(address)
    try:
        with engine.connect().execution_options(stream_results=True, max_row_buffer=BATCH_ROWS) as connection:
            yield from connection.execute(sql.text(text)).mappings()
    finally:
        engine.dispose()


class Consumer(Protocol):
    """The little that is asked of a message stream."""

    def receive(self, seconds: float) -> bytes | None:
        """Give the next message, None where none came in time."""

    def close(self) -> None:
        """Let go of the stream."""


def messages(consumer: Consumer, *, rows: float = 1000, seconds: float = 30) -> Iterator[Row]:
    """Give up to so many messages, each a JSON object, for so many seconds at most."""
    deadline = time.monotonic() + seconds
    try:
        while rows > 0 and (left := deadline - time.monotonic()) > 0:
            message = consumer.receive(left)
            if message is not None:
                rows -= 1
                yield json.loads(message)
    finally:
        consumer.close()


def kafka_consumer(source: Source) -> Consumer:
    """Give a consumer of a Kafka topic from its beginning; ``KAFKA_*`` variables are its settings, as librdkafka has them."""
    kafka = _library("confluent_kafka", "kafka")
    address = urlsplit(source.address())
    settings = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith("KAFKA_")
    }
    own = {
        "bootstrap.servers": address.netloc,
        "group.id": "notebook_package",
        "auto.offset.reset": "earliest",
    }
    consumer = kafka.Consumer({**own, **settings})
    consumer.subscribe([address.path.strip("/")])
    return _Kafka(consumer)


@dataclass(frozen=True)
class _Kafka:
    consumer: Any

    def receive(self, seconds: float) -> bytes | None:
        message = self.consumer.poll(seconds)
        if message is not None and message.error():
            raise ConnectionError(str(message.error()))
        value: bytes | None = message.value() if message is not None else None
        return value

    def close(self) -> None:
        self.consumer.close()


def saved_dataset(source: Source) -> Iterator[Row]:
    """Give the rows of a dataset that is saved in a Feast feature store."""
    repository, _, dataset = source.address().removeprefix("feast:").partition("#")
    store = _library("feast", "feast").FeatureStore(repo_path=repository)
    yield from store.get_saved_dataset(dataset).to_df().to_dict("records")


def write_rows(rows: Iterable[Row], path: Path, suffix: str) -> None:
    """Write rows in batches, in the format that a file's suffix means. Raises SourceError where there are none."""
    found = iter(rows)
    first = next(found, None)
    if first is None:
        raise SourceError("a source gave no rows", "Look at its query, its table or its topic.")
    writers: dict[str, Callable[[Iterable[Row], list[str], Path], None]] = {
        ".parquet": _write_parquet,
        ".json": _write_lines,
        ".jsonl": _write_lines,
    }
    writers.get(suffix, _write_csv)(chain([first], found), list(first), path)


def _write_csv(rows: Iterable[Row], columns: list[str], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as sink:
        writer = csv.DictWriter(sink, columns)
        writer.writeheader()
        writer.writerows(dict(row) for row in rows)


def _write_lines(rows: Iterable[Row], columns: list[str], path: Path) -> None:
    with path.open("w", encoding="utf-8") as sink:
        sink.writelines(json.dumps(dict(row), default=str) + "\n" for row in rows)


def _write_parquet(rows: Iterable[Row], columns: list[str], path: Path) -> None:
    arrow, parquet = _library("pyarrow", "remote"), _library("pyarrow.parquet", "remote")
    left = iter(rows)
    writer = None
    while batch := list(islice(left, BATCH_ROWS)):
        table = arrow.Table.from_pylist([dict(row) for row in batch], schema=writer and writer.schema)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _retried(work: Callable[[], None], name: str) -> None:
    """Do something, and again after a while where what failed may pass. Raises SourceError when it does not."""
    try:
        for attempt in _library("stamina", "remote").retry_context(on=_may_pass, attempts=4, timeout=120):
            with attempt:
                work()
    except (SourceError, ValueError, TypeError):
        raise
    except Exception as error:
        what = f"{name} cannot be read: {type(error).__name__}: {_hidden(str(error), name)}"
        remedy = "Look whether it is there, and whether the variables with its credentials are set; then run again."
        raise SourceError(what, remedy) from error


def _hidden(text: str, name: str) -> str:
    """Give a message with the variables of a source in place of their values."""
    for variable in _VARIABLE.finditer(name):
        text = text.replace(_value(variable), variable[0])
    return text


def _may_pass(error: Exception) -> bool:
    """Whether an error may be gone in a moment: not that something is not there, or not allowed."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code == 429 or error.code >= 500
    lasting = (SourceError, FileNotFoundError, PermissionError, IsADirectoryError)
    return (isinstance(error, OSError) and not isinstance(error, lasting)) or (
        type(error).__name__ in ("OperationalError", "KafkaException")
    )


def _check(path: Path, promised: str | None, name: str) -> None:
    if not path.is_file():
        raise SourceError(
            f"{name} is not there", "Look at the address, and at what Config(sources=...) says."
        )
    if promised not in (None, "any") and _sha256(path) != promised:
        raise SourceError(
            f"{name} has other content than was promised: SHA-256 {_sha256(path)}, not {promised}",
            "Find out who changed it; to take it as it is, let the source end in #sha256=any.",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _pointed(pointer: Path) -> str | None:
    """Give the SHA-256 of a pointer; None without one, or where DVC has renewed the pointer since."""
    text = pointer.read_text(encoding="utf-8") if pointer.is_file() else ""
    found = re.search(r"^\s*sha256: (\w{64})$", text, re.MULTILINE)
    md5 = re.findall(r"md5: (\w{32})$", text, re.MULTILINE)
    return found[1] if found and len(set(md5)) == 1 else None


def _value(variable: re.Match[str]) -> str:
    name = variable[1] or variable[2]
    if name not in os.environ:
        raise SourceError(f"the variable {name} is not set", "Set it where the package runs.")
    return os.environ[name]


def _library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise SourceError(
            f"{name} is not installed", f"Install what this kind of source needs: notebook-package[{extra}]."
        ) from error
