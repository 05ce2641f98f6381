"""Which stores the panel may open: a notebook names a profile, never an address.

Addresses come from the Jupyter server's configuration, from the environment it was started in, or are home's own. A
``pyproject.toml`` in the server's folder may have come with somebody else's repository: what it names is opened only
where the configuration says ``c.NbshipLab.trust_project = True``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nbship import config, names
from nbship.errors import InputError
from nbship.state.documents import Problem

if TYPE_CHECKING:
    from nbship.config import Config

DEFAULT = "default"
#: Stands for the address of a policy that the project names and the server's configuration does not trust.
NOT_TRUSTED: Final = "(named by pyproject.toml, not trusted here: c.NbshipLab.trust_project = True)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What the server's configuration says: addresses by profile, and whether a project's own hold."""

    profiles: Mapping[str, str] = field(default_factory=dict[str, str])
    trust_project: bool = False


def parse(text: str | None) -> Admission:
    """Read what the server gave its worker; a worker of a kernel or a terminal trusts its own project.

    >>> parse('{"profiles": {"team": "https://mlflow.example"}}').profiles["team"]
    'https://mlflow.example'
    """
    if not text:
        return Admission(trust_project=True)
    told = json.loads(text)
    return Admission(profiles=told.get("profiles", {}), trust_project=bool(told.get("trust_project", False)))


def admitted(settings: Config, profile: str, admission: Admission) -> tuple[Config, tuple[Problem, ...]]:
    """Give the settings that hold for a profile, and what of the project's is not used. Pure.

    Raises InputError for a profile that nobody configured.
    """
    if profile in admission.profiles:
        named = replace(settings, tracking_uri=admission.profiles[profile], origin="environment")
        return (named, ()) if admission.trust_project else (_without_addresses(named), ())
    if admission.trust_project:
        return settings, ()
    if profile != DEFAULT:
        known = ", ".join([DEFAULT, *admission.profiles])
        raise InputError(
            f"the notebook names the tracking profile {profile!r}, which this server does not have",
            where="metadata.nbship",
            help=f"profiles: {known}; c.NbshipLab.tracking_profiles in the server's configuration adds one",
        )
    if settings.origin != "pyproject":
        return _without_addresses(settings), ()
    problem = Problem(
        what="The tracking store that pyproject.toml names is not used here",
        where=str(settings.project) if settings.project else None,
        help="If it is yours, say c.NbshipLab.trust_project = True in the Jupyter server's configuration.",
    )
    own = f"sqlite:///{settings.home / names.FILE_DATABASE}"
    return _without_addresses(replace(settings, tracking_uri=own, origin="home")), (problem,)


def _without_addresses(settings: Config) -> Config:
    """Take away what the project names: home's own, or the environment's, holds.

    A policy is not left out, which would allow what it refuses: it cannot be read, and so refuses all it might refuse.
    """
    monitor = {key: value for key, value in settings.monitor.items() if key != "log"}
    policy = settings.policy
    if policy is not None and not _is_beside(policy, settings.project):
        policy = NOT_TRUSTED
    return replace(settings, monitor=monitor, policy=policy, artifacts_named=None)


def _is_beside(address: str, project: Path | None) -> bool:
    """Whether a policy is a file that lies with its project; reading another one may hang, or tell what it holds."""
    if "://" in address or project is None:
        return False
    return Path(address).expanduser().resolve().is_relative_to(project.parent.resolve())


def loaded(profile: str, admission: Admission) -> tuple[Config, tuple[Problem, ...]]:
    """Read the configuration of the working folder, and give what of it holds for a profile."""
    own = admission.trust_project and profile not in admission.profiles
    return admitted(config.load(profile=profile if own else None), profile, admission)
