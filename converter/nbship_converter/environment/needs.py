"""What the notebook's run needed of its machine, as far as a smaller one would fail."""

from __future__ import annotations

from dataclasses import dataclass

from nbship_converter.ir import Facts

__all__ = ["Needs", "needs_of"]

#: Below this peak, in bytes, no machine is too small.
_SMALL = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The memory of the run in GiB, 0 if that is little, and the library that used a GPU, if one did."""

    memory_gib: int = 0
    gpu: str = ""

    @property
    def call(self) -> str:
        """The statement that warns of it, before the first step."""
        given = [f"memory_gib={self.memory_gib}"] if self.memory_gib else []
        given += [f'gpu="{self.gpu}"'] if self.gpu else []
        return f"warn_of_limits({', '.join(given)})"


def needs_of(facts: Facts | None) -> Needs | None:
    """Give what has to be told, None for a run that any machine can do.

    Memory is rounded up to a power of two: two runs rarely have the same peak, and the same notebook gives the same
    package.
    """
    if facts is None:
        return None
    memory = 0 if facts.peak_bytes < _SMALL else 1 << (-(-facts.peak_bytes // _SMALL) - 1).bit_length()
    return Needs(memory_gib=memory, gpu=facts.gpu) if memory or facts.gpu else None
