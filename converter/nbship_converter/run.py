"""One clean run: the notebook, top to bottom, in a fresh kernel, with a witness in it.

The run happens in a mirror of the notebook's folder. Install lines and cells tagged ``skip`` are not run.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbship.canonical import SEED, Token
from nbship.errors import RunError
from nbship_converter.ir import CellFacts, Facts, Notebook, Signature
from nbship_converter.mirror import Mirror, mirror_of
from nbship_converter.paths import upward_paths

__all__ = ["Run", "clean_run"]

#: Seconds a cell may take before the run is given up.
CELL_TIMEOUT_S = 1800
_FINISH = "get_ipython().run_line_magic('nbship_testify', '')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The facts of a run, and the tokens of every value at its end."""

    facts: Facts
    values: dict[str, list[Token]]


def clean_run(
    notebook: Notebook,
    folder: Path,
    *,
    python: str = sys.executable,
    timeout_s: int = CELL_TIMEOUT_S,
    seed: int = SEED,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Run the notebook and give what the witness saw.

    ``seed`` is where the global random generators begin; a notebook that seeds them itself does not notice.
    Raises RunError that names the cell when one raises or takes longer than ``timeout_s`` seconds.
    """
    with (
        tempfile.TemporaryDirectory(prefix="nbship-witness-") as scratch,
        mirror_of(folder, upward_paths(notebook)) as mirror,
    ):
        witness = Path(scratch)
        environment = _environment(witness, seed)
        executed = _execute(notebook, mirror, environment, python, timeout_s, progress)
        return Run(facts=_facts(witness, executed, mirror), values=dict(_values(witness)))


def _execute(
    notebook: Notebook,
    mirror: Mirror,
    environment: dict[str, str],
    python: str,
    timeout_s: int,
    progress: Callable[[int, int], None] | None,
) -> list[int]:
    """Run every cell and give the indices of those that ran, in order."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    cells = [cell for cell in notebook.cells if cell.source.strip()]
    content = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.source, metadata={"tags": list(cell.tags)}) for cell in cells]
        + [nbformat.v4.new_code_cell(_FINISH)]
    )
    with _kernel(python) as manager, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbclient's own, on event loops
        client = NotebookClient(
            content, km=manager, timeout=timeout_s, resources={"metadata": {"path": str(mirror.folder)}}
        )
        with _started(client, python, env=environment, cwd=str(mirror.folder)):
            for place, cell in enumerate(content.cells):
                if progress is not None:
                    progress(place, len(cells))
                index = cells[min(place, len(cells) - 1)].index
                try:
                    client.execute_cell(cell, place)
                except CellExecutionError as error:
                    raise _failed(notebook.name, index, error) from error
                except CellTimeoutError as error:
                    what = f"cell {index} ran longer than {timeout_s} s"
                    raise RunError(
                        what, where=notebook.name, help="Raise --timeout, or tag the cell `skip`."
                    ) from error
                except DeadKernelError as error:
                    what = f"the kernel died in cell {index}"
                    remedy = "It may have run out of memory; run the notebook in Jupyter and look."
                    raise RunError(what, where=notebook.name, help=remedy) from error
    return [cell.index for cell in cells]


@contextmanager
def _started(client: Any, python: str, **options: Any) -> Generator[None]:
    """Start the kernel with its own talk silenced; say what is missing where it does not start."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with ExitStack() as stack:
        try:
            stack.enter_context(client.setup_kernel(**options, **silent))
        except (RuntimeError, OSError) as error:
            remedy = f"Install what a kernel needs there: {python} -m pip install 'nbship[magics]' ipykernel"
            raise RunError("no kernel starts in this interpreter", where=python, help=remedy) from error
        yield


def _failed(name: str, index: int, error: Any) -> RunError:
    line = re.search(r"---> (\d+)", re.sub(r"\x1b\[[0-9;]*m", "", str(error)))
    where = f"{name}, cell {index}" + (f", line {line[1]}" if line else "")
    value = re.sub(r"\x1b\[[0-9;]*m", "", str(error.evalue))
    return RunError(
        f"the notebook raised {error.ename}: {value}",
        where=where,
        help="Make it run top to bottom in a fresh kernel (Restart and run all), or tag the cell `skip`.",
    )


def _environment(witness: Path, seed: int) -> dict[str, str]:
    return {
        **os.environ,
        "NBSHIP_WITNESS": str(witness),
        "NBSHIP_CAPTURE": "off",
        "NBSHIP_SEED": str(seed),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0"),
    }


@contextmanager
def _kernel(python: str) -> Generator[Any]:
    """Give a manager of a kernel in the wanted interpreter, whatever kernel the notebook names."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    spec = KernelSpec(
        argv=[
            python,
            "-Xfrozen_modules=off",
            "-m",
            "ipykernel_launcher",
            "--ext=nbship_magics.witness",
            "-f",
            "{connection_file}",
        ],
        display_name="nbship",
        language="python",
    )
    manager = AsyncKernelManager(kernel_name="python3")
    manager._kernel_spec = spec  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # there is no other way to hand over a spec that is not installed
    yield manager


def _facts(witness: Path, executed: list[int], mirror: Mirror) -> Facts:
    lines = (witness / "cells.jsonl").read_text(encoding="utf-8").splitlines()
    cells = {
        index: _cell_facts(json.loads(line), mirror) for index, line in zip(executed, lines, strict=False)
    }
    end = json.loads((witness / "end.json").read_text(encoding="utf-8"))
    written: set[str] = set()
    reads: dict[str, None] = {}
    for cell in cells.values():
        reads.update(dict.fromkeys(path for path in cell.reads if path not in written))
        written |= set(cell.writes)
    return Facts(
        cells=cells,
        types=end["types"],
        kinds=end["kinds"],
        aliases=tuple(tuple(names) for names in end["aliases"]),
        signatures={name: Signature(**found) for name, found in end["functions"].items()},
        distributions={name: tuple(found) for name, found in end["distributions"].items()},
        untyped=frozenset(end["untyped"]),
        closure=tuple(end["closure"]),
        summaries=end["summaries"],
        origins=end["origins"],
        python=end["python"],
        reads=tuple(reads),
        writes=tuple(sorted(written)),
    )


def _cell_facts(raw: dict[str, Any], mirror: Mirror) -> CellFacts:
    def local(paths: list[str]) -> tuple[str, ...]:
        found = (mirror.relative(path) for path in paths)
        return tuple(path for path in found if path is not None and path != ".")

    return CellFacts(
        bound=frozenset(raw["bound"]),
        changed=frozenset(raw["changed"]),
        types=raw["types"],
        random=frozenset(raw["random"]),
        reads=local(raw["reads"]),
        writes=local(raw["writes"]),
        figures=raw["figures"],
    )


def _values(witness: Path) -> Iterator[tuple[str, list[Token]]]:
    with (witness / "values.pickle").open("rb") as source:
        while True:
            try:
                yield pickle.load(source)  # noqa: S301  # written a moment ago by our own witness, in our own scratch folder
            except EOFError:
                return
