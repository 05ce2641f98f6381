"""Puts nbship into a shell and takes it out again."""

from __future__ import annotations

import atexit
import os
from typing import Any

from nbship.names import ENV_CAPTURE
from nbship_magics import cells
from nbship_magics.capture import Capture
from nbship_magics.magics import Magics
from nbship_magics.session import open_session

OFF = frozenset({"off", "0", "no", "false"})


class Extension:
    """What ``%load_ext nbship`` installs. With ``NBSHIP_CAPTURE=off`` the magics are there and record nothing."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.capture = (
            None if os.environ.get(ENV_CAPTURE, "").lower() in OFF else Capture(shell, open_session())
        )
        self._magics = Magics(shell, self.capture)

    def install(self) -> None:
        """Begin."""
        self._shell.register_magic_function(self._magics.line, "line", "ship")
        self._shell.register_magic_function(self._magics.cell, "cell", "ship")
        self._shell.input_transformers_cleanup.append(without_step)
        self._shell.set_hook("complete_command", self._completions, str_key="%ship")
        if self.capture is not None:
            self.capture.install()
        atexit.register(self.close)

    def remove(self) -> None:
        """End, and leave nothing behind."""
        if without_step in self._shell.input_transformers_cleanup:
            self._shell.input_transformers_cleanup.remove(without_step)
        for kind in ("line", "cell"):
            self._shell.magics_manager.magics[kind].pop("ship", None)
        self._magics.off_quietly()
        self.close()

    def close(self) -> None:
        """Hand the journal over; called at the kernel's end too."""
        atexit.unregister(self.close)
        self._magics.close()
        if self.capture is not None:
            self.capture.session.close()

    def _completions(self, _: Any, event: Any) -> list[str]:
        return self._magics.completions(event.line.split()[1:], begun=event.symbol)


def without_step(lines: list[str]) -> list[str]:
    """Blank a first line ``%%ship STEP``, so that the cell runs as it is and its lines keep their numbers."""
    for number, line in enumerate(lines):
        if line.strip():
            found = cells.step_of(line)
            return [*lines[:number], "\n", *lines[number + 1 :]] if found else lines
    return lines
