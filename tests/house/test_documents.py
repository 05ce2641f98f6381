"""What the documents say exists, exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from nbship.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def shell_lines() -> list[tuple[str, str]]:
    """Every command that a document tells somebody to type."""
    return [
        (document.name, line.split("  #")[0].strip())
        for document in DOCUMENTS
        for language, body in FENCE.findall(document.read_text())
        if language in {"", "sh", "bash", "console"}
        for line in body.splitlines()
    ]


@pytest.mark.parametrize(
    ("document", "line"), [pair for pair in shell_lines() if pair[1].startswith("nbship ")]
)
def test_a_documented_command_exists_with_its_options(document: str, line: str) -> None:
    words = line.split()
    command = main.get_command(click.Context(main), words[1])
    assert command is not None, f"{document}: nbship has no command {words[1]!r}"
    if isinstance(command, click.Group) and not (
        command.invoke_without_command and len(words) == 2
    ):  # nbship NAME
        within = command.get_command(click.Context(command), words[2])
        assert within is not None, f"{document}: nbship {words[1]} has no command {words[2]!r}"
        command = within
    options = {word.partition("=")[0] for word in words[2:] if word.startswith("--")}
    known = {option for parameter in command.params for option in parameter.opts}
    assert options <= known | {"--help"}, f"{document}: {line}"


@pytest.mark.parametrize(
    ("document", "line"), [pair for pair in shell_lines() if pair[1].startswith("make ")]
)
def test_a_documented_target_exists(document: str, line: str) -> None:
    if "cd ../" in line:
        return
    makefile = ROOT.joinpath("Makefile").read_text()
    targets = {
        name for line in re.findall(r"^([a-z ]+):", makefile, flags=re.MULTILINE) for name in line.split()
    }
    assert {word for word in line.split()[1:] if word.isalpha()} <= targets, f"{document}: {line}"


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, *sorted(ROOT.glob("docs/*/*.md"))], ids=lambda path: path.name
)
def test_a_link_leads_to_a_file(document: Path) -> None:
    assert [
        target
        for target in LINK.findall(document.read_text())
        if not document.parent.joinpath(target).exists()
    ] == []


@pytest.mark.parametrize("record", sorted(ROOT.glob("docs/decisions/*.md")), ids=lambda path: path.name)
def test_a_decision_fits_on_one_page(record: Path) -> None:
    text = record.read_text()
    assert len(text.splitlines()) <= 40
    for part in ("## Situation", "## Decision", "## What it costs", "## When to revisit"):
        assert part in text
