from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as _parquet
import pytest
from click.testing import CliRunner
from room import PLUS, made, write_model

from nbship.cli import main
from nbship.errors import DataError
from nbship.profile.executors import DaskExecutor, LocalExecutor
from nbship.serving.batch import Job, score

pq: Any = _parquet
COLUMNS = {"a": "double", "b": "double"}


@pytest.fixture
def lake(home: Path) -> Path:
    """A folder with a model, and three files of 100 rows in groups of 40."""
    del home
    root = Path.cwd()
    write_model(root / "model", made(PLUS), COLUMNS)
    (root / "rows").mkdir()
    for number in range(3):
        start = number * 100.0
        frame = pd.DataFrame(
            {"id": np.arange(start, start + 100), "a": np.arange(start, start + 100), "b": 0.5}
        )
        pq.write_table(pa.Table.from_pandas(frame), root / "rows" / f"{number}.parquet", row_group_size=40)
    return root


def run(*words: str, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["score", "model", "--from", "rows", "--to", "answers", "--json", *words])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else {"said": done.stderr}


def answers(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))], ignore_index=True)


def test_every_row_is_answered_beside_its_own_columns(lake: Path) -> None:
    assert run() == {
        "version": 1,
        "rows": 300,
        "scored": 300,
        "files": [f"part-{n:06d}.parquet" for n in range(9)],
    }
    found = answers(lake / "answers")
    assert list(found.columns) == ["id", "a", "b", "prediction"]
    assert found["id"].tolist() == list(range(300))
    assert found["prediction"].tolist() == [number + 0.5 for number in range(300)]


def test_scoring_again_goes_on_where_it_ended(lake: Path) -> None:
    run()
    (lake / "answers" / "part-000004.parquet").unlink()
    (lake / "answers" / "part-000007.parquet").write_bytes(b"torn")
    assert run()["scored"] == 80
    assert answers(lake / "answers")["id"].tolist() == list(range(300))


def test_a_file_that_was_written_anew_is_scored_anew(lake: Path) -> None:
    run()
    pq.write_table(
        pa.table({"id": [0.0] * 100, "a": [9.0] * 100, "b": [1.0] * 100}), lake / "rows" / "1.parquet"
    )
    assert run("--keep", "id")["scored"] == 300  # other columns stay: all of it is made anew
    assert answers(lake / "answers")["prediction"].tolist()[120:130] == [10.0] * 10


def test_a_cluster_gives_the_same_to_the_last_digit(lake: Path) -> None:
    from distributed import Client, LocalCluster

    def job(target: str) -> Job:
        return Job(model="m", version=1, folder=str(lake / "model"), target=str(lake / target), keep=None)

    score(job("here"), str(lake / "rows"), LocalExecutor(2))
    cluster: Any = LocalCluster  # its own words have no types
    with (
        cluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as there,
        Client(there) as client,
    ):
        score(job("there"), str(lake / "rows"), DaskExecutor(client))
    for path in sorted((lake / "here").iterdir()):
        assert path.read_bytes() == (lake / "there" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("a", None, "there is no column 'a'"),
        ("a", ["x"] * 100, "column 'a' is str, the model reads double"),
        ("a", [None] + [1.0] * 99, "column 'a' lacks 1 values"),
    ],
)
def test_a_part_that_is_no_input_is_named(
    lake: Path, column: str, values: list[Any] | None, said: str
) -> None:
    table = pq.read_table(lake / "rows" / "1.parquet").drop_columns([column])
    table = table.append_column(column, pa.array(values)) if values is not None else table
    pq.write_table(table, lake / "rows" / "1.parquet")
    write_model(
        lake / "strict", made("assert not np.isnan(np.asarray(rows, dtype=float)).any()\n" + PLUS), COLUMNS
    )
    job = Job(model="m", version=1, folder=str(lake / "strict"), target=str(lake / "answers"), keep=None)
    with pytest.raises(DataError, match=r"1.parquet, row group 0") as told:
        score(job, str(lake / "rows"), LocalExecutor(1))
    assert said in told.value.what


def test_a_scheduler_that_is_away_is_told(lake: Path) -> None:
    del lake
    assert "the Dask scheduler does not answer" in run("--dask", "tcp://127.0.0.1:9", code=1)["said"]
