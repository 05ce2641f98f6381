"""The gates of a repository's CI: is the data what was promised, does the package run, is the model good enough.

Each gate gives a `Verdict`: a table of what was checked, what was expected and what was found, and in plain words what
may be the cause.
"""

from __future__ import annotations

from nbship.gates.verdict import Row, Status, Verdict

__all__ = ["Row", "Status", "Verdict"]
