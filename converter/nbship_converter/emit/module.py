"""One module of the package: the user's helpers, then a function for each step."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import libcst as cst

from nbship_converter.emit.calls import Handed, awaits, config_name, forwarded
from nbship_converter.infer import Annotator
from nbship_converter.ir import CONFIG, Helper, Program, Step
from nbship_converter.rewrite import Rewriting, rewrite

__all__ = ["Module"]

#: More results than this come back as a NamedTuple, so that a caller can name the one it wants.
MOST_IN_TUPLE = 4
#: Lines of the notebook's words that a docstring takes over.
MOST_LINES = 14
_TITLES = {
    "data": "Getting the data.",
    "features": "Making the features.",
    "train": "Training the model.",
    "evaluate": "Judging the model.",
    "predict": "Using the model.",
    "settings": "Global settings: seeds, options, filters.",
}


class Module:
    """One module of the package: its helpers, then its steps."""

    def __init__(self, program: Program, package: str, name: str, handed: Handed) -> None:
        self.program = program
        self.package = package
        self.name = name
        self.handed = handed
        homes = {
            helper: home
            for helper, home in program.helper_modules.items()
            if program.helpers[helper].kind == "class"
        }
        self.annotator = Annotator(package=package, module=name, homes=homes)
        self.imports: set[str] = set()
        self.used: set[str] = set()
        self.marked_imports: dict[str, str] = {}

    def text(self) -> str:
        """Give the module's source; ruff sorts the imports and formats it at the end."""
        helpers = [
            h for h in self.program.helpers.values() if self.program.helper_modules.get(h.name) == self.name
        ]
        parts = [self._helper(helper) for helper in helpers]
        parts += [self._step(step) for step in self.program.steps if step.module == self.name]
        head = f'"""{_TITLES.get(self.name, _sentence(self.name.replace("_", " ")))}"""\n\nfrom __future__ import annotations\n\n'
        return head + self._imports() + "\n\n\n" + "\n\n\n".join(parts) + "\n"

    def _imports(self) -> str:
        lines = set(self.imports) | self.annotator.imports
        blocks: list[str] = []
        for name in sorted(self.used):
            for statement in self.program.imports.get(name, []):
                code = cst.Module(body=[statement.node.with_changes(leading_lines=())]).code.strip()
                (lines.add if "\n" not in code else blocks.append)(code)
        return "\n".join([*sorted(lines), *dict.fromkeys(blocks)])

    def _note(self, names: Iterable[str]) -> None:
        """Remember which names the code uses, so that their imports come along."""
        for name in names:
            self.used.add(name)
            home = self.program.helper_modules.get(name)
            if home is not None and home != self.name:
                self.imports.add(f"from {self.package}.{home} import {name}")

    # helpers

    def _helper(self, helper: Helper) -> str:
        node = helper.statement.node
        own = self.handed.extras.get(helper.name, {})
        rewriting = Rewriting(
            names={constant: parameter for parameter, constant in own.items() if constant != parameter},
            extras={other: forwarded(extras, own) for other, extras in self.handed.extras.items()},
        )
        own_lines = replace(helper.statement, node=node.with_changes(leading_lines=_comments(node)))
        changed = rewrite([own_lines], rewriting, self.handed.reads)[0]
        self._note(rewriting.used_names - set(own.values()))
        self.imports |= {f"from functools import {name}" for name in rewriting.used_functools}
        if isinstance(changed, cst.ClassDef):
            changed = self._class(changed)
        elif isinstance(changed, cst.FunctionDef):
            changed = self._function(changed, own, helper.name)
        return cst.Module(body=[changed]).code.strip("\n")

    def _function(self, function: cst.FunctionDef, own: Mapping[str, str], name: str) -> cst.FunctionDef:
        inner = self._inner(function)
        assert isinstance(inner, cst.FunctionDef)
        function = self.annotator.annotate(inner, self.program.signatures.get(name))
        added = [
            cst.Param(
                name=cst.Name(parameter),
                annotation=cst.Annotation(cst.parse_expression(self.annotator.short(self._type_of(source)))),
                comma=cst.MaybeSentinel.DEFAULT,
            )
            for parameter, source in own.items()
        ]
        if not added:
            return function
        parameters = function.params
        return function.with_changes(params=parameters.with_changes(
            star_arg=parameters.star_arg if isinstance(parameters.star_arg, cst.Param) else cst.ParamStar(),
            kwonly_params=[*parameters.kwonly_params, *added],
        ))  # fmt: skip

    def _inner(self, node: cst.CSTNode) -> cst.CSTNode:
        """Annotate the functions inside a function or a method, which nobody saw being called."""
        annotator = self.annotator

        class Inner(cst.CSTTransformer):
            depth = 0

            def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
                self.depth += 1

            def leave_FunctionDef(
                self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
            ) -> cst.FunctionDef:
                self.depth -= 1
                return annotator.annotate(updated_node, None) if self.depth else updated_node

        return node.visit(Inner())  # type: ignore[return-value]  # a node stays a node

    def _class(self, node: cst.ClassDef) -> cst.ClassDef:
        members: list[cst.BaseStatement | cst.BaseSmallStatement] = []
        for member in node.body.body:
            if isinstance(member, cst.FunctionDef):
                static = any(
                    "staticmethod" in cst.Module(body=[]).code_for_node(d) for d in member.decorators
                )
                signature = self.program.signatures.get(f"{node.name.value}.{member.name.value}")
                inner = self._inner(member)
                assert isinstance(inner, cst.FunctionDef)
                members.append(self.annotator.annotate(inner, signature, method=not static))
            else:
                members.append(self._field(node.name.value, member))
        return node.with_changes(body=node.body.with_changes(body=members))

    def _field(self, owner: str, member: Any) -> Any:
        """Shorten the type of a field of the object that functions share; the user's own stays."""
        shared = self.program.shared
        field = member.body[0] if isinstance(member, cst.SimpleStatementLine) else None
        if shared is None or owner != shared.kind or not isinstance(field, cst.AnnAssign):
            return member
        kind = cst.parse_expression(
            self.annotator.short(shared.types[cst.ensure_type(field.target, cst.Name).value])
        )
        return member.with_changes(body=[field.with_changes(annotation=cst.Annotation(kind))])

    def _type_of(self, name: str) -> str:
        if name == CONFIG:
            return f"{self.package}.config.Config"
        constant = self.program.constants.get(name)
        if constant is not None:
            return constant.annotation
        for step in self.program.steps:
            kind = step.types.get(f"out:{name}") or step.types.get(f"in:{name}")
            if kind:
                return kind
        return "typing.Any"

    # steps

    def _step(self, step: Step) -> str:
        config = config_name(step)
        needs = {name for statement in step.statements for name in statement.use.needs}
        extras = {name: own for name, own in self.handed.extras.items() if name in needs}
        named = needs.union(*(own.values() for own in extras.values())) & self.program.constants.keys()
        constants = {name: f"{config}.{self.program.constants[name].field}" for name in named}
        constants[CONFIG] = config
        rewriting = Rewriting(
            names=constants,
            extras={
                name: {parameter: constants.get(source, source) for parameter, source in own.items()}
                for name, own in extras.items()
            },
            config=config,
        )
        rewritten = rewrite(step.statements, rewriting, self.handed.reads)
        body = [
            self.annotator.annotate_all(node, self.program.signatures) if "def " in statement.code else node
            for statement, node in zip(step.statements, rewritten, strict=True)
        ]
        self._note(rewriting.used_names)
        self.imports |= {f"from functools import {name}" for name in rewriting.used_functools}
        return self._assemble(step, body, config if rewriting.used_config or step.plots else None)

    def _assemble(self, step: Step, body: list[cst.BaseStatement], config: str | None) -> str:
        parameters = [
            f"{name}: {self.annotator.short(step.types.get(f'in:{name}', ''))}" for name in step.inputs
        ]
        if config:
            parameters.append(f"{config}: Config")
            self.imports.add(f"from {self.package}.config import Config")
        kinds = [self.annotator.short(step.types.get(f"out:{name}", "")) for name in step.outputs]
        before, returns, result = self._returns(step, kinds)
        lines: list[Any] = [_typed(node, step, kinds) for node in body]
        lines[:1] = [_fresh(line) for line in lines[:1]]
        if step.plots and config:
            self.imports.add(f"from {self.package}.figures import finish_figures")
            lines.append(cst.parse_statement(f'finish_figures({config}.figures_dir, "{step.name}")'))
        asynchronous = "async " if awaits(step) else ""
        head = f"{asynchronous}def {step.name}({', '.join(parameters)}) -> {returns}:\n"
        return (
            before
            + head
            + textwrap.indent(_docstring(step), "    ")
            + "\n"
            + _indented(lines)
            + (f"\n    {result}" if result else "")
        )

    def _returns(self, step: Step, kinds: list[str]) -> tuple[str, str, str]:
        """Give (what stands before the function, its annotation, its last line)."""
        names = list(step.outputs)
        if not names:
            return "", "None", ""
        if len(names) == 1:
            return "", kinds[0], f"return {names[0]}"
        if len(names) <= MOST_IN_TUPLE:
            return "", f"tuple[{', '.join(kinds)}]", f"return {', '.join(names)}"
        self.imports.add("from typing import NamedTuple")
        name = "".join(word.capitalize() for word in step.name.split("_")) or "Made"
        imported = {line.split()[-1] for line in self.annotator.imports}
        if name in {*imported, *self.program.imports, *self.program.helpers}:
            name = f"{name}Outputs"  # a step called after the class that it uses must not hide it
        fields = "\n".join(f"    {field}: {kind}" for field, kind in zip(names, kinds, strict=True))
        before = f'class {name}(NamedTuple):\n    """What ``{step.name}`` makes."""\n\n{fields}\n\n\n'
        return before, name, f"return {name}({', '.join(names)})"


def _comments(node: cst.BaseCompoundStatement | cst.SimpleStatementLine) -> list[cst.EmptyLine]:
    """Keep the comments above a definition, not the blank lines."""
    return [line for line in node.leading_lines if line.comment is not None]


def _fresh(node: cst.SimpleStatementLine | cst.BaseCompoundStatement) -> cst.BaseStatement:
    """Drop the blank lines above the first statement of a function."""
    return node.with_changes(leading_lines=_comments(node))


def _typed(node: cst.BaseStatement, step: Step, kinds: list[str]) -> cst.BaseStatement:
    """Annotate where a plain result is first bound, so that an untyped library's value gets its type."""
    if not (isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], cst.Assign)):
        return node
    assign = node.body[0]
    target = assign.targets[0].target if len(assign.targets) == 1 else None
    if not isinstance(target, cst.Name) or target.value not in step.outputs or target.value in step.inputs:
        return node
    binders = [s for s in step.statements if target.value in s.use.binds]
    kind = kinds[step.outputs.index(target.value)]
    if (
        len(binders) != 1
        or not any(isinstance(part, cst.Call) for part in [assign.value])
        or not _is_plain(kind)
    ):
        return node
    typed = cst.AnnAssign(
        target=target, annotation=cst.Annotation(cst.parse_expression(kind)), value=assign.value
    )
    return node.with_changes(body=[typed])


def _is_plain(kind: str) -> bool:
    return kind.startswith(("float", "int", "str", "bool", "list", "dict", "tuple", "set", "NDArray"))


def _indented(lines: list[cst.BaseStatement]) -> str:
    """Print statements as a function's body, without touching the inside of multi-line strings."""
    if not lines:
        return "    pass"
    function = cst.FunctionDef(cst.Name("f"), cst.Parameters(), cst.IndentedBlock(body=lines))
    return cst.Module(body=[function]).code.split("\n", 1)[1].rstrip()


def _docstring(step: Step) -> str:
    """Give the function's docstring: the words that stand above the cells."""
    if step.module == "settings":
        return '"""Set the options and seeds that the notebook sets."""'
    title = _sentence(step.title) if step.title else _sentence(step.name.replace("_", " "))
    words = step.prose.replace("\\", "").replace('"""', "'''").strip()
    if words.endswith('"'):
        words += " "
    if not words:
        return f'"""{title}"""'
    return f'"""{title}\n\n{_wrapped(words)}\n"""'


def _wrapped(words: str) -> str:
    """Wrap paragraphs and lists; what is longer than a docstring should be ends with an ellipsis."""
    lines: list[str] = []
    for paragraph in words.splitlines():
        item = re.match(r"([-*+\u2022]|\d+[.)])\s+", paragraph)
        if lines and not item:
            lines.append("")
        indent = " " * len(item[0]) if item else ""
        lines += textwrap.wrap(paragraph, width=100, subsequent_indent=indent) or [""]
    return "\n".join(lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "..."])


def _sentence(text: str) -> str:
    plain = text.replace("\\", "").replace('"', "'").strip() or "Step"
    plain = plain[0].upper() + plain[1:]
    return plain if plain[-1] in ".?!" else f"{plain}."
