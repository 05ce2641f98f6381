"""Histories of rollouts, drawn at random and run through the real machine: what must never happen, does not.

In each history two controllers, a person and a clock act on one assignment with compare-and-set, in any order: looks at
evidence of every verdict, decisions on what has been overtaken, deaths before and after a write, clocks that jump, a
challenger that is deleted, a rollout that is ended by hand, versions that are promoted beside it, rollouts begun anew.
After every event `Checked.look` holds the assignment and its records against the rules:

* a version whose evidence failed does not answer, until somebody begins its rollout again;
* there is one champion, which is not its own challenger, and it changes by a person or by a rollout that finished;
* a rollout finishes only after every step has passed, each on evidence that passed and was observed long enough;
* shares are in 0 to 1 and grow from step to step;
* every change has one record, with what was before and after, and with the evidence of each decision.
"""

from __future__ import annotations

import collections
import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from nbship import names
from nbship.errors import ConflictError, InputError
from nbship.registry.assignment import Assignment, staged
from nbship.registry.audit import AuditRecord
from nbship.rollout import changes, machine, settings
from nbship.rollout.changes import Change
from nbship.rollout.criteria import Evidence, Finding, Verdict
from nbship.rollout.machine import Rollout

EVENTS = 14
START = datetime(2026, 1, 1, tzinfo=UTC)
PLANS = tuple(
    settings.read({"steps": steps, "min_minutes": 10, "max_minutes": 60})
    for steps in (["shadow", 0.05, 0.5], [0.1, 0.2], ["shadow"], [0.5])
)
MIN_S = 600.0


@dataclass(slots=True)
class Database:
    """An assignment with compare-and-set, and its records."""

    now: Assignment
    records: list[AuditRecord] = field(default_factory=list[AuditRecord])

    def change(self, change: Change, *, expected: int, who: str) -> bool:
        """Make a change if the revision is the expected one."""
        if self.now.revision != expected:
            return False
        after = replace(change.to, revision=expected + 1)
        record = AuditRecord(
            model="m",
            number=after.revision,
            at=START,
            who=who,
            action=change.action,
            why=change.why,
            before=self.now,
            after=after,
            evidence=change.evidence,
            previous="",
            hash="",
            document="",
        )
        self.records.append(record)
        self.now = after
        return True


class World:
    """One history. A controller's ``seen`` is what it has looked at and not decided on yet."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.clock = START
        self.database = Database(Assignment(model="m", revision=1, champion=1))
        self.there = {1, 2, 3}
        self.pending: list[tuple[Assignment, Change] | None] = [None, None]
        self.checked = Checked(self.database)

    def run(self, counts: collections.Counter[str]) -> None:
        """Go through the events, and look after each."""
        for _ in range(EVENTS):
            event = self.rng.choices(EVENT_KINDS, _WEIGHTS)[0]
            event(self)
            counts[event.__name__] += 1
            self.checked.look()

    def begin(self) -> None:
        """Begin a rollout; where it is refused, nothing changes."""
        version = self.rng.choice((1, 2, 3, 4))
        if version not in self.there:
            return
        again = self.rng.random() < 0.1
        now = self.database
        try:
            change = changes.begun(
                now.now,
                version,
                self.rng.choice(PLANS),
                at=self.clock,
                history=now.records,
                again=again,
            )
        except (InputError, ConflictError):
            return
        if again:
            self.checked.forgive(version)
        self.database.change(change, expected=now.now.revision, who="ada")

    def consider(self) -> None:
        """Let a controller look and decide, and not write yet: the other may be quicker, or it may die."""
        which = self.rng.randrange(2)
        self.pending[which] = self._considered()

    def write(self) -> None:
        """Let a controller write what it decided, however long ago."""
        which = self.rng.randrange(2)
        pending, self.pending[which] = self.pending[which], None
        if pending is not None:
            self.database.change(pending[1], expected=pending[0].revision, who="rollout")

    def decide(self) -> None:
        """Look, decide and write at once."""
        found = self._considered()
        if found is not None:
            self.database.change(found[1], expected=found[0].revision, who="rollout")

    def die(self) -> None:
        """A controller is killed: what it has not written is gone."""
        self.pending[self.rng.randrange(2)] = None

    def _considered(self) -> tuple[Assignment, Change] | None:
        now = self.database.now
        rollout = _running(now.rollout)
        if rollout is None:
            return (now, changes.ended(now, "no rollout")) if now.mode != "off" else None
        if not changes.is_consistent(now, rollout):
            return now, changes.ended(now, "changed beside the rollout")
        if rollout.challenger not in self.there:
            return now, changes.gone(now, rollout.challenger)
        evidence = self._evidence()
        after, decision = machine.step(rollout, evidence, self.clock)
        if evidence.verdict == "fail":
            assert decision.kind == "roll back", "a failure was seen, and not rolled back"
        return (now, changes.changed(now, after, decision)) if decision.changes else None

    def _evidence(self) -> Evidence:
        verdict = self.rng.choices(("pass", "inconclusive", "fail"), (6, 2, 1))[0]
        return _evidence(verdict, self.rng.choice((0.0, 300.0, 600.0, 3600.0)), self.rng.random() < 0.05)

    def wait(self) -> None:
        """Time passes."""
        self.clock += timedelta(minutes=self.rng.choice((1, 10, 90)))

    def jump(self) -> None:
        """The clock jumps, ahead or back."""
        self.clock += timedelta(hours=self.rng.choice((-48, -1, 1, 48)))

    def abort(self) -> None:
        """Somebody ends the rollout."""
        now = self.database.now
        rollout = _running(now.rollout)
        if rollout is not None:
            after, decision = machine.abort(rollout, "by hand")
            self.database.change(changes.changed(now, after, decision), expected=now.revision, who="ada")

    def promote(self) -> None:
        """Somebody promotes a version beside the rollout; that is a person's right, failed or not."""
        version = self.rng.choice(sorted(self.there))
        now = self.database.now
        if version != now.champion:
            self.checked.forgive(version)
            to = staged(now, version, names.STAGE_PRODUCTION)
            self.database.change(
                Change(to=to, action=names.ACTION_PROMOTED, why=""), expected=now.revision, who="ada"
            )

    def meddle(self) -> None:
        """Somebody turns the share by hand, beside the machine."""
        now = self.database.now
        if now.mode == "canary":
            change = Change(to=replace(now, share=0.9), action=names.ACTION_ELSEWHERE, why="")
            self.database.change(change, expected=now.revision, who="ada")

    def delete(self) -> None:
        """Somebody deletes a version."""
        gone = self.rng.choice((2, 3))
        if gone != self.database.now.champion:
            self.there.discard(gone)

    def register(self) -> None:
        """Another version is there."""
        self.there |= {2, 3, 4}


EVENT_KINDS: tuple[Callable[[World], None], ...] = (
    World.begin, World.decide, World.consider, World.write, World.die, World.wait, World.jump, World.abort,
    World.promote, World.meddle, World.delete, World.register,
)  # fmt: skip
_WEIGHTS = (16, 48, 8, 8, 2, 6, 3, 1, 1, 1, 1, 1)


class Checked:
    """The rules. ``failed`` are the versions that failed and may not answer."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.failed: set[int] = set()
        self.rolled_back = 0
        self.finished = 0
        self._known = 0

    def forgive(self, version: int) -> None:
        """Somebody wants it all the same."""
        self.failed.discard(version)

    def look(self) -> None:
        """Hold everything that is new against the rules."""
        now = self.database.now
        for record in self.database.records[self._known :]:
            self._record(record)
        self._known = len(self.database.records)
        assert now.revision == 1 + len(self.database.records), "a change without its record"
        if now.mode != "off" or now.champion in self.failed:
            answering = {now.champion} | ({now.challenger} if now.mode != "off" else set())
            assert not answering & self.failed, f"{answering & self.failed} failed and answers"

    def _record(self, record: AuditRecord) -> None:
        before, after = record.before, record.after
        assert after.revision == before.revision + 1
        assert 0 <= after.share <= 1
        assert after.champion is not None
        assert after.champion != after.challenger
        assert record.action
        if record.who != "rollout":
            return
        assert record.evidence["decision"] in changes.ACTIONS, "a decision without a name"
        if record.evidence["decision"] == "roll back":
            assert (after.mode, after.share, after.rollout) == ("off", 0.0, None)
            assert after.champion == before.champion
            self.rolled_back += 1
            if record.evidence.get("verdict") == "fail":
                assert before.challenger is not None
                self.failed.add(before.challenger)
            return
        assert "findings" in record.evidence, "a decision without evidence"
        was = _running(before.rollout)
        assert was is not None
        if after.champion != before.champion:
            assert record.action == names.ACTION_ROLLOUT_FINISHED
            assert (after.champion, after.mode, after.share) == (before.challenger, "off", 0.0)
            assert was.step + 1 == len(was.plan.steps), "finished before its last step"
            self.finished += 1
        if record.evidence["decision"] in {"advance", "finish"}:
            assert record.evidence["findings"], "passed without evidence"
            assert record.evidence["verdict"] == "pass", "passed without evidence that passes"
            assert record.evidence["observed_s"] >= MIN_S, "passed too early"
        if record.evidence["decision"] == "advance":
            assert after.share > before.share, "the share does not grow"


@functools.cache
def _evidence(verdict: Verdict, observed_s: float, nothing: bool) -> Evidence:
    findings = () if nothing else (Finding(criterion="errors", verdict=verdict, reason="drawn"),)
    return Evidence(findings=findings, observed_s=observed_s)


@functools.lru_cache(maxsize=100_000)
def _running(text: str | None) -> Rollout | None:
    return None if text is None else Rollout.from_json(text)


def explore(histories: int, seed: int) -> collections.Counter[str]:
    """Run so many histories; give how often each event came, and how rollouts ended. Raises AssertionError."""
    counts: collections.Counter[str] = collections.Counter()
    for number in range(histories):
        rng = random.Random(f"{seed}:{number}")
        world = World(rng)
        try:
            world.run(counts)
        except AssertionError as error:
            raise AssertionError(f"history {number} of seed {seed}: {error}") from error
        counts["changes"] += len(world.database.records)
        counts["rolled back"] += world.checked.rolled_back
        counts["finished"] += world.checked.finished
    return counts
