#!/usr/bin/env python3
"""Make the project's own environment, all of it inside this folder; quick where nothing changed.

Runs on any Python 3.8 or later with nothing installed, since it is what installs things:

    python3 scripts/set_up.py              the environment in .venv, with the project in it
    python3 scripts/set_up.py --browser    the same, and Chromium for the browser tests

The Python of the environment is the first of python3.13, 3.12, 3.11 and python3 that fits; the variable
PYTHON names another. Versions come from requirements.lock, downloads are kept in .cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
CACHE = ROOT / ".cache"
STAMP = VENV / "nbship-setup.json"
LOCK = ROOT / "requirements.lock"
NODE_LOCK = ROOT / "requirements-node.lock"

OLDEST, NEWEST = (3, 11), (3, 13)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3")
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

#: What the built front end depends on.
FRONT_END = (
    "extension/*.*",
    "extension/.yarnrc.yml",
    "extension/jupyter-config/**/*",
    "extension/schema/**/*",
    "extension/src/**/*",
    "extension/style/**/*",
)
#: What the build leaves behind; where one is missing, the build runs again.
BUILD_OUTPUTS = (
    "extension/nbship_lab/labextension/package.json",
    "kernel_magics/nbship_magics/static/widget.js",
)


def main(arguments: Sequence[str]) -> int:
    """Set everything up and give the exit code."""
    try:
        set_up()
        if "--browser" in arguments:
            say(f"browser: {find_browser() or install_browser()}")
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


class SetupError(Exception):
    """Something is missing that we cannot bring ourselves; the message says what to do."""


def set_up() -> None:
    """Bring .venv to what the lock and the sources ask for, doing only what changed."""
    CACHE.mkdir(exist_ok=True)
    if not BIN.joinpath("python").exists():
        make_venv(find_python())
    done = read_stamp()
    node = "" if node_fits(shutil.which("node", path=search_path())) else "wheel"
    wanted = inputs()
    if done == wanted and built() and not node:
        return
    if done.get("packages") != wanted["packages"] or node:
        install_packages(node_wheel=bool(node) or BIN.joinpath("node").exists())
    install_project(anew=done.get("front end") != wanted["front end"])
    # The build may write files of its own among its inputs: stamp what is there now.
    STAMP.write_text(json.dumps(inputs(), indent=2) + "\n")


def inputs() -> dict[str, str]:
    """Give a hash of everything that the environment is made from, by what it is for."""
    front_end = [file for pattern in FRONT_END for file in ROOT.glob(pattern) if file.is_file()]
    return {
        "packages": digest([LOCK, NODE_LOCK]),
        "project": digest([ROOT / "pyproject.toml"]),
        "front end": digest(front_end),
    }


def find_python() -> str:
    """Give the first Python of a version that the project supports."""
    named = os.environ.get("PYTHON")
    for name in (named,) if named else CANDIDATES:
        path = shutil.which(name)
        if path and python_fits(path):
            return path
    supported = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if named:
        raise SetupError(f"PYTHON={named} is not a Python {supported}")
    raise SetupError(
        f"no Python {supported} on PATH; install one, or name it: make PYTHON=/path/to/python3.12"
    )


def python_fits(path: str) -> bool:
    """Whether this command is a Python that runs and has a supported version."""
    ask = [path, "-c", "import sys; print(*sys.version_info[:2])"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    found = tuple(int(part) for part in answer.stdout.split()) if answer.returncode == 0 else (0, 0)
    return OLDEST <= found <= NEWEST


def make_venv(python: str) -> None:
    """Make .venv with pip in it; on Debian that may need a system package first."""
    say(f"environment: .venv from {python}")
    ask = [python, "-c", "import ensurepip, venv, sys; print(*sys.version_info[:2], sep='.')"]
    if subprocess.run(ask, capture_output=True, check=False).returncode != 0:
        install_system(debian_venv(python), reason="Python's venv module is missing")
    run([python, "-m", "venv", "--clear", str(VENV)])


def debian_venv(python: str) -> str:
    """Name the Debian package that brings venv to this Python."""
    ask = [python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    return f"python{version}-venv"


def install_packages(*, node_wheel: bool) -> None:
    """Install the locked packages, and Node as a wheel where the machine has none that fits."""
    if not BIN.joinpath("uv").exists():
        say("packages: uv, which installs the others")
        uv_only = CACHE / "uv-requirement.txt"
        uv_only.write_text(locked("uv"))
        run([str(BIN / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(uv_only)])
    say("packages: everything in requirements.lock" + (", and Node as a wheel" if node_wheel else ""))
    files = [LOCK, NODE_LOCK] if node_wheel else [LOCK]
    command = [
        str(BIN / "uv"),
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",  # every later import is some times as fast
        "--python",
        str(BIN / "python"),
        "--require-hashes",
    ]
    run([*command, *(part for file in files for part in ("-r", str(file)))])


def locked(package: str) -> str:
    """Cut one package's lines, version and hashes, out of the lock."""
    found = re.search(rf"^{package}==(?:.*\\\n)*.*\n", LOCK.read_text(), flags=re.MULTILINE)
    if found is None:
        raise SetupError(f"requirements.lock has no line for {package}; make it anew: make lock")
    return found[0]


def install_project(*, anew: bool) -> None:
    """Install the project itself, editable; its build compiles the JupyterLab extension, where that changed."""
    if anew:
        # The build looks at some of the sources' times only; without its output it has to run.
        shutil.rmtree(ROOT / "extension" / "nbship_lab" / "labextension", ignore_errors=True)
    told = "; building the JupyterLab extension (the first time takes minutes)" if anew else ""
    say(f"project: nbship, editable{told}")
    command = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", str(BIN / "python")]
    run([*command, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def built() -> bool:
    """Whether what the build makes is there."""
    return all(ROOT.joinpath(name).exists() for name in BUILD_OUTPUTS)


def find_browser() -> str | None:
    """Give the path of a Chromium, or None; NBSHIP_CHROMIUM names one."""
    named = os.environ.get("NBSHIP_CHROMIUM")
    return next((path for path in map(shutil.which, [named] if named else BROWSERS) if path), None)


def install_browser() -> str:
    """Install Chromium where we may, and give its path."""
    install_system("chromium", reason="the browser tests need Chromium")
    found = find_browser()
    if found is None:
        raise SetupError(
            "Chromium was installed but is not on PATH; name it: NBSHIP_CHROMIUM=/path/to/chromium"
        )
    return found


def install_system(package: str, *, reason: str) -> None:
    """Install a Debian package as root, or say in one line what to install."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        command = (
            f"sudo apt-get install {package}" if apt else f"install {package} with your system's packages"
        )
        if platform.system() == "Darwin" and package == "chromium":
            command = "brew install --cask chromium"
        raise SetupError(f"{reason}: {command}")
    say(f"system: {reason}; apt-get install {package}")
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    run([apt, *wait, "-qq", "update"], quiet=True)
    run([apt, *wait, "-qq", "install", "--yes", "--no-install-recommends", package], quiet=True)


def node_fits(node: str | None) -> bool:
    """Whether this is a Node that can build the extension: 20.19 or later of 20, or 22.12 or later."""
    if node is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    major, minor = (int(found[1]), int(found[2])) if found else (0, 0)
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)  # noqa: PLR2004  # rspack's own floor


def environment() -> Mapping[str, str]:
    """Give the environment of every command: .venv first on PATH, and caches and Jupyter's folders inside .cache."""
    inside = {
        "UV_CACHE_DIR": "uv",
        "PIP_CACHE_DIR": "pip",
        "YARN_CACHE_FOLDER": "yarn/cache",
        "YARN_GLOBAL_FOLDER": "yarn",
        "npm_config_cache": "npm",
        "PYRIGHT_PYTHON_CACHE_DIR": "pyright",
        "MPLCONFIGDIR": "matplotlib",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter/config",
        "JUPYTER_DATA_DIR": "jupyter/data",
        "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
    }
    caches = {name: str(CACHE / folder) for name, folder in inside.items()}
    fixed = {
        "VIRTUAL_ENV": str(VENV),
        "PATH": search_path(),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    return {**os.environ, **caches, **fixed}


def search_path() -> str:
    """Give PATH with .venv's commands first."""
    return os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])


def run(command: Sequence[str], *, quiet: bool = False) -> None:
    """Run one command in the project's environment; where it fails, show what it said and stop."""
    started = time.monotonic()
    sink = subprocess.PIPE if quiet else None
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=sink,
        stderr=subprocess.STDOUT if quiet else None,
        check=False,
    )
    if ended.returncode != 0:
        if quiet:
            sys.stderr.buffer.write(ended.stdout)
        raise SetupError(f"`{' '.join(command)}` failed (exit code {ended.returncode})")
    say(f"         {time.monotonic() - started:.0f} s")


def say(text: str) -> None:
    """Tell what is being done; stderr, so that stdout stays data."""
    print(text, file=sys.stderr, flush=True)


def digest(files: Iterable[Path]) -> str:
    """Give one hash of these files' names and contents."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def read_stamp() -> dict[str, str]:
    """Read what the last run installed; empty where there was none."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
