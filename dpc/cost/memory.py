"""Memory of a compiled model while it runs, in bytes: an estimate before there is a package."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dpc.cost.program import stored_bytes
from dpc.cost.work import Sizes
from dpc.ir.program import Program

SKIN = 2.0
"""Å that an engine's neighbour list reaches beyond the cutoff."""

TILES = 21.0
"""Of one centre in libdpc: its index, its number of neighbours, where they are, a mark."""

FORCE = 24.0
"""Of one atom or image, for each thread but the first: its own sum of forces."""

LIST_ENTRY = 4.0
"""Of one neighbour in an engine's list."""

ENGINE_ATOM = 120.0
"""Of one atom or image in an engine: place, velocity, force, type, tag, image and mask."""

GROWTH = 1.25
"""Buffers grow by a quarter more than is needed."""

ROW_NUMBERS = 15
"""Numbers of one neighbour in the workspace of a tile (stages/rows.h), in the model's format."""

ROW_BYTES = 40
"""Of the same, what has another format: indices, and a candidate of the list."""


@dataclass(frozen=True)
class Memory:
    """What is needed once, by each thread and by each atom, and what an engine needs."""

    params: float  # tables and weights, one copy
    workspace: float  # of each thread
    neighbors: float  # within rcut, per atom
    entries: float  # of an engine's list, per atom
    rcut: float

    def per_atom(self) -> float:
        """libdpc's own, for an atom; images are few in a large box."""
        return GROWTH * TILES

    def engine_per_atom(self) -> float:
        """The list and the arrays of an engine."""
        return LIST_ENTRY * self.entries + ENGINE_ATOM

    def images(self, atoms: int) -> float:
        """Atoms and images for each atom of a cubic box, of one rank."""
        volume = 4 / 3 * math.pi * self.rcut**3 / max(self.neighbors, 1.0)  # of one atom
        edge = (atoms * volume) ** (1 / 3)
        return float((1 + 2 * (self.rcut + SKIN) / edge) ** 3)

    def package(self, atoms: int, threads: int = 1) -> float:
        """What libdpc needs."""
        forces = (threads - 1) * GROWTH * FORCE * self.images(atoms)
        return self.params + threads * self.workspace + atoms * (self.per_atom() + forces)

    def whole(self, atoms: int, threads: int = 1) -> float:
        """With the arrays of an engine, and without its program."""
        arrays = LIST_ENTRY * self.entries + ENGINE_ATOM * self.images(atoms)
        return self.package(atoms, threads) + atoms * arrays


def memory(program: Program, sizes: Sizes) -> Memory:
    """From the workspace that pass `memory` planned."""
    rows = sizes.rows
    entries = rows * ((program.facts.rcut + SKIN) / program.facts.rcut) ** 3
    formats = [kind.dtype.bytes for kind in program.tensors().values() if kind.dtype.is_float]
    row = ROW_NUMBERS * max(formats, default=8) + ROW_BYTES
    fixed = program.memory.size if program.memory else 0
    return Memory(
        float(sum(stored_bytes(program).values())),
        GROWTH * (fixed + sizes.tile * entries * row),
        rows,
        entries,
        program.facts.rcut,
    )
