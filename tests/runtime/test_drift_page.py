"""The page of a report: whole in one file, safe against what names hold, and with every feature in it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from nbship.cli import main
from nbship.drift import compare, plots
from nbship.drift.page import page
from nbship.profile import profile

EVIL = "<script>alert(1)</script>\u202e"


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(1)
    before = pd.DataFrame(
        {
            EVIL: rng.normal(size=300),
            "kind": np.array(["a", "b", EVIL])[rng.integers(0, 3, 300)],
            "flag": rng.integers(0, 2, 300).astype(bool),
            "at": pd.date_range("2024-01-01", periods=300),
            "gone": 1.0,
            "empty": np.nan,
        }
    )
    after = before.assign(kind="new", **{EVIL: before[EVIL] + 2}).drop(columns="gone")
    return before, after


def shown(**options: object) -> str:
    before, after = tables()
    known = profile(before)
    now = profile(after, like=known)
    return page(compare(known, now), known, now, title=f"{EVIL} & co", **options)  # type: ignore[arg-type]


def test_every_feature_has_its_card_and_nothing_is_loaded_from_elsewhere() -> None:
    text = shown()
    assert text.count("<section") == 6
    assert not re.search(r"(src|href)\s*=\s*\"(?!#)|url\(|@import", text)
    assert "6 features" in text


def test_what_names_hold_is_text() -> None:
    text = shown()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_pictures_are_well_formed_and_have_a_name() -> None:
    pictures = re.findall(r"<svg.*?</svg>", shown(), flags=re.DOTALL)
    assert len(pictures) == 3  # a column that is gone or holds nothing, and a time, have none
    for picture in pictures:
        drawn = ET.fromstring(picture)  # our own text
        assert drawn.get("aria-label")
        assert drawn.get("role") == "img"


def test_earlier_windows_are_drawn_with_the_thresholds() -> None:
    before, after = tables()
    known = profile(before)
    first = compare(known, profile(before, like=known))
    text = shown(history=[("May", first), ("June", compare(known, profile(after, like=known)))])
    assert text.count("<polyline") > 0
    assert "June" in text


def test_many_windows_and_a_value_far_above_stay_readable() -> None:
    before, after = tables()
    known = profile(before)
    first = compare(known, profile(before, like=known))
    drifted = next(item for item in compare(known, profile(after, like=known)).features if item.decisive)
    drawn = plots.course(drifted, [(f"2026-{number:03}", first) for number in range(90)])
    ticks = [float(x) for x in re.findall(r'<text x="([\d.]+)" y="135"', drawn)]
    assert min(b - a for a, b in pairwise(ticks)) >= 40
    assert "now" in re.findall(r">([^<]*)<title>", drawn)
    names = [float(y) for y in re.findall(r'<text class="\w+" x="\d+" y="([\d.]+)"', drawn)]
    assert len(names) == 3
    assert min(a - b for a, b in pairwise(names)) >= 11


def test_an_empty_table_has_a_page_too() -> None:
    known = profile(pd.DataFrame({"x": [1.0, 2.0]}))
    now = profile(pd.DataFrame({"x": []}, dtype=float), like=known)
    assert "too few" in page(compare(known, now), known, now, title="empty")
    nothing = profile(pd.DataFrame())
    assert "no columns" in page(compare(nothing, nothing), nothing, nothing, title="nothing")


@pytest.mark.usefixtures("home")
def test_the_command_writes_the_page_and_tells_where_it_cannot(tmp_path: Path) -> None:
    before, after = tables()
    before.to_csv(tmp_path / "before.csv", index=False)
    after.to_csv(tmp_path / "after.csv", index=False)
    call = [
        "drift",
        "--reference",
        str(tmp_path / "before.csv"),
        "--current",
        str(tmp_path / "after.csv"),
        "--html",
    ]
    done = CliRunner().invoke(main, [*call, str(tmp_path / "page.html")])
    assert done.exit_code == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    refused = CliRunner().invoke(main, [*call, str(tmp_path / "no" / "page.html")])
    assert refused.exit_code == 2
    assert "the page cannot be written" in refused.output
