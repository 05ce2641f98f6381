"""How many mistakes the exported tests catch: mutants of the step modules, killed or not, by mutmut 3.

    python benchmarks/mutation.py [NOTEBOOK...] [--most N] [--survivors] [--python PATH]

Each notebook is exported; mutmut changes one thing at a time in the modules that hold its steps (a number, a string, an
operator, an argument left out) and runs the exported tests, all but those that run the command line or a fresh
process. Of more than ``--most`` mutants a sample is drawn with a stated seed: a notebook with many thousands would run
for hours. mutmut keeps in mind which test reaches which function; as our tests share one run of the pipeline, it is
told that every test reaches every function. mutmut is installed by uv into a folder that is deleted
afterwards, beside the packages of the interpreter that exports.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

EXAMPLE = Path(__file__).parent.parent / "examples" / "bikeshare.ipynb"
SEED = 20
#: Not the notebook's: what every exported package has.
FIXED = frozenset(
    "__init__ __main__ cli config contracts figures limits logs pipeline predictor serving sources".split()
)
#: Tests that start the pipeline or Python once more.
SLOW = ("tests/test_cli.py", "tests/test_pipeline.py")

#: Runs inside mutmut's environment, in the exported repository.
DRIVER = """
import json, random, sys
import mutmut.__main__ as mutmut
from mutmut.state import state
from mutmut.stats import status_by_exit_code

most, seed = int(sys.argv[1]), int(sys.argv[2])
collect, choose = mutmut.collect_or_load_stats, mutmut.collect_source_file_mutation_data
chosen = []

def every_test_reaches_everything(*arguments, **options):
    collect(*arguments, **options)
    tests = set(state().duration_by_test)
    _, files = choose(mutant_names=())
    for data in files.values():
        for name in data.exit_code_by_key:
            state().tests_by_mangled_function_name[mutmut.mangled_name_from_mutant_name(name)] = tests

def sample(**options):
    mutants, files = choose(**options)
    if not chosen:
        chosen.extend(random.Random(seed).sample(mutants, min(most, len(mutants))))
        print(len(mutants), "mutants", flush=True)
    return list(chosen), files

mutmut.collect_or_load_stats = every_test_reaches_everything
mutmut.collect_source_file_mutation_data = sample
mutmut._run((), 2)
outcomes = {name: status_by_exit_code[data.exit_code_by_key[name]] for data, name, _ in chosen}
print("OUTCOMES " + json.dumps(outcomes))
"""


def main() -> int:
    """Print one line a notebook."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=[EXAMPLE])
    parser.add_argument("--most", type=int, default=80, help="mutants tried of each notebook (default 80)")
    parser.add_argument("--survivors", action="store_true", help="show what the tests did not notice")
    options = parser.parse_args()
    print(f"sample of at most {options.most} mutants, seed {SEED}")
    print(
        f"{'notebook':40} {'mutants':>8} {'killed':>8} {'survived':>8} {'share':>7} {'seconds':>8}",
        flush=True,
    )
    with TemporaryDirectory(prefix="nbship-mutation-") as scratch:
        python = _environment(Path(scratch) / "environment")
        for place, notebook in enumerate(options.notebooks):
            repository = Path(scratch) / f"repository{place}"
            _export(notebook, repository)
            began = time.monotonic()
            outcomes = _mutate(repository, python, options.most)
            seconds = time.monotonic() - began
            killed = sum(outcome in ("killed", "timeout", "segfault") for outcome in outcomes.values())
            share = f"{killed / max(len(outcomes), 1):7.0%}"
            left = len(outcomes) - killed
            print(
                f"{notebook.stem[:40]:40} {len(outcomes):8} {killed:8} {left:8} {share} {seconds:8.0f}",
                flush=True,
            )
            if options.survivors:
                for name, outcome in outcomes.items():
                    if outcome not in ("killed", "timeout", "segfault"):
                        print(outcome, *_change(repository, name, python), sep="\n", flush=True)
    return 0


def _environment(folder: Path) -> Path:
    """Make an environment that has mutmut, and after it all that this interpreter has."""
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", str(python), "mutmut>=3.3,<4"], check=True)
    theirs = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    (Path(theirs) / "kernel.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def _export(notebook: Path, repository: Path) -> None:
    command = [str(Path(sys.executable).parent / "nbship"), "export", str(notebook), "--to", str(repository)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (repository / "pyproject.toml").exists():
        sys.exit(done.stderr)


def _serves(module: Path) -> bool:
    """Whether it is the inference path, which is cut out of the steps and has tests of its own."""
    return "class Predictor:" in module.read_text(encoding="utf-8")


def _mutate(repository: Path, python: Path, most: int) -> dict[str, str]:
    """Give the outcome of each mutant that was tried."""
    package = next(path for path in (repository / "src").iterdir() if path.is_dir())
    modules = [path for path in sorted(package.glob("*.py")) if path.stem not in FIXED and not _serves(path)]
    settings = {
        "source_paths": ["src"],
        "only_mutate": [str(path.relative_to(repository)) for path in modules],
        "also_copy": ["data", "requirements.lock"],
        "pytest_add_cli_args": ["-x", "-q", "-p", "no:cacheprovider", *(f"--ignore={path}" for path in SLOW)],
        "pytest_add_cli_args_test_selection": ["tests"],
        "process_isolation": "forkserver",
        "timeout_multiplier": 6.0,
        "timeout_constant": 10.0,
    }
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    with (repository / "pyproject.toml").open("a", encoding="utf-8") as sink:
        sink.write(f"\n[tool.mutmut]\n{lines}")
    shutil.rmtree(repository / ".git", ignore_errors=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [str(python), "-c", DRIVER, str(most), str(SEED)],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = next((line for line in done.stdout.splitlines() if line.startswith("OUTCOMES ")), None)
    if found is None:
        sys.exit(f"mutmut did not come to its end:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    outcomes: dict[str, str] = json.loads(found.removeprefix("OUTCOMES "))
    return outcomes


def _change(repository: Path, mutant: str, python: Path) -> Iterator[str]:
    """Yield the lines that a mutant changed."""
    command = [str(python.parent / "mutmut"), "show", mutant]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith(("-", "+")) and not line.startswith(("---", "+++")):
            yield f"    {line}"


if __name__ == "__main__":
    raise SystemExit(main())
