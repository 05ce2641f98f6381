"""From cells to modules, without running anything: what the text alone decides."""

from __future__ import annotations

import ast

from notebooks import notebook

from nbship_converter.compile import compile_notebook
from nbship_converter.emit import emit
from nbship_converter.findings import Finding
from nbship_converter.ir import Program
from nbship_converter.read import read


def _program(text: str, tags: dict[int, list[str]] | None = None) -> tuple[Program, list[Finding]]:
    parsed, findings = read(notebook(text, tags), "demo")
    program, found = compile_notebook(parsed, None)
    return program, [*findings, *found]


def _modules(text: str, tags: dict[int, list[str]] | None = None) -> dict[str, str]:
    return emit(_program(text, tags)[0], "demo")


TAGGED = """df = load()
---
df["x"] = df.a * FACTOR
---
model = LR()
model.fit(df[["x"]], df.y)"""


def test_a_frame_changed_in_place_is_input_and_output() -> None:
    tags = {0: ["step:data.load"], 1: ["step:features.add"], 2: ["step:train"]}
    program, _ = _program(
        "FACTOR = 2\nfrom m import load, LR\n---\n" + TAGGED, {k + 1: v for k, v in tags.items()}
    )
    by_name = {step.name: (step.module, step.inputs, step.outputs) for step in program.steps}
    assert by_name["load_step"] == ("data", (), ("df",))  # `load` is imported
    assert by_name["add"] == ("features", ("df",), ("df",))
    assert by_name["train"] == ("train", ("df",), ("model",))


def test_a_constant_becomes_a_field_and_its_readers_take_the_config() -> None:
    text = "FACTOR = 2  # how much\n---\nfrom m import load\ny = load(FACTOR)"
    program, _ = _program(text, {1: ["step:data.load_y"]})
    assert program.constants["FACTOR"].field == "factor"
    assert program.constants["FACTOR"].comment == "how much"
    assert "y = load(config.factor)" in emit(program, "demo")["data.py"]


def test_a_helper_gets_its_globals_as_parameters_at_every_call() -> None:
    text = "LOW = 1\ndef cut(x):\n    return x[x > LOW]\n---\nfrom m import load\ny = cut(load())\nz = list(map(cut, [y]))"
    code = _modules(text, {1: ["step:features.trim"]})["features.py"]
    assert "def cut(x: Any, *, low: int) -> Any:" in code
    assert "cut(load(), low=config.low)" in code
    assert "map(partial(cut, low=config.low), [y])" in code


def test_a_comprehension_variable_of_the_same_name_is_left_alone() -> None:
    text = "k = 3\n---\nfrom m import load\ny = [k for k in load()] + [k]"
    assert "[k for k in load()] + [config.k]" in _modules(text, {1: ["step:data.get"]})["data.py"]


def test_a_name_bound_twice_is_no_constant() -> None:
    program, _ = _program(
        "n = 1\n---\nn = n + 1\n---\ny = f(n)\n---\nfrom m import f", {2: ["step:data.get"]}
    )
    assert "n" not in program.constants


def test_exploration_is_left_out_and_listed() -> None:
    text = "from m import load\ndf = load()\n---\ndf.head()\n---\ntop = df.groupby('a').size()\n---\ny = df.mean()"
    program, findings = _program(text, {0: ["step:data.load"], 3: ["step:evaluate"]})
    assert [step.cells for step in program.steps] == [(0,), (3,)]
    assert [(f.code, f.cell) for f in findings if f.code == "NB201"] == [("NB201", 1), ("NB201", 2)]


def test_cells_of_one_tag_join_where_nothing_between_depends_on_them() -> None:
    text = "from m import f\na = f()\n---\nb = f()\n---\nc = f(a)"
    joined, _ = _program(text, {0: ["step:data.one"], 1: ["step:data.two"], 2: ["step:data.one"]})
    assert [(step.name, step.cells) for step in joined.steps] == [("one", (0, 2)), ("two", (1,))]


def test_cells_of_one_tag_stay_apart_where_a_cell_between_depends_on_them() -> None:
    text = "from m import f\na = f()\n---\n#md ## More of it\n---\nb = f(a)\n---\na = f(b)"
    program, findings = _program(text, {0: ["step:data.one"], 2: ["step:data.two"], 3: ["step:data.one"]})
    assert [step.name for step in program.steps] == ["one", "two", "more"]
    assert "NB203" in [finding.code for finding in findings]


def test_no_tags_at_all_work() -> None:
    text = "import pandas as pd\ndf = pd.read_csv('x.csv')\n---\nfrom sklearn.linear_model import Ridge\nm = Ridge()\nm.fit(df[['a']], df.b)"
    program, _ = _program(text)
    assert [(step.module, step.outputs) for step in program.steps] == [("data", ("df",)), ("train", ("m",))]


def test_an_undefined_name_is_an_error_with_its_place() -> None:
    _, findings = _program("y = missing + 1", {0: ["step:data.get"]})
    (found,) = [finding for finding in findings if finding.code == "NB202"]
    assert (found.severity, found.cell, found.line) == ("error", 0, 1)


def test_a_variable_named_like_a_step_does_not_hide_its_function() -> None:
    text = "from m import f\ntrain = f()\n---\nmodel = f(train)"
    code = _modules(text, {0: ["step:data.load"], 1: ["step:train"]})["pipeline.py"]
    assert "from demo.train import train as train_step" in code
    assert "model = logged(train_step)(train)" in code


def test_every_emitted_module_parses() -> None:
    text = 's = """a\n  b"""\nfrom m import f\n---\nif f():\n    x = [\n        1,\n    ]\nelse:\n    x = """\nkeep\n"""\n'
    for code in _modules(text, {1: ["step:data.get"]}).values():
        ast.parse(code)


def test_compiling_twice_gives_the_same_text() -> None:
    tags = {0: ["step:data.load"], 1: ["step:features.add"], 2: ["step:train"]}
    assert _modules(TAGGED, tags) == _modules(TAGGED, tags)
