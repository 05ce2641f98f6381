"""Any Python value as a stream of tokens: what two values must share to be called equal.

The converter proves that a package computes what a notebook computed by comparing such streams; the clean
run tells by their digests which objects a cell changed. A token is ``(label, kind, payload)``: where in the
value it stands, what it is, and its content as plain Python or as a NumPy array.

Values are taken apart by content, never by identity or address: a user's class is the same class whether it
was defined in a notebook or in a package, floats compare by their bits with all NaN alike, sets have no
order. What was merely cached or timed (``cached_property``, statsmodels' ``_cache``, scikit-learn's fit
times) is no part of a value. What has no content that could be compared (an open file, a generator) yields
an ``opaque`` token, and a comparison that meets one says ``unchecked``, never ``equal``.
"""

from __future__ import annotations

import itertools
import math
import random
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from nbship.content import Token, Walk, array_bytes, digest, is_timing

__all__ = ["SEED", "Outcome", "Token", "compare", "digest", "is_timing", "seed_generators", "tokens"]

Outcome = Literal["equal", "close", "different", "unchecked"]

#: Relative distance up to which floats whose sums were taken in another order are called close.
RTOL = 1e-12
#: Where the global random generators begin in a run that is to be compared.
SEED = 0


def tokens(value: object, *, own: Iterable[str] = ()) -> Iterator[Token]:
    """Yield the tokens of ``value``, depth first and in a fixed order.

    ``own`` names the top-level packages that hold the user's own classes besides ``__main__``; their names
    do not count, so that a class keeps its identity when it moves into a package.

    >>> list(tokens([1, 2.5]))
    [('', 'list', 2), ('[0]', 'int', 1), ('[1]', 'float', 2.5)]
    """
    return Walk(frozenset({"__main__", *own})).walk(value, "", 0)


def seed_generators(seed: int = SEED) -> None:
    """Give the global random generators of Python and NumPy one known state.

    The notebook's run and the package's both begin here: what draws without a seed of its own can then be
    compared as well.
    """
    random.seed(seed)
    try:
        import numpy as np
    except ModuleNotFoundError:
        return
    np.random.seed(seed)  # noqa: NPY002  # the global generator is the one that is meant


def compare(expected: Iterable[Token], found: Iterable[Token]) -> tuple[Outcome, str]:
    """Tell how two token streams relate, and where the first difference stands.

    ``equal`` is bitwise, ``close`` allows floats a relative distance of 1e-12, ``unchecked`` met something
    that has no comparable content.

    >>> compare(tokens({"a": 1}), tokens({"a": 2}))
    ('different', "['a']: 1 became 2")
    """
    outcome: Outcome = "equal"
    for one, other in itertools.zip_longest(expected, found):
        if one is None or other is None:
            return "different", "one has more parts than the other"
        if one[1] == "opaque" or other[1] == "opaque":
            return "unchecked", f"{one[0] or 'the value'}: {one[2]} has no content to compare"
        if one[:2] != other[:2]:
            return (
                "different",
                f"{one[0] or 'the value'}: {one[1]} became {other[1]} at {other[0] or 'the top'}",
            )
        relation = _relate(one[2], other[2])
        if relation == "different":
            return "different", f"{one[0] or 'the value'}: {_brief(one[2])} became {_brief(other[2])}"
        if relation == "close":
            outcome = "close"
    return outcome, ""


def _relate(one: Any, other: Any) -> Outcome:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(one, numpy.ndarray):
        return _relate_arrays(one, other)
    if type(one) is float and type(other) is float:
        if one == other or (math.isnan(one) and math.isnan(other)):
            return "equal"
        return "close" if abs(one - other) <= RTOL * max(abs(one), abs(other)) else "different"
    return "equal" if type(one) is type(other) and one == other else "different"


def _relate_arrays(one: Any, other: Any) -> Outcome:
    import numpy as np

    if not isinstance(other, np.ndarray) or one.dtype != other.dtype or one.shape != other.shape:
        return "different"
    if array_bytes(one) == array_bytes(other):
        return "equal"
    if one.dtype.kind in "fc" and np.allclose(one, other, rtol=RTOL, atol=0.0, equal_nan=True):
        return "close"
    return "different"


def _brief(payload: Any) -> str:
    text = re.sub(r"\s+", " ", repr(payload))
    return textwrap.shorten(text, 60, placeholder="...")
