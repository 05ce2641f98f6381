from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from workshop import repository, rides

from nbship.cli import main
from nbship.gates.data import check_data
from nbship.gates.report import as_junit, as_markdown, as_text
from nbship.gates.verdict import Row, Verdict, verdict


def _checked(folder: Path, frame: pd.DataFrame) -> Verdict:
    repo = repository(folder)
    frame.to_csv(folder / "data" / "rides.csv", index=False)
    return check_data(repo)


def _failed(found: Verdict) -> dict[str, str]:
    return {row.where: row.cause for row in found.failures}


def test_unchanged_data_passes(tmp_path: Path) -> None:
    found = _checked(tmp_path, rides())
    assert (found.status, [row.what for row in found.rows]) == (
        "passed",
        ["contract", "distribution", "quality"],
    )


def test_other_rows_of_the_same_kind_pass(tmp_path: Path) -> None:
    assert _checked(tmp_path, rides().sample(frac=0.7, random_state=3)).status == "passed"


def test_another_unit_is_named(tmp_path: Path) -> None:
    frame = rides()
    found = _checked(tmp_path, frame.assign(km=frame["km"] * 1000))
    assert _failed(found) == {
        "data/rides.csv, column `km`": "all values are about 1,000 times what they were: another unit, such as"
        " metres for kilometres"
    }


def test_another_unit_inside_the_range_of_the_contract_is_named_too(tmp_path: Path) -> None:
    frame = rides()
    found = _checked(tmp_path, frame.assign(km=frame["km"] * 1.609344))
    assert "kilometres for miles" in _failed(found)["data/rides.csv, column `km`"]


def test_columns_that_were_exchanged_are_named(tmp_path: Path) -> None:
    found = _checked(tmp_path, rides().rename(columns={"km": "fee", "fee": "km"}))
    text = "the columns `{}` and `{}` look exchanged: each holds what the other held"
    assert set(_failed(found)) == {"data/rides.csv, column `km`", "data/rides.csv, column `fee`"}
    assert set(_failed(found).values()) <= {text.format("km", "fee"), text.format("fee", "km")}


def test_a_new_category_is_named(tmp_path: Path) -> None:
    frame = rides()
    found = _checked(tmp_path, frame.assign(sky=frame["sky"].where(frame.index % 10 != 0, "snow")))
    (row,) = found.failures
    assert (row.where, row.cause) == (
        "data/rides.csv, column `sky`",
        "new category `snow` in 10.0% of the values",
    )
    assert "200 of 2,000 values: snow" in row.found


def test_values_that_are_missing_are_counted(tmp_path: Path) -> None:
    frame = rides()
    gone = np.random.default_rng(0).permutation(len(frame)) < 0.3 * len(frame)
    found = _checked(tmp_path, frame.assign(hour=frame["hour"].where(~gone)))
    assert _failed(found) == {"data/rides.csv, column `hour`": "30% of the values are missing, 0% were"}


@pytest.mark.parametrize(
    ("change", "where", "cause"),
    [
        (lambda frame: frame.rename(columns={"km": "KM"}), "km", "is now called `KM`: it was renamed"),
        (lambda frame: frame.drop(columns="fee"), "fee", "the column `fee` is missing"),
        (lambda frame: frame.assign(tip=1), "tip", "the column `tip` is new"),
        (
            lambda frame: frame.assign(km=frame["km"].astype(str).str.replace(".", ",")),
            "km",
            "the numbers have a comma for the decimal point",
        ),
        (lambda frame: frame.assign(sky=frame["sky"].str.upper()), "sky", "categories are spelt differently"),
    ],
)
def test_the_form_of_a_column_is_explained(tmp_path: Path, change: object, where: str, cause: str) -> None:
    assert callable(change)
    found = _failed(_checked(tmp_path, change(rides())))
    assert cause in found[f"data/rides.csv, column `{where}`"]


def test_a_part_of_the_data_and_repeated_rows_are_told(tmp_path: Path) -> None:
    frame = rides()
    part = _checked(tmp_path, frame.sample(400, random_state=1))
    assert _failed(part)["data/rides.csv"] == "only a part of the data has arrived"
    twice = _checked(tmp_path, pd.concat([frame, frame]))
    assert _failed(twice)["data/rides.csv"] == "the same rows were delivered more than once"


def test_a_file_that_was_not_fetched_is_open_and_one_that_is_gone_fails(tmp_path: Path) -> None:
    repo = repository(tmp_path)
    (tmp_path / "data" / "rides.csv").unlink()
    assert check_data(repo).status == "failed"
    (tmp_path / "data" / "rides.csv.dvc").write_text("")
    found = check_data(repo)
    assert (found.status, found.rows[0].cause) == (
        "inconclusive",
        "it was not fetched: `nbship data pull` brings it",
    )


def test_contracts_that_a_hand_broke_fail_with_their_error(tmp_path: Path) -> None:
    repo = repository(tmp_path)
    (tmp_path / "src" / "rides" / "contracts.py").write_text("class Rides(:\n")
    (row,) = check_data(repo).failures
    assert "SyntaxError" in row.found


def test_the_command_writes_every_report_and_its_exit_code_says_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    options = ["check", "data", "--junit", "reports/data.xml", "--markdown", "reports/data.md"]
    assert CliRunner().invoke(main, options).exit_code == 0
    frame = rides()
    frame.assign(km=frame["km"] * 1000).to_csv("data/rides.csv", index=False)
    done = CliRunner().invoke(main, options)
    assert (done.exit_code, "data: failed" in done.stdout) == (1, True)
    suite = ET.parse("reports/data.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "metres for kilometres" in Path("reports/data.md").read_text()
    assert Path("summary.md").read_text().count("### ") == 2


def test_outside_of_an_exported_repository_the_call_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["check", "data"]).exit_code == 2


def test_values_of_the_data_cannot_break_out_of_a_report() -> None:
    row = Row(what="contract", where="a.csv", status="failed", found="<script>|\n\x00", cause="x")
    found = verdict([row])
    assert "<script>" not in as_markdown(found)
    assert as_markdown(found).count("\n| ❌") == 1
    ET.fromstring(as_junit(found))
    assert as_text(found).splitlines()[-1] == "data: failed (1 of 1 checks)"
