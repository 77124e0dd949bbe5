"""From a program to the contents of a circuit: scales, tables, ranges, and rounded weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.fixed.frames import empty_slots
from dpc.ir.fixed.numbers import Reals
from dpc.ir.fixed.pipeline import evaluate
from dpc.ir.fixed.shape import (
    C_BITS,
    DATA_BITS,
    ROW_BITS,
    SUM_BITS,
    T_BITS,
    Z_BITS,
    Z_FRAC,
    Contents,
    Layer,
    Shape,
)
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes.base import PassError
from dpc.passes.circuit_form import Form
from dpc.passes.formats import (
    ROOM,
    choose_fracs,
    frac_of,
    shifts,
    static_dg_shift,
    z_shift,
)
from dpc.passes.pair_table import fractions, integer_pieces, pieces
from dpc.passes.real_circuit import Options, RealCircuit, real_circuit, real_neighbors
from dpc.passes.samples import Sample


def make_contents(
    program: Program, form: Form, samples: Sequence[Sample], options: Options
) -> Contents:
    """The contents of a circuit that computes the program; formats from its samples."""
    return rounded(real_circuit(program, form, options), program, samples)


def rounded(
    exact: RealCircuit, program: Program, samples: Sequence[Sample], known: Ranges | None = None
) -> Contents:
    """The contents in integers of a circuit in reals; formats from its ranges on samples.

    With `known`, of a model that was trained in these formats, no sample is looked at.
    """
    return contents_in(exact, known or statistics(exact, program, samples))


class Known(Protocol):
    """What formats are chosen from."""

    @property
    def largest(self) -> Mapping[str, NumpyArray]:
        """The largest |x| of every column, by signal."""
        ...

    def mean(self, name: str) -> NumpyArray | float:
        """The mean [ntypes, width] of a signal, for what rounding of weights takes from sums."""
        ...


@dataclass(frozen=True)
class Ranges:
    """Ranges that stay while a model is trained in its formats; its biases learn the means."""

    largest: Mapping[str, NumpyArray]

    def mean(self, name: str) -> float:
        """Nothing is taken from the sums that the biases do not know of."""
        return 0.0

    def refuse_other(self, shape: Shape) -> None:
        """Raise unless they are of a circuit of this shape."""
        wanted = {"x": shape.width, "d": shape.products}
        wanted |= {f"gz{k}": n for k, n in enumerate(shape.hidden)}
        found = {name: np.size(self.largest.get(name, ())) for name in wanted}
        if found != wanted:
            raise PassError(
                f"quantize: the model was trained for a circuit of other sizes: {found}, not "
                f"{wanted}. Leave out --passes: such a model is not compressed"
            )


class Statistics(Reals):
    """Reals that also know the mean of every signal of an atom, for each type of centre."""

    def __init__(self, exact: RealCircuit) -> None:
        super().__init__(exact.channels(), ACTIVATIONS[exact.form.fitting.activation])
        self.ti = np.zeros(0, np.int64)
        self._sums: dict[str, NumpyArray] = {}
        self._counts = np.zeros(exact.shape.ntypes)

    def narrow(self, name: str, x: NumpyArray, shift: Any, bits: int) -> NumpyArray:
        """Remember the sums over atoms of what layers read."""
        result = super().narrow(name, x, shift, bits)
        if name == "d" or name[:1] in "ya" and name[1:].isdigit():
            sums = self._sums.setdefault(name, np.zeros((len(self._counts), x.shape[1])))
            np.add.at(sums, self.ti, result)
        return result

    def see_atoms(self, ti: NumpyArray) -> None:
        """Types of the atoms that come."""
        self.ti = ti
        self._counts += np.bincount(ti, minlength=len(self._counts))

    def mean(self, name: str) -> NumpyArray:
        """[ntypes, width]"""
        return np.asarray(self._sums[name] / np.maximum(self._counts, 1)[:, None])


def statistics(exact: RealCircuit, program: Program, samples: Sequence[Sample]) -> Statistics:
    """Range and mean of every signal on the samples."""
    n = Statistics(exact)
    for sample in samples:
        ti, near = real_neighbors(program, sample)
        n.see_atoms(ti)
        evaluate(n, exact.contents, ti, near)
    n.see("head_back", exact.contents.head_back)
    return n


@dataclass(frozen=True)
class _LayerFracs:
    idt: int
    slope: int
    sum: int


@dataclass(frozen=True)
class Frozen:
    """What does not depend on the fitting net: formats, tables, and what empty slots add.

    `shape` and `frac` have every format but those of the fitting net's weights.
    """

    shape: Shape
    frac: Mapping[str, int]
    table: NumpyArray
    act: NumpyArray


def contents_in(exact: RealCircuit, found_on: Known) -> Contents:
    """The contents in the formats that these ranges ask for."""
    return with_fitting(frozen_part(exact, found_on), exact, found_on)


def frozen_part(exact: RealCircuit, found_on: Known) -> Frozen:
    """Formats of all signals, and the tables in them."""
    shape = exact.shape
    cubic = np.stack([np.stack([pieces(shape, one) for one in row]) for row in exact.functions])
    act_pieces = activation_pieces(exact.form.fitting.activation)
    shape = replace(
        shape,
        value_frac=fractions(cubic, shape.value_frac[0], C_BITS),
        act_frac=fractions(act_pieces, shape.act_frac[0], C_BITS),
    )
    frac = choose_fracs(shape, found_on.largest)
    shape = replace(shape, dg_shift=static_dg_shift(frac))
    table = integer_pieces(cubic, shape.value_frac)
    return Frozen(shape, frac, table, integer_pieces(act_pieces, shape.act_frac))


def with_fitting(frozen: Frozen, exact: RealCircuit, found_on: Known) -> Contents:
    """The contents, with the fitting net of the circuit in reals rounded."""
    shape, form, real, functions = frozen.shape, exact.form, exact.contents, exact.functions
    frac, largest = dict(frozen.frac), found_on.largest
    layers, fracs = [], []
    for k, layer in enumerate(real.layers):
        frac_in = frac["d"] if k == 0 else frac["a"]
        weight, weight_frac = _weights(layer.weight, shape.weight_bits[k])
        idt_frac = frac_of(float(np.abs(layer.idt).max()), ROW_BITS, 1.0)
        slope_frac = frac_of(float(largest[f"slope{k}"].max()), ROW_BITS, 1.0 + 2.0**-8)
        gz_frac = np.array([frac_of(float(x), DATA_BITS) for x in largest[f"gz{k}"]])
        total = int((weight_frac + gz_frac).min())
        gz = total - weight_frac
        fracs.append(_LayerFracs(idt_frac, slope_frac, total))
        bias = layer.bias + _lost(
            layer.weight, weight, weight_frac, found_on.mean(_input(shape, k))
        )
        layers.append(
            Layer(
                weight,
                _to_int(bias, frac_in + weight_frac),
                z_shift(frac_in, weight_frac),
                _clip(_to_int(layer.idt, idt_frac), ROW_BITS),
                frac["back"] + slope_frac - gz,
            )
        )
    head, head_frac = _weights(real.head[:, :, None], shape.weight_bits[-1])
    frac["head"] = int(head_frac.min())
    head = _clip(_to_int(real.head, frac["head"]), shape.weight_bits[-1])
    lost = _lost(
        real.head[:, :, None],
        head[:, :, None],
        np.full((len(head), 1), frac["head"]),
        found_on.mean(_input(shape, len(layers))),
    )
    head_bias = real.head_bias + lost[:, 0]
    found = Contents(
        shape=shape,
        table=frozen.table,
        pad=np.zeros(0),
        start=np.zeros(0),
        pairs=form.pairs,
        layers=tuple(layers),
        head=head,
        head_bias=_to_int(head_bias, frac["a"] + frac["head"]),
        head_back=_to_int(head * 2.0 ** -frac["head"], frac["back"]),
        act=frozen.act,
        u_cut=int(np.ceil(form.env.rcut**2 * 2.0**shape.u_frac)),
        u_min=int(functions[0][0].nearest * 2.0**shape.u_frac),
        shift=shifts(shape, frac, fracs),
        energy_bias=form.bias,
        frac=frac,
    )
    start = _to_int(real.start, frac["row"] + frac["g"])
    return replace(found, pad=empty_slots(found), start=start)


def _input(shape: Shape, layer: int) -> str:
    """The signal that a layer reads."""
    if layer == 0:
        return "d"
    return f"{'a' if shape.resnet[layer - 1] else 'y'}{layer - 1}"


def _lost(
    weight: NumpyArray, rounded: NumpyArray, frac: NumpyArray, mean: NumpyArray | float
) -> NumpyArray:
    """What rounding weights takes from the sums of a mean input, [ntypes, outputs].

    It goes into the biases: rounding then moves no sum on average.
    """
    difference = weight - rounded * np.exp2(-frac[:, None].astype(np.float64))
    inputs = np.broadcast_to(mean, weight.shape[:2])
    return np.asarray(np.einsum("tio,ti->to", difference, inputs))


def activation_pieces(name: str) -> NumpyArray:
    """Cubic pieces [rows, 4] of an activation on -8 to 8."""
    rows = 1 << (Z_BITS - T_BITS)
    width = 2.0 ** (T_BITS - Z_FRAC)
    z = (np.arange(rows) - rows // 2) * width
    act = ACTIVATIONS[name]
    f0, f1 = act.value(z), act.value(z + width)
    d0, d1 = act.slope(z) * width, act.slope(z + width) * width
    return np.stack([f0, d0, 3 * (f1 - f0) - 2 * d0 - d1, 2 * (f0 - f1) + d0 + d1], axis=-1)


def _weights(weight: NumpyArray, bits: int) -> tuple[NumpyArray, NumpyArray]:
    """Integers [ntypes, inputs, outputs], and their fraction bits by type and column."""
    most = np.abs(weight).max(axis=1)
    frac = np.floor(bits - 1 - np.log2(np.maximum(most, 2.0**-30)) - 2.0 ** (1 - bits)).astype(int)
    # sums of products with DATA_BITS never leave SUM_BITS
    limit = 2 ** (SUM_BITS - 1 - (DATA_BITS - 1))
    while True:
        found = _clip(_to_int(weight, frac[:, None]), bits)
        over = np.abs(found).sum(axis=1) >= limit
        if np.abs(found).sum(axis=2).max() >= limit:
            over[:] = True
        if not over.any():
            return found, frac
        frac = frac - over


def _to_int(x: NumpyArray, frac: Any) -> NumpyArray:
    return np.asarray(np.rint(x * np.exp2(np.asarray(frac, np.float64))), np.int64)


def _clip(x: NumpyArray, bits: int) -> NumpyArray:
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


assert ROOM >= 1
