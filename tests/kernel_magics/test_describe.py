from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from nbship_magics.describe import describe, merge


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, "int"),
        (None, "None"),
        (np.float64(1.5), "float"),
        (np.int64(1), "numpy.int64"),
        ([1, 2.5], "list[float]"),
        ([], "list[typing.Any]"),
        ({"a": [1]}, "dict[str, list[int]]"),
        ((1, "a"), "tuple[int, str]"),
        (tuple(range(20)), "tuple[int, ...]"),
        (np.zeros(3), "numpy.typing.NDArray[numpy.float64]"),
        (pd.DataFrame(), "pandas.DataFrame"),
        (LogisticRegression(), "sklearn.linear_model.LogisticRegression"),
        (LogisticRegression, "type[sklearn.linear_model.LogisticRegression]"),
        (len, "collections.abc.Callable[..., typing.Any]"),
        (collections.Counter("aab"), "collections.Counter[str]"),
        ([1, None], "list[int | None]"),
    ],
)
def test_a_value_is_described_by_its_public_name(value: Any, annotation: str) -> None:
    assert describe(value) == annotation


def test_a_union_that_says_nothing_becomes_any() -> None:
    assert merge(["int", "str", "bytes", "list[int]"]) == "typing.Any"


def test_arrays_of_several_dtypes_are_one_array() -> None:
    both = ["numpy.typing.NDArray[numpy.float64]", "numpy.typing.NDArray[numpy.int64]"]
    assert merge(both) == "numpy.typing.NDArray[typing.Any]"
