"""The ``%ship`` and ``%%ship`` magics. What the user gets wrong is told in one line; nothing else is raised."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.display import display

from nbship import config
from nbship.errors import NbshipError
from nbship.facts import DatasetRead
from nbship_magics.capture import Capture

if TYPE_CHECKING:
    from nbship.worker import Answers

USAGE = """%ship                                   what is recorded so far
%ship on | off                          record, or do not
%ship run [NAME]                        end this run and begin another
%ship register VARIABLE --name MODEL [--reference FRAME]
%ship data [NAME...] [--to URL]         keep the files that were read, to be fetched again
%ship status [MODEL]                    versions and drift
%ship export DIR                        the notebook as a package (nbship export)
%%ship STEP                             this cell belongs to STEP"""


class _Parser(argparse.ArgumentParser):
    """Tells a wrong call as IPython does, and never ends the kernel."""

    def error(self, message: str) -> Any:
        raise UsageError(f"%ship: {message}\n{USAGE}")


class Magics:
    """The verbs of ``%ship`` over one capture; ``capture`` is None in a kernel that must not record."""

    def __init__(self, shell: Any, capture: Capture | None) -> None:
        self._shell = shell
        self._capture = capture
        self._recording = capture is not None
        self._answers: Answers | None = None
        self.verbs: dict[str, Callable[[list[str]], Any]] = {
            "on": self.on,
            "off": self.off,
            "run": self.begin_run,
            "register": self.register,
            "data": self.data,
            "status": self.status,
            "export": self.export,
        }

    def line(self, line: str) -> Any:
        """Record, show and register: `%ship`, `%ship on|off`, `run`, `register`, `data`, `status`, `export`."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"%ship: {error}") from None
        if not words:
            return self._show()
        if words[0] not in self.verbs:
            raise UsageError(f"%ship: no such verb {words[0]!r}\n{USAGE}")
        try:
            return self.verbs[words[0]](words[1:])
        except NbshipError as error:
            raise UsageError(f"%ship {words[0]}: {error}") from None

    def completions(self, words: list[str], *, begun: str) -> list[str]:
        """Give what may stand next in a line of ``words``, of which the last may only be ``begun``."""
        before = words[:-1] if begun else words
        if not before:
            return sorted(self.verbs)
        facts = self._capture.session.facts if self._capture is not None else []
        offered: dict[str, list[str]] = {
            "register": [*(n for n in self._shell.user_ns if not n.startswith("_")), "--name", "--reference"],
            "data": [*dict.fromkeys(fact.name for fact in facts if isinstance(fact, DatasetRead)), "--to"],
            "status": self._capture.session.models() if self._capture is not None else [],
        }
        return offered.get(before[0], [])

    def cell(self, line: str, cell: str) -> Any:
        """Say that this cell belongs to a step: `%%ship STEP`. The cell runs as it is."""
        del cell
        raise UsageError(f"%%ship: {line!r} cannot name a step: one word, such as `%%ship train`")

    def on(self, _: list[str]) -> None:
        """Record from here on."""
        if self._capture is None:
            self._say("not recording: this kernel was started with NBSHIP_CAPTURE=off")
        elif not self._recording:
            self._capture.install()
            self._recording = True
            self._say("recording")

    def off(self, _: list[str]) -> None:
        """Record nothing from here on."""
        self.off_quietly()
        self._say("not recording")

    def off_quietly(self) -> None:
        """Record nothing from here on, and say nothing of it."""
        if self._capture is not None and self._recording:
            self._capture.remove()
            self._recording = False

    def begin_run(self, words: list[str]) -> None:
        """End this run and begin another."""
        if self._capture is None:
            self._say("not recording")
            return
        self._capture.session.begin_run(" ".join(words) or None)
        self._say(f"run {self._capture.session.run + 1}{': ' + ' '.join(words) if words else ''}")

    def register(self, words: list[str]) -> None:
        """Put an object into the registry; its version number follows."""
        parser = _Parser(prog="%ship register", add_help=False)
        parser.add_argument("variable")
        parser.add_argument("--name", required=True)
        parser.add_argument("--reference")
        given = parser.parse_args(words)
        from nbship_magics.registering import register

        if self._capture is None:
            self._say(f"{given.name} is not registered: recording is off in this kernel")
            return
        pending = register(
            self._capture.session,
            self._capture.estimators,
            self._shell.user_ns,
            variable=given.variable,
            model=given.name,
            reference=given.reference,
        )
        self._say(
            f"{pending.model}: {pending.type}, {pending.size:,} bytes, is on its way to the registry (pending {pending.id})"
        )
        if pending.reference is None:
            self._say(
                "no reference profile: add --reference FRAME, the frame it has learnt from, to watch drift"
            )

    def data(self, words: list[str]) -> None:
        """Keep the files that were read in the data store; the run says which."""
        parser = _Parser(prog="%ship data", add_help=False)
        parser.add_argument("names", nargs="*")
        parser.add_argument("--to")
        given = parser.parse_args(words)
        if self._capture is None:
            self._say(
                "nothing is kept: recording is off in this kernel; `nbship data snapshot FILE` keeps a file"
            )
            return
        asked = self._capture.keeping.keep(given.names, given.to)
        shown = ", ".join(asked.names[:3]) + (" …" if len(asked.names) > 3 else "")  # noqa: PLR2004  # enough for a line
        self._say(f"keeping {shown} ({asked.size:,} bytes) in {asked.store}")

    def status(self, words: list[str]) -> Any:
        """Show a model's versions and drift."""
        model = words[0] if words else self._model()
        if model is None:
            raise UsageError("%ship status: which model? `%ship status MODEL`")
        try:
            from nbship_magics import panel

            asked = self._asked()
            return panel.view(asked.ask(ask="state", model=model, profile="default"), asked.ask)
        except (OSError, ValueError) as error:
            raise UsageError(f"%ship status: the worker does not answer: {error}") from None

    def export(self, words: list[str]) -> None:
        """Carry this notebook to a package: what `nbship export` does, from the saved file."""
        import subprocess

        from nbship_magics import origin

        notebook = origin.notebook_path(self._shell.user_ns)
        if notebook is None or len(words) != 1:
            raise UsageError(
                "%ship export: `%ship export DIR` in a saved notebook, or `nbship export NOTEBOOK --to DIR`"
            )
        command = [
            sys.executable,
            "-c",
            "from nbship.cli import main; main()",
            "export",
            str(notebook),
            "--to",
            words[0],
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self._say((done.stdout + done.stderr).strip())

    def close(self) -> None:
        """End what was started."""
        if self._capture is not None:
            self._capture.keeping.close()
        if self._answers is not None:
            self._answers.close()

    def _show(self) -> None:
        from nbship_magics.overview import overview

        session = self._capture.session if self._capture is not None else None
        facts, run = (session.facts, session.run) if session else ([], 0)
        display(overview(facts, run=run, recording=self._recording))  # type: ignore[no-untyped-call]  # IPython is half typed

    def _model(self) -> str | None:
        registered = self._capture.session.models() if self._capture is not None else []
        return registered[-1] if registered else config.load().model

    def _asked(self) -> Answers:
        if self._answers is None:
            from nbship.worker import Answers

            self._answers = Answers(config.load().worker_log)
        return self._answers

    @staticmethod
    def _say(text: str) -> None:
        print(text)  # noqa: T201  # a magic's voice is the cell's output


#: What ``%ship?`` shows.
Magics.line.__doc__ = Magics.cell.__doc__ = USAGE
