"""Memory of runs: what a process needs anyway, and what each atom adds."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Growth:
    """Bytes of all ranks together: `base` + `per_atom` * atoms."""

    base: float
    per_atom: float

    @staticmethod
    def between(small: tuple[int, int], large: tuple[int, int]) -> Growth:
        """Through two points (atoms, bytes)."""
        (n, low), (m, high) = small, large
        per_atom = max(0.0, (high - low) / (m - n))
        return Growth(low - per_atom * n, per_atom)

    def largest(self, memory: float) -> float:
        """Atoms that fit into so many bytes."""
        return max(0.0, memory - self.base) / self.per_atom if self.per_atom else float("inf")


def physical_memory() -> int:
    """Bytes of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
