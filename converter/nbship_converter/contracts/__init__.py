"""The data contract of an exported repository.

For each file that the notebook reads with pandas: a pandera model in ``contracts.py``, tests that it holds and
refuses, and in ``.nbship/data.json`` how the file is read and what it held, which ``nbship check data`` compares with.
"""

from __future__ import annotations

from nbship_converter.contracts.files import REQUIREMENT, contract_files, contract_findings
from nbship_converter.contracts.thresholds import with_thresholds

__all__ = ["REQUIREMENT", "contract_files", "contract_findings", "with_thresholds"]
