"""Cells -> steps: tags decide, and where none stand a step is proposed with a reason and a confidence.

Neighbouring cells of one tag are one step; a later cell of the same tag joins where nothing between them
depends on it. A step's name is its tag's, or comes from the heading above it, or from what it makes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from nbship_converter.classify import is_setting
from nbship_converter.findings import Finding
from nbship_converter.flow import Flow
from nbship_converter.ir import Cell, Facts, Helper, Statement, Step
from nbship_converter.naming import Names, safe, slug
from nbship_converter.syntax import first_statement
from nbship_converter.trim import trimmed
from nbship_converter.uses import use_of

__all__ = ["MODULES", "propose", "steps_of"]

#: Modules whose meaning the runtime knows, in the order of the road.
MODULES = ("data", "features", "train", "evaluate", "predict")
SETTINGS = "settings"

_SIGNS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("train", re.compile(r"\.(fit|fit_predict|partial_fit|train|fit_resample|cross_validate)$|^(train|cross_val_score|cross_validate)$|SearchCV$"), 0.9),
    ("evaluate", re.compile(r"(_score|_error|_loss|_report|_matrix|_curve|_auc)$|\.(score|evaluate|silhouette_score)$|^(auc|accuracy_score)$"), 0.85),
    ("predict", re.compile(r"\.(predict|predict_proba|forecast|get_prediction)$"), 0.7),
    ("data", re.compile(r"(^|\.)(read_\w+|load_\w+|fetch_\w+|loadtxt|genfromtxt|make_\w+|load|open|glob)$"), 0.85),
    ("features", re.compile(r"(train_test_split|Scaler|Encoder|Imputer|Vectorizer|Transformer|PCA)$|\.(fit_transform|transform|get_dummies|fillna|dropna|replace|map|apply|merge|astype|drop|rename|cut|qcut)$"), 0.75),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Cells that will become one step."""

    module: str
    name: str
    title: str
    cells: tuple[Cell, ...]
    reason: str
    confidence: float


def steps_of(
    flow: Flow, helpers: dict[str, Helper], facts: Facts | None, taken: Iterable[str] = ()
) -> tuple[tuple[Step, ...], list[Finding]]:
    """Group the kept cells into steps and tell what each takes and gives; no step takes a name of ``taken``."""
    groups, findings = _grouped(flow, facts)
    meant = {*helpers, *taken}
    groups = [replace(g, name=f"{g.name}_step") if g.name in meant else g for g in groups]
    others = {*helpers, *flow.variables, *taken, *MODULES, SETTINGS, "run", "main"}
    names = Names(taken=others - {group.name for group in groups}, titles=set())
    steps = [_step(group) for group in _named(groups, names, facts)]
    return _with_flow(steps, flow, helpers, facts), findings


def _named(groups: list[_Group], names: Names, facts: Facts | None) -> list[_Group]:
    """Name the tagged steps first: theirs are given; the others make do."""
    found: dict[int, tuple[str, str]] = {}
    for place in sorted(range(len(groups)), key=lambda place: (not groups[place].name, place)):
        group = groups[place]
        if group.name:
            found[place] = names.tagged(group.name, group.title)
        else:
            found[place] = names.proposed(group.module, group.cells, _models(group, facts))
    return [replace(group, name=found[i][0], title=found[i][1]) for i, group in enumerate(groups)]


def _models(group: _Group, facts: Facts | None) -> dict[str, str]:
    """Map names to the classes of the estimators that they hold after a step, or are bound to as the text tells."""
    if facts is not None:
        types = _types_at(group.cells[-1].index, facts)
        return {name: types[name] for name, kind in facts.kinds.items() if kind == "model" and name in types}
    found: dict[str, str] = {}
    for statement in (s for cell in group.cells for s in cell.statements):
        classes = [call for call in statement.use.calls if call.rsplit(".", 1)[-1][:1].isupper()]
        if len(classes) == 1 and len(statement.use.binds) == 1:
            found[statement.use.binds[0]] = classes[0]
    return found


def propose(cell: Cell) -> tuple[str, str, float]:
    """Give (module, reason, confidence) for a cell that has no tag."""
    calls = sorted({call for s in cell.statements if s.mark in ("code", "plot") for call in s.use.calls})
    for module, pattern, confidence in _SIGNS:
        found = [call for call in calls if pattern.search(call)]
        if found:
            return module, f"calls `{found[0].lstrip('.')}`", confidence
    for module in MODULES:
        if re.search(module.rstrip("e")[:5], cell.heading, re.IGNORECASE):
            return module, f"stands under “{cell.heading}”", 0.6
    return "", "follows the step before", 0.4


def _grouped(flow: Flow, facts: Facts | None) -> tuple[list[_Group], list[Finding]]:
    groups: list[_Group] = []
    findings: list[Finding] = []
    waiting: list[Cell] = []
    for cell in flow.kept:
        if not any(_stays(s) for s in cell.statements):
            continue  # it only shows something; what it shows is computed above
        if not cell.step_tag and _only_sets(cell) and groups:
            waiting.append(cell)
            continue
        group = _group_for(cell, groups)
        home = _joins(group, cell, groups, facts)
        if home is not None:
            groups[home] = replace(groups[home], cells=(*groups[home].cells, *waiting, cell))
        else:
            if cell.step_tag and any(
                other.name == group.name and other.module == group.module for other in groups
            ):
                findings.append(_separated(cell, group, groups))
                group = replace(group, name=slug(cell.heading) or group.name)
            groups.append(replace(group, cells=(*waiting, cell)))
        waiting = []
    if waiting and groups:
        groups[-1] = replace(groups[-1], cells=(*groups[-1].cells, *waiting))
    return groups, findings


def _only_sets(cell: Cell) -> bool:
    code = [s for s in cell.statements if s.mark in ("code", "plot", "display")]
    return bool(code) and all(is_setting(s) or s.mark == "display" for s in code)


def _group_for(cell: Cell, groups: list[_Group]) -> _Group:
    if cell.step_tag:
        module, _, name = cell.step_tag.rpartition(".")
        proposed = module or (
            name if name in MODULES else propose(cell)[0] or (groups[-1].module if groups else "data")
        )
        return _group(safe(proposed), safe(name), cell, "tagged", 1.0)
    if _only_sets(cell):
        return _group(SETTINGS, "configure", cell, "sets global state", 0.9)
    module, reason, confidence = propose(cell)
    last = next((group.module for group in reversed(groups) if group.module != SETTINGS), "data")
    return _group(module or last, "", cell, reason, confidence)


def _group(module: str, name: str, cell: Cell, reason: str, confidence: float) -> _Group:
    return _Group(
        module=module, name=name, title=cell.heading, cells=(cell,), reason=reason, confidence=confidence
    )


def _joins(group: _Group, cell: Cell, groups: list[_Group], facts: Facts | None) -> int | None:
    """Give the place of the step that the cell joins, if any."""
    if not groups:
        return None
    last = groups[-1]
    if not cell.step_tag:
        untagged = not any(other.step_tag for other in last.cells)
        same = last.module == group.module and last.title == cell.heading
        return len(groups) - 1 if untagged and same and group.module != SETTINGS else None
    for place in range(len(groups) - 1, -1, -1):
        other = groups[place]
        if (other.module, other.name) == (group.module, group.name):
            between = [c for later in groups[place + 1 :] for c in later.cells]
            return place if all(_independent(cell, one, facts) for one in between) else None
    return None


def _independent(cell: Cell, other: Cell, facts: Facts | None) -> bool:
    """Whether two cells could run in either order."""
    reads, writes = _touches(cell, facts)
    other_reads, other_writes = _touches(other, facts)
    if writes & (other_reads | other_writes) or other_writes & reads:
        return False
    if facts is not None:
        one, two = facts.cells.get(cell.index), facts.cells.get(other.index)
        return not (
            one
            and two
            and (
                (one.random and two.random) or (one.writes and two.writes) or set(one.writes) & set(two.reads)
            )
        )
    return not any(is_setting(s) for s in (*cell.statements, *other.statements))


def _touches(cell: Cell, facts: Facts | None) -> tuple[set[str], set[str]]:
    reads = {n for s in cell.statements for n in s.use.needs}
    writes = {n for s in cell.statements for n in (*s.use.binds, *s.use.mutates)}
    if facts is not None and cell.index in facts.cells:
        writes |= facts.cells[cell.index].changed
    return reads, writes


def _separated(cell: Cell, group: _Group, groups: list[_Group]) -> Finding:
    between = groups[-1].cells[-1].index
    return Finding(
        code="NB203",
        message=f"`{group.name}` became two functions: cell {between} stands between and depends on it",
        cell=cell.index,
    )


def _step(group: _Group) -> Step:
    statements = tuple(s for cell in group.cells for s in cell.statements if _stays(s))
    prose = next((cell.prose for cell in group.cells if cell.prose), "")
    return Step(
        name=group.name,
        module=group.module,
        title=group.title,
        prose=prose,
        cells=tuple(cell.index for cell in group.cells),
        statements=statements,
        reason=group.reason,
        confidence=group.confidence,
        plots=any(s.mark == "plot" for s in statements),
    )


def _stays(statement: Statement) -> bool:
    shows = statement.mark == "plot" and statement.code.strip() in ("plt.show()", "plt.show", "pyplot.show()")
    return statement.mark in ("code", "plot") and not shows


def _with_flow(
    steps: list[Step], flow: Flow, helpers: dict[str, Helper], facts: Facts | None
) -> tuple[Step, ...]:
    """Fill in inputs and outputs: forwards what is there, backwards what is wanted."""
    there: list[set[str]] = [set()]
    for step in steps:
        there.append(there[-1] | {name for s in step.statements for name in s.use.binds})
    live = set(flow.results)
    filled: list[Step] = []
    for whole, before in zip(reversed(steps), reversed(there[:-1]), strict=True):
        kept = trimmed(
            whole.statements, live, lambda statement: _needs(statement, helpers), {*helpers, *flow.variables}
        )
        if not kept and whole.reason != "tagged":
            continue
        step = replace(whole, statements=kept)
        inputs = [name for name in _live_in(step, helpers, live) if name in before]
        outputs = _outputs(step, inputs, live, facts)
        bound = {name for s in step.statements for name in s.use.binds}
        live = (live - bound) | set(inputs)
        types = _types_at(step.cells[-1], facts) if facts else {}
        filled.append(replace(step, inputs=tuple(inputs), outputs=tuple(outputs), types=types))
    return tuple(_with_input_types(_given(reversed(filled)), facts))


def _given(steps: Iterable[Step]) -> list[Step]:
    """Take out the inputs that no step before gives: in the clean run nothing had bound them."""
    there: set[str] = set()
    given = []
    for step in steps:
        given.append(replace(step, inputs=tuple(name for name in step.inputs if name in there)))
        there |= set(step.outputs)
    return given


def _live_in(step: Step, helpers: dict[str, Helper], live: set[str]) -> list[str]:
    """Names the step reads before it binds them, or may leave as they are, in the order of their first use."""
    sure: set[str] = set()
    wanted: dict[str, None] = {}
    for statement in step.statements:
        needs = _needs(statement, helpers)
        for name in sorted(needs, key=lambda n: (statement.code.find(n), n)):
            if name not in sure:
                wanted[name] = None
        surely = _surely_bound(statement)
        wanted |= dict.fromkeys(n for n in statement.use.binds if n in live and n not in surely | sure)
        if not _conditional(statement):
            sure |= set(statement.use.binds)
    return list(wanted)


def _surely_bound(statement: Statement) -> set[str]:
    """Names that the statement binds whichever way it goes; a loop is taken to run at least once."""
    tree = first_statement(statement.code)
    if isinstance(tree, ast.If):
        ways = [
            {n for part in way for n in use_of(ast.unparse(part)).binds} for way in (tree.body, tree.orelse)
        ]
        return ways[0] & ways[1]
    return set() if isinstance(tree, ast.Match | ast.While) else set(statement.use.binds)


def _needs(statement: Statement, helpers: dict[str, Helper]) -> set[str]:
    names = set(statement.use.needs)
    for name in statement.use.needs & helpers.keys():
        names |= set(helpers[name].needs)
    return names


def _conditional(statement: Statement) -> bool:
    return type(statement.node).__name__ in ("If", "Try", "TryStar", "For", "While", "Match")


def _outputs(step: Step, inputs: list[str], live: set[str], facts: Facts | None) -> Iterable[str]:
    """Names the step makes or changes that somebody after it, or Results, wants."""
    bound: dict[str, None] = {}
    for statement in step.statements:
        mentioned = [name for name in inputs if name in statement.use.mutates]
        for name in (*mentioned, *statement.use.binds):
            bound[name] = None
    if facts is not None:
        changed = {name for cell in step.cells if cell in facts.cells for name in facts.cells[cell].changed}
        read = {name for s in step.statements for name in s.use.needs}
        for name in inputs:
            if name in changed and name in read:
                bound.setdefault(name)
        own = {name for s in step.statements for name in s.use.binds}
        kept = [n for n in bound if n in own or n in changed]
    else:
        kept = list(bound)
    return [name for name in kept if name in live and not _is_gone(name, step, facts)]


def _is_gone(name: str, step: Step, facts: Facts | None) -> bool:
    """Whether the name holds nothing at the step's end: deleted, or never bound in the clean run."""
    deleted = any(name in s.use.deletes for s in step.statements) and not any(
        name in s.use.binds
        for s in step.statements
        if s.line >= 0 and name not in s.use.deletes and _after_delete(s, name, step)
    )
    return deleted or (
        facts is not None and name not in _types_at(step.cells[-1], facts) and name not in facts.types
    )


def _after_delete(statement: Statement, name: str, step: Step) -> bool:
    places = [place for place, s in enumerate(step.statements) if name in s.use.deletes]
    return step.statements.index(statement) > places[-1]


def _types_at(cell: int, facts: Facts, *, end: bool = True) -> dict[str, str]:
    """The types that names have at the end, or the beginning, of the given cell."""
    found: dict[str, str] = {}
    for index, fact in facts.cells.items():  # in the order in which they ran
        if index == cell and not end:
            break
        found.update(fact.types)
        if index == cell:
            break
    return found


def _known(before: str | None, after: str) -> str:
    """Give the type before a step; what an empty container is for shows only once something is in it."""
    if before is None:
        return after
    empty = before.endswith("typing.Any]") and after.startswith(f"{before.split('[')[0]}[")
    return after if empty else before


def _with_input_types(steps: list[Step], facts: Facts | None) -> list[Step]:
    """Inputs have the types they had before the step, outputs the ones after it."""
    filled = []
    for step in steps:
        before = _types_at(step.cells[0], facts, end=False) if facts else {}
        types = {f"in:{name}": _known(before.get(name), step.types.get(name, "")) for name in step.inputs}
        types |= {f"out:{name}": step.types.get(name, "") for name in step.outputs}
        filled.append(replace(step, types={key: kind for key, kind in types.items() if kind}))
    return filled
