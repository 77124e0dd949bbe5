"""Dense layers of one tile, forward and backward; shared by `gradient` and `mlp`.

One layer maps x [K] to y [N]:

    z = x W + b;   y = act(z) * idt + x        (resnet "same", N = K)
                   y = act(z) * idt + [x, x]   (resnet "double", N = 2 K)
                   y = act(z) * idt            (resnet "none")

and backward, with g = dE/dy and q = act'(z) idt kept from forward:

    u = g q;   dE/dx[k] = sum_n W[k, n] u[n] + g[k] + g[K + k]   (where there is a resnet)

Activations, and products with q, follow each group of rows of a matrix product at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dpc.backends.tvm.kernels import bf16, gemm
from dpc.backends.tvm.kernels.activation import ACTIVATIONS
from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.layer import Layer, Places, Scratch
from dpc.backends.tvm.tuning import Tuning

Gradient = Callable[[Index, int], Vector]
"""dE/dy of a row n and a vector v of the tile."""


@dataclass(frozen=True)
class Net:
    """The layers with the arrays they work on."""

    emit: Emitter
    tuning: Tuning
    layers: tuple[Layer, ...]
    w: Array
    places: Sequence[Places]
    work: Array
    scratch: Scratch

    def forward(
        self, x: Array, result: Array | None = None, gradient: Gradient | None = None
    ) -> Array:
        """y of the last layer, in `result` [outputs][TA] or in work.

        gradient(n, v) is dE/dy of the last layer, row n, vector v: where it is given, what
        `backward` needs is kept.
        """
        final = len(self.layers) - 1
        for number, (layer, places) in enumerate(zip(self.layers, self.places, strict=True)):
            z = self._rows(self.scratch.widest * (number % 2))
            y = result if number == final and result is not None else z
            step = _Activation(
                net=self,
                layer=layer,
                x=x,
                idt=self.w.part(places.idt),
                z=z,
                y=y,
                pairs=self._pairs(number + 1),
                q=self._slopes(number) if gradient else None,
                gradient=gradient if number == final else None,
            )
            gemm.forward(
                self.emit,
                self.tuning,
                self._pairs(number) or x,
                self.w.part(places.weight),
                self.w.part(places.bias),
                z,
                -(-layer.inputs // 2) if layer.bf16 else layer.inputs,
                layer.outputs,
                step.rows,
                gemm.PAIRS if layer.bf16 else gemm.NUMBERS,
            )
            x = y
        return x

    def backward(self, gradient: Gradient, dx: Array) -> None:
        """dx [inputs of layer 0][TA]; call it after `forward` with the same gradient."""
        for number in reversed(range(len(self.layers))):
            layer, places = self.layers[number], self.places[number]
            g = self._rows(0) if number else dx
            common = (self.emit, self.tuning, self._slopes(number), self.w.part(places.back))
            carry = _carry(layer, gradient, self.emit.vectors)
            after = self._times_slope(g, number - 1)
            if layer.bf16:
                pairs = -(-layer.outputs // 2)
                gemm.product(*common, g, pairs, layer.inputs, carry, after, gemm.PAIRS)
            else:
                gemm.backward(*common, g, layer.inputs, layer.outputs, carry, after)
            gradient = self._reader(g)

    def _times_slope(self, g: Array, number: int) -> gemm.After:
        """u = g q of the layer below, in the place of q; as pairs in half of it."""
        if number < 0:
            return lambda first, count: None
        q = self._slopes(number)

        def u(at: Index) -> Vector:
            return self.emit.let(g.load(at) * q.load(at))

        def after(first: Index, count: int) -> None:
            if not self.layers[number].bf16:
                for _, _, at in self.sweep(first, count):
                    q.store(at, u(at))
                return
            for _, _, to, even, odd in self.sweep_pairs(first, count):
                self.store_pair(q, to, u(even), None if odd is None else u(odd))

        return after

    def sweep(self, first: Index, rows: int) -> Iterator[tuple[Index, int, Index]]:
        """(row, vector, offset) of every vector of some rows: a loop, its vectors unrolled."""
        emit = self.emit
        with emit.loop(rows, "n") as n:
            row = emit.let(first + n)
            start = emit.let(row * emit.tile)
            for v in range(emit.vectors):
                yield row, v, start + v * emit.lanes

    def sweep_pairs(
        self, first: Index, rows: int
    ) -> Iterator[tuple[Index, int, Index, Index, Index | None]]:
        """(even row, vector, offset of the pair, of the even row, of the odd row if any)."""
        emit = self.emit
        for start, count, whole in ((0, rows // 2, True), (rows - rows % 2, rows % 2, False)):
            if not count:
                continue
            with emit.loop(count, "n") as n:
                row = emit.let(first + start + n * 2)
                to, even = emit.let((row >> 1) * emit.tile), emit.let(row * emit.tile)
                for v in range(0, emit.tile, emit.lanes):
                    odd = even + emit.tile + v if whole else None
                    yield row, v // emit.lanes, to + v, even + v, odd

    def store_pair(self, to: Array, at: Index, even: Vector, odd: Vector | None) -> None:
        """Write two rows of one vector as bf16; a row that is not there is zero."""
        emit = self.emit
        to.store(at, bf16.pair(emit, even, emit.constant(0.0) if odd is None else odd))

    def _pairs(self, number: int) -> Array | None:
        """Where a layer reads pairs, if it does."""
        if number < len(self.layers) and self.layers[number].bf16:
            return self._rows(self.scratch.pair_row(number))
        return None

    def _slopes(self, number: int) -> Array:
        """q of a layer, later its u."""
        return self._rows(self.scratch.slope_row(number))

    def _rows(self, row: int) -> Array:
        return self.work.part(row * self.emit.tile)

    def _reader(self, g: Array) -> Gradient:
        emit = self.emit
        return lambda n, v: g.load(n * emit.tile + v * emit.lanes)


@dataclass(frozen=True)
class _Activation:
    """y = act(z) idt + shortcut and q = act'(z) idt, or u = gradient q; y may be z."""

    net: Net
    layer: Layer
    x: Array
    idt: Array
    z: Array
    y: Array
    pairs: Array | None  # y once more, for a bf16 layer
    q: Array | None
    gradient: Gradient | None

    def rows(self, first: Index, count: int) -> None:
        """Rows first .. first+count-1, the first one even."""
        net = self.net
        if not (self.pairs or self.layer.bf16):
            for n, v, at in net.sweep(first, count):
                _, slope = self._row(n, v, at)
                if self.q:
                    self.q.store(at, slope)
            return
        for n, v, to, even, odd in net.sweep_pairs(first, count):
            y, slope = self._row(n, v, even)
            y2, slope2 = (None, None) if odd is None else self._row(n + 1, v, odd)
            if self.pairs:
                net.store_pair(self.pairs, to, y, y2)
            if self.q and self.gradient and self.layer.bf16:
                net.store_pair(self.q, to, slope, slope2)
            elif self.q:
                self.q.store(even, slope)
                if odd is not None:
                    self.q.store(odd, slope2)

    def _row(self, n: Index, v: int, at: Index) -> tuple[Vector, Vector]:
        """Store y; y and what to keep for backward."""
        emit, layer = self.net.emit, self.layer
        value, slope = ACTIVATIONS[layer.activation](emit, self.z.load(at))
        if layer.timestep:
            step = self.idt.splat(n)
            value, slope = value * step, slope * step
        if layer.resnet == "same":
            value = value + self.x.load(at)
        elif layer.resnet == "double":
            above = emit.wrap(n, layer.inputs) * emit.tile + v * emit.lanes
            value = value + self.x.load(above)
        value = emit.let(value)
        self.y.store(at, value)
        return value, emit.let(self.gradient(n, v) * slope if self.gradient else slope)


def _carry(layer: Layer, gradient: Gradient, vectors: int) -> gemm.Start | None:
    """What the shortcut of a layer adds to the gradient of its input, row by row."""
    if layer.resnet == "none":
        return None
    if layer.resnet == "same":
        return lambda k: [gradient(k, v) for v in range(vectors)]
    return lambda k: [gradient(k, v) + gradient(layer.inputs + k, v) for v in range(vectors)]
