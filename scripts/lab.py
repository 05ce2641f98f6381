"""Open JupyterLab on the demo's notebook: the model registered, the months arrived, the panel open.

    python scripts/lab.py [options for jupyter lab, such as --no-browser]
    python scripts/lab.py --prepare        make what it shows, and open nothing

What it needs is made once, in .lab; `make clean` makes it new.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import set_up

HERE = set_up.ROOT / ".lab"
NOTEBOOK = "bikeshare.ipynb"
#: JupyterLab's layout, as it would save it itself: the notebook in the middle, our panel open at the right.
WORKSPACE = {
    "metadata": {"id": "default"},
    "data": {
        "layout-restorer:data": {
            "main": {
                "dock": {"type": "tab-area", "currentIndex": 0, "widgets": [f"notebook:{NOTEBOOK}"]},
                "current": f"notebook:{NOTEBOOK}",
            },
            "left": {"collapsed": True, "visible": True, "widgets": []},
            "right": {
                "collapsed": False,
                "visible": True,
                "current": "nbship-panel",
                "widgets": ["nbship-panel"],
            },
            "relativeSizes": [0, 0.72, 0.28],
        },
        f"notebook:{NOTEBOOK}": {"data": {"path": NOTEBOOK, "factory": "Notebook"}},
    },
}
#: No question about news over the tour.
QUIET = {"fetchNews": "false", "checkForUpdates": False}


def main(options: list[str]) -> None:
    """Make what is missing, then become JupyterLab."""
    environment = dict(set_up.environment())
    if not HERE.joinpath("work", NOTEBOOK).exists() or not HERE.joinpath("told").exists():
        subprocess.run(["nbship", "demo", "--to", str(HERE)], cwd=set_up.ROOT, env=environment, check=True)
        scene = ["python", str(set_up.ROOT / "scripts" / "lab_scene.py"), str(HERE)]
        subprocess.run(scene, cwd=set_up.ROOT, env=environment, check=True)
        HERE.joinpath("told").touch()
    if options == ["--prepare"]:
        return
    environment.pop("MLFLOW_TRACKING_URI", None)
    # Jupyter folders of its own, so that the demo looks the same everywhere and changes nobody's JupyterLab.
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment |= {name: str(HERE / "jupyter" / folder) for name, folder in folders.items()}
    environment["NBSHIP_HOME"] = str(HERE / "home")
    settings = (
        HERE
        / "jupyter"
        / "settings"
        / "@jupyterlab"
        / "apputils-extension"
        / "notification.jupyterlab-settings"
    )
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(QUIET))
    layout = HERE / "workspace.json"
    layout.write_text(json.dumps(WORKSPACE))
    subprocess.run(
        ["jupyter", "lab", "workspaces", "import", str(layout)],
        env=environment,
        check=True,
        capture_output=True,
    )
    # what this very script has run is no stranger's notebook: the panel's actions are there at once
    trust = ["jupyter", "trust", str(HERE / "work" / NOTEBOOK)]
    subprocess.run(trust, env=environment, check=True, capture_output=True)
    as_root = ["--allow-root"] if os.geteuid() == 0 else []
    command = ["jupyter", "lab", f"--ServerApp.root_dir={HERE / 'work'}", *as_root, *options]
    print(f"JupyterLab on {HERE / 'work' / NOTEBOOK}; stop it with Ctrl-C", flush=True)
    os.chdir(HERE / "work")
    os.execvpe(command[0], command, environment)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
