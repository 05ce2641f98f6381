"""Tests of the exported package: what the notebook had is what every step must make again."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nbship.canonical import SEED
from nbship_converter.emit.calls import takes_config
from nbship_converter.expectations.assertions import alone_tests, sensitive, step_tests
from nbship_converter.expectations.claims import claims
from nbship_converter.expectations.observe import Observation, Observed
from nbship_converter.findings import Finding
from nbship_converter.ir import Program
from nbship_converter.verify import Verification

__all__ = ["module_tests", "seeded", "trimmed", "untested", "with_environment"]

_HEAD = '''"""The steps of ``{module}`` do what the notebook did."""

from __future__ import annotations

{imports}


'''


def module_tests(
    program: Program, package: str, verification: Verification, observed: Observation
) -> dict[str, str]:
    """Give one test file for each module that has steps, and one for the pipeline."""
    files: dict[str, str] = {}
    steady = _steady(program, verification)
    for module in dict.fromkeys(step.module for step in program.steps):
        tests: list[str] = []
        for step in program.steps:
            seen = observed.steps.get(step.name) if step.module == module else None
            if seen is not None:
                tests += step_tests(step, seen, steady)
            if seen is not None and seen.alone is not None:
                tests += alone_tests(step, seen.alone, steady, takes_config=takes_config(step, program))
                files |= seen.alone.files
        if tests:
            text = "\n\n".join(tests)
            steps = [step.name for step in program.steps if step.module == module]
            imports = _imports(text, package, module, steps)
            files[f"tests/test_{module}.py"] = _HEAD.format(module=module, imports=imports) + text
    files["tests/test_pipeline.py"] = _pipeline(program, package, observed)
    return files


def untested(program: Program, verification: Verification, observed: Observation) -> list[Finding]:
    """Tell of the steps for which no test fails when their body does nothing, and of targets among features."""
    steady = _steady(program, verification)
    leaks = [
        Finding(
            code="NB421",
            message=f"`{claim.names[1]}`, which is to be predicted, is a column of `{claim.names[0]}`",
        )
        for claim in claims(program)
        if claim.subject == "target" and observed.claims.get(claim.text) is False
    ]
    return leaks + [
        Finding(
            code="NB420",
            message=f"no test of `{step.name}` fails when its body is replaced by returning its inputs",
            cell=step.cells[0] if step.cells else None,
        )
        for step in program.steps
        if not sensitive(step, observed.steps.get(step.name, Observed()), steady)
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


def _imports(text: str, package: str, module: str, steps: Iterable[str]) -> str:
    """Give the imports of a test file; ruff sorts them."""
    words = ("Recording", "counts", "dtypes", "missing", "settings", "spread", "spreads", "table")
    used = [word for word in words if re.search(rf"\b{word}\b[(\])]", text) or f": {word})" in text]
    called = [step for step in steps if re.search(rf"(?<!def )\b{step}\(", text)]
    lines = [
        "from pathlib import Path" if ": Path)" in text else "",
        "import pytest" if "pytest.raises" in text else "",
        "from pytest import approx" if "approx(" in text else "",
        f"from recording import {', '.join(used)}" if used else "",
        f"from {package}.config import Config" if "Config(" in text else "",
        f"from {package}.{module} import {', '.join(called)}" if called else "",
    ]
    return "\n".join(line for line in lines if line)


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


def _pipeline(program: Program, package: str, observed: Observation) -> str:
    """Give the tests that hold for every package: importing runs nothing, and settings arrive."""
    importing = [
        "def test_importing_the_pipeline_runs_nothing() -> None:",
        f'    code = "import {package}.pipeline"',
        '    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}',
        '    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)',
        '    assert (done.returncode, done.stdout) == (0, "")',
    ]
    every = [
        "def test_every_result_is_there(results: Results) -> None:",
        f"    assert set(vars(results)) == {_set(program)}"
        if program.results
        else "    assert vars(results) == {}",
    ]
    tests = ["\n".join(importing), "\n".join(every), *_invariants(program, observed)]
    head = [f'"""The pipeline of ``{package}`` as a whole."""', "", "from __future__ import annotations", ""]
    imports = ["import os", "import subprocess", "import sys"]
    results = "Results"
    if observed.absent is not None:
        tests.append(
            "def test_a_missing_file_is_named(tmp_path: Path) -> None:\n"
            f"    with pytest.raises(FileNotFoundError, match={re.escape(observed.absent)!r}):\n"
            "        run(Config(data_dir=tmp_path, output_dir=tmp_path))"
        )
        imports += ["from pathlib import Path", "import pytest", f"from {package}.config import Config"]
        results = "Results, run"
    imports.append(f"from {package}.pipeline import {results}")
    return "\n".join([*head, *imports, "", "", "\n\n\n".join(tests), ""])


def _invariants(program: Program, observed: Observation) -> list[str]:
    """Give a test for each kind of claim that holds."""
    held = [claim for claim in claims(program) if observed.claims.get(claim.text)]
    tests = []
    for subject, name in _SENTENCES.items():
        lines = [f"    assert {claim.text}" for claim in held if claim.subject == subject]
        if lines:
            tests.append("\n".join([f"def test_{name}(results: Results) -> None:", *lines]))
    return tests


_SENTENCES = {
    "disjoint": "train_and_test_share_no_row",
    "rows": "features_and_labels_have_as_many_rows",
    "target": "the_target_is_not_among_the_features",
}


def _set(program: Program) -> str:
    """Write the names in a fixed order: the same export must give the same bytes."""
    return "{" + ", ".join(f'"{name}"' for name in program.results) + "}"
