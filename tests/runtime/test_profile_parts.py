"""Tables larger than memory: the parts add up to the whole, wherever they are counted."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nbship.drift import compare
from nbship.errors import DataError, InputError
from nbship.profile import LocalExecutor, Profile, frame_parts, parquet_parts, parts, profile, profile_parts


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.lognormal(size=rows),
            "n": rng.poisson(3, rows),
            "kind": np.array(["a", "b", None, "d"], dtype=object)[rng.integers(0, 4, rows)],
            "at": pd.date_range("2024-01-01", periods=rows, freq="min"),
        }
    )
    frame.loc[frame.index % 7 == 0, "x"] = np.nan
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts")
    for number in range(3):
        pq.write_table(
            pa.Table.from_pandas(table(2500, number)), path / f"{number}.parquet", row_group_size=1000
        )
    return path


def whole(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(file) for file in sorted(folder.glob("*.parquet"))])


def test_row_groups_add_up_to_the_whole(folder: Path) -> None:
    parts = parquet_parts(str(folder))
    assert [part.rows for part in parts] == [1000, 1000, 500] * 3
    assert profile_parts(parts) == profile(whole(folder))


@pytest.mark.parametrize("rows", [23, 370, 5000])
def test_slices_of_a_frame_add_up_to_the_whole(rows: int) -> None:
    frame = table(1200)
    assert profile_parts(frame_parts(frame, rows)) == profile(frame)
    assert profile_parts(frame_parts(frame.iloc[:0], rows), like=profile(frame)).rows == 0


def test_a_sampled_reference_counts_every_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SAMPLED", 900)
    found, exact = profile_parts(parquet_parts(str(folder))), profile(whole(folder))
    assert found.rows == exact.rows
    for column, other in zip(found.columns, exact.columns, strict=True):
        assert (column.missing, column.minimum, column.maximum) == (
            other.missing,
            other.minimum,
            other.maximum,
        )
        assert sum(column.counts) == sum(other.counts)
    assert profile(whole(folder), like=found) == found
    assert compare(found, found).severity == "none"


def test_one_worker_and_many_give_the_same(folder: Path) -> None:
    known = profile_parts(parquet_parts(str(folder)), executor=LocalExecutor(1))
    assert profile_parts(parquet_parts(str(folder)), executor=LocalExecutor(8)) == known


def test_a_dask_cluster_gives_the_same_to_the_last_digit(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    here = _on_dask(folder, tmp_path)
    assert here == profile_parts(parquet_parts(str(folder)))


def _on_dask(folder: Path, scratch: Path) -> Profile:
    from distributed import Client, LocalCluster

    from nbship.profile import DaskExecutor

    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        warnings.catch_warnings(),
        LocalCluster(processes=True, host="127.0.0.1", local_directory=str(scratch), **options) as cluster,
        Client(cluster) as client,
    ):
        return profile_parts(parquet_parts(str(folder)), executor=DaskExecutor(client))


def test_a_damaged_file_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "0.parquet").write_bytes((folder / "0.parquet").read_bytes())
    (tmp_path / "1.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=r"1\.parquet"):
        parquet_parts(str(tmp_path))
    data = bytearray((folder / "0.parquet").read_bytes())
    data[4:400] = bytes(396)
    (tmp_path / "1.parquet").write_bytes(data)
    with pytest.raises(DataError, match=r"1\.parquet.*row group"):
        profile_parts(parquet_parts(str(tmp_path)))


def test_a_folder_without_parquet_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Parquet file"):
        parquet_parts(str(tmp_path))
    with pytest.raises(InputError, match="no Parquet file"):
        parquet_parts(str(tmp_path / "none.parquet"))


def test_parts_of_different_types_are_told() -> None:
    frames = [pa.table({"x": [1, 2]}), pa.table({"x": ["a", "b"]})]
    with pytest.raises(DataError, match="different types"):
        profile_parts([part for frame in frames for part in frame_parts(frame)])


def test_a_part_with_other_columns_is_named(folder: Path, tmp_path: Path) -> None:
    table = pq.read_table(folder / "0.parquet")
    pq.write_table(table, tmp_path / "0.parquet")
    name = table.column_names[0]
    pq.write_table(table.drop_columns([name]), tmp_path / "1.parquet")
    with pytest.raises(DataError, match=rf"1\.parquet: a part whose columns are not .*: {name}"):
        profile_parts(parquet_parts(str(tmp_path)))
