"""Work of one atom: arithmetic by number format, bytes by where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dpc.ir.program import Facts
from dpc.ir.types import ArrayType
from dpc.passes.samples import Sample

SOURCES = ("arrays", "tables", "weights")
"""Where bytes come from: values between ops, rows of tables, weights of nets and parameters."""


@dataclass(frozen=True)
class Work:
    """Of one atom in one step, energy, force and virial together.

    A multiplication with an addition counts as two flops. `bytes` are what ops read and
    write, from whatever level of cache; weights are shared by the atoms of a tile.
    """

    flops: Mapping[str, float] = field(default_factory=dict)
    bytes: Mapping[str, float] = field(default_factory=dict)

    @property
    def all_flops(self) -> float:
        """Of every format."""
        return sum(self.flops.values())

    @property
    def all_bytes(self) -> float:
        """Of every source."""
        return sum(self.bytes.values())


def total(works: Iterable[Work]) -> Work:
    """The sum."""
    flops: dict[str, float] = {}
    bytes_ = dict.fromkeys(SOURCES, 0.0)
    for work in works:
        for name, amount in work.flops.items():
            flops[name] = flops.get(name, 0.0) + amount
        for name, amount in work.bytes.items():
            bytes_[name] += amount
    return Work(flops, bytes_)


@dataclass(frozen=True)
class Sizes:
    """What symbols in dims stand for, for an average atom."""

    neighbors: tuple[float, ...]  # by type: those an atom has within rcut
    slots: int  # the sum of sel: what the padded form works on
    tile: int  # atoms that share one reading of the weights

    @staticmethod
    def of(facts: Facts, samples: Sequence[Sample], tile: int) -> Sizes:
        """From padded frames; without any, every slot is taken."""
        lists = [sample.inputs["nlist"] for sample in samples]
        atoms = sum(map(len, lists))
        found, first = [], 0
        for slots in facts.sel:
            block = slice(first, first + slots)
            taken = sum(int((nlist[:, block] >= 0).sum()) for nlist in lists)
            found.append(taken / atoms if atoms else float(slots))
            first += slots
        return Sizes(tuple(found), facts.nnei, tile)

    @property
    def rows(self) -> float:
        """Neighbours of all types."""
        return sum(self.neighbors)

    def elements(self, type: ArrayType) -> float:
        """Numbers of one atom in an array; none in an array of the whole frame.

        Images of atoms are not counted: how many there are is a matter of the box.
        """
        if type.dims[:1] not in (("nloc",), ("nall",)):
            return 0.0
        count = 1.0
        for dim in type.dims[1:]:
            count *= dim if isinstance(dim, int) else self.symbol(dim)
        return count

    def symbol(self, dim: str) -> float:
        """A dim that is not a number."""
        return self.rows if dim.endswith("~") else float(self.slots)

    def bytes(self, type: ArrayType) -> float:
        """Bytes of one atom in an array."""
        return self.elements(type) * type.dtype.bytes
