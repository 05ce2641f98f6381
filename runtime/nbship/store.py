"""The connection to MLflow. Only here, in `tracking` and in `registry` is mlflow met, and only inside functions."""

from __future__ import annotations

import contextlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Generator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbship.errors import NbshipError, StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from nbship.config import Config

#: By default mlflow tries for 250 s; what we write waits in the journal, so one short try is enough.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
#: How long a server may take for its first word; one that accepts and then says nothing is away as well.
ANSWER_TIMEOUT_S = 5.0


def connect(config: Config) -> MlflowClient:
    """Give a client whose store has answered. Raises StoreError, at once where nobody listens."""
    probe(config.tracking_uri)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    with speaking_to(config.tracking_uri):
        if config.tracking_uri.startswith("sqlite:"):
            config.home.mkdir(parents=True, exist_ok=True)
        from mlflow import MlflowClient, set_tracking_uri

        set_tracking_uri(config.tracking_uri)  # mlflow.artifacts has no other way to be told
        return MlflowClient(config.tracking_uri, config.tracking_uri)


def probe(uri: str) -> None:
    """Raise StoreError if nobody answers at an HTTP address; importing mlflow to learn it takes seconds."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=f"{parts.path.rstrip('/')}/health")
    try:
        urllib.request.urlopen(place.geturl(), timeout=ANSWER_TIMEOUT_S).close()  # noqa: S310  # http(s) only
    except urllib.error.HTTPError as answer:
        answer.close()  # whatever it says, somebody is there
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
        raise _unreachable(uri, first_line) from error


def shown(uri: str) -> str:
    """Give the address without the password that may stand in it."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return uri.replace(f":{parts.password}@", ":***@")


def _unreachable(uri: str, reason: str) -> StoreError:
    return StoreError(
        f"the tracking store does not answer or refuses: {reason}",
        where=shown(uri),
        help="nothing recorded is lost: it stays in the journal. Start the store or set MLFLOW_TRACKING_URI, "
        "then `nbship sync`",
    )
