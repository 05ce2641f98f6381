"""The set-up script: it must run where nothing is installed yet, and choose well."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import set_up  # noqa: E402


def test_the_set_up_script_is_read_by_an_old_python_and_needs_only_the_standard_library() -> None:
    tree = ast.parse(ROOT.joinpath("scripts/set_up.py").read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_a_command_that_cannot_run_is_no_python_that_fits(tmp_path: Path) -> None:
    broken = tmp_path / "python3.13"
    broken.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    broken.chmod(0o755)
    assert not set_up.python_fits(str(broken))
    assert set_up.python_fits(sys.executable)


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0", True),
    ],
)
def test_only_a_node_that_can_build_the_extension_fits(version: str, fits: bool, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    assert set_up.node_fits(str(node)) is fits


def test_the_lock_gives_uv_with_its_hashes() -> None:
    lines = set_up.locked("uv").splitlines()
    assert lines[0].startswith("uv==")
    assert len(lines) > 1
    assert all("--hash=sha256:" in line for line in lines[1:])


def test_the_python_of_the_set_up_is_the_python_of_the_package() -> None:
    import tomllib

    supported = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["project"]["requires-python"]
    (low_major, low), (high_major, high) = set_up.OLDEST, set_up.NEWEST
    assert supported == f">={low_major}.{low},<{high_major}.{high + 1}"


def test_a_named_python_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", "/bin/false")
    with pytest.raises(set_up.SetupError, match=r"is not a Python 3\.11 to 3\.13"):
        set_up.find_python()


def test_without_root_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_up.os, "geteuid", lambda: 1000)
    with pytest.raises(set_up.SetupError, match=r"the browser tests need Chromium: .*chromium"):
        set_up.install_system("chromium", reason="the browser tests need Chromium")
