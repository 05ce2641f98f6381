"""An ``nbship`` for tests: it does what the file named first says, and notes how it was called.

``say`` are lines for stderr, ``print`` is for stdout, ``code`` its exit code; with ``wait`` it goes on until it is ended,
and leaves the process id of a child of its own in ``FILE.child``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(orders: Path, arguments: list[str]) -> int:
    with orders.with_suffix(".called").open("a") as called:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        called.write(json.dumps({"arguments": arguments, "folder": str(Path.cwd()), "uri": uri}) + "\n")
    order = json.loads(orders.read_text())
    for line in order.get("say", []):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    if order.get("wait"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        orders.with_suffix(".child").write_text(str(child.pid))
        time.sleep(600)
    sys.stdout.write(order.get("print", ""))
    return int(order.get("code", 0))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
