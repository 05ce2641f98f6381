"""Everything the converter has to tell, each with a stable code.

NB1xx reading, NB2xx names and flow, NB3xx types, NB4xx emitting, writing and proving.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]

#: code: (severity, what to do about it)
CODES: dict[str, tuple[Severity, str]] = {
    "NB101": ("warning", "Mend the cell's syntax, or tag it `skip`."),
    "NB102": ("info", "Nothing to do: it has no meaning outside a notebook."),
    "NB103": ("warning", "Rewrite the line in Python if the package needs what it does."),
    "NB104": ("info", "The distribution is among the package's dependencies where the code imports it."),
    "NB105": ("warning", "Tag the cell `skip`, or write it in Python."),
    "NB106": ("info", "Nothing to do: nothing in the package needs it."),
    "NB107": ("info", "Write it in Python if the package must run where there is no such shell."),
    "NB108": ("warning", "Set the variable where the package runs; `.env.example` lists the names."),
    "NB110": ("info", "Nothing to do: what the cell did before its error is kept."),
    "NB111": ("warning", "Remove the line, or tag the cell `skip`, if what follows belongs to the package."),
    "NB112": ("error", "Give the value a name in the cell that makes it."),
    "NB113": ("info", "Nothing to do: the package brings the module along."),
    "NB115": ("error", "Write the value to a file, and read it from there."),
    "NB116": ("warning", "Put the cells in this order, so that Restart and run all works."),
    "NB117": ("info", "Restart and run all, and look whether the outputs are the ones you expect."),
    "NB201": ("info", "Tag the cell `step:NAME` to keep it."),
    "NB202": ("error", "Define the name in a cell above, or tag the cell `skip`."),
    "NB203": ("info", "Give the cells tags of their own to choose the names."),
    "NB204": ("info", "Read it from an argument instead, and it becomes a setting of Config."),
    "NB205": ("warning", "Name the values in the code, or keep them in a dictionary of your own."),
    "NB302": ("info", "Nothing has to be done; `# type: ignore[code]` marks the lines."),
    "NB402": ("error", "Look at the named value: in the notebook and in the package it differs."),
    "NB403": ("warning", "Seed the random generator that makes it, so that every run gives the same."),
    "NB404": ("warning", "Export again without --no-run or --no-verify to have the package proved."),
    "NB406": ("error", "Run the package by hand: `python -m PACKAGE run`; the traceback names the line."),
    "NB410": ("info", "Mend the lines in the notebook, or in the package, where you like."),
    "NB411": ("warning", "Seed it, or pass `random_state`, so that every run gives the same."),
    "NB412": (
        "info",
        "`nbship data push` in the repository brings it where others reach it; `nbship data pull`, or DVC, fetches it.",
    ),
    "NB413": (
        "warning",
        "Export again where the index can be reached; or run the `uv pip compile` that the lock's first lines give.",
    ),
    "NB414": (
        "warning",
        "Publish it on an index of your own, or copy its code beside the notebook; till then, install it after the lock.",
    ),
    "NB415": (
        "warning",
        "Upgrade what the message of `uv pip compile --group dev --constraints requirements.lock` names, and export again.",
    ),
    "NB420": (
        "warning",
        "Write a test for the step in the repository's `tests`; it stays when you export again.",
    ),
    "NB421": ("warning", "Leave the column out of the features: the model reads the answer there."),
    "NB431": (
        "warning",
        "Learn it from the training rows first (an aggregate, then `map` or `merge`), or leave the feature out.",
    ),
    "NB432": ("warning", "Take the column out of the features: when it is to be predicted, nobody knows it."),
    "NB433": (
        "warning",
        "Look at what the line computes for one row alone, and at what it takes from others.",
    ),
    "NB434": (
        "warning",
        "Read the records with pandas, into a table of their own, and compute the features from it.",
    ),
    "NB435": ("warning", "Keep the table's index, or split it with `train_test_split`."),
    "NB436": ("warning", "Split first, and fit on the training rows alone: the metrics look too good."),
    "NB437": (
        "warning",
        "Write the step with a fitted object (a scaler, an encoder), or value by value, so that it works on one row.",
    ),
    "NB440": (
        "info",
        "`nbship check data` cannot read it: hold it against `contracts.py` where you load it.",
    ),
    "NB441": ("info", "`nbship check data` only looks whether it is there."),
    "NB450": (
        "error",
        "Decide there, `git add` the file where git calls it unmerged, and `nbship verify DIR`.",
    ),
    "NB451": (
        "info",
        "`git log` shows it; what you change from here on is yours, and stays when you export again.",
    ),
    "NB452": (
        "warning",
        "Install git and run `git init` in the folder, so that the next export can be looked at.",
    ),
    "NB453": ("info", "`git add` the folder and commit it when you like it."),
    "NB454": ("info", "`nbship verify DIR` compares the package as it is; `nbship diff` lists what differs."),
    "NB455": ("warning", "`git switch --create NAME` before you commit."),
    "NB456": ("info", "Look whether files of your own still use the old name."),
    "NB457": ("info", "Delete the copies when you are content with the merge."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found: what, where (cell counted from 0 over all cells, line from 1), and what to do."""

    code: str
    message: str
    cell: int | None = None
    line: int | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is; an error makes the command exit with 1."""
        return CODES[self.code][0]

    @property
    def help(self) -> str:
        """The next step in one sentence."""
        return CODES[self.code][1]

    def as_json(self) -> dict[str, Any]:
        """Give the finding as ``export --json`` prints it."""
        return {**asdict(self), "severity": self.severity, "help": self.help}

    def __str__(self) -> str:
        where = (
            ""
            if self.cell is None
            else f" cell {self.cell}" + ("" if self.line is None else f", line {self.line}")
        )
        return f"{self.severity} {self.code}{where}: {self.message}"
