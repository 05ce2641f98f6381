"""What the pipeline makes is what the notebook had."""

from __future__ import annotations

from notebook_package.pipeline import Results


def test_the_answer_is_the_notebooks(results: Results) -> None:
    assert results.answer == 42
