"""``nbship data``: versions of data, kept, fetched and compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nbship import config, repository
from nbship.errors import InputError

if TYPE_CHECKING:
    from nbship.dataversions import Item, Place
    from nbship.pointers import Pointer

_F = TypeVar("_F", bound=Callable[..., Any])
#: From this many bytes on a file is named before it is read or copied.
_LONG = 100_000_000
_COLOURS = {"here": "green", "there": "green", "fetched": "green", "kept": "green", "missing": "yellow"}

_paths = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _store(flag: str, text: str) -> Callable[[_F], _F]:
    return click.option(flag, "url", metavar="URL", help=f"{text} Any fsspec address, or a folder.")


@click.group("data")
def data_command() -> None:
    """Keep versions of data, and fetch them again for a commit."""
    absent = [name for name in ("blake3", "fsspec", "yaml") if find_spec(name) is None]
    if absent:
        raise InputError(f"`nbship data` needs {absent[0]}", help="pip install 'nbship[data]'")


@data_command.command("status")
@_paths
@_store("--store", "The store to ask; default: the project's.")
@_as_json
def status_command(paths: tuple[Path, ...], url: str | None, *, as_json: bool) -> None:
    """Show what of the data that pointers name is here, what differs, and what is missing."""
    from nbship.dataversions import status

    where = _place(url)
    _report(where, _done(_here(where, paths), partial(status, where)), as_json=as_json)


@data_command.command("pull")
@_paths
@_store("--from", "The store to fetch from; default: the project's.")
@click.option(
    "--commit", "revision", metavar="REV", help="Take the pointers of this commit; default: those here."
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Put the data below this folder; default: beside its pointers.",
)
@click.option("--force", is_flag=True, help="Replace files that were changed and are kept nowhere.")
@_as_json
def pull_command(
    paths: tuple[Path, ...],
    url: str | None,
    revision: str | None,
    into: Path | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Fetch the data that pointers name, checked by its hashes; say what is missing."""
    from dataclasses import replace

    from nbship.carry import pull

    where = _place(url)
    commit = repository.commit(where.root, revision) if revision else None
    wanted = _of_commit(where, commit, paths) if commit else _here(where, paths)
    target = replace(where, root=into.absolute()) if into else where
    _report(target, _done(wanted, partial(pull, target, force=force)), as_json=as_json, commit=commit)


@data_command.command("push")
@_paths
@_store("--to", "The store to bring it to; default: the project's.")
@_as_json
def push_command(paths: tuple[Path, ...], url: str | None, *, as_json: bool) -> None:
    """Bring the data that pointers name into a store, where others can fetch it."""
    from nbship.carry import push

    where = _place(url)
    _report(where, _done(_here(where, paths), partial(push, where)), as_json=as_json)


@data_command.command("snapshot")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@_store("--to", "The store to keep it in; default: the project's.")
@_as_json
def snapshot_command(paths: tuple[Path, ...], url: str | None, *, as_json: bool) -> None:
    """Keep files or folders as they are now, and write the pointers that belong into git."""
    from nbship.dataversions import snapshot

    where = _place(url)
    _report(where, [snapshot(where, path) for path in paths], as_json=as_json)


def _place(url: str | None) -> Place:
    from nbship.dataversions import place

    here = Path.cwd()
    return place(config.load(), repository.root_of(here) or here, url)


def _here(where: Place, paths: Sequence[Path]) -> list[Pointer | Item]:
    """Give what the pointers below here point to, or those that the paths mean."""
    from nbship import pointers
    from nbship.dataversions import gather

    names = pointers.find(where.root, where.root if paths else Path.cwd())
    return gather(names, lambda name: pointers.content(where.root, name), where.root, paths)


def _of_commit(where: Place, commit: str, paths: Sequence[Path]) -> list[Pointer | Item]:
    """Give the same of a commit."""
    from nbship import pointers
    from nbship.dataversions import gather

    names = pointers.names_at(where.root, commit)
    if not paths and not Path.cwd().samefile(where.root):
        below = Path.cwd().resolve().relative_to(where.root.resolve()).as_posix()
        names = [name for name in names if name.startswith(f"{below}/")]
    return gather(names, lambda name: repository.content_of(where.root, commit, name), where.root, paths)


def _done(found: Sequence[Pointer | Item], do: Callable[[Pointer], Item]) -> list[Item]:
    """Do something with each pointer, one after the other, saying what takes long; what is no pointer stays said."""
    from nbship.pointers import Pointer

    items: list[Item] = []
    for item in found:
        if isinstance(item, Pointer):
            if (item.size or 0) >= _LONG:
                click.echo(f"{item.path}, {_bytes(item.size)} …", err=True)
            items.append(do(item))
        else:
            items.append(item)
    return items


def _report(where: Place, items: Sequence[Item], *, as_json: bool, commit: str | None = None) -> None:
    """Print what became of each; exit with 1 where something is left to do."""
    if as_json:
        document = {"store": where.store.shown, "commit": commit, "items": [item.to_json() for item in items]}
        click.echo(json.dumps(document, indent=2))
    else:
        _table(items)
        _problems(items)
    if not items:
        place = f"in commit {commit[:12]}" if commit else "below here"
        click.echo(f"no pointers (.dvc files) {place}: what data there is lies in git itself", err=True)
    if not all(item.good for item in items):
        raise SystemExit(1)


def _table(items: Sequence[Item]) -> None:
    width = max((len(item.path) for item in items), default=0)
    for item in items:
        word = click.style(item.outcome.ljust(10), fg=_COLOURS.get(item.outcome, "red"))
        size = _bytes(item.size).rjust(9)
        known = f"b3:{item.blake3[:12]}" if item.blake3 else f"md5:{item.md5[:12]}" if item.md5 else ""
        click.echo(f"{word} {item.path:<{width}} {size}  {known:<16}  {_kept(item)}".rstrip())


def _kept(item: Item) -> str:
    if item.where:
        return ("from " if item.outcome == "fetched" else "in ") + item.where
    return "not in the store" if item.stored is False else ""


def _problems(items: Sequence[Item]) -> None:
    for item in items:
        if item.problem:
            click.echo(
                f"{item.path}: {item.problem}" + (f"\n  help: {item.help}" if item.help else ""), err=True
            )


def _bytes(size: int | None) -> str:
    """Give a size as people say it.

    >>> _bytes(15_728_640), _bytes(12), _bytes(None)
    ('15.7 MB', '12 B', '')
    """
    if size is None:
        return ""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} B"
