"""Figures of the notebook: saved where a folder was asked for, never shown."""

from __future__ import annotations

from pathlib import Path


def finish_figures(folder: Path | None, step: str) -> None:
    """Save the figures that a step has drawn to ``folder``, if one is given, and close them."""
    import matplotlib.pyplot as plt

    for place, number in enumerate(plt.get_fignums(), start=1):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            plt.figure(number).savefig(folder / f"{step}-{place}.png", bbox_inches="tight")
    plt.close("all")
