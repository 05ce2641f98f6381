"""ruff over a piece of text: formatted, or its imports sorted; the text as it is where ruff has nothing to say."""

from __future__ import annotations

import subprocess

from ruff import find_ruff_bin  # type: ignore[import-untyped]  # its package has no types

__all__ = ["formatted", "sorted_imports"]

_STYLE = ("--isolated", "--quiet", "--no-cache", "--line-length=110")


def formatted(text: str) -> str:
    """Give the text in one fixed style, so that two ways of writing the same become one."""
    return _ruff(text, "format", "--config=format.skip-magic-trailing-comma=true")


def sorted_imports(text: str, package: str) -> str:
    """Give import statements in isort's order, one statement a module; ``package`` is the user's own."""
    first_party = f'--config=lint.isort.known-first-party=["{package}", "tests"]'
    return _ruff(text, "check", "--select=I", "--fix", first_party)


def _ruff(text: str, command: str, *options: str) -> str:
    words = [find_ruff_bin(), command, *_STYLE, *options, "-"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, check=False)
    return done.stdout.decode() if done.returncode == 0 and done.stdout else text
