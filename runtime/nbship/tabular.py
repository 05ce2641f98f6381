"""Tells tables by their class alone, so that a kernel can ask without loading what reads them."""

from __future__ import annotations


def is_tabular(value: object) -> bool:
    """Tell whether a value can be hashed and profiled as a table."""
    kind = type(value)
    root = kind.__module__.partition(".")[0]
    if root == "pandas":
        return kind.__name__ in {"DataFrame", "Series"}
    if root == "pyarrow":
        return kind.__name__ in {"Table", "RecordBatch"}
    if root == "polars":
        return kind.__name__ in {"DataFrame", "Series"}
    return root == "numpy" and kind.__name__ == "ndarray" and getattr(value, "ndim", 0) in {1, 2}
