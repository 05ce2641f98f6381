"""Who may import whom, and what an import may cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"IPython", "jupyter_server", "libcst", "mlflow", "pandas"}


def test_the_parts_import_the_core_and_never_each_other() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert "1 kept, 0 broken" in checked.stdout


@pytest.mark.parametrize("module", ["nbship", "nbship.cli", "nbship_lab"])
def test_an_import_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert HEAVY.isdisjoint(loaded)
