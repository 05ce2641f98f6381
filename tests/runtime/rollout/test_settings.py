from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nbship import config
from nbship.errors import InputError
from nbship.rollout import settings
from nbship.rollout.settings import Plan


def test_without_a_word_there_is_a_shadow_and_three_shares() -> None:
    plan = settings.read(None)
    assert [(step.mode, step.share) for step in plan.steps] == [
        ("shadow", 0.0),
        ("canary", 0.05),
        ("canary", 0.25),
        ("canary", 0.5),
    ]
    assert {(step.min_s, step.max_s) for step in plan.steps} == {(600, 86_400)}


def test_a_step_may_have_times_of_its_own() -> None:
    plan = settings.read(
        {
            "steps": [{"shadow": True, "min_minutes": 60}, {"share": 0.5, "max_minutes": 90}],
            "max_minutes": 120,
        }
    )
    assert [(step.mode, step.min_s, step.max_s) for step in plan.steps] == [
        ("shadow", 3600, 7200),
        ("canary", 600, 5400),
    ]


def test_a_plan_survives_its_document() -> None:
    plan = settings.read({"steps": [0.1], "require": ["metric"], "drift": "never"})
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"step": []}, "did you mean 'steps'"),
        ({"steps": []}, "at least one step"),
        ({"steps": [0.5, 0.5]}, "must grow"),
        ({"steps": [0.5, 0.1]}, "must grow"),
        ({"steps": [0.1, "shadow"]}, "only the first"),
        ({"steps": [1.0]}, "between 0 and 1"),
        ({"steps": [0]}, "between 0 and 1"),
        ({"steps": [True]}, "is no step"),
        ({"steps": ["all"]}, "is no step"),
        ({"steps": [{"share": 0.5, "shadow": True}]}, "either a share or shadow"),
        ({"steps": [{"share": 0.5, "min_minute": 1}]}, "did you mean 'min_minutes'"),
        ({"steps": [{}]}, "either a share or shadow"),
        ({"min_minutes": 10, "max_minutes": 10}, "max_minutes"),
        ({"min_minutes": -1}, "at least 0"),
        ({"interval_s": 0}, "at least 1"),
        ({"confidence": 1}, "below 1"),
        ({"confidence": 0.2}, "above 0.5"),
        ({"max_error_increase": 0}, "above 0"),
        ({"max_latency_ratio": 0.9}, "above 1"),
        ({"max_disagreement": float("nan")}, "must be a number"),
        ({"drift": "critcal"}, "none of info, warning, critical, never"),
        ({"require": ["errors"]}, "cannot be required"),
        ({"min_requests": "many"}, "must be a int"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_key(table: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as refused:
        settings.read(table)
    assert says in str(refused.value)


def test_the_project_file_is_checked_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.nbship.rollout]\nintervals = 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"tool\.nbship\.rollout.*unknown key"):
        config.load(start=tmp_path)
