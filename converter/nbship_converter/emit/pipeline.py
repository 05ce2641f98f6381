"""``pipeline.py``: Results, and ``run`` that calls every step in order."""

from __future__ import annotations

from nbship_converter.emit.calls import awaits, takes_config
from nbship_converter.environment.needs import Needs
from nbship_converter.infer import Annotator
from nbship_converter.ir import Program, Step

__all__ = ["Pipeline"]


class Pipeline:
    """``pipeline.py``: Results, and ``run`` that calls every step in order."""

    def __init__(self, program: Program, package: str, needs: Needs | None = None) -> None:
        self.program = program
        self.package = package
        homes = {
            name: home
            for name, home in program.helper_modules.items()
            if program.helpers[name].kind == "class"
        }
        self.annotator = Annotator(package=package, module="pipeline", homes=homes)
        self.imports = {"from dataclasses import dataclass", f"from {package}.config import Config"}
        self.variables = {name for step in program.steps for name in (*step.inputs, *step.outputs)} | set(
            program.results
        )

        names = ("config", "settings", "given", "chosen")  # a variable of the notebook's may be called so
        self.config = next(name for name in names if name not in self.variables)
        taken = self.variables | {step.name for step in program.steps}
        self.logged = "logged" if "logged" not in taken else "logged_step"
        self.imports.add(
            f"from {package}.logs import logged" + ("" if self.logged == "logged" else f" as {self.logged}")
        )
        self.needs = needs
        if needs:
            self.imports.add(f"from {package}.limits import warn_of_limits")

    def text(self) -> str:
        """Give the module's source."""
        results, run = self._results(), self._run()
        head = f'"""Runs every step of {self.program.notebook.name} in the notebook\'s order."""\n\nfrom __future__ import annotations\n\n'
        lines = sorted(self.imports | self.annotator.imports)
        return head + "\n".join(lines) + f"\n\n\n{results}\n\n\n{run}\n"

    def _results(self) -> str:
        fields = [f"    {name}: {self.annotator.short(kind)}" for name, kind in self._types().items()]
        doc = '    """What the notebook\'s variables hold at its end."""\n'
        return (
            "@dataclass(frozen=True)\nclass Results:\n" + doc + ("\n" + "\n".join(fields) if fields else "")
        )

    def _types(self) -> dict[str, str]:
        last = {key: kind for step in self.program.steps for key, kind in step.types.items()}
        shared = self.program.shared.types if self.program.shared else {}
        return {
            name: shared.get(name) or last.get(f"out:{name}", "typing.Any") for name in self.program.results
        }

    def _run(self) -> str:
        lines = [] if self.config == "config" else [f"{self.config} = config"]
        lines += [self.needs.call] if self.needs else []
        lines += [self._declare(name) for name in self._loose()]
        lines += [self._call(step) for step in self.program.steps]
        given = ", ".join(f"{name}={self._value(name)}" for name in self.program.results)
        lines.append(f"return Results({given})")
        doc = '"""Run the whole pipeline and give what the notebook\'s variables hold at its end."""'
        if any(awaits(step) for step in self.program.steps):
            return self._run_in_loop(doc, lines)
        return _function("def run(config: Config = Config()) -> Results:", [doc, *lines])

    def _value(self, name: str) -> str:
        shared = self.program.shared
        return f"{shared.variable}.{name}" if shared and name in shared.types else name

    def _run_in_loop(self, doc: str, lines: list[str]) -> str:
        """Steps that await share one event loop, as the notebook's cells do."""
        self.imports.add("import asyncio")
        run = _function(
            "def run(config: Config = Config()) -> Results:", [doc, "return asyncio.run(_run(config))"]
        )
        return run + "\n\n\n" + _function("async def _run(config: Config) -> Results:", lines)

    def _loose(self) -> list[str]:
        """Names whose type changes on the way: declared once, so that a type checker follows."""
        kinds: dict[str, set[str]] = {}
        for step in self.program.steps:
            for name in step.outputs:
                kinds.setdefault(name, set()).add(step.types.get(f"out:{name}", ""))
        return [name for name, seen in kinds.items() if len(seen) > 1]

    def _declare(self, name: str) -> str:
        return f"{name}: {self.annotator.short('typing.Any')}"

    def _call(self, step: Step) -> str:
        function = step.name if step.name not in self.variables | {"run", "config"} else f"{step.name}_step"
        alias = "" if function == step.name else f" as {function}"
        self.imports.add(f"from {self.package}.{step.module} import {step.name}{alias}")
        arguments = [*step.inputs, *([self.config] if takes_config(step, self.program) else [])]
        call = f"{self.logged}({function})({', '.join(arguments)})"
        if awaits(step):
            call = f"await {call}"
        return f"{', '.join(step.outputs)} = {call}" if step.outputs else call


def _function(head: str, lines: list[str]) -> str:
    return "\n".join([head, *(f"    {line}" for line in lines)])
