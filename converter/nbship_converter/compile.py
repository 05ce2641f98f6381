"""The compiler: a notebook and what was seen of it -> a Program, by one pass after the other."""

from __future__ import annotations

from nbship_converter.classify import classify, constants_of, imports_of
from nbship_converter.definitions import helpers_of
from nbship_converter.dynamic import dynamic_names
from nbship_converter.findings import Finding
from nbship_converter.flow import LEFT_OUT_KINDS, flow_of
from nbship_converter.ir import CONFIG, Facts, Helper, Notebook, Program, Shared, Step
from nbship_converter.locate import locate
from nbship_converter.resolve import resolve
from nbship_converter.share import share
from nbship_converter.steps import steps_of

__all__ = ["compile_notebook"]


def compile_notebook(notebook: Notebook, facts: Facts | None) -> tuple[Program, list[Finding]]:
    """Compile the notebook with the facts of a clean run, or from syntax alone where there are none."""
    notebook, facts, resolved = resolve(notebook, facts)
    notebook, located = locate(notebook, facts)
    notebook, facts, shared = share(notebook, facts)
    notebook = classify(notebook, facts)
    flow, findings = flow_of(notebook, facts)
    constants = constants_of(notebook, facts.types if facts else {})
    helpers = helpers_of(notebook, constants, flow.variables | {CONFIG})
    imports = imports_of(notebook)
    steps, found = steps_of(flow, helpers, facts, imports)
    program = Program(
        notebook=notebook,
        steps=steps,
        helpers=helpers,
        helper_modules=_homes(helpers, steps),
        constants=constants,
        imports=imports,
        results=_made(flow.results, steps, shared, facts),
        signatures=facts.signatures if facts else {},
        neighbours=facts.neighbours if facts else {},
        unseeded=_unseeded(notebook, steps, facts),
        shared=shared,
    )
    found = [*found, *_fixed(program), *dynamic_names(flow.kept)]
    if program.unseeded is not None:
        message = "draws random numbers that nothing has seeded: compared from one starting state"
        found = [*found, Finding(code="NB411", message=message, cell=program.unseeded)]
    return program, [*resolved, *located, *findings, *found]


def _fixed(program: Program) -> list[Finding]:
    """Tell which constants are no settings, because a class or a default reads them where it is defined."""
    return [
        Finding(
            code="NB204",
            message=f"`{name}` is a constant of `{program.helper_modules[name]}.py`: a definition reads it",
            cell=helper.statement.cell,
            line=helper.statement.line,
        )
        for name, helper in program.helpers.items()
        if helper.kind == "fixed" and name in program.helper_modules
    ]


def _unseeded(notebook: Notebook, steps: tuple[Step, ...], facts: Facts | None) -> int | None:
    """Give the first kept cell that draws from NumPy's global generator before anything has seeded it."""
    kept = {cell for step in steps for cell in step.cells}
    for cell in notebook.cells:
        if any(call.endswith("seed") for s in cell.statements for call in s.use.calls):
            return None
        fact = facts.cells.get(cell.index) if facts else None
        if fact and cell.index in kept and "numpy" in fact.random:
            return cell.index
    return None


def _made(
    results: dict[str, str], steps: tuple[Step, ...], shared: Shared | None, facts: Facts | None
) -> dict[str, str]:
    """Keep the results that some step really hands over, and add those that functions share."""
    outputs = {name for step in steps for name in step.outputs}
    made = {name: kind for name, kind in results.items() if name in outputs}
    if shared is None or shared.variable not in outputs:
        return made
    made.pop(shared.variable, None)
    kinds = facts.kinds if facts else dict.fromkeys(shared.types, "value")
    own = {name: kinds[name] for name in shared.types if name in kinds and not name.startswith("_")}
    return made | {name: kind for name, kind in own.items() if kind not in LEFT_OUT_KINDS}


def _homes(helpers: dict[str, Helper], steps: tuple[Step, ...]) -> dict[str, str]:
    """Give each helper the module of its first reader, so that imports only ever point backwards.

    A helper that nobody reads has no home: it is left out.
    """
    order = list(dict.fromkeys(step.module for step in steps))
    homes: dict[str, str] = {}
    for module in order:
        pending = [
            n
            for s in steps
            if s.module == module
            for st in s.statements
            for n in st.use.needs
            if n in helpers
        ]
        while pending:
            name = pending.pop()
            if name not in homes:
                homes[name] = module
                pending += helpers[name].calls
    return homes
