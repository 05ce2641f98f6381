"""Tells objects apart by where they are, without a word to audit hooks.

``id`` raises an audit event for each call, and a hook in Python (ours, or another's) makes it fifty times as dear:
https://docs.python.org/3/library/audit_events.html. The hash of the plain object is the address too.
"""

from __future__ import annotations

__all__ = ["identity"]

#: Gives a number that no other living object has; an object's own ``__hash__`` is not asked.
identity = object.__hash__
