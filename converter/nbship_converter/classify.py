"""What each statement is: import, function, class, constant, display, plot or code.

Imports, functions, classes and constants leave the cells: to the tops of modules, to the modules of their
readers, to Config. Display-only expressions go. Whatever is bound twice, or depends on variables where it is
defined, stays where it stands: as code.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import libcst as cst

from nbship_converter.definitions import Movable, movable
from nbship_converter.ir import Constant, Facts, Mark, Notebook, Statement
from nbship_converter.syntax import first_statement
from nbship_converter.uses import BUILTINS

__all__ = ["JUDGES", "TO_DO", "classify", "constants_of", "has_no_effect", "imports_of"]

#: Methods whose only effect is their value; a bare expression of these shows something and does nothing.
_PURE = frozenset(
    """head tail describe info isna isnull notna notnull sum mean median std var min max count nunique unique
    value_counts corr cov groupby agg aggregate size shape sort_values sort_index round transpose T to_frame
    reset_index set_index select_dtypes memory_usage idxmax idxmin nlargest nsmallest crosstab pivot_table
    get_params score feature_importances_ style format background_gradient items keys values len display type
    shape dir help id sorted abs str repr list set dict tuple DataFrame Series isinstance any all quantile
    duplicated astype loc iloc summary query filter drop dropna fillna explained_variance_ratio_ rename copy
    get_feature_names_out classification_report confusion_matrix toarray todense to_numpy tolist""".split()
)
#: Calls that judge a model: what they say is the point of the notebook, bound to a name or only shown.
JUDGES = re.compile(r"(_score|_error|_loss|_report|confusion_matrix|_auc)$|^auc$|\.score$")
#: A note to oneself says nothing about what stands below it.
TO_DO = re.compile(r"(TODO|FIXME|XXX)\b")
#: Classes whose constructor only keeps its arguments; any other may start a process or open a file.
_ESTIMATORS = re.compile(
    r"^[A-Z]\w*(Regression|Regressor|Classifier|Scaler|Encoder|Imputer|Transformer|Vectorizer|Features|Forest|Ridge"
    r"|Lasso|Net|Means|DBSCAN|PCA|SVD|SVC|SVR|NB|CV|Fold|Split|Pipeline|Clustering|Mixture)$|^(PCA|SVC|SVR|Ridge|Lasso)$"
)
_PLOT_ROOTS = frozenset({"plt", "sns", "pyplot", "seaborn", "px", "go", "graphviz", "pylab"})
_PLOT_METHODS = frozenset(
    """plot hist boxplot scatter bar barh pie imshow heatmap pairplot countplot distplot lmplot kdeplot show
    plot_tree plot_importance scatter_matrix set_title set_xlabel set_ylabel legend set_xlim set_ylim savefig
    tight_layout title xlabel ylabel figure subplot subplots grid axhline axvline annotate text""".split()
)
_SETTERS = (
    "seed",
    "set_option",
    "filterwarnings",
    "simplefilter",
    "manual_seed",
    "set_seed",
    "set_random_seed",
    "style.use",
    "set_theme",
    "set_style",
    "sns.set",
    "set_printoptions",
    "set_palette",
    "set_context",
    "set_config",
)
_CONTROL_FIELDS = frozenset(
    {
        "data_dir",
        "output_dir",
        "figures_dir",
        "data",
        "output",
        "matching",
        "working_folder",
        "sources",
        "source_of",
    }
)


def classify(notebook: Notebook, facts: Facts | None) -> Notebook:
    """Give the notebook with every statement's mark."""
    binds = Counter(name for statement in notebook.statements for name in statement.use.binds)
    touched = _touched(notebook, facts)
    moving = _movable(notebook, binds, touched)
    cells = []
    for cell in notebook.cells:
        marked = tuple(replace(s, mark=_mark(s, binds, touched, moving)) for s in cell.statements)
        cells.append(replace(cell, statements=marked))
    return replace(notebook, cells=tuple(cells))


def _touched(notebook: Notebook, facts: Facts | None) -> frozenset[str]:
    """Names that are ever changed in place, deleted, written by a function or read by a string."""
    names: set[str] = set()
    for statement in notebook.statements:
        names |= (
            statement.use.mutates
            | statement.use.deletes
            | statement.use.global_writes
            | statement.use.spelled
        )
    for cell in facts.cells.values() if facts else ():
        names |= cell.changed
    return frozenset(names)


def _movable(notebook: Notebook, binds: Counter[str], touched: frozenset[str]) -> Movable:
    definitions = {
        s.use.binds[-1]: s
        for s in notebook.statements
        if isinstance(s.node, (cst.FunctionDef, cst.ClassDef))
        and binds[s.use.binds[-1]] == 1
        and s.use.binds[-1] not in touched  # patched later: it stays where its patches can reach it
    }
    constants = {s.use.binds[0] for s in notebook.statements if _stays_constant(s, binds, touched)}
    imported = {name for s in notebook.statements if _is_import(s.node) for name in s.use.binds}
    return movable(definitions, constants, imported)


def _stays_constant(statement: Statement, binds: Counter[str], touched: frozenset[str]) -> bool:
    """Whether the statement binds a name to a literal, once and for good."""
    if not (isinstance(statement.node, cst.SimpleStatementLine) and statement.use.binds):
        return False
    name = statement.use.binds[0]
    return binds[name] == 1 and name not in touched and _is_constant(first_statement(statement.code))


def _mark(statement: Statement, binds: Counter[str], touched: frozenset[str], moving: Movable) -> Mark:
    node = statement.node
    if _is_import(node):
        return "import"
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        if statement.use.binds[-1] not in moving.definitions:
            return "code"
        return "function" if isinstance(node, cst.FunctionDef) else "class"
    if _stays_constant(statement, binds, touched):
        return "fixed" if statement.use.binds[0] in moving.fixed else "constant"
    return _mark_code(first_statement(statement.code), statement)


def _edits_import_path(tree: ast.stmt) -> bool:
    """Whether all that a statement does is to change ``sys.path``: a package needs that no longer."""
    if isinstance(tree, ast.If) and not tree.orelse:
        return all(_edits_import_path(line) for line in tree.body)
    call = tree.value if isinstance(tree, ast.Expr) else None
    return isinstance(call, ast.Call) and bool(
        re.fullmatch(r"sys\.path\.(append|insert|extend)", ast.unparse(call.func))
    )


def _mark_code(tree: ast.stmt, statement: Statement) -> Mark:
    if _edits_import_path(tree) or (isinstance(tree, ast.Expr) and _only_shows(tree.value)):
        return "display"
    return "plot" if _draws(statement) else "code"


def is_setting(statement: Statement) -> bool:
    """Whether a statement sets state of a library or the process: a seed, an option, a filter.

    >>> from nbship_converter.uses import use_of
    >>> node = cst.parse_module("np.random.seed(0)").body[0]
    >>> is_setting(Statement(node=node, code="np.random.seed(0)", cell=0, line=1, use=use_of("np.random.seed(0)")))
    True
    """
    if statement.use.binds:
        return False
    return (
        "rcParams" in statement.code
        or "os.environ[" in statement.code
        or any(call.endswith(_SETTERS) for call in statement.use.calls)
    )


def _is_import(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.SimpleStatementLine):
        return isinstance(node.body[0], (cst.Import, cst.ImportFrom))
    if isinstance(node, cst.Try):
        return all(
            isinstance(line, cst.SimpleStatementLine)
            and isinstance(line.body[0], (cst.Import, cst.ImportFrom, cst.Assign, cst.Pass))
            for block in (node.body, *(handler.body for handler in node.handlers))
            for line in block.body
        ) and any(_is_import(line) for line in node.body.body)
    return False


def _is_constant(tree: ast.stmt) -> bool:
    if isinstance(tree, ast.AnnAssign):
        return isinstance(tree.target, ast.Name) and tree.value is not None and _is_literal(tree.value)
    return (
        isinstance(tree, ast.Assign)
        and len(tree.targets) == 1
        and isinstance(tree.targets[0], ast.Name)
        and not tree.targets[0].id.startswith("_")
        and _is_literal(tree.value)
    )


def _is_literal(value: ast.expr) -> bool:
    try:
        plain = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return plain is not None and plain is not ... and plain not in ([], {}, ()) and _is_small(value)


def _is_small(value: ast.expr) -> bool:
    return sum(1 for _ in ast.walk(value)) <= 60  # noqa: PLR2004  # longer literals are data, not settings


def _only_shows(value: ast.expr) -> bool:
    """Whether evaluating the expression can have no effect but its value being shown."""
    return _calls_only(value, lambda name: name in _PURE or bool(JUDGES.search(name)))


def has_no_effect(value: ast.expr) -> bool:
    """Whether computing the expression changes nothing: it only builds estimators and calls pure methods.

    >>> has_no_effect(ast.parse("LinearRegression(alpha=k)").body[0].value), has_no_effect(ast.parse("Popen(x)").body[0].value)
    (True, False)
    """
    return _calls_only(value, lambda name: name in _PURE or bool(_ESTIMATORS.search(name)))


def _calls_only(value: ast.expr, harmless: Callable[[str], bool]) -> bool:
    """Whether an expression binds and awaits nothing, and every call in it is a harmless one."""
    for node in ast.walk(value):
        if isinstance(node, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)):
            return False
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if any(word.arg == "inplace" for word in node.keywords) or not harmless(name):
                return False
    return True


def _draws(statement: Statement) -> bool:
    return any(
        call.split(".")[0] in _PLOT_ROOTS or call.rsplit(".", 1)[-1] in _PLOT_METHODS
        for call in statement.use.calls
    ) and not is_setting(statement)


def imports_of(notebook: Notebook) -> dict[str, list[Statement]]:
    """Give, for each imported name, the statements that import it, one name a statement."""
    found: dict[str, list[Statement]] = {}
    for statement in notebook.statements:
        if statement.mark == "import":
            for name, node in _one_by_one(statement):
                code = cst.Module(body=[node]).code
                kept = found.setdefault(name, [])
                if all(other.code != code for other in kept):
                    kept.append(replace(statement, node=node, code=code))
    return found


def _one_by_one(
    statement: Statement,
) -> Iterable[tuple[str, cst.SimpleStatementLine | cst.BaseCompoundStatement]]:
    node = statement.node
    if not isinstance(node, cst.SimpleStatementLine):
        for name in dict.fromkeys(statement.use.binds):
            yield name, node
        return
    small = node.body[0]
    plain = node.with_changes(leading_lines=(), trailing_whitespace=cst.TrailingWhitespace())
    if isinstance(small, (cst.Import, cst.ImportFrom)) and not isinstance(small.names, cst.ImportStar):
        for alias in small.names:
            single = small.with_changes(
                names=[alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)],
                **({"lpar": None, "rpar": None} if isinstance(small, cst.ImportFrom) else {}),
            )
            yield _bound_by(alias), plain.with_changes(body=[single])


def _bound_by(alias: cst.ImportAlias) -> str:
    if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
        return alias.asname.name.value
    name = alias.evaluated_name
    return name.split(".")[0]


def constants_of(notebook: Notebook, types: dict[str, str]) -> dict[str, Constant]:
    """Give the Config field of every constant, in document order."""
    found: dict[str, Constant] = {}
    taken = set(_CONTROL_FIELDS)
    for statement in notebook.statements:
        if statement.mark != "constant":
            continue
        name = statement.use.binds[0]
        field = _field_name(name, taken)
        taken.add(field)
        found[name] = Constant(
            name=name,
            field=field,
            annotation=types.get(name) or _literal_type(statement.code),
            value=_value_node(statement.node),
            comment=_comment(statement.node),
            cell=statement.cell,
        )
    return found


def _field_name(name: str, taken: set[str]) -> str:
    for candidate in (name.lower(), name, f"{name.lower()}_setting"):
        if candidate not in taken and not keyword.iskeyword(candidate) and candidate not in BUILTINS:
            return candidate
    return f"{name}_setting"


def _value_node(node: cst.CSTNode) -> cst.BaseExpression:
    assert isinstance(node, cst.SimpleStatementLine)
    small = node.body[0]
    assert isinstance(small, (cst.Assign, cst.AnnAssign))
    assert small.value is not None
    return small.value


def _comment(node: cst.CSTNode) -> str:
    assert isinstance(node, cst.SimpleStatementLine)
    behind = node.trailing_whitespace.comment
    lines = [behind] if behind is not None else [line.comment for line in node.leading_lines]
    words = [line.value.lstrip("# ").strip() for line in lines if line is not None]
    return " ".join(word for word in words if not TO_DO.match(word))


def _literal_type(code: str) -> str:
    tree = first_statement(code)
    assert isinstance(tree, (ast.Assign, ast.AnnAssign))
    assert tree.value is not None
    value = ast.literal_eval(tree.value)
    kind = type(value)
    if kind in (list, set, tuple) and value:
        inner = {type(item).__name__ for item in value}
        one = inner.pop() if len(inner) == 1 else "object"
        return f"tuple[{one}, ...]" if kind is tuple else f"{kind.__name__}[{one}]"
    return "dict[str, object]" if kind is dict else kind.__name__
