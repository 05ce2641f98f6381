"""Wraps model bytes as an MLflow model, without reading them.

``mlflow.sklearn.log_model`` starts a second Python to find out what the model needs: 10 to 15 s per model. The kernel
knows what it has imported, so the folder is written straight from the facts, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbship import names

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature

    from nbship.facts import ModelRegistered

_BYTES = "model.pkl"
#: What a kernel has loaded for itself and no model needs.
_KERNELS_OWN = re.compile(
    r"(nbship|ipython|ipykernel|ipywidgets|anywidget|jupyter[\w-]*|debugpy|comm|traitlets|tornado|pyzmq|psutil|"
    r"matplotlib-inline|filelock|platformdirs|blake3|xxhash|pygments|rich|setuptools|pip)==.*",
    re.IGNORECASE,
)
#: Written beside a model when it is fetched by its registered name.
_ADDED = frozenset({"registered_model_meta"})
_PYFUNC = "mlflow.sklearn"  # its loader takes any pickled object that has `predict`


def write_model(
    folder: Path,
    registered: ModelRegistered,
    content: bytes,
    *,
    model_id: str,
    python: str,
    requirements: tuple[str, ...],
    profile: bytes | None,
) -> None:
    """Write an MLflow model folder that ``mlflow.pyfunc.load_model`` and ``mlflow.sklearn.load_model`` open."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _BYTES).write_bytes(content)
    needed = [line for line in requirements if not _KERNELS_OWN.fullmatch(line)]
    (folder / "requirements.txt").write_text("\n".join([*needed, ""]), encoding="utf-8")
    (folder / "python_env.yaml").write_text(_python_env(python), encoding="utf-8")
    if profile is not None:
        target = folder / names.ARTIFACT_PROFILE
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(profile)
    flavors = _flavors(registered, python, _version(requirements, "scikit-learn"))
    _description(registered, flavors, model_id=model_id, size=len(content)).save(str(folder / "MLmodel"))


def digest(folder: Path) -> str:
    """Give the fingerprint of a model's files: SHA-256 over the names and the SHA-256 of each, in order.

    What MLflow adds when a registered version is fetched is left out; nothing of it is opened.
    """
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _ADDED):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _description(registered: ModelRegistered, flavors: dict[str, Any], *, model_id: str, size: int) -> Model:
    from mlflow.models import Model

    return Model(
        artifact_path=registered.variable,
        flavors=flavors,
        signature=_signature(registered),
        model_size_bytes=size,
        model_id=model_id,
        utc_time_created=registered.at,
        metadata={"nbship": {"type": registered.type, "format": registered.format, "blob": registered.blob}},
    )


def _flavors(registered: ModelRegistered, python: str, sklearn: str | None) -> dict[str, Any]:
    flavors: dict[str, Any] = {}
    if registered.predicts:
        flavors["python_function"] = {
            "loader_module": _PYFUNC,
            "model_path": _BYTES,
            "env": {"virtualenv": "python_env.yaml"},
            "python_version": python,
            "predict_fn": "predict",
        }
    flavors["sklearn"] = {
        "pickled_model": _BYTES,
        "serialization_format": registered.format,
        "sklearn_version": sklearn,
        "code": None,
    }
    return flavors


def _version(requirements: tuple[str, ...], distribution: str) -> str | None:
    pattern = re.compile(rf"{distribution}==(.+)", re.IGNORECASE)
    found = [match[1] for match in map(pattern.fullmatch, requirements) if match]
    return found[0] if found else None


def _signature(registered: ModelRegistered) -> ModelSignature | None:
    """Give the columns that the model reads; without a frame there is nothing to say."""
    if not registered.signature:
        return None
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(inputs=Schema([ColSpec(kind, name) for name, kind in registered.signature]))


def _python_env(python: str) -> str:
    return f"python: {python}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"
