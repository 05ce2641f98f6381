"""What a notebook does to the world outside its folder: such steps are named before anything is run."""

from __future__ import annotations

import ast
import re

import libcst as cst

from nbship.errors import RunError
from nbship_converter.ir import Notebook
from nbship_converter.syntax import tree_of

__all__ = ["outward", "refuse_questions"]

_METHODS = frozenset(
    {
        "to_sql",
        "to_gbq",
        "upload_file",
        "upload_blob",
        "put_object",
        "send_message",
        "sendmail",
        "push_to_hub",
    }
)
_POSTS = re.compile(r"^(requests|httpx|session|client)\.(post|put|patch|delete)$")
_WRITES = re.compile(r"^\s*(insert|update|delete|drop|create|alter|truncate)\b", re.IGNORECASE)


_ASKS = frozenset({"input", "getpass", "getpass.getpass"})


def refuse_questions(notebook: Notebook) -> None:
    """Raise RunError where the notebook asks its user something: in a clean run nobody answers."""
    for statement in notebook.statements:
        asked = sorted(statement.use.calls & _ASKS)
        if asked and not isinstance(statement.node, (cst.FunctionDef, cst.ClassDef)):
            raise RunError(
                f"the notebook asks its user something with {asked[0]}()",
                where=f"{notebook.name}, cell {statement.cell}, line {statement.line}",
                help='Read it from the environment, os.environ["NAME"], or assign it in a cell of its own.',
            )


def outward(notebook: Notebook) -> list[tuple[int, int, str]]:
    """Give (cell, line, what) for every statement that writes to a database or posts to the network."""
    local = _only_sqlite(notebook)
    return [
        (statement.cell, statement.line, ast.unparse(node.func))
        for statement in notebook.statements
        for node in ast.walk(tree_of(statement.code))
        if isinstance(node, ast.Call) and _leaves(node) and not (local and _asks_database(node))
    ]


def _only_sqlite(notebook: Notebook) -> bool:
    """Whether the only database is SQLite, whose file is a copy in the run's scratch mirror."""
    modules = {
        name
        for s in notebook.statements
        if s.mark == "import" or "import" in s.code
        for name in re.findall(r"\w+", s.code)
    }
    return "sqlite3" in modules and not modules & {
        "psycopg",
        "psycopg2",
        "pymysql",
        "MySQLdb",
        "pyodbc",
        "oracledb",
        "create_engine",
    }


def _asks_database(call: ast.Call) -> bool:
    return ast.unparse(call.func).rsplit(".", 1)[-1] in ("to_sql", "execute", "executemany")


def _leaves(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    last = name.rsplit(".", 1)[-1]
    if last in _METHODS or _POSTS.match(name):
        return True
    first = call.args[0] if call.args else None
    text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    return last in ("execute", "executemany") and bool(_WRITES.match(text))
