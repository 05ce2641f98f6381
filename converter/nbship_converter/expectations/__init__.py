"""Tests of the exported package: what the notebook had is what every step must make again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from nbship.canonical import SEED
from nbship_converter.expectations.assertions import sensitive, step_tests
from nbship_converter.expectations.observe import Observed
from nbship_converter.findings import Finding
from nbship_converter.ir import Program
from nbship_converter.verify import Verification

__all__ = ["module_tests", "seeded", "trimmed", "untested", "with_environment"]

_HEAD = '''"""The steps of ``{module}`` do what the notebook did."""

from __future__ import annotations

{imports}


'''


def module_tests(
    program: Program, package: str, verification: Verification, observed: Mapping[str, Observed]
) -> dict[str, str]:
    """Give one test file for each module that has steps, and one for the pipeline."""
    files: dict[str, str] = {}
    steady = _steady(program, verification)
    for module in dict.fromkeys(step.module for step in program.steps):
        tests: list[str] = []
        for step in program.steps:
            if step.module == module and step.name in observed:
                tests += step_tests(step, observed[step.name], steady)
        if tests:
            text = "\n\n".join(tests)
            files[f"tests/test_{module}.py"] = _HEAD.format(module=module, imports=_imports(text)) + text
    files["tests/test_pipeline.py"] = _pipeline(program, package)
    return files


def untested(program: Program, verification: Verification, observed: Mapping[str, Observed]) -> list[Finding]:
    """Tell of the steps for which no test fails when their body does nothing."""
    steady = _steady(program, verification)
    return [
        Finding(
            code="NB420",
            message=f"no test of `{step.name}` fails when its body is replaced by returning its inputs",
            cell=step.cells[0] if step.cells else None,
        )
        for step in program.steps
        if not sensitive(step, observed.get(step.name, Observed()), steady)
    ]


def trimmed(recording: str, tests: Iterable[str]) -> str:
    """Leave out of ``tests/recording.py`` the words that no test uses."""
    used = "\n".join(tests)
    parts = re.split(r"(?m)^(?=def )", recording)
    kept = parts[:1]
    for place, part in enumerate(parts[1:], start=1):
        name = part[4 : part.index("(")]
        others = "".join(parts[:place] + parts[place + 1 :])
        if re.search(rf"\b{name}\(", used + others) or name in _FIXED:
            kept.append(part)
    return "".join(kept).rstrip() + "\n"


_FIXED = frozenset({"record"})


def _steady(program: Program, verification: Verification) -> frozenset[str]:
    """Names whose values may be expected: none that differs between two runs of the notebook itself."""
    names = {name for step in program.steps for name in step.outputs}
    outcomes = verification.names if verification.ran else {}
    return frozenset(name for name in names if outcomes.get(name, "equal") in ("equal", "close"))


def _imports(text: str) -> str:
    words = ("counts", "dtypes", "missing", "settings", "spread", "spreads")
    used = [word for word in words if re.search(rf"\b{word}\(", text)]
    lines = ["from pytest import approx"] if "approx(" in text else []
    return "\n".join([*lines, f"from recording import {', '.join(['Recording', *used])}"])


def seeded(conftest: str) -> str:
    """Let the one run of the tests begin where the recorded values began."""
    seeds = (
        "    # the notebook seeds nothing: what is expected was recorded from this state\n"
        f"    random.seed({SEED})\n    np.random.seed({SEED})\n"
    )
    imports = "import random\nfrom pathlib import Path\n\nimport numpy as np\n"
    return conftest.replace("    return record(config)", f"{seeds}    return record(config)").replace(
        "from pathlib import Path\n\n", imports
    )


def with_environment(conftest: str, names: Iterable[str]) -> str:
    """Give the tests a value for each secret that is not set: it opens nothing."""
    lines = "".join(f'os.environ.setdefault("{name}", "not-set-in-tests")\n' for name in names)
    opened = conftest.replace("from pathlib import Path\n", "import os\nfrom pathlib import Path\n", 1)
    return opened.replace("\n\n@pytest.fixture", f"\n{lines}\n\n@pytest.fixture", 1)


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
