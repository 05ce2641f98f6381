"""Start a JupyterLab of our own, apart from the user's settings: for the browser tests and the screenshots."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
LABEXTENSION = ROOT / "extension" / "nbship_lab" / "labextension"
TOKEN = "nbship"  # noqa: S105  # a server of our own, on the loopback, for minutes

#: Chromium without what it does besides showing a page; --no-sandbox because containers run it as root.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The browser: ``NBSHIP_CHROMIUM``, else what is on PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("NBSHIP_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def jupyter_lab(
    folder: Path,
    scratch: Path,
    *,
    worker: Sequence[str] | None = None,
    theme: str = "JupyterLab Light",
    port: int | None = None,
) -> Iterator[str]:
    """The base URL of a JupyterLab on ``folder`` that shows the labextension as last built.

    ``scratch`` takes its settings and its log; ``worker`` is another worker's command; ``port`` any that is free.
    Raises RuntimeError if it does not come up within two minutes.
    """
    if not (LABEXTENSION / "package.json").exists():
        raise RuntimeError(
            "the labextension is not built\n  help: cd extension && jlpm install && jlpm build"
        )
    data = scratch / "path"
    (data / "labextensions").mkdir(parents=True)
    (data / "labextensions" / "nbship").symlink_to(LABEXTENSION)
    settings = scratch / "app-settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(
        json.dumps(
            {
                "@jupyterlab/apputils-extension:notification": {
                    "fetchNews": "false",
                    "checkForUpdates": False,
                },
                "@jupyterlab/apputils-extension:themes": {"theme": theme},
            }
        )
    )
    port = port or _free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"),
        *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
        *(f"--ServerApp.root_dir={folder}", "--ServerApp.jpserver_extensions={'nbship_lab': True}"),
        *(
            f"--LabApp.app_settings_dir={settings}",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ),
        *("--LabApp.news_url=None", "--LabApp.extension_manager=readonly"),
        "--LabApp.expose_app_in_browser=True",  # so that tests can run commands
    ]
    if worker is not None:
        command += [f"--NbshipLab.worker_command={word}" for word in worker]
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    apart = {f"JUPYTER_{name}_DIR": str(scratch / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **apart, "JUPYTER_PATH": str(data)}
    with (scratch / "lab.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=scratch, stdout=log, stderr=log)
        try:
            base = f"http://127.0.0.1:{port}"
            _await(base, process, scratch / "lab.log")
            yield base
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/api", timeout=5):  # noqa: S310  # our own loopback
            return
        if process.poll() is not None:
            break
        time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not come up:\n{log.read_text()[-3000:]}")
