"""What is kept of a training run, written by the process that ran the package: model, reference, environment."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

MODEL = "model.pickle"
PROFILE = "reference.json"
FACTS = "facts.json"

_KINDS = {"b": "boolean", "i": "long", "u": "long", "f": "double", "M": "datetime"}


def write(results: Any, asked: Mapping[str, Any], folder: Path) -> None:
    """Write what a version is registered with. ``asked`` names the model, and the reference if one is named."""
    model = getattr(results, asked["model"])
    _by_value(asked["package"])
    import cloudpickle

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(cloudpickle.dumps(model))
    frame = _reference(results, model, asked)
    if frame is not None:
        from nbship.profile import profile

        (folder / PROFILE).write_text(json.dumps(profile(frame).to_json()), encoding="utf-8")
    facts = {
        "type": f"{type(model).__module__}.{type(model).__qualname__}",
        "predicts": hasattr(model, "predict"),
        "signature": _signature(frame),
        "requirements": _requirements(),
        "python": platform.python_version(),
    }
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _by_value(package: str) -> None:
    """Let classes of the package travel with the model: where it serves, the package need not be installed."""
    import cloudpickle

    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        cloudpickle.register_pickle_by_value(import_module(name))


def _reference(results: Any, model: Any, asked: Mapping[str, Any]) -> Any:
    """Give what the model learnt from: the table that is named, else the largest with the model's own columns.

    The rows that it is judged on come last: where a package returns nothing else, they are better than nothing.
    """
    if asked["reference"]:
        return getattr(results, asked["reference"])
    judged = asked["evaluation"].get("features")
    wanted = [str(name) for name in getattr(model, "feature_names_in_", ())]
    tables = [
        (name != judged, len(value), value)
        for name, value in vars(results).items()
        if hasattr(value, "dtypes")
        and [str(column) for column in getattr(value, "columns", ())] == wanted != []
    ]
    if tables:
        return max(tables, key=lambda item: item[:2])[2]
    held_out = getattr(results, judged, None) if judged else None
    return held_out if hasattr(held_out, "columns") else None


def _signature(frame: Any) -> list[tuple[str, str]]:
    if frame is None:
        return []
    return [
        (str(name), _KINDS.get(getattr(kind, "kind", ""), "string"))
        for name, kind in zip(frame.columns, frame.dtypes, strict=True)
    ]


def _requirements() -> list[str]:
    """Give what is imported, pinned."""
    loaded = {name.partition(".")[0] for name in sys.modules}
    found = {
        name
        for module, names in metadata.packages_distributions().items()
        if module in loaded
        for name in names
    }
    return sorted(f"{name}=={metadata.version(name)}" for name in found)
