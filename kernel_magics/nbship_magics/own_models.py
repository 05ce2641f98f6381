"""Models that learn in place and have no estimator's manners: the notebook's own classes, torch modules, Keras models."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbship_magics.identity import identity

__all__ = ["is_own_model", "settings", "state"]

_TRAINS = ("fit", "train", "learn")
_LIBRARIES = ("site-packages", "dist-packages")
_MOST_SETTINGS = 30
#: The class that models of a library inherit from.
_BASES: Mapping[str, str] = {"keras": "Model", "tf_keras": "Model", "tensorflow": "Model", "torch": "Module"}


def is_own_model(kind: type) -> bool:
    """Tell a class whose objects learn and predict: one of a deep learning library, or the notebook's own."""
    if library(kind):
        return True
    return (
        hasattr(kind, "predict") and any(hasattr(kind, name) for name in _TRAINS) and _is_own(kind.__module__)
    )


def library(kind: type) -> str:
    """Give the deep learning library that a class builds upon; nothing for any other class."""
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        if _BASES.get(root) == base.__name__:
            return "torch" if root == "torch" else "keras"
    return ""


@functools.lru_cache(maxsize=1024)
def _is_own(module: str) -> bool:
    """Tell whether a module is the notebook, or a file of the user's."""
    if module == "__main__":
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or any(name in Path(file).parts for name in _LIBRARIES):
        return False
    return not any(Path(file).is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix))


def state(model: Any) -> tuple[int, ...]:
    """Give a mark of what a model has learnt, which a training changes; nothing where it can be told to be untrained."""
    match library(type(model)):
        case "keras":
            history = vars(model).get("history")
            return () if history is None else (identity(history),)
        case "torch":  # torch counts how often a tensor was written to
            return tuple(part._version for part in model.parameters())  # noqa: SLF001  # there is no public count
        case _:
            return tuple(identity(value) for value in vars(model).values())


def settings(model: Any) -> dict[str, Any]:
    """Give the plain settings of a model: what it was made with, where it keeps that; of a network its training's."""
    kept = vars(model)
    if library(type(model)) == "keras":
        optimizer = getattr(model, "optimizer", None)
        rate = getattr(optimizer, "learning_rate", None)
        told = {
            "optimizer": type(optimizer).__name__,
            "learning_rate": float(rate) if rate is not None else None,
        }
        return told | {"loss": getattr(model, "loss", None), "layers": len(model.layers)}
    if library(type(model)) == "torch":
        return {"weights": sum(part.numel() for part in model.parameters())}
    made_with = set(inspect.signature(type(model).__init__).parameters)
    plain = {name: value for name, value in kept.items() if isinstance(value, bool | int | float | str)}
    own = [(name, value) for name, value in plain.items() if name.strip("_") in made_with]
    return dict(own[:_MOST_SETTINGS])  # what else it keeps may be learnt
