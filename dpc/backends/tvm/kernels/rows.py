"""What is done to the rows of a product element by element, while they are in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dpc.backends.tvm.kernels import bf16, gemm
from dpc.backends.tvm.kernels.activation import ACTIVATIONS
from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.layer import Layer

Gradient = Callable[[Index, int], Vector]
"""dE/dy of a row n and a vector v of the tile."""


@dataclass(frozen=True)
class Operand:
    """Features that a product reads: numbers [feature][TA], or pairs of bfloat16.

    Pairs come in `parts`, one behind the other, each [rows][TA], the largest part first.
    """

    array: Array
    parts: int = 0
    rows: int = 0

    def arrays(self, emit: Emitter) -> list[Array]:
        """Its parts."""
        return [self.array.part(p * self.rows * emit.tile) for p in range(self.parts)]

    def store(self, emit: Emitter, at: Index, even: Vector, odd: Vector | None) -> None:
        """Write two neighbouring features of one vector; one that is not there is zero."""
        other = emit.constant(0.0) if odd is None else odd
        for number, part in enumerate(self.arrays(emit)):
            pairs = emit.let(bf16.pair(emit, even, other))
            part.store(at, pairs)
            if number < self.parts - 1:
                even, other = bf16.beyond(emit, even, other, pairs)


@dataclass(frozen=True)
class Place:
    """One vector of one row: its number, which vector, and its offset."""

    row: Index
    vector: int
    at: Index


def sweep(emit: Emitter, first: Index, rows: int) -> Iterator[Place]:
    """Every vector of some rows: a loop, its vectors unrolled."""
    with emit.loop(rows, "n") as n:
        row = emit.let(first + n)
        start = emit.let(row * emit.tile)
        for v in range(emit.vectors):
            yield Place(row, v, start + v * emit.lanes)


def sweep_pairs(
    emit: Emitter, first: Index, rows: int
) -> Iterator[tuple[Index, Place, Place | None]]:
    """(offset of the pair, even row, odd row) of every vector; `first` is even.

    A last row without a neighbour comes with None.
    """
    for start, count, alone in ((0, rows // 2, False), (rows - rows % 2, rows % 2, True)):
        if not count:
            continue
        with emit.loop(count, "n") as n:
            row = emit.let(first + start + n * 2)
            to, at = emit.let((row >> 1) * emit.tile), emit.let(row * emit.tile)
            for v in range(emit.vectors):
                place = v * emit.lanes
                odd = None if alone else Place(row + 1, v, at + emit.tile + place)
                yield to + place, Place(row, v, at + place), odd


def each(
    emit: Emitter, to: Operand | None, first: Index, rows: int, value: Callable[[Place], Vector]
) -> None:
    """Compute value() of every vector; where `to` takes pairs, store them there."""
    if to is None or not to.parts:
        for place in sweep(emit, first, rows):
            value(place)
        return
    for at, even, odd in sweep_pairs(emit, first, rows):
        low = value(even)
        to.store(emit, at, low, None if odd is None else value(odd))


def copy(emit: Emitter, x: Array, to: Operand, rows: int) -> None:
    """Numbers [rows][TA] to pairs."""
    each(emit, to, emit.whole(0), rows, lambda place: x.load(place.at))


@dataclass(frozen=True)
class Activation:
    """y = act(z) idt + shortcut and q = act'(z) idt, or u = gradient q; y may be z.

    `bias` is added to z first, where the product did not. y goes to `operand` too, and the
    u of the last layer to `u`, where they take pairs.
    """

    emit: Emitter
    layer: Layer
    x: Array
    idt: Array
    bias: Array | None
    z: Array
    y: Array
    operand: Operand | None
    q: Array | None
    gradient: Gradient | None
    u: Operand

    def rows(self, first: Index, count: int) -> None:
        """Rows first .. first+count-1."""
        if self.q is None or self.gradient is None or not self.u.parts:
            each(self.emit, self.operand, first, count, lambda place: self._value(place)[0])
            return
        each(self.emit, self.u, first, count, lambda place: self._value(place)[1])

    def _value(self, place: Place) -> tuple[Vector, Vector]:
        """y and what backward needs, both stored."""
        emit, layer, at = self.emit, self.layer, place.at
        z = self.z.load(at)
        if self.bias:
            z = emit.let(z + self.bias.splat(place.row))
        value, slope = ACTIVATIONS[layer.activation](emit, z)
        if layer.timestep:
            step = self.idt.splat(place.row)
            value, slope = value * step, slope * step
        if layer.resnet == "same":
            value = value + self.x.load(at)
        elif layer.resnet == "double":
            row = emit.wrap(place.row, layer.inputs)
            value = value + self.x.load(row * emit.tile + place.vector * emit.lanes)
        value = emit.let(value)
        self.y.store(at, value)
        if self.q and self.gradient:
            slope = emit.let(self.gradient(place.row, place.vector) * slope)
        if self.q and not (self.gradient and self.u.parts):
            self.q.store(at, slope)
        return value, slope


@dataclass(frozen=True)
class Slope:
    """u = g q of the layer below, in the place of q or to pairs; g += carry where given."""

    emit: Emitter
    carry: gemm.Start | None
    g: Array
    q: Array | None
    u: Operand | None

    def rows(self, first: Index, count: int) -> None:
        """Rows first .. first+count-1."""
        if self.carry or self.q:
            each(self.emit, self.u, first, count, self._value)

    def _value(self, place: Place) -> Vector:
        g = self.g.load(place.at)
        if self.carry:
            g = self.emit.let(g + self.carry(place.row)[place.vector])
            self.g.store(place.at, g)
        if self.q is None or self.u is None:
            return g
        u = self.emit.let(g * self.q.load(place.at))
        if not self.u.parts:
            self.q.store(place.at, u)
        return u


def reader(emit: Emitter, g: Array) -> Gradient:
    """The rows of an array as a gradient."""
    return lambda n, v: g.load(n * emit.tile + v * emit.lanes)
