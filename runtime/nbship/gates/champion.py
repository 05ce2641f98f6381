"""The model that serves now, from the registry, and what it says of the candidate's held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbship import store
from nbship.errors import NbshipError
from nbship.gates.settings import Repository

__all__ = ["Champion", "NoChampionError", "champion_of"]


class NoChampionError(NbshipError):
    """There is nothing to compare a candidate with; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """A registered model that answers; ``shown`` is its name and version."""

    shown: str
    model: Any

    def predict(self, features: Any) -> Any:
        """Give its predictions. Raises NoChampionError where these features are not what it takes."""
        try:
            return self.model.predict(features)
        except Exception as error:  # whatever a model raises for features that it does not know
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise NoChampionError(
                f"{self.shown} cannot predict on these features: {first}",
                help="they have other columns than the champion was trained on: compare the two by hand",
            ) from error


def champion_of(repository: Repository) -> Champion:
    """Give the champion. Raises NoChampionError where no registry answers, or where it holds none."""
    settings, name = repository.settings, repository.settings.model or repository.package
    file = store.sqlite_file(settings.tracking_uri)
    if file is not None and not file.is_file():
        raise NoChampionError(
            "no model registry can be reached",
            help="set MLFLOW_TRACKING_URI, or tracking_uri in [tool.nbship]",
        )
    try:
        from nbship.registry import Registry

        found = Registry(settings).champion(name)
        with store.speaking_to(settings.tracking_uri):
            model = _loaded(f"models:/{found.model}/{found.version}")
    except NbshipError as error:
        raise NoChampionError(error.what, where=error.where, help=error.help) from error
    return Champion(shown=f"{found.model} version {found.version}", model=model)


def _loaded(uri: str) -> Any:
    """Load a version; by its own library where that is scikit-learn's, which asks for no types of columns."""
    from mlflow import pyfunc
    from mlflow import sklearn as by_sklearn
    from mlflow.models import get_model_info

    info: Any = get_model_info(uri)
    return by_sklearn.load_model(uri) if "sklearn" in info.flavors else pyfunc.load_model(uri)
