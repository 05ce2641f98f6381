"""A verdict as text, JUnit XML and Markdown. Pure: the command writes what these give."""

from __future__ import annotations

import re
import textwrap
from xml.etree import ElementTree as ET

from nbship.gates.verdict import Row, Status, Verdict

__all__ = ["as_junit", "as_markdown", "as_text"]

_MARKS: dict[Status, str] = {"passed": "ok", "failed": "FAILED", "inconclusive": "open"}
_ICONS: dict[Status, str] = {"passed": "✅", "failed": "❌", "inconclusive": "❔"}
#: What XML 1.0 cannot hold at all, not even escaped.
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_text(verdict: Verdict, *, width: int = 100) -> str:
    """Give the rows, what needs attention first, and the status on the last line."""
    lines = [line for row in _sorted(verdict) for line in _row_lines(row, width)]
    return "\n".join([*lines, f"{verdict.gate}: {verdict.status}{_count(verdict)}"])


def _row_lines(row: Row, width: int) -> list[str]:
    lines = [f"{_MARKS[row.status]:<7} {row.where}: {row.what}"]
    if row.status == "passed":
        return [lines[0] + (f" ({row.found})" if row.found else "")]
    for name, value in (("expected", row.expected), ("found", row.found), ("cause", row.cause)):
        if value:
            lines += textwrap.wrap(
                f"{name}: {value}", width, initial_indent=" " * 10, subsequent_indent=" " * 20
            )
    return lines


def _sorted(verdict: Verdict) -> list[Row]:
    order: list[Status] = ["failed", "inconclusive", "passed"]
    return sorted(verdict.rows, key=lambda row: order.index(row.status))


def _count(verdict: Verdict) -> str:
    bad = [row for row in verdict.rows if row.status == verdict.status]
    return f" ({len(bad)} of {len(verdict.rows)} checks)" if verdict.status != "passed" else ""


def as_junit(verdict: Verdict) -> str:
    """Give the verdict as a JUnit test suite: a failed row is a failure, an open one is skipped."""
    counts = {status: sum(row.status == status for row in verdict.rows) for status in _MARKS}
    suite = ET.Element(
        "testsuite",
        name=f"nbship check {verdict.gate}",
        tests=str(len(verdict.rows)),
        failures=str(counts["failed"]),
        errors="0",
        skipped=str(counts["inconclusive"]),
    )
    for row in verdict.rows:
        case = ET.SubElement(
            suite, "testcase", classname=f"nbship.{verdict.gate}", name=_clean(f"{row.where}: {row.what}")
        )
        if row.status != "passed":
            tag = "failure" if row.status == "failed" else "skipped"
            mark = ET.SubElement(case, tag, message=_clean(row.cause or row.found or row.expected))
            mark.text = _clean(f"expected: {row.expected}\nfound: {row.found}\ncause: {row.cause}")
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(suites, encoding='unicode')}\n"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def as_markdown(verdict: Verdict) -> str:
    """Give a summary for a pull request: what failed or is open as a table, the rest folded away."""
    lines = [f"### {_ICONS[verdict.status]} nbship check {verdict.gate}: {verdict.status}", ""]
    shown = [row for row in _sorted(verdict) if row.status != "passed"]
    passed = [row for row in verdict.rows if row.status == "passed"]
    if shown:
        lines += [*_table(shown), ""]
    if passed:
        lines += [
            f"<details><summary>{len(passed)} passed</summary>",
            "",
            *_table(passed),
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)


def _table(rows: list[Row]) -> list[str]:
    head = ["| | where | check | expected | found | cause |", "|---|---|---|---|---|---|"]
    return head + [
        "| "
        + " | ".join(
            [
                _ICONS[row.status],
                *(_cell(text) for text in (row.where, row.what, row.expected, row.found, row.cause)),
            ]
        )
        + " |"
        for row in rows
    ]


def _cell(text: str) -> str:
    """Give text that cannot break out of its cell: values come from data."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return plain.replace("<", "&lt;").replace(">", "&gt;")
