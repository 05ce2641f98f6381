"""Somebody who changes a model's assignment while others do the same: until COUNT changes have gone through."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime

from nbship import config
from nbship.errors import ConflictError
from nbship.registry.assignments import Assignments


def main(who: str, count: int) -> None:
    assignments = Assignments(config.load())
    won = 0
    while won < count:
        now = assignments.of("bikes")
        try:
            assignments.change(
                replace(now, champion=now.revision + 1),
                expected=now.revision,
                action="promoted",
                who=who,
                at=datetime.now(UTC),
                why="",
            )
        except ConflictError:
            continue
        won += 1
    assignments.close()
    sys.stdout.write(f"{won} won\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
