"""Tuning: the choices that change how fast a kernel is, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import VECTORS


@dataclass(frozen=True)
class Tuning:
    """How the loops of the kernels are cut.

    `outputs`: features held in registers at once, for tiles of 1, 2 and 3 vectors; a product
    keeps vectors * outputs sums, and besides them a vector of each and a weight.
    `block_bytes`: rows of a full tile that a product runs over before it goes to other
    outputs, so that they stay in the L1 cache; smaller tiles take as many rows. `unroll`:
    features written out in the inner loop of the backward product. `ahead`: features between
    the weight used and the one asked for.
    """

    outputs: tuple[int, int, int]
    block_bytes: int = 30 * 1024
    unroll: int = 2
    ahead: int = 16

    def __post_init__(self) -> None:
        if len(self.outputs) != VECTORS or any(n < 2 or n % 2 for n in self.outputs):
            raise InputError(f"tuning: outputs {self.outputs} must be {VECTORS} even numbers")
        if self.block_bytes < 1 or self.unroll not in (1, 2, 4, 8) or self.ahead < 0:
            raise InputError(f"tuning: {self} has a number out of range")

    def block_rows(self, target: Target) -> int:
        """Rows that a product runs over."""
        return max(1, self.block_bytes // (VECTORS * target.vector_bytes))


def default_tuning(target: Target) -> Tuning:
    """What is fastest on the machines of this kind that we have measured."""
    if target.registers < 32:
        return Tuning((8, 6, 4))
    return Tuning((16, 8, 8), block_bytes=15 * 1024)
