"""The connection to MLflow. Only here, in `tracking` and in `registry` is mlflow met, and only inside functions."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from nbship.errors import NbshipError, RefusedError, StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from nbship.config import Config

#: By default mlflow tries for 250 s; what we write waits in the journal, so one short try is enough. A second one
#: could also double what the server had done before it died: only the next drain looks first.
ONE_TRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_ENABLE_ASYNC_LOGGING": "false"}
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
#: How long a server may take for its first word; one that accepts and then says nothing is away as well.
ANSWER_TIMEOUT_S = 5.0
_BROKEN = 500
_MAKING_TABLES_S = 120.0
#: What stands in an address in place of a password.
HIDDEN = ":***@"
_SECRET_NAME = re.compile(r"(TOKEN|PASSWORD|SECRET|KEY|CREDENTIALS)$")
_LEAST_SECRET = 6
_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_SECRET_QUERY = re.compile(r"\b(token|password|secret|key|signature|sig)=[^&\s\"']+", re.IGNORECASE)
#: What a store says of one request, not of itself: asking again would change nothing.
_REFUSALS = frozenset({400, 404, 409, 422})
_OF_THE_VALUE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def connect(config: Config) -> MlflowClient:
    """Give a client whose store has answered. Raises StoreError, at once where nobody listens."""
    probe(config.tracking_uri)
    os.environ.update(ONE_TRY)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    with speaking_to(config.tracking_uri):
        if config.tracking_uri.startswith("sqlite:"):
            config.home.mkdir(parents=True, exist_ok=True)
        from mlflow import MlflowClient, set_tracking_uri

        _make_or_await_tables(config.tracking_uri)
        set_tracking_uri(config.tracking_uri)  # mlflow.artifacts has no other way to be told
        return MlflowClient(config.tracking_uri, config.tracking_uri)


def _make_or_await_tables(uri: str) -> None:
    """Make a SQLite store that is not there, whole and at once; wait for one that somebody else is making.

    mlflow takes 10 s for its tables, and two processes that make them at the same time break each other's: a fit of
    the user's with autolog would fail because of us. Raises StoreError while the tables are being made.
    """
    path = sqlite_file(uri)
    if path is None:
        return
    if not path.exists():
        _make_tables(path)  # and somebody else may have begun meanwhile
    if not _has_tables(path) and time.time() - path.stat().st_mtime < _MAKING_TABLES_S:
        raise StoreError(
            "another process is making the tables of this store",
            where=shown(uri),
            help="try again in a minute",
        )


def _make_tables(path: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # artifacts of experiments that others make go beside the database, as they do where it is made
        made: Any = cast("Any", SqlAlchemyStore)(
            f"sqlite:///{scratch}", (path.parent / "mlruns").absolute().as_uri()
        )
        made.engine.dispose()
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _has_tables(path: Path) -> bool:
    from mlflow.store.db import utils

    try:
        with contextlib.closing(
            # not read-only: what a process that was killed left half-written is put right by who opens it next
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=1)
        ) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return False
    return found is not None and found[0] == cast("Any", utils)._get_latest_schema_revision()  # noqa: SLF001  # there is no public way


def sqlite_file(uri: str) -> Path | None:
    """Give the file of a SQLite store, or None for any other store."""
    scheme, _, rest = uri.partition(":///")
    return Path(unquote(rest.partition("?")[0])) if scheme.startswith("sqlite") and rest else None


def probe(uri: str) -> None:
    """Raise StoreError if nobody answers at an HTTP address; importing mlflow to learn it takes seconds."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=f"{parts.path.rstrip('/')}/health")
    try:
        urllib.request.urlopen(place.geturl(), timeout=ANSWER_TIMEOUT_S).close()  # noqa: S310  # http(s) only
    except urllib.error.HTTPError as answer:
        answer.close()
        if answer.code >= _BROKEN:  # else somebody is there, whatever it says
            raise _unreachable(uri, f"{answer.code} {answer.reason}") from answer
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unreachable(uri, str(getattr(error, "reason", error))) from error


@contextlib.contextmanager
def speaking_to(uri: str) -> Generator[None]:
    """Turn whatever the store's client raises into one StoreError."""
    try:
        yield
    except NbshipError:
        raise
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is not installed", help="pip install 'nbship[magics]'") from error
    except Exception as error:  # the client raises many kinds: mlflow's, requests', SQLAlchemy's, OSError
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if _is_refusal(error):
            raise RefusedError(f"the tracking store refuses: {first_line}", where=shown(uri)) from error
        raise _unreachable(uri, first_line) from error


def _is_refusal(error: Exception) -> bool:
    if isinstance(error, _OF_THE_VALUE) and not isinstance(error, OSError):
        return True
    status = getattr(error, "get_http_status_code", None)
    return callable(status) and status() in _REFUSALS


def shown(uri: str) -> str:
    """Give the address without the password that may stand in it."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return uri.replace(f":{parts.password}@", HIDDEN)


def masked(text: str) -> str:
    """Give a text without secrets: passwords in addresses, and what the environment keeps under such a name.

    >>> masked("GET https://ada:hunter2@mlflow.example/x?token=abc failed")
    'GET https://***@mlflow.example/x?token=*** failed'
    """
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _LEAST_SECRET:
            text = text.replace(value, "***")
    text = _CREDENTIALS.sub("://***@", text)
    return _SECRET_QUERY.sub(r"\1=***", text)


def _unreachable(uri: str, reason: str) -> StoreError:
    return StoreError(
        f"the tracking store does not answer or refuses: {reason}",
        where=shown(uri),
        help="nothing recorded is lost: it stays in the journal. Start the store or set MLFLOW_TRACKING_URI, "
        "then `nbship sync`",
    )
