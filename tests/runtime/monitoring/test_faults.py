"""A few of the kills that ``benchmarks/monitor_faults.py`` tries a hundred of."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "monitor_faults.py"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_monitor_killed_anywhere_counts_and_raises_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    spec = importlib.util.spec_from_file_location("monitor_faults", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["monitor_faults"] = module
    spec.loader.exec_module(module)
    address = request.getfixturevalue("postgresql_url") if database == "postgresql" else None
    found = module.run(tmp_path, 4, seed=1, address=address)
    assert found["kills"] == 4
    assert found["counted"] == found["predictions"] == found["in windows"] + found["late"]
    assert found["windows"] == found["days"]
    assert found["raised"] > 0
    assert (found["raised twice"], found["never told"]) == (0, 0)
