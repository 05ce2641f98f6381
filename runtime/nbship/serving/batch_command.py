"""``nbship score``: a version of a model over a whole data set."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from nbship import config
from nbship.errors import InputError, StoreError

if TYPE_CHECKING:
    from nbship.profile.executors import Executor


@click.command("score")
@click.argument("model", required=False)
@click.option(
    "--from", "source", required=True, help="A Parquet file or a folder of them, at any fsspec address."
)
@click.option("--to", "target", required=True, help="A folder for the answers, at any fsspec address.")
@click.option("--version", type=int, help="Default: the live one.")
@click.option("--keep", multiple=True, help="A column that stays beside the answers; default: all.")
@click.option("--workers", type=click.IntRange(1), help="Threads of this machine; default: its cores.")
@click.option("--dask", help="The address of a Dask scheduler, whose workers compute instead.")
@click.option("--probabilities/--no-probabilities", default=True, show_default=True, help="Of a classifier.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def score_command(
    model: str | None,
    *,
    source: str,
    target: str,
    version: int | None,
    keep: tuple[str, ...],
    workers: int | None,
    dask: str | None,
    probabilities: bool,
    as_json: bool,
) -> None:
    """Score a Parquet data set with MODEL, a registered one or a folder with an MLflow model.

    Each row group becomes one file with its columns and the answers. It may be stopped at any moment: called again, it
    goes on where it was.
    """
    from nbship.serving.batch import job_of, score

    settings = config.load()
    name = model or settings.model
    if name is None:
        raise InputError("which model?", help="name it, or say [tool.nbship] model in pyproject.toml")
    place = _absolute(target)
    job = job_of(
        settings, name, version=version, target=place, keep=keep or None, probabilities=probabilities
    )
    with _executor(workers, dask) as executor:
        done = score(job, _absolute(source), executor)
    if as_json:
        click.echo(json.dumps(asdict(done), indent=2))
        return
    there = f", {done.rows - done.scored} were there already" if done.scored < done.rows else ""
    click.echo(
        f"{done.scored} rows scored by version {done.version}{there}: {len(done.files)} files", err=True
    )


def _absolute(address: str) -> str:
    return address if "://" in address else str(Path(address).expanduser().absolute())


@contextlib.contextmanager
def _executor(workers: int | None, dask: str | None) -> Generator[Executor]:
    from nbship.profile.executors import DaskExecutor, LocalExecutor

    if dask is None:
        yield LocalExecutor(workers)
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise InputError("Dask is not installed", help="pip install 'nbship[dask]'") from error
    try:
        client: Any = cast("Any", Client)(dask, timeout="10s")
    except (OSError, TimeoutError, ValueError) as error:
        raise StoreError(f"the Dask scheduler does not answer: {error}", where=dask) from error
    try:
        yield DaskExecutor(client)
    finally:
        client.close()
