"""Dense layers of one tile, forward and backward; shared by `gradient` and `mlp`.

One layer maps x [K] to y [N]:

    z = x W + b;   y = act(z) * idt + x        (resnet "same", N = K)
                   y = act(z) * idt + [x, x]   (resnet "double", N = 2 K)
                   y = act(z) * idt            (resnet "none")

and backward, with g = dE/dy and q = act'(z) idt kept from forward:

    u = g q;   dE/dx[k] = sum_n W[k, n] u[n] + g[k] + g[K + k]   (where there is a resnet)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dpc.backends.tvm.kernels import gemm
from dpc.backends.tvm.kernels.activation import ACTIVATIONS, require_activation
from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.spec import aligned, round_up
from dpc.errors import InputError

Resnet = Literal["none", "same", "double"]


@dataclass(frozen=True)
class Layer:
    """One dense layer: sizes, activation, shortcut, and whether it has a timestep (idt)."""

    inputs: int
    outputs: int
    activation: str = "tanh"
    resnet: Resnet = "none"
    timestep: bool = False

    def __post_init__(self) -> None:
        where = f"layer {self.inputs} > {self.outputs}"
        require_activation(self.activation, where)
        if self.inputs < 1 or self.outputs < 1:
            raise InputError(f"{where}: a layer needs at least one input and one output")
        wanted = {"none": self.outputs, "same": self.inputs, "double": 2 * self.inputs}
        if self.resnet not in wanted:
            raise InputError(f"{where}: resnet is {self.resnet!r}, but must be one of {[*wanted]}")
        if wanted[self.resnet] != self.outputs:
            raise InputError(f"{where}: resnet {self.resnet!r} needs {wanted[self.resnet]} outputs")

    @property
    def padded(self) -> int:
        """Outputs up to a whole block: rows of z."""
        return round_up(self.outputs, gemm.BLOCK)


def require_chain(layers: Sequence[Layer], where: str) -> None:
    """Refuse layers whose sizes do not follow each other."""
    for number, (before, after) in enumerate(zip(layers, layers[1:], strict=False)):
        if before.outputs != after.inputs:
            raise InputError(
                f"{where}: layer {number + 1} takes {after.inputs} inputs, but layer {number} "
                f"gives {before.outputs}"
            )


@dataclass(frozen=True)
class Blob:
    """Where the numbers of each layer lie in the packed blob: offsets in numbers.

    Of every layer in turn: W packed [ceil(N/8)][K][8], b [ceil8(N)], idt [ceil8(N)].
    Every part starts at a multiple of 64 bytes.
    """

    layers: tuple[Layer, ...]
    dtype: str

    def offsets(self) -> list[tuple[int, int, int]]:
        """(weight, bias, idt) of every layer."""
        found, at = [], 0
        for layer in self.layers:
            weight = at
            bias = weight + aligned(gemm.packed_size(layer.inputs, layer.outputs), self.dtype)
            idt = bias + aligned(layer.padded, self.dtype)
            at = idt + (aligned(layer.padded, self.dtype) if layer.timestep else 0)
            found.append((weight, bias, idt))
        return found

    def size(self) -> int:
        """Numbers in the blob."""
        last = self.layers[-1]
        idt = self.offsets()[-1][2]
        return idt + (aligned(last.padded, self.dtype) if last.timestep else 0)

    def pack(self, tensors: Mapping[str, np.ndarray], where: str) -> np.ndarray:
        """The blob of `{layer}.weight` [in, out], `{layer}.bias` [out], `{layer}.idt` [out].

        A missing bias is zero; idt must be there exactly where the layer has a timestep.
        """
        blob = np.zeros(self.size(), self.dtype)
        for number, (layer, offsets) in enumerate(zip(self.layers, self.offsets(), strict=True)):
            shapes = {"weight": (layer.inputs, layer.outputs), "bias": (layer.outputs,)}
            if layer.timestep:
                shapes["idt"] = (layer.outputs,)
            elif f"{number}.idt" in tensors:
                raise InputError(
                    f"{where}: {number}.idt is given, but layer {number} has no timestep"
                )
            for (kind, shape), at in zip(shapes.items(), offsets, strict=False):
                name = f"{number}.{kind}"
                if name not in tensors:
                    if kind == "bias":
                        continue
                    raise InputError(f"{where}: tensor {name} is missing; it needs shape {shape}")
                numbers = np.asarray(tensors[name], self.dtype)
                if kind != "weight" and numbers.size == layer.outputs:
                    numbers = numbers.reshape(-1)  # [1, out] is the same
                if numbers.shape != shape:
                    raise InputError(
                        f"{where}: tensor {name} has shape {numbers.shape}, but must be {shape}"
                    )
                flat = gemm.pack_weights(numbers) if kind == "weight" else numbers
                blob[at : at + flat.size] = flat
        return blob


@dataclass(frozen=True)
class Scratch:
    """Rows of [TA] that a pass over the layers needs in `work`.

    Two buffers `a` and `b` as high as the widest layer take turns as y of one layer and z
    of the next, and after forward as g and u; q of every layer is kept from forward to
    backward.
    """

    layers: tuple[Layer, ...]
    gradient: bool

    @property
    def widest(self) -> int:
        """Rows of the widest layer's output."""
        return max((layer.padded for layer in self.layers), default=0)

    def rows(self) -> int:
        """All rows together."""
        slopes = sum(layer.padded for layer in self.layers) if self.gradient else 0
        return 2 * self.widest + slopes

    def slope_row(self, number: int) -> int:
        """The first row of q of a layer."""
        return 2 * self.widest + sum(layer.padded for layer in self.layers[:number])


@dataclass(frozen=True)
class Net:
    """The layers with the arrays they work on."""

    emit: Emitter
    layers: tuple[Layer, ...]
    w: Array
    offsets: Sequence[tuple[int, int, int]]
    work: Array
    scratch: Scratch

    def forward(self, x: Array, result: Array | None = None) -> Array:
        """y of the last layer, in `result` [outputs][TA] or in work."""
        emit = self.emit
        for number, (layer, offsets) in enumerate(zip(self.layers, self.offsets, strict=True)):
            weight, bias, idt = (self.w.part(at) for at in offsets)
            z = self._rows(self.scratch.widest * (number % 2))
            gemm.forward(emit, x, weight, bias, z, layer.inputs, layer.outputs)
            last = number == len(self.layers) - 1
            y = result if last and result is not None else z
            q = self._rows(self.scratch.slope_row(number)) if self.scratch.gradient else None
            self._activate(layer, z, x, idt, y, q)
            x = y
        return x

    def backward(self, last: Callable[[Index, int], Vector], dx: Array) -> None:
        """dx [inputs of layer 0][TA]; last(n, v) is dE/dy of the last layer, row n, vector v.

        Call it after `forward`, whose q it reads.
        """
        emit = self.emit
        gradient = last
        u = self._rows(self.scratch.widest)
        for number in reversed(range(len(self.layers))):
            layer, (weight, _, _) = self.layers[number], self.offsets[number]
            q = self._rows(self.scratch.slope_row(number))
            for n, v, at in self._sweep(layer.outputs):
                u.store(at, gradient(n, v) * q.load(at))
            g = dx if number == 0 else self._rows(0)
            carry = _carry(layer, gradient, emit.target.vectors)
            gemm.backward(emit, u, self.w.part(weight), g, layer.inputs, layer.outputs, carry)
            gradient = self._reader(g)

    def _activate(
        self, layer: Layer, z: Array, x: Array, idt: Array, y: Array, q: Array | None
    ) -> None:
        """y = act(z) idt + shortcut and q = act'(z) idt; y may be z."""
        emit = self.emit
        for n, _, at in self._sweep(layer.outputs):
            value, slope = ACTIVATIONS[layer.activation](emit, z.load(at))
            if layer.timestep:
                step = idt.splat(n)
                value, slope = value * step, slope * step
            if layer.resnet == "same":
                value = value + x.load(at)
            y.store(at, value)
            if q is not None:
                q.store(at, slope)
        if layer.resnet == "double":
            for _, _, at in self._sweep(layer.inputs):
                for half in (0, layer.inputs * emit.tile):
                    y.store(at + half, y.load(at + half) + x.load(at))

    def _sweep(self, rows: int) -> Iterator[tuple[Index, int, Index]]:
        """(row, vector, offset) of every vector of `rows` rows: a loop, its vectors unrolled."""
        emit = self.emit
        with emit.loop(rows, "n") as n:
            start = emit.let(n * emit.tile)
            for v in range(emit.target.vectors):
                yield n, v, start + v * emit.lanes

    def _rows(self, row: int) -> Array:
        return self.work.part(row * self.emit.tile)

    def _reader(self, g: Array) -> Callable[[Index, int], Vector]:
        emit = self.emit
        return lambda n, v: g.load(n * emit.tile + v * emit.lanes)


def _carry(
    layer: Layer, gradient: Callable[[Index, int], Vector], vectors: int
) -> Callable[[Index], Sequence[Vector]] | None:
    """What the shortcut of a layer adds to the gradient of its input, row by row."""
    if layer.resnet == "none":
        return None
    if layer.resnet == "same":
        return lambda k: [gradient(k, v) for v in range(vectors)]
    return lambda k: [gradient(k, v) + gradient(layer.inputs + k, v) for v in range(vectors)]
