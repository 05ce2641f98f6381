"""The last state that was known of each model, in home: what is shown while the store is away."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from typing import TYPE_CHECKING

from nbship import names
from nbship.state import coding
from nbship.state.documents import State

if TYPE_CHECKING:
    from pathlib import Path

    from nbship.config import Config

_log = logging.getLogger("nbship.state")


def remember(settings: Config, state: State) -> None:
    """Keep a state; where the disk takes nothing, that is logged and no more."""
    path = _place(settings, state.model, state.profile)
    scratch = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(coding.encoded(state))
        scratch.replace(path)
    except OSError as error:
        _log.warning("the state of %s is not remembered: %s", state.model, error)


def remembered(settings: Config, model: str, profile: str) -> State | None:
    """Give the state that was last known of a model, if one can be read."""
    try:
        return coding.decoded(State, _place(settings, model, profile).read_bytes())
    except (OSError, ValueError):  # never seen, or written by another version
        return None


def _place(settings: Config, model: str, profile: str) -> Path:
    """Give the file of a model: names that are alike but for odd letters have files of their own."""
    name = re.sub(r"[^A-Za-z0-9_\-]+", "_", f"{profile}-{model}")[:100]
    mark = hashlib.sha256(f"{profile}\n{model}".encode()).hexdigest()[:8]
    return settings.home / names.FOLDER_STATES / f"{name}-{mark}.json"
