"""What a circuit is made for, and what is loaded into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dpc.ir.types import NumpyArray

COORD_FRAC = 22  # coordinates and r: 2^-22 Å
ENERGY_FRAC = 24  # energy of an atom: 2^-24 eV
FORCE_FRAC = 22  # forces: 2^-22 eV/Å
VIRIAL_FRAC = 20  # virials: 2^-20 eV

COORD_BITS = 32
R_BITS = 27  # r, and h times r
C_BITS = 27  # coefficients of tables, and what Horner's rule leaves
T_BITS = 17  # where in a row of a table an argument lies, unsigned
ROW_BITS = 18  # R, G and the slope of G: what is multiplied M times for each neighbour
X_BITS = 27  # X, its adjoint, and all adjoints of neighbours
DATA_BITS = 24  # descriptor, activations, and their adjoints
Z_BITS = 26  # what goes into an activation: 2^-22, -8 to 8
Z_FRAC = 22
SUM_BITS = 48  # exact sums
OUT_BITS = 32  # energy of an atom, force of a pair
VIRIAL_BITS = 64

MOST_NEIGHBORS = 256  # of an atom, in any circuit
USUAL_NEIGHBORS = 128  # what sums of 48 bits hold of |R| and |G| below 1

#: layers whose weights have no more bits than this share a DSP slice between two of them
PACKED_WEIGHT_BITS = 8
#: what such a weight is multiplied with; the two products lie PACKED_SHIFT bits apart
PACKED_DATA_BITS = 12
PACKED_SHIFT = 19
assert ((1 << (PACKED_WEIGHT_BITS - 1)) - 1) << (PACKED_DATA_BITS - 1) < 1 << (PACKED_SHIFT - 1)

#: shifts that are the same for every model: force to R_BITS for the virial, the moment, and what
#: packed layers leave out of their inputs
FIXED = {"f_short": 5, "moment": COORD_FRAC + FORCE_FRAC - 5 - VIRIAL_FRAC,
         "cut": DATA_BITS - PACKED_DATA_BITS}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """Sizes and constants of a circuit: one bitstream for all models that have the same.

    `value_frac` are the fraction bits of c0, c1, c2, c3 of the pair table, `act_frac` of the
    activation's. `g_shift`, `row_shift`, `dg_shift`: what G, R on its way back, and dE/dG are
    shifted by where they are rounded.
    """

    ntypes: int
    columns: int  # M: columns of G
    split: bool  # neighbours of type t add to columns t M to (t + 1) M of X only
    products: int  # K: inputs of the fitting net
    hidden: tuple[int, ...]  # widths of the hidden layers
    resnet: tuple[bool, ...]  # layers that add their input
    max_neighbors: int = 128
    row_bits: int = 6  # rows of an octave: 2^row_bits
    octaves: int = 8
    weight_bits: tuple[int, ...] = ()  # of every hidden layer, and of the head
    value_frac: tuple[int, int, int, int] = (25, 30, 33, 35)
    act_frac: tuple[int, int, int, int] = (25, 30, 33, 35)
    g_shift: int = 8
    row_shift: int = 6
    dg_shift: int = 17

    @property
    def width(self) -> int:
        """W: columns of X."""
        return self.columns * (self.ntypes if self.split else 1)

    @property
    def packed(self) -> tuple[bool, ...]:
        """Hidden layers whose weights are multiplied two at a time."""
        bits = self.weight_bits or (ROW_BITS,) * len(self.hidden)
        return tuple(bits[k] <= PACKED_WEIGHT_BITS for k in range(len(self.hidden)))

    @property
    def channels(self) -> int:
        """Of the pair table: s, h, and M columns of G."""
        return self.columns + 2

    @property
    def u_bits(self) -> int:
        """u = |r|^2 is unsigned."""
        return self.row_bits + T_BITS + self.octaves - 1

    @property
    def u_frac(self) -> int:
        """The lowest of the octaves is 0 to 1/2 Å^2."""
        return self.row_bits + T_BITS + 1

    @property
    def rows(self) -> int:
        """Rows of the table of one pair of types."""
        return self.octaves << self.row_bits

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs of every layer, that of the head last."""
        return (self.products, *self.hidden)

    @property
    def act_rows(self) -> int:
        """Rows of the table of the activation."""
        return 1 << (Z_BITS - T_BITS)


@dataclass(frozen=True)
class Layer:
    """One hidden layer, for every type of centre."""

    weight: NumpyArray  # [ntypes, inputs, outputs]
    bias: NumpyArray  # [ntypes, outputs], at the scale of the sum
    z_shift: NumpyArray  # [ntypes, outputs]
    idt: NumpyArray  # [ntypes, outputs]
    back_shift: NumpyArray  # [ntypes, outputs]


@dataclass(frozen=True)
class Contents:
    """The numbers of one model: all of it is loaded at run time.

    `shift`: by name, see docs/explain/fixed-point.md, section 7; lists have one for each layer.
    """

    shape: Shape
    table: NumpyArray  # [ntypes, ntypes, rows, channels, 4]: pair (centre, neighbour); c0 first
    pad: NumpyArray  # [ntypes, ntypes, M]: what an empty slot adds to row 0 of X
    start: NumpyArray  # [ntypes, W]: row 0 of X of an atom with no neighbours
    pairs: NumpyArray  # [K, 2]
    layers: tuple[Layer, ...]
    head: NumpyArray  # [ntypes, last width]
    head_bias: NumpyArray  # [ntypes], at the scale of the sum
    head_back: NumpyArray  # [ntypes, last width]: the adjoint of the last activations
    act: NumpyArray  # [act_rows, 4]
    u_cut: int  # neighbours at or beyond are dropped
    u_min: int  # neighbours nearer are counted
    shift: Mapping[str, int | tuple[int, ...]]
    energy_bias: NumpyArray  # f64 [ntypes], eV: added outside
    frac: Mapping[str, int] = field(default_factory=dict)  # fraction bits, for people
