"""From a program to the contents of a circuit: scales, tables, ranges, and rounded weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.fixed.numbers import Channels, Reals
from dpc.ir.fixed.frames import empty_slots
from dpc.ir.fixed.pipeline import Neighbors, evaluate
from dpc.ir.fixed.shape import (
    C_BITS,
    DATA_BITS,
    FIXED,
    ROW_BITS,
    SUM_BITS,
    T_BITS,
    Z_BITS,
    Z_FRAC,
    Contents,
    Layer,
    Shape,
)
from dpc.ir.params import Net, Shortcut
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes.circuit_form import Form
from dpc.passes.formats import (
    ROOM,
    choose_fracs,
    frac_of,
    shifts,
    static_dg_shift,
    z_shift,
)
from dpc.passes.pair_table import PairFunctions, first_row, fractions, integer_pieces, pieces
from dpc.passes.samples import Sample

#: G and R, scaled by powers of two, stay below this; 1 does not fit the format
BELOW = 1 - 2.0**-10
#: columns whose value of an empty slot is smaller than so many steps of the format stay as scaled
LEAST_STEPS = 1000


@dataclass(frozen=True)
class Options:
    """What a circuit may look like."""

    weight_bits: int = 18
    row_bits: int = 6
    max_neighbors: int = 128
    nearest: float = 0.5  # Å


def make_contents(
    program: Program, form: Form, samples: Sequence[Sample], options: Options
) -> Contents:
    """The contents of a circuit that computes the program; formats from its samples."""
    shape = _shape(form, options)
    nets = [form.fitting.net(program.store, t) for t in range(form.ntypes)]
    embeddings = [form.embedding.net(program.store, k) for k in range(form.embedding.count)]
    functions = _scaled(shape, form, embeddings, options)
    real = _real_contents(shape, form, nets, functions)
    largest = _ranges(real, functions, program, samples)
    return _rounded(shape, form, real, functions, largest, program.facts.sel)


def _shape(form: Form, options: Options) -> Shape:
    hidden = form.fitting.layers[:-1]
    return Shape(
        ntypes=form.ntypes,
        columns=form.embedding.widths[-1],
        split=form.split,
        products=len(form.pairs),
        hidden=tuple(layer.outputs for layer in hidden),
        resnet=tuple(layer.shortcut is Shortcut.SAME for layer in hidden),
        max_neighbors=options.max_neighbors,
        row_bits=options.row_bits,
        weight_bits=(ROW_BITS, *[options.weight_bits] * (len(hidden) - 1), ROW_BITS),
    )


def _scaled(
    shape: Shape, form: Form, nets: Sequence[Net], options: Options
) -> list[list[PairFunctions]]:
    """Functions of every pair of types, scaled so that R and G nearly fill -1 to 1."""
    nearest = first_row(shape, options.nearest)
    u = np.concatenate([[nearest], np.linspace(nearest, form.env.rcut**2, 4001)])
    count = range(form.ntypes)
    cut = np.array([form.env.rcut**2])
    plain = [
        [PairFunctions(form, nets[form.net_of(i, j)], i, nearest, np.ones(shape.channels))
         for j in count] for i in count
    ]  # fmt: skip
    found = []
    for i in count:
        values = [one(u)[0] for one in plain[i]]
        r = np.sqrt(u)
        row = max(np.abs(values[0][:, 0]).max(), np.abs(values[0][:, 1] * r).max())
        h_most = np.abs(values[0][:, 1]).max() / 2  # h itself stays below 2
        empty = np.array([one(cut)[0][0] for one in plain[i]])
        alpha = _exactly(_power_below(max(row, h_most)), empty[0, 0])
        most = np.array([np.abs(v[:, 2:]).max(axis=0) for v in values])
        if not shape.split:
            most[:] = most.max(axis=0)
        scale = np.array(
            [[alpha, alpha, *map(_exactly, map(_power_below, m), e[2:])]
             for m, e in zip(most, empty, strict=True)]
        )  # fmt: skip
        found.append([replace(one, scale=scale[j]) for j, one in enumerate(plain[i])])
    return found


def _power_below(most: float) -> float:
    """The power of two that brings `most` below 1."""
    return float(2.0 ** np.floor(np.log2(BELOW / max(most, 2.0**-30))))


def _exactly(scale: float, empty: float) -> float:
    """A scale a little off, for which the value of an empty slot is a number of the format.

    There are as many empty slots as neighbours: their rounding errors would add up.
    """
    steps = empty * scale * 2.0 ** (ROW_BITS - 1)
    return scale if abs(steps) < LEAST_STEPS else float(scale * np.rint(steps) / steps)


def _real_contents(
    shape: Shape, form: Form, nets: Sequence[Net], functions: list[list[PairFunctions]]
) -> Contents:
    """Contents in reals: the same function, with the scales of R and G taken out again."""
    count = range(form.ntypes)
    a, b = form.pairs.T
    layers = []
    for l in range(len(shape.hidden)):
        dense = [net.layers[l] for net in nets]
        weight = np.stack([one.weight for one in dense])
        if l == 0:
            undo = np.stack([_column_scales(shape, functions[i]) for i in count])  # [nt, W]
            undo = form.contract.scale / undo
            weight = weight * (undo[:, a] * undo[:, b])[:, :, None]
        ones = np.ones_like(dense[0].bias)
        idt = np.stack([ones if one.idt is None else one.idt for one in dense])
        zero = np.zeros_like(idt)
        layers.append(Layer(weight, np.stack([one.bias for one in dense]), zero, idt, zero))
    head = np.stack([net.layers[-1].weight[:, 0] for net in nets])
    beyond = np.array([form.env.rcut**2])
    empty = np.array([[functions[i][j](beyond)[0][0] for j in count] for i in count])
    pad = empty[:, :, :1] * empty[:, :, 2:]
    shift: dict[str, Any] = dict.fromkeys(
        ("row_s", "row_h", "x", "d", "energy", "dx", "dr", "along", "dt_g", "dt_s", "dt_h",
         "f_h", *FIXED), 0)  # fmt: skip
    shift |= {name: (0,) * len(layers) for name in ("y", "slope", "back")}
    shift["f_u"] = -(shape.row_bits + 2)
    bias = np.array([net.layers[-1].bias[0] for net in nets])
    return Contents(
        replace(shape, dg_shift=0, row_shift=0), np.zeros(0), pad, np.zeros(0), form.pairs, tuple(layers),
        head, bias, head, np.zeros(0), 0, 0, shift, form.bias,
    )  # fmt: skip


def _column_scales(shape: Shape, row: Sequence[PairFunctions]) -> NumpyArray:
    """What every column of X is scaled by, [W]."""
    blocks = row if shape.split else row[:1]
    return np.concatenate([one.scale[0] * one.scale[2:] for one in blocks])


def start_of(shape: Shape, sel: Sequence[int], pad: NumpyArray) -> NumpyArray:
    """Row 0 of X with all slots empty, [ntypes, W]."""
    slots = pad * np.asarray(sel).reshape(1, -1, 1)
    return slots.reshape(len(pad), -1) if shape.split else slots.sum(axis=1)


def _ranges(
    real: Contents,
    functions: list[list[PairFunctions]],
    program: Program,
    samples: Sequence[Sample],
) -> dict[str, NumpyArray]:
    """The range of every signal on the samples."""
    form = functions[0][0].form
    real = replace(real, start=start_of(real.shape, program.facts.sel, real.pad))
    n = Reals(_channels(real.shape, functions), ACTIVATIONS[form.fitting.activation])
    for sample in samples:
        ti, near = real_neighbors(program, sample)
        evaluate(n, real, ti, near)
    n.see("head_back", real.head_back)
    return n.largest


def _channels(shape: Shape, functions: list[list[PairFunctions]]) -> Any:
    """The exact functions, slopes by t."""

    def channels(ti: NumpyArray, tj: NumpyArray, u: NumpyArray) -> Channels:
        value, slope = np.zeros((2, len(u), shape.channels))
        for i, row in enumerate(functions):
            for j, one in enumerate(row):
                of = (ti == i) & (tj == j)
                value[of], slope[of] = one(u[of])
        octave = np.maximum(np.floor(np.log2(u)) + 1, 0).clip(0, shape.octaves - 2)
        width = np.exp2(octave - 1 - shape.row_bits)
        return Channels(value, slope * width[:, None], octave)

    return channels


def real_neighbors(program: Program, sample: Sample) -> tuple[NumpyArray, Neighbors]:
    """Types of centres, and neighbours within the cutoff, in Å."""
    coord, atype, nlist = (np.asarray(sample.inputs[k]) for k in ("coord", "atype", "nlist"))
    center, slot = (nlist >= 0).nonzero()
    neighbor = nlist[center, slot]
    r = coord[neighbor] - coord[center]
    u = (r * r).sum(axis=1)
    of = u < program.facts.rcut**2
    center, neighbor = center[of], neighbor[of]
    near = Neighbors(center, atype[center], atype[neighbor], r[of], u[of], neighbor)
    return atype[: len(nlist)], near


@dataclass(frozen=True)
class _LayerFracs:
    idt: int
    slope: int
    sum: int


def _rounded(
    shape: Shape,
    form: Form,
    real: Contents,
    functions: list[list[PairFunctions]],
    largest: dict[str, NumpyArray],
    sel: Sequence[int],
) -> Contents:
    cubic = np.stack([np.stack([pieces(shape, one) for one in row]) for row in functions])
    act_pieces = activation_pieces(form.fitting.activation)
    shape = replace(
        shape,
        value_frac=fractions(cubic, shape.value_frac[0], C_BITS),
        act_frac=fractions(act_pieces, shape.act_frac[0], C_BITS),
    )
    frac = choose_fracs(shape, largest)
    shape = replace(shape, dg_shift=static_dg_shift(frac))
    table = integer_pieces(cubic, shape.value_frac)
    layers, fracs = [], []
    for l, layer in enumerate(real.layers):
        frac_in = frac["d"] if l == 0 else frac["a"]
        weight, weight_frac = _weights(layer.weight, shape.weight_bits[l])
        idt_frac = frac_of(float(np.abs(layer.idt).max()), ROW_BITS, 1.0)
        slope_frac = frac_of(float(largest[f"slope{l}"].max()), ROW_BITS, 1.0 + 2.0**-8)
        gz_frac = np.array([frac_of(float(x), DATA_BITS) for x in largest[f"gz{l}"]])
        total = int((weight_frac + gz_frac).min())
        gz = total - weight_frac
        fracs.append(_LayerFracs(idt_frac, slope_frac, total))
        layers.append(
            Layer(
                weight,
                _to_int(layer.bias, frac_in + weight_frac),
                z_shift(frac_in, weight_frac),
                _clip(_to_int(layer.idt, idt_frac), ROW_BITS),
                frac["back"] + slope_frac - gz,
            )
        )
    head, head_frac = _weights(real.head[:, :, None], shape.weight_bits[-1])
    frac["head"] = int(head_frac.min())
    head = _clip(_to_int(real.head, frac["head"]), shape.weight_bits[-1])
    shift = shifts(shape, frac, fracs)
    found = Contents(
        shape=shape,
        table=table,
        pad=np.zeros(0),
        start=np.zeros(0),
        pairs=form.pairs,
        layers=tuple(layers),
        head=head,
        head_bias=_to_int(real.head_bias, frac["a"] + frac["head"]),
        head_back=_to_int(head * 2.0 ** -frac["head"], frac["back"]),
        act=integer_pieces(act_pieces, shape.act_frac),
        u_cut=int(np.ceil(form.env.rcut**2 * 2.0**shape.u_frac)),
        u_min=int(functions[0][0].nearest * 2.0**shape.u_frac),
        shift=shift,
        energy_bias=form.bias,
        frac=frac,
    )
    pad = empty_slots(found)
    whole = start_of(shape, sel, real.pad)
    return replace(found, pad=pad, start=_to_int(whole, frac["row"] + frac["g"]))


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
    return np.rint(x * np.exp2(np.asarray(frac, np.float64))).astype(np.int64)


def _clip(x: NumpyArray, bits: int) -> NumpyArray:
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


assert ROOM >= 1
