"""What a statement does to names: binds, reads, mutates, deletes.

Python's own grammar decides: the text is parsed by ``ast`` and walked with Python's scoping rules. A function
body is read later, when it is called: its free names are ``deferred``. In-place changes are a guess from the
text here (assignment to a part, known mutating methods); a clean run tells them for certain.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable

from nbship_converter.ir import Use
from nbship_converter.syntax import tree_of

__all__ = ["MUTATORS", "free_names", "use_of"]

#: Methods that change their object in place in the libraries that notebooks use.
MUTATORS = frozenset(
    """append extend insert remove pop clear sort reverse add discard update setdefault popitem fit partial_fit
    fit_transform fit_predict set_params load_state_dict compile train eval step zero_grad drop_duplicates_inplace
    fill sort_values_inplace put itemset resize appendleft popleft write""".split()
)
_AT_NAMES = re.compile(r"@([A-Za-z_]\w*)")
_STRING_EVALUATORS = frozenset({"query", "eval"})
#: Calls that compute an expression which they are handed as text.
_EVALUATES = frozenset({"eval", "pd.eval", "pandas.eval", "ne.evaluate", "numexpr.evaluate"})


def use_of(code: str) -> Use:
    """Give the Use of one or more statements.

    >>> sorted(use_of("df['x'] = df.a * k").reads), sorted(use_of("df['x'] = 1").mutates)
    (['df', 'k'], ['df'])
    >>> use_of("def f(x): return x + z").deferred
    frozenset({'z'})
    """
    walker = _Walker()
    for statement in tree_of(code).body:
        walker.visit(statement)
    bound = dict.fromkeys(walker.binds)
    return Use(
        binds=tuple(bound),
        reads=frozenset(walker.reads),
        deferred=frozenset(walker.deferred),
        mutates=frozenset(walker.mutates),
        deletes=frozenset(walker.deletes),
        global_writes=frozenset(walker.global_writes),
        calls=frozenset(walker.calls),
        spelled=frozenset(walker.spelled),
    )


def free_names(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Give the names that a function's body reads from outside; builtins are among them."""
    scope = _Scope(function)
    return scope.free


class _Walker(ast.NodeVisitor):
    """Walks statements at the top of a cell in the order they run."""

    def __init__(self) -> None:
        self.binds: list[str] = []
        self.reads: set[str] = set()
        self.deferred: set[str] = set()
        self.mutates: set[str] = set()
        self.deletes: set[str] = set()
        self.global_writes: set[str] = set()
        self.calls: set[str] = set()
        self.spelled: set[str] = set()
        self.sure: set[str] = set()

    # names

    def _spell(self, name: str) -> None:
        """Note a name that stands in a string and is read by that name."""
        self.spelled.add(name)
        self.read(name)

    def bind(self, name: str) -> None:
        self.binds.append(name)
        self.sure.add(name)

    def read(self, name: str) -> None:
        if name not in self.sure:
            self.reads.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.deletes.add(node.id)
            self.read(node.id)

    # statements

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._target(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self._target(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        root = _root(node.target)
        if root is not None:
            self.read(root)
            self.mutates.add(root)
        self._target(node.target)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.visit(target)
            else:
                self._target(target)

    def _target(self, target: ast.expr) -> None:
        if isinstance(target, (ast.Attribute, ast.Subscript)):
            root = _root(target)
            if root is not None:
                self.mutates.add(root)
            self.visit(target)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self._target(part)
        elif isinstance(target, ast.Starred):
            self._target(target.value)
        else:
            self.visit(target)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.split(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                self.bind(alias.asname or alias.name)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        before = set(self.sure)
        self._target(node.target)
        self._body([*node.body, *node.orelse])
        self.sure = before

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._branch([*node.body, *node.orelse])

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branch(node.body)
        self._branch(node.orelse)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        self._branch(node.body)
        for handler in node.handlers:
            if handler.type is not None:
                self.visit(handler.type)
            self._branch(handler.body)
            if handler.name:
                self.binds = [name for name in self.binds if name != handler.name]
                self.reads.discard(handler.name)
        self._branch([*node.orelse, *node.finalbody])

    visit_TryStar = visit_Try

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self._target(item.optional_vars)
        self._body(node.body)

    visit_AsyncWith = visit_With

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.expr):  # the class or the value that is matched
                    self.visit(part)
                name = getattr(part, "name", None) or getattr(part, "rest", None)
                if isinstance(name, str):
                    self.bind(name)
            if case.guard is not None:
                self.visit(case.guard)
            self._branch(case.body)

    def _branch(self, body: Iterable[ast.stmt]) -> None:
        """Walk a block that may not run: what it binds is sure inside it and not after it."""
        before = set(self.sure)
        self._body(body)
        self.sure = before

    def _body(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)

    # definitions

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in [*node.decorator_list, *_outer_parts(node)]:
            self.visit(part)
        scope = _Scope(node)
        self.deferred |= scope.free
        self.global_writes |= scope.global_writes
        self.calls |= scope.calls
        self.spelled |= scope.spelled
        self.bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for default in [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]:
            self.visit(default)
        scope = _Scope(node)
        self.deferred |= scope.free
        self.calls |= scope.calls
        self.spelled |= scope.spelled

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]:
            self.visit(part)
        inner = _Walker()
        inner._body(node.body)  # the same class, one scope further in
        for name in inner.reads:
            self.read(name)
        self.deferred |= inner.deferred
        self.global_writes |= inner.global_writes
        self.calls |= inner.calls
        self.spelled |= inner.spelled
        self.bind(node.name)

    # expressions

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)  # the first iterable belongs to the scope around
        inner = _Walker()
        inner.sure = set(self.sure)
        for place, generator in enumerate(node.generators):
            if place:
                inner.visit(generator.iter)
            inner._target(generator.target)  # the same class, one scope further in
            for test in generator.ifs:
                inner.visit(test)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            inner.visit(part)
        targets = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        for name in inner.reads:
            self.read(name)
        self.deferred |= inner.deferred - targets
        self.mutates |= inner.mutates - targets
        self.calls |= inner.calls
        self.spelled |= inner.spelled
        for name in inner.binds:  # a walrus binds outside
            if name not in targets:
                self.bind(name)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def visit_Call(self, node: ast.Call) -> None:
        name = _dotted(node.func)
        if name:
            self.calls.add(name)
        if name in _EVALUATES and node.args:
            for spelled in _names_in(node.args[0]):
                self._spell(spelled)
        if isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
        self.generic_visit(node)

    def _method(self, node: ast.Call, method: ast.Attribute) -> None:
        root = _root(method)
        in_place = any(
            keyword.arg == "inplace"
            and isinstance(keyword.value, ast.Constant)
            and keyword.value.value is True
            for keyword in node.keywords
        )
        if root is not None and (method.attr in MUTATORS or in_place):
            self.mutates.add(root)
        if method.attr in _STRING_EVALUATORS:
            for word in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if isinstance(word, ast.Constant) and isinstance(word.value, str):
                    for name in _AT_NAMES.findall(word.value):
                        self._spell(name)


def _names_in(text: ast.expr) -> set[str]:
    """Give the names in an expression that is written out as a string."""
    if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
        return set()
    try:
        tree = ast.parse(text.value.strip(), mode="eval")
    except SyntaxError:
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class _Scope:
    """The names of one function body: what it reads from outside, what it writes to globals."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = function.args
        own = {argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
        own |= {argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument is not None}
        inner = _Walker()
        body = [function.body] if isinstance(function, ast.Lambda) else function.body
        declared = _global_names(body)
        for part in body:
            inner.visit(part)
        local = (own | set(inner.binds)) - declared
        everything = inner.reads | inner.deferred
        unsure = {name for name in inner.binds if name in declared}
        self.free = (everything - local) | (unsure & everything)
        self.global_writes = (set(inner.binds) & declared) | inner.global_writes
        self.calls = inner.calls
        self.spelled = inner.spelled - own


def _global_names(body: Iterable[ast.AST]) -> set[str]:
    names: set[str] = set()
    pending = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Global):
            names |= set(node.names)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            pending += ast.iter_child_nodes(node)
    return names


def _outer_parts(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Defaults and annotations: they are evaluated where the function is defined."""
    arguments = node.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    parts: list[ast.expr | None] = [*arguments.defaults, *arguments.kw_defaults, node.returns]
    parts += [argument.annotation for argument in every if argument is not None]
    return [part for part in parts if part is not None]


def _root(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return ".".join([node.id, *reversed(parts)])
    return f".{'.'.join(reversed(parts))}" if parts else ""


BUILTINS = frozenset(dir(builtins))
