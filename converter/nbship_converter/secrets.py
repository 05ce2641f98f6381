"""Keys that must not travel: known by their looks, looked for before anything is run or written."""

from __future__ import annotations

import re

from nbship.errors import InputError
from nbship_converter.ir import Notebook

__all__ = ["KEY", "refuse_keys"]

#: Access keys of OpenAI and others, AWS, GitHub, Hugging Face, Slack and Google.
KEY = re.compile(
    r"""(sk-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}"""
    r"""|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35})"""
)


def refuse_keys(notebook: Notebook) -> None:
    """Raise InputError that names the cell and the line where a key stands in the code; never the key."""
    for statement in notebook.statements:
        if KEY.search(statement.code):
            raise InputError(
                "an access key stands in the code, and would be written into the package",
                where=f"{notebook.name}, cell {statement.cell}, line {statement.line}",
                help='Read it from the environment instead: os.environ["NAME"].',
            )
