"""Observations -> the lines of a test."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nbship_converter.emit.module import MOST_IN_TUPLE
from nbship_converter.expectations.observe import Alone, Check, Observed
from nbship_converter.ir import Step

__all__ = ["alone_tests", "sensitive", "step_tests"]

#: Assertions in one test beyond which nobody reads them.
MOST_CHECKS = 16
#: Assertions on one result of a few rows.
MOST_ALONE = 5
#: Lines that a step printed, drawings it made.
MOST_LINES = 10
#: Decimal places to which expected numbers are written.
DIGITS = 10


def step_tests(step: Step, seen: Observed, steady: frozenset[str]) -> list[str]:
    """Give the tests of one step: one for each thing it makes, one for what it says, draws and writes."""
    tests: list[str] = []
    numbers: list[str] = []
    whole: dict[str, str] = {}
    for output in step.outputs:
        checks = seen.made.get(output, ()) if output in steady else ()
        place = f'recorded["{step.name}"].made{_way(step, output)}'
        if len(checks) == 1 and checks[0].expression in ("{}", "{}.item()"):
            numbers.append(_assertion(checks[0], place))
        elif checks:
            lines = [f"made = {place}", *_lines(checks, place, whole)]
            tests.append(_test(f"{step.name}_makes_{output}", lines))
    if numbers:
        tests.append(_test(f"{step.name}_comes_to_the_same_numbers", numbers))
    if seen.said:
        tests.append(_test(f"{step.name}_says_the_same", _said(step, seen)))
    if seen.drew:
        tests.append(
            _test(f"{step.name}_draws_the_same", _listed(f'recorded["{step.name}"].drew', seen.drew))
        )
    if seen.wrote:
        tests.append(
            _test(f"{step.name}_writes_its_files", _listed(f'recorded["{step.name}"].wrote', seen.wrote))
        )
    if seen.options:
        tests.append(_test(f"{step.name}_sets_the_options", [_options(step, seen.options)]))
    return tests


def alone_tests(step: Step, alone: Alone, steady: frozenset[str], *, takes_config: bool) -> list[str]:
    """Give the tests that call a step by itself: on a few rows, and on rows that lack a column."""
    config = ["Config(output_dir=tmp_path)"] if takes_config else []
    lines: list[str] = []
    for output in step.outputs:
        value = f"made{_way(step, output)}"
        checks = alone.made.get(output, ()) if output in steady else ()
        few = [check for check in checks if not check.expression.startswith(("dtypes(", "missing(", "type("))]
        lines += [_assertion(check, value) for check in few[:MOST_ALONE]]
    head = "(tmp_path: Path) -> None:" if takes_config else "() -> None:"
    tests = []
    if lines:
        call = f"made = {step.name}({', '.join([*alone.inputs.values(), *config])})"
        body = "\n".join(f"    {line}" for line in [call, *lines[:MOST_CHECKS]])
        tests.append(f"def test_{step.name}_on_a_few_rows{head}\n{body}\n")
    if alone.lacking:
        table, column = alone.lacking
        inputs = {**alone.inputs, table: "lacking"}
        body = (
            f"    lacking = {alone.inputs[table]}.drop(columns={column!r})\n"
            f"    with pytest.raises(KeyError, match={re.escape(column)!r}):\n"
            f"        {step.name}({', '.join([*inputs.values(), *config])})\n"
        )
        name = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_") or "a_column"
        tests.append(f"def test_{step.name}_says_that_{name}_is_missing{head}\n{body}")
    return tests


def _way(step: Step, output: str) -> str:
    """Give how one of a step's results is taken out of what it returns."""
    if len(step.outputs) == 1:
        return ""
    return f".{output}" if len(step.outputs) > MOST_IN_TUPLE else f"[{step.outputs.index(output)}]"


def _test(name: str, lines: list[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"def test_{name}(recorded: Recording) -> None:\n{body}\n"


def _said(step: Step, seen: Observed) -> list[str]:
    if seen.whole and len(seen.said) <= MOST_LINES:
        return [f'assert recorded["{step.name}"].said == {list(seen.said)!r}']
    lines = list(dict.fromkeys(seen.said))[:MOST_LINES]
    return [f'said = recorded["{step.name}"].said', *(f"assert {line!r} in said" for line in lines)]


def _listed(place: str, items: tuple[str, ...]) -> list[str]:
    if len(items) <= MOST_LINES:
        return [f"assert {place} == {list(items)!r}"]
    return [
        f"assert len({place}) == {len(items)}",
        f"assert {place}[:{MOST_LINES}] == {list(items[:MOST_LINES])!r}",
    ]


def _options(step: Step, options: Mapping[str, str]) -> str:
    chosen = dict(list(options.items())[:MOST_LINES])
    if len(chosen) == len(options):
        return f'assert recorded["{step.name}"].options == {chosen!r}'
    return f'assert recorded["{step.name}"].options.items() >= {chosen!r}.items()'


def _lines(checks: tuple[Check, ...], place: str, whole: dict[str, str]) -> Iterator[str]:
    """Yield assertions; a long table of columns that an earlier result has too is not written twice."""
    for check in checks[:MOST_CHECKS]:
        text = repr(check.value)
        if check.expression == "dtypes({})" and text in whole:
            yield f"assert dtypes(made) == dtypes({whole[text]})"
            continue
        if check.expression == "dtypes({})" and len(text) > 100:  # noqa: PLR2004  # one line
            whole[text] = place
        yield _assertion(check, "made")


def _assertion(check: Check, value: str) -> str:
    expression = check.expression.format(value)
    if check.expression.endswith(" is None"):
        return f"assert {expression}"
    if check.value is None or isinstance(check.value, bool):
        return f"assert {expression} is {check.value!r}"
    return f"assert {expression} == {_literal(check.value, _tolerance(check))}"


def _tolerance(check: Check) -> str:
    return ", rel=1e-3" if check.firmness == "loose" else ""


def _literal(value: Any, tolerance: str) -> str:
    """Write a literal in which every float is approximate."""
    if isinstance(value, float):
        return f"approx({_number(value)}{tolerance})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_literal(item, tolerance)}" for key, item in value.items()) + "}"
    if isinstance(value, list) and value and all(isinstance(item, float) for item in value):
        return f"approx({_row(value)}{tolerance}{_slack(value)})"
    if isinstance(value, (list, tuple)) and not _is_exact(value):
        inner = ", ".join(_literal(item, tolerance) for item in value)
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{comma})"
    return repr(value)


def _is_exact(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_exact(item) for item in value)
    return not isinstance(value, (float, dict))


def _row(values: list[float]) -> str:
    scale = max(map(abs, values))
    return "[" + ", ".join("0.0" if abs(v) < 1e-9 * scale else _number(v) for v in values) + "]"


def _slack(values: list[float]) -> str:
    """Give the absolute tolerance that a list needs in which some numbers are nothing beside the greatest."""
    scale = max(map(abs, values))
    if not any(abs(value) < 1e-9 * scale for value in values) or scale == 0:
        return ""
    return f", abs=1e{math.ceil(math.log10(scale)) - 9}"


def _number(value: float) -> str:
    return repr(float(f"{value:.{DIGITS}g}"))


def sensitive(step: Step, seen: Observed, steady: frozenset[str]) -> bool:
    """Whether some test of a step fails when its body gives back its inputs, or nothing."""
    made = any(name in steady and name not in seen.kept for name in seen.made if name in step.outputs)
    return made or bool(seen.said or seen.drew or seen.wrote or seen.options)
