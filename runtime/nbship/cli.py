"""The ``nbship`` command; every other part hangs its own commands here by entry point."""

from __future__ import annotations

import errno
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from nbship import __version__
from nbship.errors import NbshipError

#: Which extra brings a command, where its name does not say so.
EXTRAS = {
    **dict.fromkeys(("diff", "export", "reproduce", "steps", "verify"), "convert"),
    **dict.fromkeys(("compare", "fleet", "history", "lineage", "promote", "rollback"), "magics"),
    **dict.fromkeys(("runs", "status", "sync"), "magics"),
    **dict.fromkeys(("alerts", "monitor", "retrain", "rollout"), "monitor"),
    **dict.fromkeys(("features", "keys", "score", "serve", "sign"), "serve"),
}

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Failure(click.ClickException):
    """One of our errors, shown as one message on stderr and never as a traceback."""

    def __init__(self, error: NbshipError) -> None:
        super().__init__(str(error))
        setattr(self, "exit_code", error.exit_code)  # noqa: B010  # click declares it for the class


class _Commands(click.Group):
    """Load a command only when it is asked for, so that ``nbship --help`` stays quick."""

    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group="nbship.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._found()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._found().get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        try:
            command: click.Command = entry.load()
        except ModuleNotFoundError as error:
            return _missing(cmd_name, error)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NbshipError as error:
            raise _Failure(error) from error
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise click.ClickException(
                f"{error.strerror}{f': {error.filename}' if error.filename else ''}\n  help: make room and try again"
            ) from error


def _missing(name: str, error: ModuleNotFoundError) -> click.Command:
    """Stand in for a command whose extra is not installed: it lists, and says how to get it."""
    remedy = f"pip install 'nbship[{EXTRAS.get(name, 'data')}]'"

    def fail(**_: object) -> None:
        raise click.ClickException(f"`nbship {name}` needs {error.name}\n  help: {remedy}") from error

    return click.Command(
        name,
        callback=fail,
        short_help=f"(not installed: {remedy})",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nbship")
def main() -> None:
    """Carry a notebook to production: record, export, register, watch."""
