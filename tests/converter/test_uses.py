from __future__ import annotations

import ast
import symtable
import sys

import beniget
import gast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbship_converter.uses import BUILTINS, use_of


@pytest.mark.parametrize(
    ("code", "binds", "reads"),
    [
        ("df = load()", {"df"}, {"load"}),
        ("df['x'] = df.a * k", set(), {"df", "k"}),
        ("n += 1", {"n"}, {"n"}),
        ("a, (b, *c) = f()", {"a", "b", "c"}, {"f"}),
        ("[i for i in range(3)]", set(), {"range"}),
        ("for i in range(3): pass", {"i"}, {"range"}),
        ("if (n := len(df)) > 10: pass", {"n"}, {"len", "df"}),
        ("ys = [y := f(x) for x in xs]", {"y", "ys"}, {"f", "xs"}),
        ("with open(p) as f: text = f.read()", {"f", "text"}, {"open", "p"}),
        ("x = y = []", {"x", "y"}, set()),
        ("import numpy as np, os.path", {"np", "os"}, set()),
        ("df.query('a > @thr')", set(), {"df", "thr"}),
        ("print(f'{acc:.{digits}f}')", set(), {"print", "acc", "digits"}),
        ("try:\n    x = 1\nexcept E as e:\n    print(e)", {"x"}, {"E", "print"}),
        ("class M(B):\n    k = z\n    def f(self): return w", {"M"}, {"B", "z"}),
    ],
)
def test_names_that_a_statement_binds_and_reads(code: str, binds: set[str], reads: set[str]) -> None:
    use = use_of(code)
    assert (set(use.binds), set(use.reads)) == (binds, reads)


@pytest.mark.parametrize(
    ("code", "mutates"),
    [
        ("df['x'] = 1", {"df"}),
        ("model.fit(X, y)", {"model"}),
        ("items.append(1)", {"items"}),
        ("d['k'].attr[0] = 1", {"d"}),
        ("df.drop(columns='a', inplace=True)", {"df"}),
        ("df.drop(columns='a')", set()),
        ("cfg.lr = 0.1", {"cfg"}),
    ],
)
def test_in_place_changes_that_the_text_shows(code: str, mutates: set[str]) -> None:
    assert use_of(code).mutates == mutates


def test_a_function_reads_its_globals_only_when_called() -> None:
    use = use_of("def f(x, y=default):\n    def g(): return x + z\n    return g() + total")
    assert (use.reads, use.deferred) == ({"default"}, {"z", "total"})


def test_a_global_statement_is_a_write_to_a_global() -> None:
    assert use_of("def f():\n    global counter\n    counter += 1").global_writes == {"counter"}


NAMES = st.sampled_from(["a", "b", "c", "d"])
EXPRESSIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("[{0} for {1} in {2}]".format, inner, NAMES, inner),
        st.builds("(lambda {0}: {1})".format, NAMES, inner),
        st.builds("{{{0}: {1}}}".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, NAMES, EXPRESSIONS),
    st.builds("for {0} in {1}:\n    {2} = {3}".format, NAMES, EXPRESSIONS, NAMES, EXPRESSIONS),
    st.builds(
        "def {0}({1}):\n    {2} = {3}\n    return {4}".format, NAMES, NAMES, NAMES, EXPRESSIONS, EXPRESSIONS
    ),
    st.builds("if {0}:\n    {1} = {2}".format, EXPRESSIONS, NAMES, EXPRESSIONS),
)


@given(st.lists(STATEMENTS, min_size=1, max_size=4))
def test_uses_agree_with_symtable(statements: list[str]) -> None:
    code = "\n".join(statements)
    use = use_of(code)
    top = symtable.symtable(code, "<test>", "exec")
    assigned = {
        s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()
    }
    binds = set(use.binds)
    assert binds <= assigned
    targets = assigned - binds  # of comprehensions: since Python 3.12 symtable counts them here (PEP 709)
    assert sys.version_info >= (3, 12) or not targets
    assert use.needs | binds >= _global_reads(top) - BUILTINS - targets


@given(st.lists(STATEMENTS, min_size=1, max_size=4))
def test_uses_agree_with_beniget(statements: list[str]) -> None:
    code = "\n".join(statements)
    use = use_of(code)
    chains = _Chains()
    module = gast.parse(code)
    chains.visit(module)
    assert {definition.name() for definition in chains.locals[module]} == set(use.binds)
    locals_ = {  # one that is read too early is an error of its function, and no global
        name.id
        for function in ast.walk(ast.parse(code))
        if isinstance(function, ast.FunctionDef)
        for name in ast.walk(function)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    assert chains.unbound - BUILTINS - locals_ <= use.needs


class _Chains(beniget.DefUseChains):  # type: ignore[misc]  # beniget has no types
    """Definitions and uses as beniget sees them, and the names that no definition reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.unbound: set[str] = set()

    def unbound_identifier(self, name: str, node: object) -> None:  # noqa: ARG002  # beniget's own signature
        self.unbound.add(name)


def _global_reads(table: symtable.SymbolTable) -> set[str]:
    """Names that a table and those inside it read from the global scope."""
    top = table.get_type() == "module"
    names = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return names.union(*(_global_reads(child) for child in table.get_children()))
