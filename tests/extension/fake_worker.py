"""A worker for tests: it answers every question as the file named on its command line says today.

``{"result": {...}}`` is answered; with ``"error"`` it refuses; ``"sleep_s"`` comes before either;
``"exit"`` ends it at once, with ``"says"`` on stderr. Every start adds a line to ``FILE.starts``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(orders: Path) -> None:
    with orders.with_suffix(".starts").open("a") as starts:
        starts.write("start\n")
    sys.stdout.write("a library that prints\n")
    for line in sys.stdin:
        question = json.loads(line)
        with orders.with_suffix(".asked").open("a") as asked:
            asked.write(line)
        order = json.loads(orders.read_text())
        time.sleep(order.get("sleep_s", 0))
        if "exit" in order:
            sys.exit(f"{order['says']}" if "says" in order else order["exit"])
        told = (
            {"ok": False, "error": order["error"]}
            if "error" in order
            else {"ok": True, "result": order["result"]}
        )
        sys.stdout.write(json.dumps({"id": question["id"], **told}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
