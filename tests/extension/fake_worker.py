"""A worker for tests: it answers every question as the file named on its command line says today.

``{"result": {...}}`` is answered to ``state``, ``"results"`` to others by what is asked; with ``"error"`` it refuses;
``"sleep_s"`` comes before either; ``"exit"`` ends it at once, with ``"says"`` on stderr. Every start adds a line to
``FILE.starts``, every question one to ``FILE.asked``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def reply(question: dict[str, Any], order: dict[str, Any]) -> str:
    """Give the lines that answer a question: a state comes apart, and not at all where it is known."""
    number, ask = question["id"], question["ask"]
    if "error" in order:
        return json.dumps({"id": number, "ok": False, "error": order["error"]}) + "\n"
    if ask in order.get("results", {}):
        return json.dumps({"id": number, "ok": True, "result": order["results"][ask]}) + "\n"
    rest = dict(order["result"])
    store, etag = rest.pop("store"), rest["revision"]
    fresh = question.get("known") != etag
    head = json.dumps({"id": number, "ok": True, "etag": etag, "store": store, "body": fresh})
    return head + "\n" + (json.dumps(rest, separators=(",", ":")) + "\n" if fresh else "")


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
        sys.stdout.write(reply(question, order))
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
