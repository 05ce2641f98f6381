"""The environment in which a package works: what the kernel had, as locks that any machine can be made from."""

from nbship_converter.environment.locks import DEVELOPMENT, LOCK, Locks, locked, unhashed

__all__ = ["DEVELOPMENT", "LOCK", "Locks", "locked", "unhashed"]
