"""Tests of the exported package: what the notebook had is what every module must make again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbship.canonical import SEED
from nbship_converter.ir import Facts, Program, Step
from nbship_converter.verify import Verification

__all__ = ["module_tests", "seeded", "with_environment"]

_HEAD = '''"""What ``{module}`` makes is what the notebook had."""

from __future__ import annotations

{imports}

'''


def module_tests(
    program: Program, facts: Facts | None, package: str, verification: Verification
) -> dict[str, str]:
    """Give one test file for each module that has steps, and one for the pipeline."""
    files: dict[str, str] = {}
    steady = _steady(program, verification)
    summaries = facts.summaries if facts else {}
    last = {name: step.name for step in program.steps for name in step.outputs}
    for module in dict.fromkeys(step.module for step in program.steps):
        steps = [step for step in program.steps if step.module == module]
        tests = [_test(step, last, summaries, steady) for step in steps]
        text = "\n\n".join(test for test in tests if test)
        if text:
            files[f"tests/test_{module}.py"] = (
                _HEAD.format(module=module, imports=_imports(text, package)) + text
            )
    files["tests/test_pipeline.py"] = _pipeline(program, package)
    return files


def seeded(conftest: str) -> str:
    """Let the one run of the tests begin where the recorded values began."""
    seeds = (
        "    # the notebook seeds nothing: what is expected was recorded from this state\n"
        f"    random.seed({SEED})\n    np.random.seed({SEED})\n"
    )
    imports = "import random\nfrom pathlib import Path\n\nimport numpy as np\n"
    return conftest.replace("    return run(config)", f"{seeds}    return run(config)").replace(
        "from pathlib import Path\n\n", imports
    )


def with_environment(conftest: str, names: Iterable[str]) -> str:
    """Give the tests a value for each secret that is not set: it opens nothing."""
    lines = "".join(f'os.environ.setdefault("{name}", "not-set-in-tests")\n' for name in names)
    opened = conftest.replace("from pathlib import Path\n", "import os\nfrom pathlib import Path\n", 1)
    return opened.replace("\n\n@pytest.fixture", f"\n{lines}\n\n@pytest.fixture", 1)


def _steady(program: Program, verification: Verification) -> set[str]:
    """Names whose values may be expected: not those that differ between two runs of the notebook itself."""
    names = verification.names if verification.ran else {}
    return {name for name in program.results if names.get(name, "equal") in ("equal", "close")}


def _imports(text: str, package: str) -> str:
    lines = ["import pytest", ""] if "pytest.approx" in text else []
    return "\n".join([*lines, f"from {package}.pipeline import Results"])


def _test(
    step: Step, last: Mapping[str, str], summaries: Mapping[str, Mapping[str, Any]], steady: set[str]
) -> str:
    """Give the test of one step: an assertion on each result that this step is the last to make."""
    lines: list[str] = []
    for name in step.outputs:
        if name in steady and last[name] == step.name and name in summaries:
            lines += _assertions(name, summaries[name])
    if not lines:
        return ""
    body = "\n".join(f"    {line}" for line in lines)
    return f"def test_{step.name}_makes_what_the_notebook_had(results: Results) -> None:\n{body}\n"


def _assertions(name: str, summary: Mapping[str, Any]) -> list[str]:
    value = f"results.{name}"
    lines = [] if "number" in summary else [f'assert type({value}).__name__ == "{summary["class"]}"']
    if "number" in summary:
        lines.append(_number(value, summary["number"]))
    if "shape" in summary:
        lines.append(f"assert {value}.shape == {tuple(summary['shape'])!r}")
    if "mean" in summary:
        lines.append(_number(f"float({value}.mean())", summary["mean"]))
    if "columns" in summary:
        lines.append(f"assert list({value}.columns) == {summary['columns']!r}")
    if "length" in summary:
        lines.append(f"assert len({value}) == {summary['length']}")
    return lines


def _number(value: str, number: float) -> str:
    if isinstance(number, bool):
        return f"assert bool({value}) is {number}"
    if isinstance(number, int):
        return f"assert {value} == {number}"
    if math.isnan(number):
        return f"assert {value} != {value}  # not a number, as in the notebook"
    if math.isinf(number):
        return f'assert {value} == float("{number}")'
    return f"assert {value} == pytest.approx({float(f'{number:.10g}')!r}, rel=1e-6)"


def _pipeline(program: Program, package: str) -> str:
    """Give the tests that hold for every package: importing runs nothing, and settings arrive."""
    lines = [
        f'"""The pipeline of ``{package}`` as a whole."""',
        "",
        "from __future__ import annotations",
        "",
        "import subprocess",
        "import sys",
        "",
        f"from {package}.pipeline import Results",
        "",
        "",
        "def test_importing_the_pipeline_runs_nothing() -> None:",
        f'    code = "import {package}.pipeline"',
        '    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=_environment())',
        '    assert (done.returncode, done.stdout) == (0, "")',
        "",
        "",
        "def test_every_result_is_there(results: Results) -> None:",
        f"    assert set(vars(results)) == {_set(program)}"
        if program.results
        else "    assert vars(results) == {}",
        "",
        "",
        "def _environment() -> dict[str, str]:",
        "    import os",
        "",
        '    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}',
        "",
    ]
    return "\n".join(lines)


def _set(program: Program) -> str:
    """Write the names in a fixed order: the same export must give the same bytes."""
    return "{" + ", ".join(f'"{name}"' for name in program.results) + "}"
