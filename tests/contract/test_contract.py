"""The examples that the front end is tested with are documents that the Python side would give."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbship.state import coding, documents

HERE = Path(__file__).parent
KINDS: dict[str, type[Any]] = {
    "state": documents.State,
    "feature": documents.FeatureDetail,
    "difference": documents.Difference,
    "proposals": documents.Proposals,
    "preview": documents.Preview,
    "done": documents.Done,
    "conflict": documents.Conflict,
    "job": documents.Job,
}
EXAMPLES = sorted(HERE.glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_document_and_comes_back_as_it_is(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    kind = KINDS[path.stem.partition("-")[0]]
    assert coding.plain(coding.decoded(kind, content)) == json.loads(content)


def test_every_document_has_an_example() -> None:
    assert {path.stem.partition("-")[0] for path in EXAMPLES} == set(KINDS)


def test_the_types_of_the_front_end_are_those_of_the_documents() -> None:
    script = HERE.parents[1] / "scripts" / "panel_types.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_infinities_and_nan_are_null() -> None:
    test = documents.TestResult(
        name="psi", value=float("inf"), thresholds=None, p_value=float("nan"), severity="none"
    )
    assert (coding.plain(test)["value"], coding.plain(test)["p_value"]) == (None, None)
