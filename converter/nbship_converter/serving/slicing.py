"""The slice of a notebook that a new record goes through, from the table it is a row of to the model's features."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nbship_converter.evaluation import Evaluation
from nbship_converter.findings import Finding
from nbship_converter.ir import Facts, Program, Statement
from nbship_converter.serving.expressions import CannotServe
from nbship_converter.serving.statements import Pass, Turned
from nbship_converter.serving.words import READERS
from nbship_converter.syntax import first_statement

__all__ = ["Inference", "inference_of"]

_READS = re.compile(rf"(^|\.)({'|'.join(READERS)})$")
_FIT = re.compile(r"\b(\w+)\.(?:fit|fit_transform|fit_predict|partial_fit)\(")
#: Words that say nothing in a name.
_EMPTY_WORDS = re.compile(r"\b(df|data|X|pd|np|iloc|loc|train|dataset)\b")
_SPLIT = "train_test_split"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """What serves a record: how the table is read, what is learnt of it, and what happens to each of its rows.

    ``carried`` are names of Results that the preparation needs; ``learnt`` are made by ``learn`` from the table;
    ``early`` are the statements that learn from rows on which the model is judged later.
    """

    record: str
    features: str
    model: str
    read: tuple[Statement, ...]
    learn: tuple[Statement, ...]
    prepare: tuple[Statement, ...]
    learnt: tuple[str, ...]
    carried: tuple[str, ...]
    tools: frozenset[str]
    targets: tuple[str, ...]
    early: tuple[Finding, ...] = ()


def inference_of(
    program: Program, facts: Facts, evaluation: Evaluation
) -> tuple[Inference | None, list[Finding]]:
    """Slice the notebook, or say which line cannot serve new records and why."""
    statements = [s for step in program.steps for s in step.statements]
    readers = [s for s in statements if _table(s) is not None]
    refused: list[Finding] = []
    for reader in readers:
        slicer = _Slicer(program, facts, evaluation, statements, reader)
        if slicer.last < 0 or slicer.kinds.get(evaluation.features) != "rows":
            continue
        try:
            return slicer.inference(), []
        except CannotServe as cannot:
            where = slicer.where
            refused.append(
                Finding(
                    code=cannot.code,
                    message=cannot.why,
                    cell=where.cell if where else None,
                    line=where.line if where else None,
                )
            )
    if refused:
        return None, refused[:1]
    what = (
        "no table that the notebook reads by itself leads to"
        if readers
        else "the notebook reads no table with pandas that leads to"
    )
    return None, [
        Finding(code="NB434", message=f"{what} `{evaluation.features}`, the rows of `{evaluation.model}`")
    ]


class _Slicer:
    """One attempt, with one of the tables as that of the records."""

    def __init__(
        self,
        program: Program,
        facts: Facts,
        evaluation: Evaluation,
        statements: list[Statement],
        reader: Statement,
    ) -> None:
        self.program = program
        self.facts = facts
        self.evaluation = evaluation
        self.statements = statements
        self.reader = reader
        self.record = _table(reader) or ""
        self.where: Statement | None = None
        self.bound = {name for s in statements for name in s.use.binds}
        self.taken = {name for s in statements for name in (*s.use.binds, *s.use.needs)} | {
            *program.imports, *program.helpers, *program.constants, "table", "records", "state", "config", "copy",
        }  # fmt: skip
        self.last = max(
            (place for place, s in enumerate(statements) if evaluation.features in _touched(s)), default=-1
        )
        passing = Pass(
            record=self.record,
            reader=reader,
            types=lambda cell, name: facts.cells[cell].types.get(name, "") if cell in facts.cells else "",
            changed=lambda cell, name: cell in facts.cells and name in facts.cells[cell].changed,
            helpers=set(program.helpers),
            refits=frozenset(_refitted(statements)),
            name_for=self._name,
        )
        self.turned: list[Turned] = []
        for statement in statements[: self.last + 1]:
            turned = passing.turn(statement)
            for name in statement.use.binds:  # a table that is no record's is carried
                if _table(statement) == name and statement is not reader:
                    passing.kinds[name] = "learnt"
            self.turned.append(turned)
        self.kinds = passing.kinds

    def _name(self, hint: str) -> str:
        """Give a name that nothing has yet, made of the words of what is learnt."""
        text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _EMPTY_WORDS.sub(" ", hint))
        words = [word.lower() for word in re.findall(r"[A-Za-z]+|\d+", text)]
        head, _, keys = " ".join(dict.fromkeys(word for word in words if len(word) > 1)).partition(" by ")
        kept = head.split()[:4] + (["by", *keys.split()] if keys else [])
        kept = kept or ["learnt"]
        base = "_".join(kept)
        name, count = base, 1
        while name in self.taken or not name.isidentifier() or name[0].isdigit():
            count += 1
            name = f"{base}_{count}" if base[:1].isalpha() else f"learnt_{base}_{count}"
        self.taken.add(name)
        return name

    def inference(self) -> Inference:
        prepare, state, tools, places = self._prepare()
        carried = [name for name in state if name not in self._made() and name in self.program.results]
        learnt = [name for name in state if name not in carried]
        learn = self._learn(learnt)
        return Inference(
            record=self.record,
            features=self.evaluation.features,
            model=self.evaluation.model,
            read=self._read(),
            learn=tuple(learn),
            prepare=tuple(prepare),
            learnt=tuple(learnt),
            carried=tuple(carried),
            tools=frozenset(tools),
            targets=self._targets(),
            early=tuple(self._early(state, places)),
        )

    def _made(self) -> set[str]:
        """Names that are ours: they hold what an expression of the notebook learns."""
        return {name for turned in self.turned for name in turned.learnt}

    def _prepare(self) -> tuple[list[Statement], list[str], set[str], list[int]]:
        """Walk backwards from the features, and keep what they are made of."""
        needed = {self.evaluation.features}
        state: dict[str, None] = {}
        tools: set[str] = set()
        kept: list[Statement] = []
        places: list[int] = []
        for place in range(len(self.turned) - 1, -1, -1):
            turned = self.turned[place]
            if turned.statement is self.reader:
                needed.discard(self.record)
                continue
            for statement in reversed(turned.serve):
                touched = self._touches(statement, turned)
                if not touched & needed:
                    continue
                self.where = turned.statement
                if turned.cannot is not None:
                    raise turned.cannot
                needed = (needed - _sure(statement)) | (touched & needed - set(statement.use.binds))
                for name in sorted(statement.use.needs):
                    if self._is_learnt(name, turned):
                        self._is_still(name, place, turned)
                        state[name] = None
                    elif name in self.bound and name not in self.program.helpers:
                        needed.add(name)
                tools |= turned.tools
                kept.insert(0, statement)
                places.insert(0, place)
        left = sorted(needed - {self.record})
        if left:
            raise CannotServe(
                "NB437",
                f"`{left[0]}` is needed for new records, and is made in a way that was not understood",
            )
        return kept, list(reversed(state)), tools, places

    def _touches(self, statement: Statement, turned: Turned) -> set[str]:
        touched = _touched(statement)
        if not touched and statement.use.calls & self.program.helpers.keys():  # it changes what it is handed
            touched = {name for name in statement.use.needs if turned.kinds.get(name) == "rows"}
        return touched

    def _is_learnt(self, name: str, turned: Turned) -> bool:
        return (
            name in turned.learnt or name in turned.fitted or turned.kinds.get(name) in ("learnt", "groups")
        )

    def _is_still(self, name: str, place: int, turned: Turned) -> None:
        """What is carried must be what it was here: not fitted or bound again later."""
        if name in turned.learnt:
            return
        for later in self.statements[place + 1 :]:
            if name in _touched(later):
                raise CannotServe(
                    "NB437",
                    f"`{name}` is used here, and made or fitted again in cell {later.cell}, line {later.line}",
                )

    def _learn(self, wanted: Sequence[str]) -> list[Statement]:
        needed = set(wanted)
        kept: list[Statement] = []
        for turned in reversed(self.turned):
            if turned.statement is self.reader:
                needed.discard(self.record)
                continue
            for statement in reversed(turned.learn):
                touched = self._touches(statement, turned)
                if touched & needed:
                    needed = (needed - _sure(statement)) | {
                        name for name in statement.use.needs if name in self.bound or name in self._made()
                    }
                    kept.insert(0, statement)
        return kept

    def _read(self) -> tuple[Statement, ...]:
        """Give the statement that reads the table, and those that its path is made of."""
        kept = [self.reader]
        needed = {name for name in self.reader.use.needs if name in self.bound}
        for statement in reversed(self.statements[: self.statements.index(self.reader)]):
            if _touched(statement) & needed:
                kept.insert(0, statement)
                needed |= {name for name in statement.use.needs if name in self.bound}
        return tuple(kept)

    def _targets(self) -> tuple[str, ...]:
        """Give the columns that the labels are taken from, as far as the text names them."""
        needed = {self.evaluation.labels} if self.evaluation.labels else set()
        found: list[str] = []
        for statement in reversed(self.statements[: self.last + 1]):
            if not needed & set(statement.use.binds):
                continue
            tree = first_statement(statement.code)
            if _SPLIT in statement.code:
                needed |= _side(tree, needed)
            elif isinstance(tree, ast.Assign):
                found += _column(tree, needed)
        return tuple(dict.fromkeys(found))

    def _early(self, state: Iterable[str], places: Sequence[int]) -> list[Finding]:
        """Tell what is learnt before the rows that judge the model are put aside."""
        split = [place for place in places if _SPLIT in self.turned[place].statement.code]
        if not split:
            return []
        found = []
        wanted = set(state)
        for place, turned in enumerate(self.turned[: split[0]]):
            learns = (turned.learnt | turned.fitted | set(turned.statement.use.binds)) & wanted
            reads_rows = any(turned.kinds.get(name) == "rows" for name in turned.statement.use.needs)
            if learns and reads_rows and place >= 0:
                names = ", ".join(f"`{name}`" for name in sorted(learns))
                message = f"{names} is learnt from all rows, also those that the model is judged on later"
                found.append(
                    Finding(
                        code="NB436", message=message, cell=turned.statement.cell, line=turned.statement.line
                    )
                )
        return found


def _table(statement: Statement) -> str | None:
    """Give the name that a statement binds to a table it reads."""
    tree = first_statement(statement.code)
    if (
        not isinstance(tree, ast.Assign)
        or len(tree.targets) != 1
        or not isinstance(tree.targets[0], ast.Name)
    ):
        return None
    return tree.targets[0].id if any(_READS.search(call) for call in statement.use.calls) else None


def _touched(statement: Statement) -> set[str]:
    return {*statement.use.binds, *statement.use.mutates}


def _sure(statement: Statement) -> set[str]:
    tree = first_statement(statement.code)
    if not isinstance(tree, (ast.Assign, ast.AnnAssign)):
        return set()
    return set(statement.use.binds) - statement.use.needs - statement.use.mutates


def _refitted(statements: Iterable[Statement]) -> list[str]:
    count = Counter(name for s in statements for name in _FIT.findall(s.code))
    return [name for name, times in count.items() if times > 1]


def _side(tree: ast.stmt, names: set[str]) -> set[str]:
    """Give the tables whose sides of a split are named."""
    if not (isinstance(tree, ast.Assign) and isinstance(tree.value, ast.Call)):
        return set()
    target = tree.targets[0]
    if not isinstance(target, (ast.Tuple, ast.List)):
        return set()
    sides = [element.id if isinstance(element, ast.Name) else "" for element in target.elts]
    tables = [arg.id if isinstance(arg, ast.Name) else "" for arg in tree.value.args]
    return {
        tables[place // 2] for place, side in enumerate(sides) if side in names and place // 2 < len(tables)
    }


def _column(tree: ast.Assign, names: set[str]) -> list[str]:
    """Give the column of ``y = table['column']`` or ``y = table.column``."""
    pairs: list[tuple[ast.expr, ast.expr]] = [(target, tree.value) for target in tree.targets]
    if isinstance(tree.value, ast.Tuple) and isinstance(tree.targets[0], ast.Tuple):
        pairs = list(zip(tree.targets[0].elts, tree.value.elts, strict=False))
    found = []
    for target, value in pairs:
        if isinstance(target, ast.Name) and target.id in names:
            found += [
                node.value
                for node in ast.walk(value)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            found += [
                node.attr
                for node in ast.walk(value)
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            ]
    return found
