from __future__ import annotations

import pytest

from nbship_converter.contracts.columns import Reliance, Rule, rules
from nbship_converter.contracts.models import Model, contracts_module
from nbship_converter.contracts.relied import relied_upon
from nbship_converter.contracts.thresholds import with_thresholds
from nbship_converter.ir import ColumnFacts
from nbship_converter.read import read


def _column(name: str = "x", dtype: str = "float64", **told: object) -> ColumnFacts:
    return ColumnFacts(**{"name": name, "dtype": dtype, "missing": 0, "distinct": 100, **told})  # type: ignore[arg-type]


def _only(column: ColumnFacts, relied: Reliance | None = None) -> Rule:
    (rule,) = rules([column], 100, {"x": relied} if relied else None)
    return rule


@pytest.mark.parametrize(
    ("column", "checks"),
    [
        (_column(minimum=0.02, maximum=0.98), {"ge": 0.0, "le": 1.0}),
        (_column(dtype="int64", minimum=3, maximum=977), {"ge": 0, "le": 1500}),
        (_column(dtype="int64", values=(0, 1, 2)), {"ge": 0, "le": 2}),
        (_column(dtype="int64", values=(0, 255)), {"isin": [0, 255]}),
        (_column(dtype="str", values=("a", "b")), {"isin": ["a", "b"]}),
        (_column(name="customer_id", dtype="int64"), {"unique": True}),
        (_column(dtype="str"), {}),
    ],
)
def test_a_column_has_the_rule_that_its_values_suggest(
    column: ColumnFacts, checks: dict[str, object]
) -> None:
    assert _only(column).checks == checks


def test_what_later_cells_rely_on_tightens_the_rule() -> None:
    mapped = _only(_column(dtype="str", values=("f", "m")), Reliance(values=("f", "m", "x")))
    assert mapped.checks == {"isin": ["f", "m", "x"]}
    assert _only(_column(minimum=2.0, maximum=9.0), Reliance(above=0.0)).checks == {"gt": 0.0, "le": 13.0}
    assert "gt" not in _only(_column(minimum=0.0, maximum=9.0), Reliance(above=0.0)).checks


def test_reliance_is_read_off_the_text_until_a_column_is_made_anew() -> None:
    source = 'df["sex"].map({"f": 0, "m": 1})\ny = np.log(df["price"])\ndf["sex"] = 1\nnp.sqrt(df["sex"])'
    cell = {"cell_type": "code", "source": source, "metadata": {}, "id": "a"}
    notebook = read({"cells": [cell], "metadata": {}}, "n")[0]
    assert relied_upon(notebook) == {"sex": Reliance(values=("f", "m")), "price": Reliance(above=0.0)}


def test_many_columns_that_differ_by_a_number_are_one_line() -> None:
    found = rules(
        [_column(f"pixel{n}", "int64", minimum=0, maximum=255) for n in range(100)] + [_column("label")], 100
    )
    assert [(rule.name, rule.pattern) for rule in found] == [("^pixel\\d+$", True), ("label", False)]


def test_names_that_are_no_attributes_have_an_alias() -> None:
    made = contracts_module(
        [
            Model(
                name="T",
                path="t.csv",
                rules=tuple(rules([_column("a b"), _column("class"), _column("schema")], 9)),
            )
        ]
    )
    for line in ("a_b: float = pa.Field(alias='a b')", "class_: float", "schema_: float"):
        assert line in made
    compile(made, "contracts.py", "exec")


def test_thresholds_leave_a_quarter_of_the_way_to_a_model_that_learnt_nothing() -> None:
    measures = {
        "model": {"accuracy": 0.9, "mean_absolute_error": 10.0},
        "baseline": {"accuracy": 0.5, "mean_absolute_error": 30.0},
    }
    text = with_thresholds('[tool.nbship]\npackage = "p"\n', measures, None)
    assert "[tool.nbship.gates.minimum]\naccuracy = 0.8\n" in text
    assert "[tool.nbship.gates.maximum]\nmean_absolute_error = 15.0\n" in text
    assert with_thresholds("[tool.nbship]\n", {}, None) == "[tool.nbship]\n"
