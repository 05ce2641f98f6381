"""Only a package that reads data files has sources; what the run needed is told where a machine may lack it."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from notebooks import notebook
from rehearsal import run_notebook

from nbship_converter.compile import compile_notebook
from nbship_converter.environment.needs import needs_of
from nbship_converter.environment.sources import without_sources
from nbship_converter.ir import Facts
from nbship_converter.project import TEMPLATE, Project, sources
from nbship_converter.read import read


def exported(text: str, folder: Path, **facts: object) -> dict[str, str]:
    content = notebook(text)
    parsed, _ = read(content, "n")
    told = replace(run_notebook(parsed, folder).facts, **facts)  # type: ignore[arg-type]  # fields by name
    program, _ = compile_notebook(parsed, told)
    plan = Project(program=program, facts=told, package="n", python="", content=content)
    return {path: text.decode() for path, text in sources(plan).items()}


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return run_notebook(read(notebook("x = 1"), "n")[0], tmp_path).facts


def test_a_package_that_reads_a_file_takes_it_from_any_source(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("Ada\n")
    files = exported('text = open("rows.txt").read()\nn = len(text)', tmp_path)
    assert "from n.sources import fetch" in files["src/n/config.py"]
    assert {"src/n/sources.py", "tests/test_sources.py"} <= files.keys()
    settings = tomllib.loads(files["pyproject.toml"])
    assert set(settings["project"]["optional-dependencies"]) == {"remote", "s3", "sql", "kafka", "feast"}
    assert "n[remote]" in settings["project"]["optional-dependencies"]["s3"]


def test_a_package_that_reads_nothing_has_none(tmp_path: Path) -> None:
    files = exported("n = len([1, 2])", tmp_path)
    assert not [path for path in files if "sources" in path]
    assert "sources" not in files["src/n/config.py"]
    settings = tomllib.loads(files["pyproject.toml"])
    assert "optional-dependencies" not in settings["project"]
    assert [line.split(">")[0] for line in settings["dependency-groups"]["dev"]] == ["mypy", "pytest", "ruff"]


def test_a_config_without_sources_is_whole() -> None:
    text = without_sources((TEMPLATE / "src" / "notebook_package" / "config.py").read_text())
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert not names & {"json", "fetch", "field", "source", "SOURCES_VARIABLE"}


@pytest.mark.parametrize(("peak", "told"), [(900, None), (1025, 2), (2048, 2), (2049, 4), (5000, 8)])
def test_memory_is_told_from_a_gibibyte_on_in_powers_of_two(
    facts: Facts, peak: int, told: int | None
) -> None:
    found = needs_of(replace(facts, peak_bytes=peak * 2**20))
    assert (found.memory_gib if found else None) == told


def test_a_large_run_warns_before_its_first_step(tmp_path: Path) -> None:
    files = exported("n = len([1, 2])", tmp_path, peak_bytes=3 * 2**30, gpu="torch")
    body = files["src/n/pipeline.py"].partition("def run(")[2]
    assert body.index('warn_of_limits(memory_gib=4, gpu="torch")') < body.index("logged(")
    assert "src/n/limits.py" in files
    assert "src/n/limits.py" not in exported("n = len([1, 2])", tmp_path, peak_bytes=2**20)


def test_the_kernel_tells_its_peak(facts: Facts) -> None:
    assert facts.peak_bytes > 2**24
    assert facts.gpu == ""
