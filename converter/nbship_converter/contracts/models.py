"""Rules -> the text of ``contracts.py``: one pandera model for each file."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from nbship_converter.contracts.columns import Rule

__all__ = ["Model", "class_names", "contracts_module"]

_HEAD = '''"""What the data must hold: one model for each file that the notebook reads.

Made from what the notebook saw, and yours to edit: tighten what you know better, loosen what may change. What is
edited here stays when the notebook is exported again.
"""

from __future__ import annotations

{imports}
'''

#: What a model has already.
_TAKEN = frozenset(
    "Config example empty from_json from_yaml get_metadata pydantic_validate schema strategy to_json to_json_schema"
    " to_schema to_structs to_yaml validate json dict copy pa Any".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A file's contract: the class, the file's name below ``data/``, a rule for each column."""

    name: str
    path: str
    rules: tuple[Rule, ...]


def class_names(paths: Iterable[str]) -> list[str]:
    """Give a class name for each path.

    >>> class_names(["train_data.csv", "raw/2020 sales.csv", "other/train-data.parquet"])
    ['TrainData', 'Data2020Sales', 'TrainData2']
    """
    found: list[str] = []
    for path in paths:
        words = re.findall(r"[A-Za-z0-9]+", PurePosixPath(path).name.split(".")[0])
        name = "".join(word[:1].upper() + word[1:] for word in words) or "Data"
        name = f"Data{name}" if name[0].isdigit() else name
        name = f"{name}Data" if name in _TAKEN or keyword.iskeyword(name) else name
        count = 1
        while (name if count == 1 else f"{name}{count}") in found:
            count += 1
        found.append(name if count == 1 else f"{name}{count}")
    return found


def contracts_module(models: Iterable[Model]) -> str:
    """Give the module; ruff formats it later."""
    models = list(models)
    untyped = any(rule.annotation == "Any" for model in models for rule in model.rules)
    imports = [*(["from typing import Any", ""] if untyped else []), "import pandera.pandas as pa"]
    return (
        "\n\n".join([_HEAD.format(imports="\n".join(imports)), *(_class(model) for model in models)]) + "\n"
    )


def _class(model: Model) -> str:
    names = _attributes(model.rules)
    lines = [f"class {model.name}(pa.DataFrameModel):", f'    """``data/{_text(model.path)}``."""', ""]
    lines += [f"    {_field(names[rule.name], rule)}" for rule in model.rules]
    lines += [
        "",
        "    class Config:",
        '        """Every one of these columns, and no other."""',
        "",
        "        strict = True",
    ]
    return "\n".join(lines) + "\n"


def _text(path: str) -> str:
    return path.replace("\\", "/").replace('"', "'")


def _attributes(rules: Iterable[Rule]) -> dict[str, str]:
    """Give each column the name of an attribute, all different."""
    found: dict[str, str] = {}
    for rule in rules:
        name = rule.name
        if rule.pattern or not _is_plain(name):
            name = re.sub(r"\W+", "_", re.sub(r"\\.", "", name), flags=re.ASCII).strip("_") or "column"
            name = f"column_{name}" if name[0].isdigit() else name
            name = f"{name}_" if not _is_plain(name) else name
        while name in found.values():
            name += "_"
        found[rule.name] = name
    return found


def _is_plain(name: str) -> bool:
    return (
        name.isidentifier()
        and name.isascii()
        and not name.startswith("_")
        and not keyword.iskeyword(name)
        and name not in _TAKEN
    )


def _field(attribute: str, rule: Rule) -> str:
    arguments: dict[str, Any] = {}
    if rule.pattern:
        arguments |= {"alias": rule.name, "regex": True}
    elif attribute != rule.name:
        arguments["alias"] = rule.name
    arguments |= rule.checks
    if rule.nullable:
        arguments["nullable"] = True
    if not arguments:
        return f"{attribute}: {rule.annotation}"
    return f"{attribute}: {rule.annotation} = pa.Field({_arguments(arguments)})"


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
