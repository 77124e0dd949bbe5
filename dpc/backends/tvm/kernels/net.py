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

from collections.abc import Sequence
from dataclasses import dataclass

from dpc.backends.tvm.kernels import amx, gemm
from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.layer import Layer, Places, Scratch
from dpc.backends.tvm.kernels.rows import Activation, Gradient, Operand, Slope, copy, reader
from dpc.backends.tvm.tuning import Tuning


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
            operand = self._inputs(number, x)
            if number == 0 and layer.parts:
                copy(self.emit, x, operand, layer.inputs)
            z = self._values(number)
            y = result if number == final and result is not None else z
            bias = self.w.part(places.bias)
            step = Activation(
                emit=self.emit,
                layer=layer,
                x=x,
                idt=self.w.part(places.idt),
                bias=bias if layer.on_amx else None,
                z=z,
                y=y,
                operand=None if number == final else self._inputs(number + 1, y),
                q=self._slopes(number) if gradient else None,
                gradient=gradient if number == final else None,
                u=self._outputs(number),
            )

            def start(row: Index, bias: Array = bias) -> list[Vector]:
                return [bias.splat(row)] * self.emit.vectors

            w = self.w.part(places.weight)
            self._product(layer, operand, w, z, layer.inputs, layer.outputs, start, step.rows)
            x = y
        return x

    def backward(self, gradient: Gradient, dx: Array) -> None:
        """dx [inputs of layer 0][TA]; call it after `forward` with the same gradient."""
        for number in reversed(range(len(self.layers))):
            layer, places = self.layers[number], self.places[number]
            g = self._values(number) if number else dx
            carry = _carry(layer, gradient, self.emit.vectors)
            below = number - 1
            step = Slope(
                emit=self.emit,
                carry=carry if layer.on_amx else None,
                g=g,
                q=self._slopes(below) if number else None,
                u=self._outputs(below) if number else None,
            )
            w, u = self.w.part(places.back), self._outputs(number)
            if layer.parts:
                self._product(layer, u, w, g, layer.outputs, layer.inputs, carry, step.rows)
            else:
                sizes = (layer.inputs, layer.outputs)
                gemm.backward(self.emit, self.tuning, u.array, w, g, *sizes, carry, step.rows)
            gradient = reader(self.emit, g)

    def _product(
        self,
        layer: Layer,
        x: Operand,
        w: Array,
        z: Array,
        inputs: int,
        outputs: int,
        start: gemm.Start | None,
        after: gemm.After,
    ) -> None:
        """z = start + W x as the layer computes products; on AMX `after` must add start."""
        if layer.on_amx:
            amx.product(self.emit, self.tuning, x.arrays(self.emit), w, z, inputs, outputs, after)
            return
        kind = gemm.PAIRS if layer.parts else gemm.NUMBERS
        features = -(-inputs // 2) if layer.parts else inputs
        common = (self.emit, self.tuning, x.array, w, z)
        gemm.product(*common, features, outputs, start, after, kind)

    def _inputs(self, number: int, x: Array) -> Operand:
        """What the product of a layer reads: x, or pairs of it."""
        layer = self.layers[number]
        if not layer.parts:
            return Operand(x)
        pairs = self._rows(self.scratch.pair_row(number))
        return Operand(pairs, layer.parts, layer.pair_rows(layer.inputs))

    def _outputs(self, number: int) -> Operand:
        """What the backward product of a layer reads: u, or pairs of it."""
        layer = self.layers[number]
        if not layer.parts:
            return Operand(self._slopes(number))
        pairs = self._rows(self.scratch.pair_row(number + 1))
        return Operand(pairs, layer.parts, layer.pair_rows(layer.outputs))

    def _values(self, number: int) -> Array:
        """z and y of a layer; backward, dE/dx of it."""
        return self._rows(self.scratch.widest * (number % 2))

    def _slopes(self, number: int) -> Array:
        """q of a layer, later its u."""
        return self._rows(self.scratch.slope_row(number))

    def _rows(self, row: int) -> Array:
        return self.work.part(row * self.emit.tile)


def _carry(layer: Layer, gradient: Gradient, vectors: int) -> gemm.Start | None:
    """What the shortcut of a layer adds to the gradient of its input, row by row."""
    if layer.resnet == "none":
        return None
    if layer.resnet == "same":
        return lambda k: [gradient(k, v) for v in range(vectors)]
    return lambda k: [gradient(k, v) + gradient(layer.inputs + k, v) for v in range(vectors)]
