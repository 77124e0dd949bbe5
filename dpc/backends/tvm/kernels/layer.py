"""What a dense layer is, where its numbers lie in a packed net, and what scratch it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dpc.backends.tvm.kernels import bf16, gemm
from dpc.backends.tvm.kernels.activation import require_activation
from dpc.backends.tvm.kernels.spec import aligned, round_up
from dpc.errors import InputError

Resnet = Literal["none", "same", "double"]


@dataclass(frozen=True)
class Layer:
    """One dense layer: sizes, activation, shortcut, and whether it has a timestep (idt).

    With `bf16` the operands of its products, forward and backward, are rounded to bfloat16;
    everything else stays float32.
    """

    inputs: int
    outputs: int
    activation: str = "tanh"
    resnet: Resnet = "none"
    timestep: bool = False
    bf16: bool = False

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
class Places:
    """Offsets of one layer's numbers in the blob, and where the next layer's begin."""

    weight: int
    back: int  # the weights that the backward product reads
    bias: int
    idt: int
    end: int


@dataclass(frozen=True)
class Blob:
    """Where the numbers of each layer lie in the packed blob: offsets in numbers.

    Of every layer in turn: W packed [ceil(N/8)][K][8], b [ceil8(N)], idt [ceil8(N)]. Of a
    bf16 layer W is there twice, in pairs: [ceil(N/8)][ceil(K/2)][8] for forward, and its
    transpose [ceil(K/8)][ceil(N/2)][8] for backward. Every part starts at a multiple of 64
    bytes.
    """

    layers: tuple[Layer, ...]
    dtype: str

    def places(self) -> list[Places]:
        """Of every layer."""
        found, at = [], 0
        for layer in self.layers:
            weight = back = at
            inputs, outputs = layer.inputs, layer.outputs
            if layer.bf16:
                back = weight + aligned(gemm.packed_size(-(-inputs // 2), outputs), self.dtype)
                bias = back + aligned(gemm.packed_size(-(-outputs // 2), inputs), self.dtype)
            else:
                bias = weight + aligned(gemm.packed_size(inputs, outputs), self.dtype)
            idt = bias + aligned(layer.padded, self.dtype)
            at = idt + (aligned(layer.padded, self.dtype) if layer.timestep else 0)
            found.append(Places(weight, back, bias, idt, at))
        return found

    def size(self) -> int:
        """Numbers in the blob."""
        return self.places()[-1].end

    def pack(self, tensors: Mapping[str, np.ndarray], where: str) -> np.ndarray:
        """The blob of `{layer}.weight` [in, out], `{layer}.bias` [out], `{layer}.idt` [out].

        A missing bias is zero; idt must be there exactly where the layer has a timestep.
        """
        blob = np.zeros(self.size(), self.dtype)
        for number, (layer, places) in enumerate(zip(self.layers, self.places(), strict=True)):
            numbers = dict(_numbers(number, layer, tensors, where))
            for at, part in _parts(layer, places, numbers):
                blob[at : at + part.size] = part.astype(self.dtype, copy=False)
        return blob


def _numbers(
    number: int, layer: Layer, tensors: Mapping[str, np.ndarray], where: str
) -> Iterator[tuple[str, np.ndarray]]:
    """The checked tensors of a layer by kind."""
    shapes: dict[str, tuple[int, ...]] = {
        "weight": (layer.inputs, layer.outputs),
        "bias": (layer.outputs,),
    }
    if layer.timestep:
        shapes["idt"] = (layer.outputs,)
    elif f"{number}.idt" in tensors:
        raise InputError(f"{where}: {number}.idt is given, but layer {number} has no timestep")
    for kind, shape in shapes.items():
        name = f"{number}.{kind}"
        if name not in tensors:
            if kind == "bias":
                continue
            raise InputError(f"{where}: tensor {name} is missing; it needs shape {shape}")
        found = np.asarray(tensors[name])
        if kind != "weight" and found.size == layer.outputs:
            found = found.reshape(-1)  # [1, out] is the same
        if found.shape != shape:
            raise InputError(f"{where}: tensor {name} has shape {found.shape}, but must be {shape}")
        yield kind, found


def _parts(
    layer: Layer, places: Places, numbers: Mapping[str, np.ndarray]
) -> Iterator[tuple[int, np.ndarray]]:
    """Offset and numbers of each part of a layer's blob."""
    weight = numbers["weight"]
    if layer.bf16:
        yield places.weight, gemm.pack_weights(bf16.pack_pairs(weight))
        yield places.back, gemm.pack_weights(bf16.pack_pairs(weight.T))
    else:
        yield places.weight, gemm.pack_weights(weight)
    if "bias" in numbers:
        yield places.bias, numbers["bias"]
    if "idt" in numbers:
        yield places.idt, numbers["idt"]


@dataclass(frozen=True)
class Scratch:
    """Rows of [TA] that a pass over the layers needs in `work`.

    Two buffers as high as the widest layer take turns as y of one layer and z of the next;
    after forward the first one is g. Two more take turns as the bf16 pairs of y. q of every
    layer is kept from forward to backward, where u takes its place.
    """

    layers: tuple[Layer, ...]
    gradient: bool

    @property
    def widest(self) -> int:
        """Rows of the widest layer's output."""
        return max((layer.padded for layer in self.layers), default=0)

    @property
    def pairs(self) -> int:
        """Rows of the widest bf16 input, in pairs."""
        return max((-(-layer.inputs // 2) for layer in self.layers if layer.bf16), default=0)

    def rows(self) -> int:
        """All rows together."""
        return self.slope_row(len(self.layers) if self.gradient else 0)

    def pair_row(self, number: int) -> int:
        """The first row of the pairs that a bf16 layer reads."""
        return 2 * self.widest + self.pairs * (number % 2)

    def slope_row(self, number: int) -> int:
        """The first row of q of a layer."""
        before = sum(layer.padded for layer in self.layers[:number])
        return 2 * (self.widest + self.pairs) + before
