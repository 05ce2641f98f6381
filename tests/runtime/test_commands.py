from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from nbship.cli import main
from nbship.facts import CellRan, MetricComputed, SessionStarted
from nbship.journal import Journal, sessions


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def tables(tmp_path: Path, bikes: pd.DataFrame) -> tuple[Path, Path]:
    reference, current = tmp_path / "winter.csv", tmp_path / "july.csv"
    bikes[bikes["mnth"].isin(["Jan", "Feb", "March"])].to_csv(reference, index=False)
    bikes[bikes["mnth"] == "July"].to_csv(current, index=False)
    return reference, current


def test_importing_the_core_loads_nothing_heavy() -> None:
    code = "import sys, nbship, nbship.cli, nbship.worker; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"IPython", "libcst", "jupyter_server", "mlflow", "pandas", "numpy", "pyarrow"}


@pytest.mark.usefixtures("home")
def test_fingerprint_prints_one_object_per_file(tables: tuple[Path, Path]) -> None:
    found = run("fingerprint", *tables, "--json")
    first, second = json.loads(found.output)
    assert found.exit_code == 0
    assert {"file", "table", "columns", "schema", "reader"} <= set(first)
    assert first["table"] != second["table"]
    assert first["schema"] == second["schema"]
    assert first["columns"]["temp"].startswith("b3:")


@pytest.mark.usefixtures("home")
def test_drift_of_two_files_is_the_contracts_document(tables: tuple[Path, Path]) -> None:
    reference, current = tables
    found = run("drift", "--reference", reference, "--current", current, "--json")
    report = json.loads(found.output)
    assert found.exit_code == 0
    assert set(report) == {"severity", "reference_rows", "current_rows", "features"}
    assert set(report["features"][0]) == {"feature", "kind", "severity", "reason", "tests"}
    temp = next(row for row in report["features"] if row["feature"] == "temp")
    psi = next(test for test in temp["tests"] if test["name"] == "psi")
    assert {"name", "value", "thresholds", "p_value"} <= set(psi)
    assert psi["value"] == pytest.approx(8.51, abs=0.005)
    assert psi["thresholds"] == [0.1, 0.2, 0.25]


@pytest.mark.usefixtures("home")
def test_drift_fails_only_where_it_is_told_to(tables: tuple[Path, Path]) -> None:
    reference, current = tables
    both = ("drift", "--reference", reference, "--current", current)
    assert run(*both, "--fail-on", "critical").exit_code == 1
    assert run("drift", "--reference", reference, "--current", reference, "--fail-on", "info").exit_code == 0
    assert "critical" in run(*both).output


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (("fingerprint", "none.csv"), "no such file", 2),
        (("drift", "--reference", "none.csv", "--current", "none.csv"), "no such file", 2),
        (("drift", "--current", "none.csv"), "give --reference", 2),
        (("drift", "--reference", "bad.parquet", "--current", "bad.parquet"), "cannot be read as a table", 1),
        (("drift", "--reference", "bad.bin", "--current", "bad.bin"), "not a data file", 2),
    ],
)
def test_bad_input_is_one_clear_message(tmp_path: Path, words: tuple[str, ...], told: str, code: int) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"not parquet")
    (tmp_path / "bad.bin").write_bytes(b"?")
    found = run(*words)
    assert told in found.output
    assert "Traceback" not in found.output
    assert found.exit_code == code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's device that is always full")
def test_a_full_disk_is_one_clear_message(tables: tuple[Path, Path]) -> None:
    words = ["drift", "--reference", str(tables[0]), "--current", str(tables[1])]
    command = [sys.executable, "-c", "from nbship.cli import main; main()", *words]
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode != 0
    assert "No space left on device" in found.stderr
    assert "make room" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("command", [("sync",), ("status",), ("status", "bikeshare")])
def test_a_store_that_does_not_answer_is_told_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    journal = Journal(home / "journals" / "s")
    journal.append(SessionStarted(python="3.11.7", user="ada"))
    journal.append(CellRan(execution_count=1, succeeded=True))
    journal.append(MetricComputed(name="mae", value=1.0, function="f"))
    journal.close()
    found = run(*command)
    assert found.exit_code == 1
    assert found.output.count("Error:") == 1
    assert "the tracking store does not answer" in found.output
    assert "nothing recorded is lost" in found.output
    assert len(sessions(home / "journals")) == 1


def test_sync_with_nothing_to_do_needs_no_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    found = run("sync")
    assert (found.exit_code, found.output) == (0, "nothing new: the store has every recorded session\n")
    assert home.exists()


@pytest.mark.usefixtures("home")
def test_doctor_names_the_four_basics() -> None:
    found = json.loads(run("doctor", "--json").output)
    assert {"git", "CI", "registry", "monitoring"} <= {check["name"] for check in found}
    assert run("doctor").exit_code == 0
