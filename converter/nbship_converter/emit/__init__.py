"""Steps, helpers and constants -> the modules of the package, as text.

The user's statements are moved as nodes (``rewrite``); what stands around them, signatures and imports, is
ours. Every module imports only what it uses, and importing it runs nothing.
"""

from __future__ import annotations

from nbship_converter.emit.calls import handed_in
from nbship_converter.emit.config import config_module
from nbship_converter.emit.module import Module
from nbship_converter.emit.pipeline import Pipeline
from nbship_converter.emit.vendored import follow, roots_of, vendored
from nbship_converter.environment.needs import Needs
from nbship_converter.ir import Program

__all__ = ["config_module", "emit"]


def emit(program: Program, package: str, needs: Needs | None = None) -> dict[str, str]:
    """Give the text of every generated module by file name; fixed modules come from the template.

    ``needs`` are what the pipeline warns of where its machine does not have it.
    """
    names = dict.fromkeys([*(step.module for step in program.steps), *program.helper_modules.values()])
    handed = handed_in(program)
    modules = {f"{name}.py": Module(program, package, name, handed).text() for name in names}
    modules["pipeline.py"] = Pipeline(program, package, needs).text()
    roots = roots_of(program)
    modules |= vendored(program, package)
    return {name: follow(text, package, roots) for name, text in modules.items()}
