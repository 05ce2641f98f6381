"""A small exported repository, and what becomes of it: by hand, in the notebook, or both."""

from __future__ import annotations

from nbship_converter.merge import Merged, merge

Files = dict[str, str]

TRAIN = '''"""Training the model."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge

from churn.config import Config


def scaled(values: np.ndarray) -> np.ndarray:
    return values / values.max()


def fit(x: np.ndarray, y: np.ndarray, config: Config) -> Ridge:
    """Fit the model."""
    x = scaled(x)
    weights = np.ones(len(y))
    model = Ridge(alpha=config.alpha)
    model.fit(x, y, weights)
    return model


def score(model: Ridge, x: np.ndarray, y: np.ndarray) -> float:
    """Score the model."""
    r2 = model.score(x, y)
    return float(r2)
'''

PIPELINE = '''"""Runs every step of churn in the notebook's order."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.linear_model import Ridge

from churn.config import Config
from churn.data import load
from churn.train import fit, score


@dataclass(frozen=True)
class Results:
    """What the notebook's variables hold at its end."""

    model: Ridge
    r2: float


def run(config: Config = Config()) -> Results:
    """Run the whole pipeline."""
    x, y = load(config)
    model = fit(x, y, config)
    r2 = score(model, x, y)
    return Results(model=model, r2=r2)
'''

CONFIG = '''"""Settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Settings of the pipeline."""

    alpha: float = 0.5
    folds: int = 5
'''

DATA = '''"""Getting the data."""

from __future__ import annotations

import numpy as np

from churn.config import Config


def load(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Load the rows."""
    table = np.loadtxt(config.data("rows.csv"))
    return table[:, 0], table[:, 1]
'''

PYPROJECT = """[project]
name = "churn"
version = "0.1.0"
dependencies = [
    "numpy==2.1.0",
    "scikit-learn==1.5.0",
]

[tool.ruff]
line-length = 110

[tool.nbship]
package = "churn"
"""

LOCK = """# What the kernel had.
numpy==2.1.0 \\
    --hash=sha256:aa
scikit-learn==1.5.0 \\
    --hash=sha256:bb
scipy==1.14.0 \\
    --hash=sha256:cc
"""

README = """# Churn

What the notebook says.

## Steps

| step | module |
|---|---|
| fit | train |

## Proof

Status: equal.
"""

#: The last export, and the cells that its definitions come from.
BASE: Files = {
    "README.md": README,
    "data/rows.csv": "1 2\n3 4\n",
    "pyproject.toml": PYPROJECT,
    "requirements.lock": LOCK,
    "src/churn/config.py": CONFIG,
    "src/churn/data.py": DATA,
    "src/churn/pipeline.py": PIPELINE,
    "src/churn/train.py": TRAIN,
}
ORIGINS = {
    "src/churn/data.py": {"load": ["c1"]},
    "src/churn/train.py": {"fit": ["c2", "c3"], "score": ["c4"], "scaled": ["c0"]},
}


def changed(path: str, *edits: tuple[str, str], files: Files = BASE) -> Files:
    """Give the files with the first text of each pair replaced by the second, each exactly once."""
    text = files[path]
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        text = text.replace(old, new)
    return {**files, path: text}


def without(path: str, files: Files = BASE) -> Files:
    """Give the files without one of them."""
    return {name: text for name, text in files.items() if name != path}


def merged(
    ours: Files, theirs: Files, base: Files = BASE, origins: dict[str, dict[str, list[str]]] | None = None
) -> Merged:
    """Merge; ``origins`` are those of the new export, where they are others than the last one's."""
    return merge(
        *({path: text.encode() for path, text in side.items()} for side in (base, ours, theirs)),
        package="churn",
        origins=ORIGINS,
        new_origins=ORIGINS if origins is None else origins,
    )


def texts(done: Merged) -> Files:
    """Give the merged files as text."""
    return {path: content.decode() for path, content in done.files.items()}
