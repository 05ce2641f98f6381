from __future__ import annotations

from pathlib import Path

import pytest

from nbship import config
from nbship.errors import InputError


def project(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.nbship]\n{text}")
    inner = folder / "deep" / "er"
    inner.mkdir(parents=True)
    return inner


def test_without_settings_everything_is_in_home(home: Path) -> None:
    found = config.load()
    assert found.tracking_uri == f"sqlite:///{home / 'mlflow.db'}"
    assert (found.origin, found.experiment, found.home) == ("home", "nbship", home)


def test_the_environment_wins_over_the_project_and_that_over_home(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = project(tmp_path, 'tracking_uri = "http://127.0.0.1:5000"\nmodel = "churn"\n')
    found = config.load(start=inner)
    assert (found.tracking_uri, found.origin, found.model) == ("http://127.0.0.1:5000", "pyproject", "churn")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:6000")
    assert config.load(start=inner).origin == "environment"
    assert found.home == home


@pytest.mark.usefixtures("home")
def test_an_unknown_key_is_refused_with_the_near_match(tmp_path: Path) -> None:
    inner = project(tmp_path, 'traking_uri = "x"\n')
    with pytest.raises(InputError, match="did you mean 'tracking_uri'"):
        config.load(start=inner)


@pytest.mark.usefixtures("home")
def test_a_value_of_the_wrong_type_and_broken_toml_are_told(tmp_path: Path) -> None:
    inner = project(tmp_path, "model = 3\n")
    with pytest.raises(InputError, match="must be a str"):
        config.load(start=inner)
    (tmp_path / "pyproject.toml").write_text("[tool.nbship\n")
    with pytest.raises(InputError, match="cannot be read as TOML"):
        config.load(start=inner)


@pytest.mark.usefixtures("home")
def test_a_profile_names_its_own_store(tmp_path: Path) -> None:
    inner = project(tmp_path, '[tool.nbship.profiles.team]\ntracking_uri = "http://127.0.0.1:1"\n')
    assert config.load(start=inner, profile="team").tracking_uri == "http://127.0.0.1:1"
    with pytest.raises(InputError, match="no profile 'moon'"):
        config.load(start=inner, profile="moon")
