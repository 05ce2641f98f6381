"""The slice of a notebook -> ``predict.py``, ``serving.py`` and their test, as text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nbship_converter.emit.calls import handed_in, takes_config
from nbship_converter.emit.module import Module
from nbship_converter.emit.vendored import follow, roots_of
from nbship_converter.evaluation import Evaluation
from nbship_converter.ir import Facts, Program, Statement, Step
from nbship_converter.serving.slicing import Inference

__all__ = ["ServedModule", "Shown"]

_TEXTS = Path(__file__).parent / "texts"
#: Rows that the exported test looks at; the trial looks at all.
MOST_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the trial showed: the columns that a record needs, and which rows were compared, by their places."""

    required: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    compared: int = 0


class ServedModule:
    """The module with the Predictor, for one slice of one notebook."""

    def __init__(
        self, program: Program, facts: Facts, package: str, inference: Inference, evaluation: Evaluation
    ) -> None:
        self.package = package
        self.inference = inference
        self.evaluation = evaluation
        self.facts = facts
        self.name = _free_name({*(step.module for step in program.steps), *program.helper_modules.values()})
        taken = {step.name for step in program.steps} | {*program.helpers, *program.imports, *program.results}
        self.read = self._step("read_records", taken, inference.read, (), (inference.record,))
        self.learn = self._step("learn", taken, inference.learn, (inference.record,), inference.learnt)
        carried = (*inference.carried, *inference.learnt)
        self.prepare = self._step(
            "prepare", taken, inference.prepare, (inference.record, *carried), (inference.features,)
        )
        self.steps = [self.read, *([self.learn] if inference.learnt else []), self.prepare]
        self.program = replace(
            program, steps=(*program.steps, *self.steps), helper_modules=dict(program.helper_modules)
        )

    def _step(
        self,
        name: str,
        taken: set[str],
        statements: Sequence[Statement],
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
    ) -> Step:
        types = {f"in:{one}": self._type(one) for one in inputs} | {
            f"out:{one}": self._type(one) for one in outputs
        }
        return Step(
            name=name if name not in taken else f"{name}_for_prediction",
            module=self.name,
            title=_DOCS[name].format(record=self.inference.record),
            prose="",
            cells=(),
            statements=tuple(statements),
            inputs=inputs,
            outputs=outputs,
            types=types,
        )

    def _type(self, name: str) -> str:
        return self.facts.types.get(name) or "typing.Any"

    def predictor(self, shown: Shown) -> str:
        """Give the module's text; ruff sorts its imports and formats it."""
        module = Module(self.program, self.package, self.name, handed_in(self.program))
        steps = module.text()
        fields = [f"    {name}: {module.annotator.short(self._type(name))}" for name in self._state()]
        head = {
            "import numpy as np",
            "import pandas as pd",
            "from collections.abc import Mapping, Sequence",
            "from dataclasses import dataclass",
            "from typing import Any",
            f"from {self.package}.config import Config",
            f"from {self.package}.pipeline import Results, run",
            *({"import copy"} if "copy" in self.inference.tools else set()),
            *module.annotator.imports,
        }
        doc = '"""Predictions for new records, computed as the notebook computes them for its own."""'
        opening, _, rest = steps.partition("from __future__ import annotations\n")
        del opening
        future = "from __future__ import annotations\n"
        imports, _, functions = rest.partition("\n\n\n")
        required = f"#: Columns that a record must have.\nREQUIRED: tuple[Any, ...] = {shown.required!r}"
        parts = [
            f"{doc}\n\n{future}\n{imports.strip()}\n" + "\n".join(sorted(head)),
            required,
            functions.strip(),
            self._tools(),
            _filled("predictor", self._holes("\n".join(fields))),
        ]
        text = "\n\n\n".join(part for part in parts if part) + "\n"
        return follow(text, self.package, roots_of(self.program))

    def _state(self) -> list[str]:
        names = (*self.inference.carried, *self.inference.learnt, self.inference.model)
        return list(dict.fromkeys(names))

    def _tools(self) -> str:
        text = (_TEXTS / "tools.txt").read_text(encoding="utf-8").strip()
        wanted = set(self.inference.tools) - {"copy"}
        if "with_categories" in wanted:
            wanted.add("_categorical")
        return "\n\n\n".join(
            part for part in text.split("\n\n\n") if part.split("(")[0].removeprefix("def ") in wanted
        )

    def _holes(self, fields: str) -> dict[str, str]:
        state = [f"self.state.{name}" for name in (*self.inference.carried, *self.inference.learnt)]
        given = ["config=config", "example=table.head(1).copy()"]
        given += [
            f"{name}={name if name in self.inference.learnt else f'results.{name}'}" for name in self._state()
        ]
        return {
            "fields": fields,
            "record": self.inference.record,
            "model": self.inference.model,
            "read": self._called(self.read, [], "config"),
            "learn": self._learning(),
            "given": ", ".join(given),
            "prepare": self._called(self.prepare, ["table", *state], "self.state.config"),
        }

    def _learning(self) -> str:
        learnt = self.inference.learnt
        if not learnt:
            return ""
        return f"        {', '.join(learnt)} = {self._called(self.learn, ['table.copy()'], 'config')}"

    def _called(self, step: Step, arguments: list[str], config: str) -> str:
        given = [*arguments, *([config] if takes_config(step, self.program) else [])]
        return f"{step.name}({', '.join(given)})"

    def served(self) -> str:
        """Give the text of ``serving.py``."""
        return _filled("serving", self._names())

    def test(self, shown: Shown) -> str:
        """Give the test that shows what the trial has shown."""
        kept = _spread(len(shown.rows), MOST_ROWS)
        expected = (
            f"results.{self.evaluation.predictions}"
            if self.evaluation.predictions
            else f"results.{self.evaluation.model}.predict(results.{self.evaluation.features})"
        )
        return _filled(
            "tests",
            {
                **self._names(),
                "reading": self.read.name,
                "read": self._called(self.read, [], "config"),
                "record": self.inference.record,
                "which": "" if len(kept) == len(shown.rows) else f", {len(kept)} of {len(shown.rows)}",
                "rows": _wrapped(shown.rows[place] for place in kept),
                "places": _wrapped(shown.places[place] for place in kept),
                "expected": expected,
            },
        )

    def _names(self) -> dict[str, str]:
        return {
            "package": self.package,
            "distribution": self.package.replace("_", "-"),
            "module": self.name,
        }


_DOCS = {
    "read_records": "Read the table `{record}`: a record is one of its rows",
    "learn": "Learn from `{record}` what its rows are compared with",
    "prepare": "Compute the model's features for records",
}


def _free_name(taken: set[str]) -> str:
    return "predict" if "predict" not in taken else "predictor"


def _filled(name: str, holes: Mapping[str, str]) -> str:
    text = (_TEXTS / f"{name}.txt").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: holes[hole[1]], text)


def _wrapped(numbers: Iterable[int]) -> str:
    """Write a list with as many numbers on a line as fit; the formatter would give each a line of its own."""
    lines = textwrap.wrap(", ".join(map(str, numbers)), width=100)
    return "\n".join(["[", *(f"    {line}" for line in lines), "]"])


def _spread(count: int, most: int) -> list[int]:
    """Give places spread evenly over a range, all of them where they are few.

    >>> _spread(3, 5), _spread(10, 4)
    ([0, 1, 2], [0, 3, 6, 9])
    """
    if count <= most:
        return list(range(count))
    return sorted({round(place * (count - 1) / (most - 1)) for place in range(most)})
