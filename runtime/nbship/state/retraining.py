"""What retraining would do, and why: said before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nbship import config
from nbship.state.documents import Evidence, Preview

if TYPE_CHECKING:
    from nbship.registry import Registry


def preview(registry: Registry, shown: Preview, model: str) -> Preview:
    """Say what `nbship retrain` would do in the server's folder. Raises InputError where that is no exported package."""
    from nbship.gates.settings import repository_at
    from nbship.leases import utc_now
    from nbship.retraining import due, settings
    from nbship.retraining.retrain import look

    repository = repository_at(Path.cwd())
    table = config.table(repository.root)
    plan = settings.read(
        table.get("retrain", {}), rollout="rollout" in table, project=repository.settings.project
    )
    seen = look(registry, model, now=utc_now())
    found = due.decide(plan, seen, asked=True)
    unasked = due.decide(plan, seen, asked=False)
    last = {
        "rollout": "and its rollout begins",
        "promote": "and goes live where the gates pass",
        "nothing": "as challenger",
    }[plan.then]
    return replace(
        shown,
        allowed=bool(found),
        reason=None if found else found.why,
        says=f"{model} is trained again by its package, judged, and registered, {last}",
        evidence=(Evidence(name="due", was=None, will_be=unasked.why, verdict="unknown"),),
        warnings=(f"It runs the package's own pipeline, for at most {plan.timeout_s} s",),
    )
