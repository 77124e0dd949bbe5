"""A whole Deep Potential in fixed point: after pass `quantize` only.

See docs/explain/fixed-point.md. The arithmetic is in dpc.ir.fixed.
"""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.fixed.frames import run, to_eV, to_fixed
from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.store import contents_of
from dpc.ir.op import Op, Value, op
from dpc.ir.params import Param
from dpc.ir.ragged import Array
from dpc.ir.types import ArrayType, NumpyArray, Ragged


@op("fixed_point")
class FixedPoint(Op):
    """Atom energies, forces, virial and atom virials, in integers of fixed formats.

    Positions are rounded to 2^-22 Å; results are exact multiples of 2^-24 eV (but for the energy
    of the type), 2^-22 eV/Å and 2^-20 eV.

    %e, %f, %w, %aw = fixed_point %coord, %atype, %nlist, table=@table, …
    """

    coord: Value  # [nall, 3]
    atype: Value  # [nall]
    nlist: Value  # [nloc, nnei]
    table: Param  # i32[ntypes, ntypes, rows, channels, 4]
    pad: Param  # i64[ntypes, ntypes, M]
    start: Param  # i64[ntypes, W]
    pairs: Param  # i32[K, 2]
    weight: Param  # i32: of all layers, [ntypes, inputs, outputs] each
    column: Param  # i64[4, ntypes, outputs of all layers]: bias, z_shift, idt, back_shift
    head: Param  # i32[2, ntypes, last width]: head, head_back
    head_bias: Param  # i64[ntypes]
    act: Param  # i32[rows, 4]
    shift: Param  # i32: in the order of dpc.ir.fixed.store.SHIFTS
    bias: Param  # f64[ntypes], eV
    hidden: tuple[int, ...]
    resnet: tuple[bool, ...]
    weight_bits: tuple[int, ...]
    value_frac: tuple[int, ...]
    act_frac: tuple[int, ...]
    split: bool
    g_shift: int
    row_shift: int
    dg_shift: int
    u_cut: int
    u_min: int
    row_bits: int = 6
    octaves: int = 8
    max_neighbors: int = 128
    neighbors: tuple[float, ...] = ()  # of each type, as many as circuits are to be fast for

    def infer(self) -> tuple[ArrayType, ...]:
        self.require(self.table.type.rank == 5, f"{self.table} is {self.table.type}, not a table")
        self.require(self.coord.dims[-1:] == (3,), f"needs coord [nall, 3], not {self.coord.type}")
        nall, nloc = self.coord.dims[0], self.nlist.dims[0]
        of = self.coord.type.with_dims
        return of(nloc), of(nall, 3), of(3, 3), of(nall, 3, 3)

    def eval(
        self, at: Evaluation, coord: NumpyArray, atype: NumpyArray, nlist: Array
    ) -> tuple[NumpyArray, ...]:
        contents = contents_of(self, at.store)
        slots = padded(nlist) if isinstance(nlist, Ragged) else nlist
        sums = run(Integers(contents), to_fixed(coord), atype, slots)
        energy, force, virial = to_eV(contents, sums, atype[: len(slots)])
        return energy, force, np.asarray(virial.sum(axis=0)), virial


def padded(nlist: Ragged) -> NumpyArray:
    """A ragged list with -1 in the slots that rows do not have."""
    counts = np.diff(nlist.offsets)
    found = np.full((len(counts), int(counts.max(initial=0))), -1, dtype=np.int32)
    slots = np.arange(found.shape[1]) < counts[:, None]
    found[slots] = nlist.values
    return found
