"""What the notebook's run needed of its machine: a warning before the first step is better than an error in the last."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

logger = logging.getLogger(__name__)

_REMEDY = "train on a sample or in batches, read the data with Dask, or take a larger machine"


def warn_of_limits(*, memory_gib: int = 0, gpu: str = "") -> None:
    """Warn where there is less memory than ``memory_gib``, or where the library ``gpu`` finds no GPU."""
    free = available_memory()
    if memory_gib and free is not None and free < memory_gib * 2**30:
        logger.warning(
            "the notebook's run took up to %d GiB of memory, and %.1f GiB are free; help: %s",
            memory_gib,
            free / 2**30,
            _REMEDY,
        )
    if gpu and not has_gpu(gpu):
        logger.warning("the notebook ran on a GPU, and %s finds none here; help: %s", gpu, _REMEDY)


def available_memory(root: Path = Path("/")) -> int | None:
    """Give the bytes that are free, to this container if it is one; None where nobody tells."""
    limits = [_free(root / "proc" / "meminfo"), _limit(root / "sys" / "fs" / "cgroup" / "memory.max")]
    return min((limit for limit in limits if limit is not None), default=None)


def has_gpu(library: str) -> bool:
    """Tell whether a library finds a GPU; one that is not installed finds none."""
    try:
        module = importlib.import_module(library)
    except ImportError:
        return False
    if library == "tensorflow":
        return bool(module.config.list_physical_devices("GPU"))
    return bool(module.cuda.is_available())


def _free(meminfo: Path) -> int | None:
    for line in meminfo.read_text().splitlines() if meminfo.is_file() else []:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _limit(cgroup: Path) -> int | None:
    text = cgroup.read_text().strip() if cgroup.is_file() else ""
    return int(text) if text.isdigit() else None
