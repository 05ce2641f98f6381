"""The command line: ``run`` with an option for every field of Config."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_package.config import Config

if TYPE_CHECKING:
    from notebook_package.pipeline import Results

Setting = bool | int | float | str | Path | list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any]

#: No field of Config can have this name; one that is called like an option of ours takes its place.
_LEVEL = "log level"
_LEVELS = (
    ("-v", "--verbose", logging.DEBUG, "log also what every step makes"),
    ("-q", "--quiet", logging.WARNING, "log warnings only"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pipeline and print what it made; give the exit code (0 done, 2 wrong options or no data)."""
    options = vars(_parser().parse_args(argv))
    options.pop("command")
    _log_from(options.pop(_LEVEL))
    config = dataclasses.replace(
        Config(), **{name: value for name, value in options.items() if value is not None}
    )
    from notebook_package.pipeline import run

    try:
        results = run(config)
    except (FileNotFoundError, ConnectionError) as error:
        missing = (
            "Say where the data is with --data-dir; what a .dvc file stands for, `nbship data pull` fetches."
        )
        remedy = getattr(error, "remedy", missing)
        print(f"Error: {error}\n  help: {remedy}", file=sys.stderr)
        return 2
    for field in dataclasses.fields(results):
        print(f"{field.name} = {_brief(results, field.name)}")
    return 0


def _log_from(level: int) -> None:
    """Log this package to stderr from a level on, and other libraries from warnings on: what is printed stays data."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("notebook_package").setLevel(level)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="notebook_package", description="Run the pipeline.")
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser(
        "run", help="run every step and print what it made", conflict_handler="resolve"
    )
    for short, name, level, told in _LEVELS:
        runs.add_argument(short, name, dest=_LEVEL, action="store_const", const=level, help=told)
    runs.set_defaults(**{_LEVEL: logging.INFO})
    for field in dataclasses.fields(Config):
        default = getattr(Config(), field.name)
        runs.add_argument(
            f"--{field.name.replace('_', '-').lower()}",
            dest=field.name,
            type=_reader(default),
            metavar=type(default).__name__ if default is not None else "PATH",
            help=f"default: {default!r}" if default is not None else None,
        )
    return parser


def _reader(default: Setting | None) -> Callable[[str], Setting]:
    """Give the function that reads an option's text as the type its default has."""
    if default is None:
        return Path
    if isinstance(default, str):
        return str

    def value(text: str) -> Setting:
        try:
            found: Setting = ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {type(default).__name__}") from error
        if isinstance(default, float) and type(found) is int:
            return float(found)
        if type(found) is not type(default):
            raise argparse.ArgumentTypeError(f"{text!r} is not a {type(default).__name__}")
        return found

    return value


def _brief(results: Results, name: str) -> str:
    value = getattr(results, name)
    shape = getattr(value, "shape", None)
    if shape:
        return f"{type(value).__name__} {tuple(shape)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{type(value).__name__} {text[:70]}..."
