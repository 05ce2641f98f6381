"""nbship's own database: who answers for a model, its history, what the monitor remembers, who holds which lease.

SQLite in home by default; PostgreSQL where several machines share it. Whoever uses it brings its tables.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from nbship import store
from nbship.errors import NbshipError, StoreError

__all__ = ["Database", "IntegrityError"]

#: How long a writer waits for another before it says that the database does not answer.
_WAIT_S = 30

IntegrityError = exc.IntegrityError


class Database:
    """A database with the tables of one part. Raises StoreError where it does not answer."""

    def __init__(self, url: str, tables: sa.MetaData) -> None:
        self.shown = store.shown(url)
        with self.speaking():
            file = store.sqlite_file(url)
            if file is not None:
                Path(file).parent.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(_with_driver(url), **_options(file))
            _make(tables, self._engine)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextlib.contextmanager
    def begin(self) -> Generator[sa.Connection]:
        """Begin a transaction: all of it is kept, or nothing. IntegrityError comes through as it is.

        Who begins with an UPDATE of the row that everybody begins with is alone with it until the end.
        """
        with self.speaking(), self._engine.begin() as connection:
            yield connection

    def rows(self, query: Any) -> list[Any]:
        """Give the rows of a query."""
        with self.speaking(), self._engine.connect() as connection:
            return list(connection.execute(query))

    @contextlib.contextmanager
    def speaking(self) -> Generator[None]:
        """Turn what the database's driver raises into a StoreError."""
        try:
            yield
        except (exc.IntegrityError, NbshipError):
            raise
        except ModuleNotFoundError as error:
            raise StoreError(
                f"{error.name} is not installed", where=self.shown, help="pip install 'nbship[shared]'"
            ) from error
        except (exc.SQLAlchemyError, OSError) as error:
            said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise StoreError(
                f"the state database does not answer: {said}",
                where=self.shown,
                help="NBSHIP_STATE_URL says where it is; the log keeps everything meanwhile",
            ) from error


def _make(tables: sa.MetaData, engine: sa.Engine) -> None:
    try:
        tables.create_all(engine)
    except (
        exc.OperationalError,
        exc.ProgrammingError,
        exc.IntegrityError,
    ):  # another process was making them
        tables.create_all(engine)


def _with_driver(url: str) -> str:
    """Name PostgreSQL's driver: which one is meant where none stands depends on SQLAlchemy's version."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url


def _options(file: Path | None) -> dict[str, Any]:
    if file is not None:
        # a file is opened in no time: nothing is kept open that somebody would have to close
        return {"connect_args": {"timeout": _WAIT_S}, "poolclass": sa.NullPool}
    return {"pool_pre_ping": True}  # a server that was started anew has closed what the pool holds
