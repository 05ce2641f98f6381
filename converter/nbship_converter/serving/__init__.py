"""The inference path: what happens to one new record, cut out of the notebook and tried on the notebook's own rows.

``inference_of`` slices, ``ServedModule`` writes it as a module with a Predictor, ``try_out`` compares; only what is
equal, value by value, is exported.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from nbship_converter.findings import Finding
from nbship_converter.polish import polish
from nbship_converter.project import Project
from nbship_converter.proof import link_data
from nbship_converter.serving.module import ServedModule, Shown
from nbship_converter.serving.slicing import inference_of
from nbship_converter.serving.trial import try_out
from nbship_converter.settle import settle
from nbship_converter.verify import Verification

__all__ = ["serve"]


def serve(
    plan: Project, repository: Path, verification: Verification, say: Callable[[str], None] = lambda _: None
) -> list[Finding]:
    """Add the Predictor to a repository that was proved equal, or tell why new records cannot be served."""
    if plan.evaluation is None or plan.facts is None or verification.status != "equal":
        return []
    inference, findings = inference_of(plan.program, plan.facts, plan.evaluation)
    if inference is None:
        return findings
    module = ServedModule(plan.program, plan.facts, plan.package, inference, plan.evaluation)
    say("trying the predictor on the notebook's own rows")
    before = (repository / "pyproject.toml").read_bytes()
    written = _write(repository, module)
    polished = [*polish(repository), *settle(repository, plan.package, python=plan.python)]
    with tempfile.TemporaryDirectory(prefix="nbship-data-") as scratch:
        link_data(plan, Path(scratch))
        tried = try_out(
            module, repository / "src", Path(scratch), python=plan.python, variables=plan.environment
        )
    if tried.shown is None:
        for path in written:
            path.unlink()
        (repository / "pyproject.toml").write_bytes(before)
        return [tried.finding] if tried.finding else []
    _require(written[0], tried.shown)
    (repository / "tests" / f"test_{module.name}.py").write_text(module.test(tried.shown), encoding="utf-8")
    say(f"  {tried.shown.compared} rows: each prediction is the notebook's")
    return [*polished, *inference.early]


def _write(repository: Path, module: ServedModule) -> list[Path]:
    source = repository / "src" / module.package
    texts = {f"{module.name}.py": module.predictor(Shown()), "serving.py": module.served()}
    for name, text in texts.items():
        (source / name).write_text(text, encoding="utf-8")
    pyproject = repository / "pyproject.toml"
    pyproject.write_text(_with_extra(pyproject.read_text(encoding="utf-8")), encoding="utf-8")
    return [source / name for name in texts]


def _require(path: Path, shown: Shown) -> None:
    """Put in which columns a record needs, as the trial has found them."""
    text = path.read_text(encoding="utf-8")
    changed = re.sub(
        r"^(REQUIRED\b.*?) = \(\)$", lambda head: f"{head[1]} = {shown.required!r}", text, flags=re.MULTILINE
    )
    path.write_text(changed, encoding="utf-8")


def _with_extra(text: str) -> str:
    """Add MLflow, which only serving needs, as an extra."""
    document: Any = tomlkit.parse(text)
    extras = document["project"].setdefault("optional-dependencies", tomlkit.table())
    extras.add("serving", ["mlflow>=3"])
    override = tomlkit.table()
    override.add("module", ["mlflow", "mlflow.*"])
    override.add("follow_imports", "skip")
    override["follow_imports"].comment("an extra: the same with and without it")
    override.add("follow_imports_for_stubs", True)  # a TOML value
    override.add("ignore_missing_imports", True)  # a TOML value
    override.add(tomlkit.nl())
    overrides = document["tool"]["mypy"].get("overrides")
    if overrides is None:
        overrides = tomlkit.aot()
        overrides.append(override)
        document["tool"]["mypy"].add("overrides", overrides)
    else:
        overrides.append(override)
    return tomlkit.dumps(document)
