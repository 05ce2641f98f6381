"""One clean run: the notebook, top to bottom, in a fresh kernel, with a witness in it.

The run happens in a mirror of the notebook's folder. Install lines and cells tagged ``skip`` are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from nbship.canonical import SEED
from nbship.errors import CellError, RunError
from nbship_converter.ir import Notebook
from nbship_converter.mirror import MOST_FILES, Mirror, mirror_of
from nbship_converter.paths import imported_modules, texts, upward_paths
from nbship_converter.testimony import Run, testimony

__all__ = ["clean_run", "raised", "run_environment"]

#: Seconds a cell may take before the run is given up.
CELL_TIMEOUT_S = 1800
#: Lines of an error that somebody reads where it is told; the notebook has them all.
_MOST_LINES = 4
_CROWDED = (
    f"The notebook's folder holds more than {MOST_FILES:,} files, and only the nearest and those that the notebook"
    " names were taken along: give the notebook a folder of its own."
)
_FINISH = "get_ipython().run_line_magic('nbship_testify', '')"


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
    Raises CellError that names the cell when one raises, RunError when one takes longer than ``timeout_s`` seconds.
    """
    with (
        tempfile.TemporaryDirectory(prefix="nbship-witness-") as scratch,
        mirror_of(folder, upward_paths(notebook), imported_modules(notebook), texts(notebook)) as mirror,
    ):
        witness = Path(scratch)
        environment = run_environment(witness, mirror.scratch, seed)
        executed = _execute(notebook, mirror, environment, python, timeout_s, progress)
        return testimony(witness, executed, mirror)


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
            content,
            km=manager,
            timeout=timeout_s,
            resources={"metadata": {"path": str(mirror.folder)}},
            shutdown_kernel="immediate",
        )
        with _started(client, python, env=environment, cwd=str(mirror.folder)):
            for place, cell in enumerate(content.cells):
                if progress is not None:
                    progress(place, len(cells))
                index = cells[min(place, len(cells) - 1)].index
                try:
                    client.execute_cell(cell, place)
                except CellExecutionError as error:
                    if mirror.crowded and error.ename == "FileNotFoundError":
                        raise RunError(
                            f"{error.ename}: {error.evalue}",
                            where=f"{notebook.name}, cell {index}",
                            help=_CROWDED,
                        ) from error
                    raise _failed(notebook, index, error) from error
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
    """Start the kernel with its own talk silenced, and end it; say what is missing where it does not start."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with ExitStack() as stack:
        try:
            stack.enter_context(client.setup_kernel(cleanup_kc=True, **options, **silent))
        except (RuntimeError, OSError) as error:
            remedy = f"Install what a kernel needs there: {python} -m pip install 'nbship[magics]' ipykernel"
            raise RunError("no kernel starts in this interpreter", where=python, help=remedy) from error
        yield


def _failed(notebook: Notebook, index: int, error: Any) -> CellError:
    line = re.search(r"---> (\d+)", re.sub(r"\x1b\[[0-9;]*m", "", str(error)))
    value = re.sub(r"\x1b\[[0-9;]*m", "", str(error.evalue))
    return raised(notebook, index, str(error.ename), value, line=int(line[1]) if line else None)


def raised(notebook: Notebook, index: int, kind: str, value: str, *, line: int | None = None) -> CellError:
    """Give the error that tells which cell raised what, and what to do."""
    return CellError(
        f"the notebook raised {kind}: {_brief(value)}",
        where=f"{notebook.name}, cell {index}" + (f", line {line}" if line else ""),
        help=_defined_later(notebook, index, value)
        or "Make it run top to bottom in a fresh kernel (Restart and run all), or tag the cell `skip`.",
    )


def _brief(text: str) -> str:
    r"""Give what an error says; of one that tells a whole story, its beginning and its end.

    >>> _brief("10 fits failed.\n---\nTraceback:\n  File a\n  File b\nValueError: no such solver")
    '10 fits failed.\n…\nValueError: no such solver'
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines if len(lines) <= _MOST_LINES else (lines[0], "…", lines[-1]))


def _defined_later(notebook: Notebook, index: int, error: str) -> str:
    """Say where the name that is missing is defined, if it is so further down."""
    missing = re.search(r"name '(\w+)' is not defined", error)
    for cell in notebook.cells:
        if missing and cell.index > index and any(missing[1] in s.use.binds for s in cell.statements):
            return f"`{missing[1]}` is defined further down, in cell {cell.index}: move that cell up."
    return ""


def run_environment(witness: Path, root: Path, seed: int = SEED) -> dict[str, str]:
    """Give the environment in which a kernel is a witness that writes into the folder ``witness``.

    ``root`` is the tree in which the notebook runs: modules below it are the user's own.
    """
    return {
        **os.environ,
        "NBSHIP_WITNESS": str(witness),
        "NBSHIP_MIRROR": str(root),
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
