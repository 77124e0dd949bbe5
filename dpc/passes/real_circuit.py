"""A circuit in reals: a program's function, scaled as the circuit needs it, not yet rounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dpc.ir.fixed.numbers import Channels
from dpc.ir.fixed.pipeline import Neighbors
from dpc.ir.fixed.shape import FIXED, ROW_BITS, USUAL_NEIGHBORS, Contents, Layer, Shape
from dpc.ir.params import Net, Shortcut
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes.circuit_form import Form
from dpc.passes.pair_table import PairFunctions, first_row
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
    max_neighbors: int = USUAL_NEIGHBORS
    nearest: float = 0.5  # Å


@dataclass(frozen=True)
class RealCircuit:
    """Contents in reals, the functions of every pair of types in place of a table."""

    shape: Shape
    form: Form
    contents: Contents
    functions: list[list[PairFunctions]]
    undo: NumpyArray  # [ntypes, K]: what takes the scales of a product out of the first layer

    def channels(self) -> Callable[..., Channels]:
        """The exact functions, slopes by t."""
        return _channels(self.shape, self.functions)


def real_circuit(program: Program, form: Form, options: Options) -> RealCircuit:
    """The circuit that computes a program exactly."""
    shape = _shape(form, options)
    embeddings = [form.embedding.net(program.store, k) for k in range(form.embedding.count)]
    functions = _scaled(shape, form, embeddings, options)
    undo = _undo(shape, form, functions)
    contents = _real_contents(shape, form, _nets(program, form), functions, undo)
    start = _start_of(shape, program.facts.sel, contents.pad)
    return RealCircuit(shape, form, replace(contents, start=start), functions, undo)


def with_nets(exact: RealCircuit, program: Program, form: Form) -> RealCircuit:
    """The same circuit with the fitting nets of a program that differs in nothing else."""
    nets, functions = _nets(program, form), exact.functions
    contents = _real_contents(exact.shape, form, nets, functions, exact.undo)
    return replace(exact, form=form, contents=replace(contents, start=exact.contents.start))


def _nets(program: Program, form: Form) -> list[Net]:
    return [form.fitting.net(program.store, t) for t in range(form.ntypes)]


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
    # more neighbours than 48 bits hold of the largest products: R stays below a half
    room = 2.0 if shape.max_neighbors > USUAL_NEIGHBORS else 1.0
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
        alpha = _exactly(_power_below(max(row, h_most) * room), empty[0, 0])
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


def _undo(shape: Shape, form: Form, functions: list[list[PairFunctions]]) -> NumpyArray:
    """What takes the scales of R and G out of every product, [ntypes, K]."""
    a, b = form.pairs.T
    undo = np.stack([_column_scales(shape, row) for row in functions])  # [nt, W]
    undo = form.contract.scale / undo
    return np.asarray(undo[:, a] * undo[:, b])


def _real_contents(
    shape: Shape,
    form: Form,
    nets: Sequence[Net],
    functions: list[list[PairFunctions]],
    undo: NumpyArray,
) -> Contents:
    """Contents in reals: the same function, with the scales of R and G taken out again."""
    count = range(form.ntypes)
    layers = []
    for k in range(len(shape.hidden)):
        dense = [net.layers[k] for net in nets]
        weight = np.stack([one.weight for one in dense])
        if k == 0:
            weight = weight * undo[:, :, None]
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
    none = np.zeros(0)
    plain = replace(shape, dg_shift=0, row_shift=0)
    return Contents(
        plain, none, pad, none, form.pairs, tuple(layers), head, bias, head, none, 0, 0, shift,
        form.bias,
    )  # fmt: skip


def _column_scales(shape: Shape, row: Sequence[PairFunctions]) -> NumpyArray:
    """What every column of X is scaled by, [W]."""
    blocks = row if shape.split else row[:1]
    return np.concatenate([one.scale[0] * one.scale[2:] for one in blocks])


def _start_of(shape: Shape, sel: Sequence[int], pad: NumpyArray) -> NumpyArray:
    """Row 0 of X with all slots empty, [ntypes, W]."""
    slots = pad * np.asarray(sel).reshape(1, -1, 1)
    return np.asarray(slots.reshape(len(pad), -1) if shape.split else slots.sum(axis=1))


def _channels(shape: Shape, functions: list[list[PairFunctions]]) -> Callable[..., Channels]:
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
