from __future__ import annotations

from pathlib import Path

from workshop import PIPELINE, repository

from nbship.gates.smoke import check_smoke


def test_a_package_runs_on_a_sample(tmp_path: Path) -> None:
    found = check_smoke(repository(tmp_path))
    assert (found.status, found.rows[0].found) == ("passed", "it ran on a sample of 500 rows")


def test_the_step_that_fails_is_named(tmp_path: Path) -> None:
    broken = PIPELINE.replace('rides["km"]', 'rides["miles"]')
    found = check_smoke(repository(tmp_path, pipeline=broken))
    (row,) = found.failures
    assert (row.where, row.found) == ("step `measure`", "KeyError: 'miles'")
    assert row.cause.startswith("it was raised in src/rides/pipeline.py, line ")


def test_code_that_needs_all_rows_gets_them_and_it_is_said(tmp_path: Path) -> None:
    strict = PIPELINE.replace("    return float(", "    assert len(rides) == 2000\n    return float(")
    found = check_smoke(repository(tmp_path, pipeline=strict))
    assert found.status == "passed"
    assert "so all the data was used" in found.rows[-1].found


def test_results_that_are_not_finite_fail_unless_the_notebooks_own_were_not(tmp_path: Path) -> None:
    endless = PIPELINE.replace("float(rides", "float('nan') * float(rides")
    found = check_smoke(repository(tmp_path, pipeline=endless))
    assert [row.where for row in found.failures] == ["result `mean`"]
    allowed = repository(tmp_path, pipeline=endless, gates='[tool.nbship.gates]\nnot_finite = ["mean"]\n')
    assert check_smoke(allowed).status == "passed"


def test_a_run_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    asleep = PIPELINE.replace("    return float(", "    import time\n    time.sleep(600)\n    return float(")
    found = check_smoke(
        repository(tmp_path, pipeline=asleep, gates="[tool.nbship.gates]\nsmoke_timeout_s = 3\n")
    )
    assert found.failures[0].found == "still running on all the data"
