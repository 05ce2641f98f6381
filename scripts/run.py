"""Run one command in the project's environment: its commands first on PATH, its caches inside .cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import set_up

if __name__ == "__main__":
    os.execvpe(sys.argv[1], sys.argv[1:], dict(set_up.environment()))
