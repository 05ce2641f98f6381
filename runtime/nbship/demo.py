"""``nbship demo``: the whole story on a bundled real notebook, told in the terminal.

Everything is done as a user would do it, with the same commands, in a folder of its own: the notebook runs
in a fresh kernel, the export is run and checked by its own tools, and the months that come after training
are compared with it one by one.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbship.errors import InputError, RunError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    import pandas as pd

MODEL = "bikeshare"
NOTEBOOK = "bikeshare.ipynb"
#: What the registered model has not seen: it was trained on January to March.
LIVE_MONTHS = ("April", "July", "Oct")
TRAINED_ON = ("Jan", "Feb", "March")
#: A folder with this file in it was made by the demo, and is the demo's to replace.
MARK = ".nbship-demo"
#: What the story uses beside the core: the extras `magics` and `convert`, and what the notebook imports.
NEEDS = (
    "IPython",
    "ipykernel",
    "libcst",
    "matplotlib",
    "mlflow",
    "nbclient",
    "nbformat",
    "pandas",
    "pandera",
    "sklearn",
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one telling of the story lives."""

    root: Path

    @property
    def notebook(self) -> Path:
        """The notebook, as a user would have it: in a folder with its data."""
        return self.root / "work" / NOTEBOOK

    @property
    def data(self) -> Path:
        """The whole year's hours; the notebook trains on its first months."""
        return self.notebook.parent / "data" / "bikeshare.csv"

    @property
    def package(self) -> Path:
        """The exported repository."""
        return self.root / MODEL

    @property
    def home(self) -> Path:
        """Where nbship keeps journals, models and MLflow's database, for this story only."""
        return self.root / "home"

    @property
    def live(self) -> Path:
        """The tables that arrive month by month."""
        return self.root / "live"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of every command: a home of its own, and no other tracking server."""
        kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        tools = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
        own = {"NBSHIP_HOME": self.home, "IPYTHONDIR": self.home / "ipython"}
        return {**kept, "PATH": tools, **{name: str(folder) for name, folder in own.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month of live data: how far each feature is from the training data, and how far off the model is."""

    name: str
    severity: Mapping[str, str]
    psi: Mapping[str, float | None]
    rows: int
    error: float


@click.command("demo")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("nbship-demo"),
    show_default=True,
    help="A new folder, or one that an earlier demo made, which is then replaced.",
)
@click.option("--retrain", is_flag=True, help="The second story: July comes, and the model is trained again.")
def demo_command(folder: Path, *, retrain: bool) -> None:
    """Take a real notebook all the way: recorded, exported, registered, watched; with --retrain: trained again."""
    started = time.monotonic()
    require_all()
    place = prepare(folder.resolve())
    run_notebook(place)
    run = show_recorded(place)
    show_export(place)
    if retrain:
        from nbship import demo_retraining

        demo_retraining.tell(place)
    else:
        show_checks(place)
        months = live_through_the_year(place)
        show_drift(months, known_error=run["metrics"]["mae"])
        show_status(place)
    say(f"\nDone in {time.monotonic() - started:.0f} s. All of it is in {shown(place.root)}.")
    say(f"  {shown(place.package)} is a repository of its own: read it, change it, push it.")
    say("  `make lab` in a clone of nbship opens the notebook in JupyterLab with the panel beside it.")


def prepare(root: Path) -> Place:
    """Lay out a fresh folder with the notebook and its data."""
    if root.exists() and any(root.iterdir()):
        if not root.joinpath(MARK).exists():
            raise WriteError(
                "this folder exists and holds other files",
                where=str(root),
                help="name a new one: nbship demo --to DIR",
            )
        shutil.rmtree(root)
    place = Place(root=root)
    title(1, f"A notebook and its data, in {shown(place.notebook.parent)}")
    root.mkdir(parents=True, exist_ok=True)
    root.joinpath(MARK).touch()
    place.home.mkdir()
    source = examples()
    shutil.copytree(source / "data", place.notebook.parent / "data")
    shutil.copy2(source / NOTEBOOK, place.notebook)
    cells = json.loads(place.notebook.read_text())["cells"]
    code = sum(cell["cell_type"] == "code" for cell in cells)
    rows = place.data.read_bytes().count(b"\n") - 1
    fact("notebook", f"{NOTEBOOK}, {code} code cells")
    fact("data", f"data/bikeshare.csv, {rows:,} hours of bike rides in 2011")
    return place


def run_notebook(place: Place) -> None:
    """Run the notebook in a fresh kernel, as Jupyter does, and keep its outputs."""
    title(2, "It runs in a fresh kernel, with `%load_ext nbship` in its first cell")
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(place.notebook, as_version=4)
    client = NotebookClient(notebook, resources={"metadata": {"path": str(place.notebook.parent)}})
    with doing("running every cell"):
        try:
            # Jupyter's server tells its kernels which notebook they serve by this variable.
            environment = {**place.environment, "JPY_SESSION_NAME": str(place.notebook)}
            with place.home.joinpath("kernel.log").open("wb") as log:
                client.execute(env=environment, stderr=log)
        except CellExecutionError as error:
            raise RunError(f"the notebook stopped: {error}", where=NOTEBOOK) from error
    nbformat.write(notebook, place.notebook)
    for cell in notebook.cells:
        if cell.id in {"score", "register"}:
            for line in printed(cell):
                fact("it says", line)


def show_recorded(place: Place) -> Json:
    """Bring the journal into MLflow and show what the run left there; gives the run."""
    title(3, "What was recorded, now in MLflow (SQLite, in home/)")
    with doing("nbship sync: from the journal into MLflow"):
        synced = answer(place, "sync", "--json")
    for problem in synced["problems"]:
        fact("problem", problem)
    run = next((run for run in synced["runs"] if run["registered"]), None)
    if run is None:
        raise RunError("the run was not recorded, or registered no model", help="nbship doctor")
    fact("run", run["run_id"])
    for dataset in run["datasets"]:
        fact("dataset", f"{dataset['name']}  {dataset['digest']}")
    own = {name: value for name, value in run["params"].items() if "." not in name}
    for name, value in own.items():
        fact("parameter", f"{name} = {value}")
    fact(
        "parameters", f"and {len(run['params']) - len(own)} of the estimator, such as those it was not given"
    )
    for name, value in run["metrics"].items():
        fact("metric", f"{name} = {value:.4f}")
    for made in run["registered"]:
        fact("registered", f"{made['model']}, version {made['version']}")
    found: Json = run
    return found


def show_export(place: Place) -> None:
    """Compile the notebook to a package, which is run and compared with the notebook name by name."""
    title(4, "The notebook becomes a typed package, proved equal")
    with doing("nbship export: compile, run both, compare"):
        export = answer(place, "export", str(place.notebook), "--to", str(place.package), "--json")
    fact("package", shown(Path(export["path"])))
    for step in export["steps"]:
        fact("step", f"{step['module']}.{step['function']}({', '.join(step['inputs'])})")
    for name, verdict in export["verification"]["names"].items():
        fact(verdict, name)
    for finding in export["findings"]:
        fact(finding["severity"], f"{finding['code']} {finding['message']}")
    status = export["verification"]["status"]
    fact("together", status)
    if status != "equal":
        raise RunError("the package does not compute what the notebook computes", where=str(place.package))


def show_checks(place: Place) -> None:
    """Run the package's own checks, and the package itself from somewhere else."""
    title(5, "The package's own checks, and a run from another folder")
    for words in ("ruff check .", "ruff format --check .", "mypy --strict src", "pytest -q"):
        with doing(words):
            output = succeed(place, [sys.executable, "-m", *words.split()], folder=place.package)
        fact(words, last_line(output))
    code = f"from {MODEL} import pipeline; r = pipeline.run(); print(f'mae {{r.mae:.4f}}, r2 {{r.r2:.4f}}')"
    with doing(f"{MODEL}.pipeline.run()"):
        output = succeed(place, [sys.executable, "-c", code], folder=place.home, source=place.package)
    fact("results", last_line(output))


def live_through_the_year(place: Place) -> list[Month]:
    """Let the months arrive: build their features with the package's own code, predict, compare."""
    title(6, "The year goes on: April, July and October arrive as live data")
    with doing("the package makes its model"):
        package = Exported(place)
    place.live.mkdir()
    months = []
    for name in LIVE_MONTHS:
        with doing(f"{name}: features, predictions, nbship drift"):
            months.append(live_through(name, package, place))
        month = months[-1]
        critical = [feature for feature, severity in month.severity.items() if severity == "critical"]
        fact(
            name,
            f"{month.rows} hours; critical: {', '.join(critical) or 'nothing'}; off by {month.error:.1f} riders an hour",
        )
    return months


def live_through(name: str, package: Exported, place: Place) -> Month:
    """Let one month arrive."""
    raw = package.month(name)
    features = package.features(raw)
    file = place.live / f"{name}.csv"
    features.to_csv(file, index=False)
    report = answer(place, "drift", MODEL, "--current", str(file), "--window", name, "--json")
    return Month(
        name=name,
        severity={row["feature"]: row["severity"] for row in report["features"]},
        psi={row["feature"]: psi_of(row) for row in report["features"]},
        rows=report["current_rows"],
        error=package.error(features, raw["bikers"]),
    )


def show_drift(months: Sequence[Month], *, known_error: float) -> None:
    """Print how far each feature is from the training data, month by month, and what it does to the model."""
    title(7, "Drift by feature and month (population stability index, and what it means)")
    say(f"  {'':12}" + "".join(f"{month.name:>18}" for month in months))
    for feature in months[0].severity:
        say(f"  {feature:12}" + "".join(f"{cell(month, feature):>18}" for month in months))
    say(f"  {'model off by':12}" + "".join(f"{month.error:>11.1f} riders" for month in months))
    july = next(month for month in months if month.name == "July")
    if july.severity["temp"] != "critical" or july.severity["hr"] not in {"none", "info"}:
        raise RunError(
            f"July should be critical in temp and quiet in hr, and is {july.severity}", where="drift"
        )
    say(
        f"  On winter hours that it had not seen the model was off by {known_error:.1f} riders. The hours of a day are"
    )
    say("  what they were then; the warmth is not, and the forest never saw it.")


def show_status(place: Place) -> None:
    """Show what the sidebar shows."""
    title(8, f"nbship status {MODEL}")
    for line in succeed(place, [*nbship(), "status", MODEL]).splitlines():
        say(f"  {line}")


class Exported:
    """The exported package, imported and run in this process."""

    def __init__(self, place: Place) -> None:
        import pandas as pd

        sys.path.insert(0, str(place.package / "src"))
        self._step: Callable[..., Any] = importlib.import_module(f"{MODEL}.features").add_features
        self._config: Any = importlib.import_module(f"{MODEL}.config").Config()
        with redirect_stdout(io.StringIO()):  # the notebook's own prints are not part of the story
            self._model: Any = importlib.import_module(f"{MODEL}.pipeline").run().model
        self._table = pd.read_csv(place.data)

    def month(self, name: str) -> pd.DataFrame:
        """Give one month's hours, as they came."""
        table = self._table
        return table[table["mnth"] == name].reset_index(drop=True)

    def features(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Give the columns that the model reads, made by the package's own step."""
        made: pd.DataFrame = self._step(raw.copy(), self._config)
        return made[list(self._model.feature_names_in_)]

    def predictions(self, features: pd.DataFrame) -> list[float]:
        """Give what the model answers."""
        return [float(value) for value in self._model.predict(features)]

    def error(self, features: pd.DataFrame, truth: pd.Series[int]) -> float:
        """Give how many riders an hour the model is off by."""
        return float(abs(self._model.predict(features) - truth).mean())


def answer(place: Place, *arguments: str) -> Json:
    """Run one nbship command and read the JSON it prints."""
    output = succeed(place, [*nbship(), *arguments])
    try:
        read: Json = json.loads(output)
    except ValueError as error:
        raise RunError(f"`nbship {arguments[0]}` printed no JSON: {output[:200]}") from error
    return read


def succeed(
    place: Place, command: Sequence[str], *, folder: Path | None = None, source: Path | None = None
) -> str:
    """Run a command to a good end and give what it printed."""
    environment = dict(place.environment)
    if source is not None:
        environment["PYTHONPATH"] = str(source / "src")
    ended = subprocess.run(
        command,
        cwd=folder or place.notebook.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        words = " ".join(Path(part).name if os.sep in part else part for part in command)
        raise RunError(
            f"`{words}` failed, exit code {ended.returncode}\n{ended.stdout}{ended.stderr}".rstrip()
        )
    return ended.stdout


def nbship() -> list[str]:
    """Give the command that belongs to this Python."""
    beside = Path(sys.executable).with_name("nbship")
    return [str(beside)] if beside.exists() else [sys.executable, "-c", "from nbship.cli import main; main()"]


def require_all() -> None:
    """Stop before anything is written, where the demo's own needs are not installed."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        help_text = "pip install 'nbship[all]' scikit-learn matplotlib"
        raise InputError(f"the demo needs {', '.join(missing)}", help=help_text)


def examples() -> Path:
    """Give the folder of the bundled notebook: inside the installed package, or in the source tree."""
    here = Path(__file__).resolve()
    for folder in (here.parent / "examples", here.parents[2] / "examples"):
        if folder.joinpath(NOTEBOOK).exists():
            return folder
    raise RunError(
        "the bundled notebook is missing from this installation", help="pip install --force-reinstall nbship"
    )


def printed(cell: Any) -> Iterator[str]:
    """Give the lines that a cell printed."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield from str(output.text).strip().splitlines()


def psi_of(row: Json) -> float | None:
    """Give a feature's PSI, where that test was made."""
    return next((test["value"] for test in row["tests"] if test["name"] == "psi"), None)


def cell(month: Month, feature: str) -> str:
    """Write one cell of the drift table."""
    value = month.psi[feature]
    return f"{'' if value is None else f'{value:.2f} '}{month.severity[feature]}"


def last_line(output: str) -> str:
    """Give the last line that says something."""
    return next((line for line in reversed(output.splitlines()) if line.strip()), "")


@contextmanager
def doing(what: str) -> Generator[None]:
    """Say what takes time, and then how long it took."""
    started = time.monotonic()
    click.echo(f"  ... {what}", nl=False)
    sys.stdout.flush()
    try:
        yield
    finally:
        click.echo(f"  ({time.monotonic() - started:.1f} s)")


def title(number: int, text: str) -> None:
    """Begin a step of the story."""
    say(f"\n{number}. {text}")


def fact(name: str, value: object) -> None:
    """Print one thing that is so."""
    say(f"  {name:22} {value}")


def say(text: str) -> None:
    """Print a line at once, so that a long step is never silent."""
    click.echo(text)


def shown(path: Path) -> str:
    """Give a path as short as it can be written from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
