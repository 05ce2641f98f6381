"""Figures are saved on request and always closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_package.figures import finish_figures

plt = pytest.importorskip("matplotlib.pyplot")


def test_a_figure_is_saved_where_a_folder_is_given(tmp_path: Path) -> None:
    plt.figure()
    finish_figures(tmp_path / "figures", "train")
    assert (tmp_path / "figures" / "train-1.png").stat().st_size > 0
    assert plt.get_fignums() == []


def test_without_a_folder_figures_are_only_closed() -> None:
    plt.figure()
    finish_figures(None, "train")
    assert plt.get_fignums() == []
