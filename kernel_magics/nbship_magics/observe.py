"""What the tests of an exported package may state: each step's results, put into words the tests use themselves.

``python -m nbship_magics.observe REQUEST`` runs the package through the repository's own ``tests/recording.py`` and
writes for each step expressions and what they came to. An expression is the very text that a test asserts, with
``{}`` for the value, so what is expected is computed by the code that will check it.
"""

from __future__ import annotations

import copy
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from nbship.canonical import seed_generators
from nbship_magics.wording import expressions

__all__ = ["Request", "observe"]

#: Characters of an expectation beyond which nobody reads it.
LONGEST = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is observed: the package below ``source``, through ``tests``; ``steps`` maps a step to its outputs.

    ``seed`` is where the random generators begin, ``fixed`` where the tests set Python's and NumPy's, if they do.
    """

    source: str
    tests: str
    package: str
    out: str
    data: str | None
    output: str
    steps: dict[str, list[str]]
    seed: int
    fixed: int | None


def observe(request: Request) -> None:
    """Run ``PACKAGE.pipeline.run`` as its tests do and write what can be said of each step."""
    sys.path[:0] = [request.source, request.tests]
    recording = import_module("recording")
    pipeline = import_module(f"{request.package}.pipeline")
    given: dict[str, dict[str, Any]] = {}
    for name, function in list(recording._steps()):  # noqa: SLF001  # the repository's helper is ours
        setattr(pipeline, name, _remembering(function, given))
    config = import_module(f"{request.package}.config").Config(
        data_dir=Path(request.data) if request.data else None,
        output_dir=Path(request.output),
        figures_dir=Path(request.output) / "figures",
    )
    _seed(request)
    steps = recording.record(config).steps
    told = {
        name: _told(steps[name], outputs, given.get(name, {}), vars(recording))
        for name, outputs in request.steps.items()
        if name in steps
    }
    Path(request.out).write_text(json.dumps(told), encoding="utf-8")


def _seed(request: Request) -> None:
    seed_generators(request.seed)
    if request.fixed is not None:
        random.seed(request.fixed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(request.fixed)


def _remembering(function: Callable[..., Any], given: dict[str, dict[str, Any]]) -> Any:
    """Wrap a step so that what goes in is kept as it was."""
    import functools
    import inspect

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        names = [parameter for parameter in inspect.signature(function).parameters if parameter != "config"]
        given[function.__name__] = {key: _copied(value) for key, value in zip(names, arguments, strict=False)}
        return function(*arguments)

    return call if not inspect.iscoroutinefunction(function) else function


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  # a value that cannot be copied is compared with itself
        return value


def _told(
    step: Any, outputs: list[str], given: Mapping[str, Any], words: Mapping[str, Any]
) -> dict[str, Any]:
    """Give what can be said of one step; ``kept`` is what would be so if it gave back what it was given."""
    made = {outputs[0]: step.made} if len(outputs) == 1 else dict(zip(outputs, step.made or (), strict=False))
    told = {name: list(_said(value, given.get(name), words)) for name, value in made.items()}
    kept = {
        name: {text: _evaluated(text, given[name], words) for text, _ in pairs}
        for name, pairs in told.items()
        if name in given
    }
    return {
        "made": told,
        "kept": kept,
        "said": step.said,
        "drew": step.drew,
        "wrote": step.wrote,
        "options": step.options,
    }


def _said(value: Any, before: Any, words: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (expression, what it is, written as a literal)."""
    for expression in expressions(value, before):
        text = _evaluated(expression, value, words)
        if text is not None and len(text) <= LONGEST:
            yield expression, text


def _evaluated(expression: str, value: Any, words: Mapping[str, Any]) -> str | None:
    try:
        found = eval(expression.format("value"), {**words, "value": value})  # noqa: S307  # our own words
        return repr(_plain(found))
    except Exception:  # noqa: BLE001  # the user's object may raise on any touch
        return None


def _plain(value: Any) -> Any:
    """Give NumPy's numbers as Python's, inside of containers too."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    return value.item() if type(value).__module__ == "numpy" and not hasattr(value, "__len__") else value


if __name__ == "__main__":
    observe(Request(**json.loads(sys.argv[1])))
