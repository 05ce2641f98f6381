"""Everything that nbship raises on purpose.

NbshipError                 what, where, and ``help``: what to do
├── InputError              what was given cannot be used (exit code 2)
├── DataError               a file or table is not what it should be
├── StoreError              a store (MLflow's, or the one of data versions) does not answer or refuses
│   └── RefusedError        it answers, and does not take this one thing
├── ConflictError           somebody else has changed it meanwhile; nothing was changed
├── PolicyError             an organisation's policy does not allow it
├── RunError                a notebook or an exported package did not run to its end
│   └── CellError           a cell of a notebook raised
└── WriteError              a destination cannot be written without losing something
"""

from __future__ import annotations


class NbshipError(Exception):
    """A failure that tells what happened, where, and what to do about it.

    ``where`` names the file, cell or line; ``help`` is the next step in one sentence; ``exit_code`` is
    what the command line gives back (1 a failed check or run, 2 a wrong call).
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, help: str | None = None) -> None:  # noqa: A002  # the word users see
        super().__init__(what)
        self.what = what
        self.where = where
        self.help = help

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  help: {self.help}" if self.help else text


class InputError(NbshipError):
    """What was given cannot be used: a missing file, not a notebook, a bad option."""

    exit_code = 2


class DataError(NbshipError):
    """A file or a table is not what it should be."""


class StoreError(NbshipError):
    """A store, MLflow's or the one of data versions, does not answer, or refuses."""


class RefusedError(StoreError):
    """The tracking store answers, and does not take this one thing; the next one it may."""


class ConflictError(NbshipError):
    """Somebody else has changed it since it was looked at: nothing was changed, and ``help`` says what stands now."""


class PolicyError(NbshipError):
    """An organisation's policy does not allow it; the message names the file and the line."""


class RunError(NbshipError):
    """A notebook or an exported package did not run to its end."""


class CellError(RunError):
    """A cell of a notebook raised."""


class WriteError(NbshipError):
    """A destination cannot be written without losing something of the user's."""

    exit_code = 2
