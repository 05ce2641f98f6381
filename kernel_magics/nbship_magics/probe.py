"""The other half of a proof: runs an exported package in its own process and writes down what it made.

``python -m nbship_magics.probe SOURCE PACKAGE OUT DATA OUTPUT`` is how the converter calls it.
"""

from __future__ import annotations

import dataclasses
import pickle
import sys
from importlib import import_module
from pathlib import Path

from nbship.canonical import seed_generators
from nbship_magics.testimony import tokens_or_opaque

__all__ = ["probe"]


def probe(source: Path, package: str, out: Path, data: Path | None, output: Path) -> None:
    """Run ``PACKAGE.pipeline.run`` and pickle (name, identity, tokens) of each result into ``out``.

    The global generators begin where the clean run of the notebook began. What the package raises passes through.
    """
    sys.path.insert(0, str(source))
    seed_generators()
    config = import_module(f"{package}.config").Config
    results = import_module(f"{package}.pipeline").run(config(data_dir=data, output_dir=output))
    with out.open("wb") as sink:
        for field in dataclasses.fields(results):
            value = getattr(results, field.name)
            stream = list(tokens_or_opaque(value, own=[package]))
            pickle.dump((field.name, id(value), stream), sink, protocol=5)


if __name__ == "__main__":
    _source, _package, _out, _data, _output = sys.argv[1:6]
    probe(Path(_source), _package, Path(_out), Path(_data) if _data else None, Path(_output))
