"""When a challenger is not asked: so that it costs those who wait for the champion little."""

from __future__ import annotations


class Allowance:
    """So many a second, and a tenth of that in one go."""

    def __init__(self, a_second: float) -> None:
        self._a_second, self._most = a_second, max(1.0, a_second / 10)
        self._left, self._at = self._most, 0.0

    def take(self, now: float) -> bool:
        """Tell whether there is one left at this time, in seconds, and take it."""
        self._left = min(self._most, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Breaker:
    """Open after ``most`` failures in a row; then one request each ``rest_s`` seconds tries whether it is over.

    The circuit breaker of M. Nygard, Release It! (2007).
    """

    def __init__(self, *, most: int = 3, rest_s: float = 2.0) -> None:
        self._most, self._rest_s = most, rest_s
        self._failures, self._until = 0, 0.0

    def is_open(self, now: float) -> bool:
        """Tell whether nobody should be asked at this time, in seconds; the one that may try is let through."""
        if self._failures < self._most:
            return False
        if now < self._until:
            return True
        self._until = now + self._rest_s
        return False

    def note(self, *, failed: bool, now: float) -> None:
        """Take how a request ended."""
        self._failures = self._failures + 1 if failed else 0
        if failed:
            self._until = now + self._rest_s
