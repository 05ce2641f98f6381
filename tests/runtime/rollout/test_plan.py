from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbship.errors import DataError
from nbship.rollout.plan import place_of, shadowed, version_for


@dataclass(frozen=True)
class Now:
    model: str = "m"
    champion: int | None = 1
    challenger: int | None = 2
    mode: str = "canary"
    share: float = 0.0


KEYS = [f"customer-{number}" for number in range(20_000)]


def canaries(now: Now) -> set[str]:
    return {key for key in KEYS if version_for(now, key) == 2}


def test_a_canary_answers_for_its_share_of_the_keys() -> None:
    for share in (0.01, 0.05, 0.25, 0.5):
        assert abs(len(canaries(Now(share=share))) / len(KEYS) - share) < 0.01


def test_a_key_that_the_canary_answers_for_stays_with_it_while_the_share_grows() -> None:
    few, more = canaries(Now(share=0.05)), canaries(Now(share=0.25))
    assert few < more


def test_another_rollout_meets_other_keys_first() -> None:
    one = {key for key in KEYS if place_of("m", 2, key) < 0.05}
    other = {key for key in KEYS if place_of("m", 3, key) < 0.05}
    assert len(one & other) < 0.2 * len(one)


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_only_a_canary_answers_whatever_the_share_says(mode: str) -> None:
    assert version_for(Now(mode=mode, share=1.0), "k") == 1
    assert shadowed(Now(mode=mode)) == (2 if mode == "shadow" else None)


def test_without_a_challenger_the_champion_answers_and_nobody_is_in_its_shadow() -> None:
    assert version_for(Now(challenger=None, share=1.0), "k") == 1
    assert shadowed(Now(challenger=None, mode="shadow")) is None


def test_a_model_without_a_champion_says_how_to_get_one() -> None:
    with pytest.raises(DataError, match="nbship promote m VERSION"):
        version_for(Now(champion=None), "k")


@given(st.text(), st.floats(0, 1))
def test_any_key_has_one_place_and_shares_of_nothing_and_all_are_exact(key: str, share: float) -> None:
    assert 0 <= place_of("m", 2, key) < 1
    now = Now(share=share)
    assert version_for(now, key) == version_for(now, key)
    assert version_for(replace(now, share=0.0), key) == 1
    assert version_for(replace(now, share=1.0), key) == 2
