"""mypy over an exported package: what is loosened, and what is allowed narrowly."""

from __future__ import annotations

import tomllib
from pathlib import Path

from nbship_converter.settle import settle

PYPROJECT = """[tool.mypy]
strict = true
mypy_path = "src"
explicit_package_bases = true

[[tool.mypy.overrides]]
module = ["yaml", "yaml.*"]
follow_imports = "skip"
follow_imports_for_stubs = true
ignore_missing_imports = true
"""
CODE = '''from __future__ import annotations

import yaml


class Loader(yaml.SafeLoader):
    """Reads more."""


def size(x: int) -> str:
    y = x
    y = str(x)
    return y
'''


def test_untyped_bases_are_allowed_for_their_module_and_a_name_of_two_types_is_any(tmp_path: Path) -> None:
    package = tmp_path / "src" / "demo"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "data.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    assert settle(tmp_path, "demo") == []
    overrides = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"][
        "overrides"
    ]
    assert {
        "module": ["demo.data"],
        "disallow_subclassing_any": False,
        "disallow_untyped_decorators": False,
    } in overrides
    assert "    y: Any\n" in (package / "data.py").read_text(encoding="utf-8")
