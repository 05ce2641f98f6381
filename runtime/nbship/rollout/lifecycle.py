"""What people and programs do to a rollout: begin it, end it, carry it on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from nbship import names, policy
from nbship.errors import InputError, StoreError
from nbship.profile import Profile
from nbship.registry.assignment import Assignment
from nbship.registry.lifecycle import allow
from nbship.registry.reconciling import reconcile
from nbship.rollout import changes, machine, settings
from nbship.rollout.changes import Change
from nbship.rollout.settings import Plan

if TYPE_CHECKING:
    from nbship.registry import Registry
    from nbship.rollout.controller import Controller

_log = logging.getLogger("nbship.rollout")


def start(
    registry: Registry,
    model: str,
    version: int,
    *,
    who: str,
    at: datetime,
    why: str = "",
    plan: Plan | None = None,
    expected: int | None = None,
    again: bool = False,
) -> Assignment:
    """Begin a rollout of a version, by the plan that is configured, and give the assignment.

    Raises InputError where it cannot be a challenger (one that failed before only ``again``), PolicyError where the
    organisation's policy does not allow it in production, ConflictError where a rollout runs, or ``expected`` is not
    the revision that stands.
    """
    allow(registry, registry.version(model, version), names.STAGE_PRODUCTION, who=who, why=why)
    assignments = registry.assignments
    now = assignments.of(model)
    change = changes.begun(
        now,
        version,
        plan or settings.read(policy.enforced(registry.config).rollout),
        at=at,
        history=assignments.history(model),
        again=again,
    )
    return _made(registry, now, change, who=who, at=at, why=why, expected=expected)


def abort(
    registry: Registry, model: str, *, who: str, at: datetime, why: str = "", expected: int | None = None
) -> Assignment:
    """End the rollout that runs: the champion alone answers. Raises InputError where none does, ConflictError."""
    now = registry.assignments.of(model)
    rollout = changes.running(now)
    if rollout is None:
        raise InputError(f"no rollout of {model!r} is running")
    after, decision = machine.abort(rollout, why or "ended by hand")
    change = changes.changed(now, after, decision)
    return _made(registry, now, change, who=who, at=at, why=change.why, expected=expected)


def _made(
    registry: Registry,
    now: Assignment,
    change: Change,
    *,
    who: str,
    at: datetime,
    why: str,
    expected: int | None,
) -> Assignment:
    done = registry.assignments.change(
        change.to,
        expected=now.revision if expected is None else expected,
        action=change.action,
        who=who,
        at=at,
        why=why,
        evidence=change.evidence,
    )
    try:
        reconcile(registry, now.model)
    except StoreError as error:
        _log.warning("it is done, but MLflow does not show it yet: %s", error.what)
    return done


class Registered:
    """The registry's versions of one model, as the controller asks for them."""

    def __init__(self, registry: Registry, model: str) -> None:
        self._registry = registry
        self._model = model

    def numbers(self) -> list[int]:
        """Give the versions that there are."""
        return self._registry.version_numbers(self._model)

    def reference(self, version: int) -> Profile:
        """Give what a version learnt from. Raises DataError where it brings no profile, or is not there."""
        return self._registry.reference(self._registry.version(self._model, version))

    def project(self) -> None:
        """Make MLflow show who answers."""
        reconcile(self._registry, self._model)


def controller(registry: Registry, model: str, *, clock: Callable[[], datetime]) -> Controller:
    """Give the controller of a model as it is configured. Raises StoreError where log or database do not answer."""
    from nbship.monitoring.commands import known_rules
    from nbship.monitoring.grading import as_task
    from nbship.monitoring.ledger import Ledger
    from nbship.monitoring.log import Log
    from nbship.monitoring.service import configured_labels, configured_sinks
    from nbship.rollout.controller import Controller
    from nbship.rollout.notices import Notices
    from nbship.rollout.reading import Reader

    config = registry.config
    targets = configured_sinks(config, clock=clock)
    return Controller(
        model,
        assignments=registry.assignments,
        versions=Registered(registry, model),
        reader=Reader(Log(config.log_url, model)),
        notices=Notices(Ledger(config.state_url), targets, known_rules(config), clock=clock),
        clock=clock,
        labels=configured_labels(config),
        task=as_task(config.monitor.get("task")),
    )
