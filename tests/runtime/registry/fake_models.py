"""MLflow's registry of models in memory: what nbship asks of it, and what people do in its pages. It dies when told to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class Page(list[Any]):
    """What MLflow's searches give: a list that knows where the next one begins."""

    def __init__(self, found: list[Any], token: str | None) -> None:
        super().__init__(found)
        self.token = token


class FakeModels:
    """Stands in for ``MlflowClient``. ``dies_at`` is the number of the write that fails, ``after`` whether it was done."""

    def __init__(self) -> None:
        self.aliases: dict[str, dict[str, str]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.versions: dict[str, dict[int, dict[str, str]]] = {}
        self.writes = 0
        self.dies_at: int | None = None
        self.after = False

    def add(self, model: str, *versions: int) -> None:
        """Let a model have these versions."""
        self.tags.setdefault(model, {})
        self.aliases.setdefault(model, {})
        self.versions.setdefault(model, {}).update({version: {} for version in versions})

    def remove(self, model: str, version: int) -> None:
        """Delete a version, as in MLflow's pages: its aliases go with it."""
        del self.versions[model][version]
        self.aliases[model] = {
            name: number for name, number in self.aliases[model].items() if number != str(version)
        }

    def shown(self, model: str) -> tuple[dict[str, str], dict[int, str | None]]:
        """Give the aliases and stages that people see."""
        stages = {version: tags.get("stage") for version, tags in self.versions[model].items()}
        return self.aliases[model], stages

    def _write(self, do: Any) -> None:
        self.writes += 1
        dies = self.writes == self.dies_at
        if not dies or self.after:
            do()
        if dies:
            raise ConnectionError("the server died")

    def get_registered_model(self, model: str) -> Any:
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

        if model not in self.tags:
            raise MlflowException("no such model", error_code=RESOURCE_DOES_NOT_EXIST)
        return SimpleNamespace(name=model, aliases=dict(self.aliases[model]), tags=dict(self.tags[model]))

    def search_registered_models(self, page_token: str | None = None) -> Page:
        """Give one model at a time, so that whoever stops at the first page is seen."""
        place = int(page_token or 0)
        names = list(self.tags)
        found = [self.get_registered_model(model) for model in names[place : place + 1]]
        return Page(found, str(place + 1) if place + 1 < len(names) else None)

    def search_model_versions(self, query: str = "") -> Page:
        if not query:
            return Page([item for model in self.versions for item in self._of(model)], None)
        return Page(self._of(query.partition("'")[2].rstrip("'")), None)

    def _of(self, model: str) -> list[Any]:
        return [
            SimpleNamespace(
                name=model,
                version=str(version),
                status="READY",
                tags=dict(tags),
                creation_timestamp=0,
                run_id=None,
                source=None,
            )
            for version, tags in self.versions.get(model, {}).items()
        ]

    def set_registered_model_alias(self, model: str, alias: str, version: str) -> None:
        assert int(version) in self.versions[model]
        self._write(lambda: self.aliases[model].update({alias: version}))

    def delete_registered_model_alias(self, model: str, alias: str) -> None:
        self._write(lambda: self.aliases[model].pop(alias))

    def set_model_version_tag(self, model: str, version: str, name: str, value: str) -> None:
        self._write(lambda: self.versions[model][int(version)].update({name: value}))

    def set_registered_model_tag(self, model: str, name: str, value: str) -> None:
        self._write(lambda: self.tags[model].update({name: value}))
