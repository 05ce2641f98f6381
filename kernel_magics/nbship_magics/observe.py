"""What the tests of an exported package may state: each step's results, put into words the tests use themselves.

``python -m nbship_magics.observe REQUEST`` runs the package through the repository's own ``tests/recording.py`` and
writes for each step expressions and what they came to. An expression is the very text that a test asserts, with
``{}`` for the value, so what is expected is computed by the code that will check it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from nbship.canonical import seed_generators
from nbship_magics.alone import lacking, sampled
from nbship_magics.wording import expressions

__all__ = ["Request", "observe"]

#: Characters of an expectation beyond which nobody reads it.
LONGEST = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is observed: the package below ``source``, through ``tests``; ``steps`` maps a step to its outputs.

    ``samples`` is a folder for small inputs, ``files`` what the notebook reads,
    ``claims`` expressions about ``results`` that may hold; ``seed`` is where the random generators begin, ``fixed`` where the tests set Python's and NumPy's, if they do.
    """

    source: str
    tests: str
    package: str
    out: str
    data: str | None
    output: str
    samples: str
    files: list[str]
    claims: list[str]
    steps: dict[str, list[str]]
    seed: int
    fixed: int | None


def observe(request: Request) -> None:
    """Run ``PACKAGE.pipeline.run`` as its tests do and write what can be said of each step."""
    sys.path[:0] = [request.source, request.tests]
    recording: Any = import_module("recording")
    pipeline = import_module(f"{request.package}.pipeline")
    given: dict[str, dict[str, Any]] = {}
    originals = list(recording._steps())  # noqa: SLF001  # the repository's helper is ours
    for name, function in originals:
        setattr(pipeline, name, _remembering(function, given))
    config = import_module(f"{request.package}.config").Config(
        data_dir=Path(request.data) if request.data else None,
        output_dir=Path(request.output),
        figures_dir=Path(request.output) / "figures",
    )
    _seed(request)
    recorded = recording.record(config)
    steps = recorded.steps
    functions = {function.__name__: function for _, function in originals}
    told = {
        name: _told(steps[name], outputs, given.get(name, {}), vars(recording))
        for name, outputs in request.steps.items()
        if name in steps
    }
    recording.DATA = Path(request.samples)
    for name, outputs in request.steps.items():
        if name in steps and name in given:
            told[name]["alone"] = _alone(request, functions[name], outputs, given[name], recording)
    whole = {
        "steps": told,
        "claims": {text: _holds(text, recorded.results) for text in request.claims},
        "absent": _absent(request, pipeline, type(config)) if request.data else None,
    }
    Path(request.out).write_text(json.dumps(whole), encoding="utf-8")


def _holds(claim: str, results: Any) -> bool | None:
    """Tell whether a claim about the results is so; None where it cannot be asked of them."""
    try:
        found = eval(claim, {"results": results})  # noqa: S307  # the converter's own words
    except Exception:  # noqa: BLE001  # the user's object may raise on any touch
        return None
    return found if isinstance(found, bool) else None


def _absent(request: Request, pipeline: Any, config: Any) -> str | None:
    """Give the file whose absence the pipeline names when its folder of data is empty."""
    with tempfile.TemporaryDirectory() as empty, contextlib.redirect_stdout(io.StringIO()):
        try:
            pipeline.run(config(data_dir=Path(empty), output_dir=Path(empty)))
        except FileNotFoundError as error:
            names = [name for name in request.files if Path(name).name in str(error)]
            return Path(names[0]).name if names else None
        except Exception:  # noqa: BLE001  # whatever else it raises is not said in a test
            return None
    return None


def _seed(request: Request) -> None:
    seed_generators(request.seed)
    if request.fixed is not None:
        random.seed(request.fixed)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(request.fixed)


def _remembering(function: Callable[..., Any], given: dict[str, dict[str, Any]]) -> Any:
    """Wrap a step so that what goes in is kept as it was."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        named = zip(inspect.signature(function).parameters, arguments, strict=False)
        given[function.__name__] = {
            name: _copied(value) for name, value in named if type(value).__name__ != "Config"
        }
        return function(*arguments)

    return call if not inspect.iscoroutinefunction(function) else function


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  # a value that cannot be copied is compared with itself
        return value


def _alone(
    request: Request,
    function: Callable[..., Any],
    outputs: list[str],
    given: Mapping[str, Any],
    recording: Any,
) -> dict[str, Any] | None:
    """Give what a step makes of a few rows, None where there are no such rows or it cannot do with them."""
    words = vars(recording)
    try:
        texts = sampled(function.__name__, given, Path(request.samples), words)
        if texts is None:
            return None
        inputs = {name: eval(text, dict(words)) for name, text in texts.items()}  # noqa: S307  # our own words

        def call(arguments: Mapping[str, Any]) -> Any:
            config = import_module(f"{request.package}.config").Config(
                output_dir=Path(request.output) / "alone"
            )
            takes_config = len(inspect.signature(function).parameters) > len(arguments)
            return function(*arguments.values(), *([config] if takes_config else []))

        with contextlib.redirect_stdout(io.StringIO()):
            seed_generators(request.seed)  # a test that calls one step seeds nothing
            before = {name: _copied(value) for name, value in inputs.items()}
            made = call({name: _copied(value) for name, value in inputs.items()})
            found = lacking(call, inputs, inspect.getsource(function))
    except Exception:  # noqa: BLE001  # what a step does to a few rows is not its purpose
        return None
    values = {outputs[0]: made} if len(outputs) == 1 else dict(zip(outputs, made or (), strict=False))
    told = {name: list(_said(value, before.get(name), words)) for name, value in values.items()}
    return {"inputs": texts, "made": told, "lacking": found}


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
