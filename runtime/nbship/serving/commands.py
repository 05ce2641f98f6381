"""``nbship serve``, ``nbship keys`` and ``nbship sign``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nbship import config
from nbship.errors import InputError

if TYPE_CHECKING:
    from nbship.serving.settings import Settings
    from nbship.serving.sources import Source

_MB = 2**20
#: Connections that may wait while a frontend that was killed comes back.
_BACKLOG = 2048


@click.command("serve")
@click.argument("model", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8000, show_default=True, help="0 takes any that is free.")
@click.option(
    "--workers",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    help="Processes that compute, for each version.",
)
@click.option(
    "--frontends", default=1, show_default=True, type=click.IntRange(1), help="Processes that speak HTTP."
)
@click.option("--timeout", "timeout_s", default=5.0, show_default=True, help="Seconds for one request.")
@click.option(
    "--hang",
    "hang_s",
    default=10.0,
    show_default=True,
    help="Seconds after which a worker that computes is killed.",
)
@click.option(
    "--grace", "grace_s", default=20.0, show_default=True, help="Seconds for what is under way at the end."
)
@click.option("--max-rows", default=10_000, show_default=True, help="Rows of one request.")
@click.option("--max-body-mb", default=4.0, show_default=True, help="Size of one request.")
@click.option(
    "--queue", default=256, show_default=True, help="Requests that may wait for a worker; more get 429."
)
@click.option(
    "--batch-rows",
    default=64,
    show_default=True,
    help="Rows of several requests that are computed together; 1: never.",
)
@click.option("--memory-mb", type=int, help="A worker that grows larger is replaced.")
@click.option(
    "--probabilities/--no-probabilities",
    default=True,
    show_default=True,
    help="Give a classifier's probabilities.",
)
@click.option(
    "--extra",
    type=click.Choice(["refuse", "ignore"]),
    default="refuse",
    show_default=True,
    help="Fields that the model does not know.",
)
@click.option(
    "--keys", type=click.Path(path_type=Path), help="A file of API keys; without it nobody is asked for one."
)
@click.option("--log", "log_url", help="Where predictions are logged. Default: [tool.nbship.monitor] log.")
def serve_command(
    model: str | None,
    *,
    host: str,
    port: int,
    workers: int,
    frontends: int,
    timeout_s: float,
    hang_s: float,
    grace_s: float,
    max_rows: int,
    max_body_mb: float,
    queue: int,
    batch_rows: int,
    memory_mb: int | None,
    probabilities: bool,
    extra: str,
    keys: Path | None,
    log_url: str | None,
) -> None:
    """Serve MODEL, a registered one or a folder with an MLflow model, until SIGTERM or Ctrl-C.

    The live version answers, and versions are swapped as the registry says, without a request being dropped.
    """
    from nbship.serving.settings import Settings

    found = config.load()
    name, source = _source(found, model)
    settings = Settings(
        model=name,
        host=host,
        port=port,
        workers=workers,
        frontends=frontends,
        timeout_s=timeout_s,
        hang_s=hang_s,
        grace_s=grace_s,
        most_rows=max_rows,
        most_body=int(max_body_mb * _MB),
        most_waiting=queue,
        batch_rows=batch_rows,
        worker_memory=memory_mb * _MB if memory_mb is not None else None,
        probabilities=probabilities,
        extra="ignore" if extra == "ignore" else "refuse",
        keys=str(keys.absolute()) if keys else None,
        spool=_spool(found, name),
        log_url=log_url or found.log_url,
    )
    _serve(settings, source)


def _source(found: config.Config, model: str | None) -> tuple[str, Source]:
    from nbship.serving.sources import OneFolder, Registered

    name = model or found.model
    if name is None:
        raise InputError("which model?", help="name it, or say [tool.nbship] model in pyproject.toml")
    if (Path(name) / "MLmodel").is_file():
        path = Path(name).resolve()
        return path.name, OneFolder(path, path.name)
    return name, Registered(found, name)


def _spool(found: config.Config, model: str) -> str:
    from nbship.serving.sources import cache_of

    return str(cache_of(found, model) / "spool")


def _serve(settings: Settings, source: Source) -> None:
    from nbship.serving.keys import Doorkeeper
    from nbship.serving.supervisor import Supervisor

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    if settings.keys is not None:
        Doorkeeper(Path(settings.keys))  # a file that is none is told now, not by every frontend
    listener = listen(settings.host, settings.port)
    shown, port = listener.getsockname()[:2]
    click.echo(f"serving {settings.model} at http://{shown}:{port}/predict (Ctrl-C ends it)")

    async def run() -> None:
        supervisor = Supervisor(settings, source, listener)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
        await supervisor.run()
        os._exit(0)  # all is done in good order; a thread that waits for a database must not keep us

    asyncio.run(run())


def listen(host: str, port: int) -> socket.socket:
    """Give a socket that listens. Raises InputError where the place cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with contextlib.ExitStack() as on_failure:
            listener = on_failure.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
            on_failure.pop_all()
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be had: {error.strerror or error}", help="choose another --port or --host"
        ) from error
    listener.setblocking(False)
    return listener


_keys_file = click.option(
    "--keys",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="The file that `nbship serve --keys` reads.",
)


@click.group("keys")
def keys_command() -> None:
    """Make and revoke the API keys that a server asks for; servers that run see it at once."""


@keys_command.command("add")
@click.argument("name")
@_keys_file
def add_command(name: str, *, path: Path) -> None:
    """Print a new key for NAME; only its hash is kept."""
    from nbship.serving import keys

    click.echo(keys.add(path, name))


@keys_command.command("revoke")
@click.argument("name")
@_keys_file
def revoke_command(name: str, *, path: Path) -> None:
    """Make NAME's key good for nothing."""
    from nbship.serving import keys

    keys.revoke(path, name)
    click.echo(f"{name} is revoked")


@keys_command.command("list")
@_keys_file
def list_command(*, path: Path) -> None:
    """Print the names of the keys."""
    from nbship.serving import keys

    for one in keys.read(path):
        click.echo(one.name)


@click.command("sign")
@click.argument("model")
@click.argument("version", type=int)
def sign_command(model: str, version: int) -> None:
    """Sign off VERSION of MODEL, registered by other tools: servers open its files as they are now, and no others."""
    from nbship.serving.fetching import sign

    click.echo(f"signed off: {sign(config.load(), model, version)}")
