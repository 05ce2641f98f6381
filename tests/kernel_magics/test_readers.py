"""What a kernel reads, by whatever library, is recorded with where it came from and what it held."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbship.fingerprint import fingerprint
from nbship_magics import readers

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def files(home: Path) -> Path:
    folder = home.parent
    FRAME.to_csv(folder / "x.csv", index=False)
    FRAME.to_parquet(folder / "x.parquet")
    np.save(folder / "x.npy", np.eye(3))
    return folder


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("code", "reader", "name"),
    [
        ("import pandas as pd; x = pd.read_parquet('x.parquet')", "pandas.read_parquet", "x.parquet"),
        ("import polars as pl; x = pl.read_csv('x.csv')", "polars.read_csv", "x.csv"),
        (
            "import pyarrow.parquet as pq; x = pq.read_table('x.parquet')",
            "pyarrow.parquet.read_table",
            "x.parquet",
        ),
        ("from pyarrow import csv; x = csv.read_csv('x.csv')", "pyarrow.csv.read_csv", "x.csv"),
    ],
)
def test_every_reader_of_a_table_gives_the_same_hash(kernel: Any, code: str, reader: str, name: str) -> None:
    pytest.importorskip(reader.partition(".")[0])
    kernel.run(code)
    (read,) = kernel.facts("dataset")
    (hashed,) = kernel.facts("dataset-hash")
    assert (read.reader, read.name, read.rows, read.columns) == (reader, name, 3, ("a", "b"))
    assert (hashed.table, hashed.file is not None) == (fingerprint(FRAME).table, True)


@pytest.mark.usefixtures("files")
def test_arrays_loaders_and_databases_are_data_too(kernel: Any) -> None:
    kernel.run("import numpy as np; x = np.load('x.npy')")
    kernel.run(
        "from sklearn.datasets import load_iris, make_blobs\nX, y = load_iris(return_X_y=True); b = make_blobs(random_state=0)"
    )
    kernel.run(
        "import sqlite3, pandas as pd\ncon = sqlite3.connect('x.db')\n"
        "_ = pd.DataFrame({'a': [1]}).to_sql('people', con)\n"
        'q = pd.read_sql("select * from people where a = 1", con)\ncon.close()'
    )
    names = [fact.name for fact in kernel.facts("dataset")]
    assert names == [
        "x.npy",
        "sklearn.datasets.load_iris",
        "sklearn.datasets.make_blobs",
        "sql: people",
        "x.db",
    ]
    assert "a = 1" not in json.dumps(names), "values of a query may be personal"
    assert all(fact.table for fact in kernel.facts("dataset-hash")[:4])


@pytest.mark.usefixtures("files")
def test_past_the_budget_a_hash_says_that_it_is_partial(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbship_magics.datasets.MOST_HASHED", 8)
    kernel.run("import pandas as pd; x = pd.read_csv('x.csv')")
    (hashed,) = kernel.facts("dataset-hash")
    assert hashed.table.startswith("b3:partial:")


@pytest.mark.usefixtures("files")
def test_a_loop_of_reads_is_recorded_three_times(kernel: Any) -> None:
    kernel.run("import pandas as pd\nfor _ in range(10): x = pd.read_csv('x.csv')")
    assert len(kernel.facts("dataset")) == 3
    kernel.run("parts = [len(part) for part in pd.read_csv('x.csv', chunksize=2)]")
    assert kernel.facts("dataset")[-1].rows is None, "nobody has counted them yet"


def test_many_files_of_one_folder_are_the_folder(kernel: Any, home: Path) -> None:
    (home.parent / "pictures").mkdir()
    for number in range(30):
        (home.parent / "pictures" / f"{number}.png").write_bytes(b"picture")
    kernel.run("from pathlib import Path\nbytes = [p.read_bytes() for p in Path('pictures').iterdir()]")
    assert [fact.name for fact in kernel.facts("dataset")] == ["pictures"]


@pytest.mark.usefixtures("files")
def test_reads_that_nobody_explains_are_told(kernel: Any, home: Path) -> None:
    (home.parent / "big.bin").write_bytes(bytes(8 << 20))
    kernel.run("import os")
    kernel.run(
        "handle = os.open('big.bin', os.O_RDONLY)\nwhile os.read(handle, 1 << 20): pass\nos.close(handle)"
    )
    kernel.run("inherited = os.open('big.bin', os.O_RDONLY)")
    kernel.run("while os.read(inherited, 1 << 20): pass")
    unexplained = [fact.unexplained for fact in kernel.facts("cell")]
    assert unexplained[1] < 8 << 20 <= unexplained[3], "what was opened in the cell is explained"


def test_a_picture_is_kept_as_it_was_shown(kernel: Any, home: Path) -> None:
    kernel.run(f"get_ipython().display_pub.publish({{'image/png': '{PIXEL}'}})", cell="drawn")
    (figure,) = kernel.facts("figure")
    assert (figure.cell, figure.format, figure.place) == ("drawn", "png", 1)
    blobs = [path.read_bytes() for path in (home / "blobs").rglob("*") if path.is_file()]
    assert base64.b64decode(PIXEL) in blobs


def test_a_url_is_kept_without_its_password_and_query() -> None:
    url = "https://me:word@example.org/x.csv?token=1"
    assert readers.source_of("pandas", "read_csv", (url,), {}) == "https://example.org/x.csv"


def test_a_query_tells_its_files() -> None:
    assert readers.source_of("duckdb", "sql", ("select * from 'data/x.parquet'",), {}) == Path(
        "data/x.parquet"
    )


@pytest.mark.usefixtures("files")
def test_what_we_read_of_our_own_is_no_data_of_the_user(kernel: Any) -> None:
    kernel.run("import nbship_magics.panel, pathlib")
    kernel.run(
        "with open(pathlib.Path(nbship_magics.panel.__file__).parent / 'static' / 'widget.js') as f: f.read()"
    )
    kernel.run("with open('x.csv') as f: f.read()")
    assert [read.name for read in kernel.facts("dataset")] == ["x.csv"]
