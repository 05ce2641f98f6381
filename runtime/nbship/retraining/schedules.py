"""What calls ``nbship retrain`` again and again: a line for cron, a workflow for GitHub, a timer for systemd.

Each calls often and does little: whether something is due, the command itself decides.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

#: At an odd minute: what everybody starts on the hour waits for everybody.
MINUTE = 17


def cron(model: str, folder: Path) -> str:
    """Give the line of a crontab. ``folder`` is the exported repository."""
    return (
        f"{MINUTE} * * * * cd {shlex.quote(str(folder))} && nbship retrain {shlex.quote(model)} "
        f">> {shlex.quote(f'retrain-{model}.log')} 2>&1\n"
    )


def github(model: str, folder: Path) -> str:
    """Give a workflow for ``.github/workflows/retrain.yml``. Two never run at once, whatever the lease says."""
    del folder
    return f"""\
name: retrain

on:
  schedule:
    - cron: "{MINUTE} * * * *"
  workflow_dispatch:
    inputs:
      now:
        description: Train although nothing is due
        type: boolean
        default: false

permissions:
  contents: read

concurrency:
  group: retrain
  cancel-in-progress: false

jobs:
  retrain:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    env:
      MLFLOW_TRACKING_URI: ${{{{ secrets.MLFLOW_TRACKING_URI }}}}
      NBSHIP_STATE_URL: ${{{{ secrets.NBSHIP_STATE_URL }}}}
      NBSHIP_LOG_URL: ${{{{ secrets.NBSHIP_LOG_URL }}}}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - run: pip install --require-hashes -r requirements.lock
      - run: pip install --no-deps -e . && pip install 'nbship[serve,monitor,shared]'
      - run: nbship data pull
      - run: nbship retrain {shlex.quote(model)} ${{{{ inputs.now && '--now' || '' }}}}
"""


def systemd(model: str, folder: Path) -> str:
    """Give a service and its timer, to be put into two files."""
    name = f"nbship-retrain-{_unit(model)}"
    return f"""\
# {name}.service
[Unit]
Description=Train {model} again where it is due
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart=/usr/bin/env nbship retrain {shlex.quote(model)}
Nice=10

# {name}.timer
[Unit]
Description=Look every hour whether {model} is to be trained again

[Timer]
OnCalendar=*-*-* *:{MINUTE}:00
Persistent=true

[Install]
WantedBy=timers.target
"""


def _unit(model: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in model)


SCHEDULES: Mapping[str, Callable[[str, Path], str]] = {"cron": cron, "github": github, "systemd": systemd}
