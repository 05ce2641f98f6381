"""The model card in the README: the model, how it was judged, what it learnt from, and what is not known of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nbship_converter.evaluation import Evaluation
from nbship_converter.findings import Finding
from nbship_converter.ir import Facts, Program
from nbship_converter.syntax import tree_of
from nbship_converter.verify import Verification

__all__ = ["data_table", "limits", "model_section", "table"]

_METRIC = re.compile(
    r"(_score|_error|_loss|_auc|_deviance|_coef|_corrcoef)$|^(score|auc|accuracy|rmse|mae|mse)$"
)
#: What the reader of a README cannot do anything about, or finds elsewhere in it.
_TOLD_ELSEWHERE = frozenset({"NB402", "NB403", "NB404", "NB412", "NB413", "NB414", "NB415"})


def model_section(
    program: Program, facts: Facts | None, evaluation: Evaluation | None, verification: Verification
) -> str:
    """Give what the model is and the numbers that the notebook judges it by; "" for a notebook without a model."""
    if evaluation is None:
        return ""
    kind = facts.types.get(evaluation.model, "").rpartition(".")[2] if facts else ""
    task = "" if evaluation.task == "unknown" else evaluation.task
    rows = [
        ("model", f"`{evaluation.model}`" + (f", a {kind}" if kind else "")),
        ("task", task),
        (
            "judged on",
            f"`{evaluation.features}`" + (f" against `{evaluation.labels}`" if evaluation.labels else ""),
        ),
        ("how", evaluation.reason),
    ]
    numbers = list(_metrics(program, facts, verification))
    found = [
        "## Model",
        table(("", ""), [row for row in rows if row[1]]),
        table(("metric", "value", "computed by"), numbers) if numbers else "",
    ]
    return "\n\n".join(part for part in found if part)


def _metrics(
    program: Program, facts: Facts | None, verification: Verification
) -> Iterator[tuple[str, str, str]]:
    """Yield every number of Results that a metric's call made: its name, its value, and the call."""
    calls: dict[str, str] = {}
    for step in program.steps:
        for statement in step.statements:
            calls |= dict(_judging(tree_of(statement.code).body[0]))
    for name, call in calls.items():
        number = facts.summaries.get(name, {}).get("number") if facts and name in program.results else None
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            varies = ", one of its runs" if verification.names.get(name) == "volatile" else ""
            yield f"`{name}`", f"{number:.6g}{varies}", f"`{call}`"


def _judging(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the names that a statement binds to what a metric says, and the call."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return
    target, value = node.targets[0], node.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=False))
    for name, expression in pairs:
        calls = [node for node in ast.walk(expression) if isinstance(node, ast.Call) and _is_metric(node)]
        if isinstance(name, ast.Name) and calls:
            yield name.id, ast.unparse(expression)


def _is_metric(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return bool(_METRIC.search(name))


def data_table(names: Sequence[str], digests: Mapping[str, str], pointed: Sequence[str]) -> str:
    """Give the files that the notebook read, with the SHA-256 of what it read."""
    rows = [
        (
            f"`data/{name}`",
            f"`{digests[f'data/{name}']}`" if f"data/{name}" in digests else "",
            "pointer" if f"data/{name}" in pointed else "here" if f"data/{name}" in digests else "not here",
        )
        for name in names
    ]
    return table(("file", "SHA-256", "where"), rows)


def limits(
    facts: Facts | None,
    evaluation: Evaluation | None,
    verification: Verification,
    findings: Iterable[Finding],
) -> str:
    """Give what was not seen, not tested or not the same twice, one line each."""
    volatile = [f"`{name}`" for name, outcome in verification.names.items() if outcome == "volatile"]
    lines = []
    if facts is not None and facts.reads:
        lines.append(
            "It has seen one snapshot of the data, and no other; how it does on newer data is not known."
        )
    if evaluation is not None and "held-out" not in evaluation.reason:
        lines.append("It was judged on the rows that it learnt from: how it does on others is not known.")
    if evaluation is None and any(kind == "model" for kind in (facts.kinds.values() if facts else ())):
        lines.append("The notebook fits a model and does not judge it.")
    if volatile:
        lines.append(f"Two runs of the notebook itself give different values of {', '.join(volatile)}.")
    left_out = sum(1 for finding in findings if finding.code == "NB201")
    if left_out:
        lines.append(f"{left_out} pieces of exploration in the notebook are not part of the package.")
    told = dict.fromkeys(
        f"{finding.message[:1].upper()}{finding.message[1:]} ({finding.code})."
        for finding in findings
        if finding.severity != "info" and finding.code not in _TOLD_ELSEWHERE
    )
    lines += [*told, "Fairness, robustness and speed under load were not tested."]
    return "\n".join(f"- {line}" for line in lines)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Give a table in Markdown."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
