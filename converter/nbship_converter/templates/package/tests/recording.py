"""One run of the pipeline, step by step, and the few words in which a test says what a value is like."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from notebook_package import pipeline
from notebook_package.config import Config

DATA = Path(__file__).parent / "data"


@dataclass
class Step:
    """What a step returned, printed, drew and wrote, and which options of libraries it set."""

    made: Any = None
    said: list[str] = field(default_factory=list)
    drew: list[str] = field(default_factory=list)
    wrote: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)


@dataclass
class Recording:
    """What the pipeline gave in the end, and each step on the way."""

    results: pipeline.Results
    steps: dict[str, Step]

    def __getitem__(self, step: str) -> Step:
        return self.steps[step]


def record(config: Config) -> Recording:
    """Run the pipeline; what a step returns is copied, because later steps may change it in place."""
    steps: dict[str, Step] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, function in _steps():
            steps[function.__name__] = step = Step()
            patch.setattr(pipeline, name, _watched(function, step, config))
            if hasattr(sys.modules[function.__module__], "finish_figures"):
                patch.setattr(f"{function.__module__}.finish_figures", _describing(steps, config))
        results = pipeline.run(config)
    return Recording(results, steps)


def _steps() -> Iterator[tuple[str, Callable[..., Any]]]:
    package = pipeline.__name__.partition(".")[0]
    for name, value in list(vars(pipeline).items()):
        home = getattr(value, "__module__", None) or ""
        if inspect.isfunction(value) and home.startswith(f"{package}.") and home != pipeline.__name__:
            yield name, value


def _watched(function: Callable[..., Any], step: Step, config: Config) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        with _watching(step, config):
            made = function(*arguments)
        step.made = _copied(made)
        return made

    @functools.wraps(function)
    async def call_and_wait(*arguments: Any) -> Any:
        with _watching(step, config):
            made = await function(*arguments)
        step.made = _copied(made)
        return made

    return call_and_wait if inspect.iscoroutinefunction(function) else call


@contextlib.contextmanager
def _watching(step: Step, config: Config) -> Iterator[None]:
    before, options, out = _written(config), _options(), io.StringIO()
    with contextlib.redirect_stdout(out):
        yield
    step.said = out.getvalue().splitlines()
    step.options = {name: value for name, value in _options().items() if options.get(name, value) != value}
    step.wrote = sorted(_written(config) - before)


def _written(config: Config) -> set[str]:
    folder = config.output_folder()
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _copied(made: Any) -> Any:
    if isinstance(made, tuple) and hasattr(made, "_fields"):
        return type(made)(*(_copied(value) for value in made))
    try:
        return copy.deepcopy(made)
    except Exception:
        return made


def _options() -> dict[str, str]:
    """Give the options of the plotting and table libraries that are loaded, and NumPy's seed if it is fresh."""
    found: dict[str, str] = {}
    if "matplotlib" in sys.modules:
        found |= {name: str(value) for name, value in sys.modules["matplotlib"].rcParams.items()}
    if "pandas" in sys.modules:
        names = ("max_rows", "max_columns", "max_colwidth", "width", "precision", "float_format")
        found |= {
            f"display.{name}": str(sys.modules["pandas"].get_option(f"display.{name}")) for name in names
        }
    if "numpy" in sys.modules:
        _, keys, place, *_ = sys.modules["numpy"].random.get_state()
        found["numpy seed"] = str(keys[0]) if place == len(keys) else "in use"
    return found


def _describing(steps: dict[str, Step], config: Config) -> Callable[[Path | None, str], None]:
    def finish_figures(folder: Path | None, name: str) -> None:
        import matplotlib.pyplot as plt

        assert folder == config.figures_dir
        for number in plt.get_fignums():
            steps[name].drew += [described(axes) for axes in plt.figure(number).axes]
        plt.close("all")

    return finish_figures


def described(axes: Any) -> str:
    """Give what can be read off a drawing: its title, its axes and how far they reach, how much is drawn."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    drawn = {"lines": axes.lines, "bars": axes.patches, "groups": axes.collections, "images": axes.images}
    parts = [f"{len(found)} {name}" for name, found in drawn.items() if len(found)]
    legend = axes.get_legend()
    words = [text.get_text() for text in legend.get_texts()] if legend else []
    size = "x".join(f"{length:.3g}" for length in axes.figure.get_size_inches())
    return (
        f"{axes.get_title()} [{', '.join(parts)}] {axes.get_xlabel()} {left:.3g}..{right:.3g}"
        f" | {axes.get_ylabel()} {low:.3g}..{high:.3g} | {', '.join(words)} | {size}"
    )


def spread(values: Any) -> list[float]:
    """Give mean, standard deviation, smallest and largest of the numbers that are not missing."""
    import numpy as np

    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    return [float(figure) for figure in (numbers.mean(), numbers.std(), numbers.min(), numbers.max())]


def spreads(frame: Any, columns: list[str]) -> dict[str, list[float]]:
    """Give the spread of each of these columns."""
    return {column: spread(frame[column]) for column in columns}


def dtypes(frame: Any) -> dict[str, str]:
    """Give the columns, in their order, with their types."""
    return {str(column): str(dtype) for column, dtype in frame.dtypes.items()}


def missing(frame: Any) -> dict[str, int]:
    """Count what is missing in the columns that lack something."""
    return {str(column): int(count) for column, count in frame.isna().sum().items() if count}


def counts(values: Any) -> dict[str, int]:
    """Count how often each value occurs."""
    import collections

    return dict(sorted(collections.Counter(str(value) for value in values).items()))


def settings(model: Any) -> dict[str, Any]:
    """Give the parameters of a model that are not its defaults; what is no plain value, as it prints itself."""
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(type(model)).parameters.items()
    }
    plain = (bool, int, float, str, type(None))
    return {
        name: value if isinstance(value, plain) else " ".join(repr(value).split())
        for name, value in sorted(model.get_params(deep=False).items())
        if repr(value) != repr(defaults.get(name, inspect.Parameter.empty))
    }


def table(name: str) -> Any:
    """Read a few rows that a step was given, or rows like them."""
    import pandas as pd

    return pd.read_csv(DATA / f"{name}.csv", index_col=0)
