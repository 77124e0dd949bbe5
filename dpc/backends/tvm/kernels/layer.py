"""What a dense layer is, where its numbers lie in a packed net, and what scratch it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dpc.backends.tvm.kernels import amx, bf16, gemm
from dpc.backends.tvm.kernels.activation import require_activation
from dpc.backends.tvm.kernels.spec import aligned, round_up
from dpc.errors import InputError
from dpc.targets import Target

Resnet = Literal["none", "same", "double"]

Products = Literal["", "bf16", "amx", "amx3"]
"""How products are computed: in the number format of the kernel; on operands rounded to
bfloat16 (AVX-512 BF16, or AMX); on AMX with operands in two parts, in three products, which
give relative errors of 2^-17."""


@dataclass(frozen=True)
class Layer:
    """One dense layer: sizes, activation, shortcut, and whether it has a timestep (idt).

    `products` says how its products, forward and backward, are computed; everything else is
    in the number format of the kernel.
    """

    inputs: int
    outputs: int
    activation: str = "tanh"
    resnet: Resnet = "none"
    timestep: bool = False
    products: Products = ""

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

    @property
    def on_amx(self) -> bool:
        """Whether the products are those of AMX tiles."""
        return self.products.startswith("amx")

    @property
    def parts(self) -> int:
        """bfloat16 that make up one operand; 0 where operands are plain numbers."""
        return {"": 0, "bf16": 1, "amx": 1, "amx3": 2}[self.products]

    def pair_rows(self, features: int) -> int:
        """Rows of one part of `features` operands, in pairs."""
        return round_up(-(-features // 2), amx.ROWS if self.on_amx else 1)

    def packed_size(self, inputs: int, outputs: int) -> int:
        """Numbers in the packed weights [inputs, outputs] of one direction."""
        if self.on_amx:
            return amx.packed_size(inputs, outputs, self.parts)
        return gemm.packed_size(-(-inputs // 2) if self.parts else inputs, outputs)

    def pack(self, weight: np.ndarray) -> np.ndarray:
        """The packed weights of one direction, flat."""
        if self.on_amx:
            return amx.pack_weights(weight, self.parts)
        return gemm.pack_weights(bf16.pack_pairs(weight) if self.parts else weight)


def require_chain(layers: Sequence[Layer], where: str) -> None:
    """Refuse layers whose sizes do not follow each other."""
    for number, (before, after) in enumerate(zip(layers, layers[1:], strict=False)):
        if before.outputs != after.inputs:
            raise InputError(
                f"{where}: layer {number + 1} takes {after.inputs} inputs, but layer {number} "
                f"gives {before.outputs}"
            )


def require_products(layers: Sequence[Layer], target: Target, where: str) -> None:
    """Refuse a target that lacks the instructions of some layer's products."""
    for needs, name, cpus in (
        ("amx", "AMX", "Intel since Sapphire Rapids"),
        ("bf16", "AVX-512 BF16", "Intel since Cooper Lake, AMD since Zen 4"),
    ):
        wanted = any(layer.on_amx if needs == "amx" else layer.parts for layer in layers)
        if wanted and needs not in target.features:
            raise InputError(
                f"{where}: products in bfloat16 need a CPU with {name}, and {target} does not "
                f"promise one. Compile for cpu:x86-64-v4+{needs} ({cpus}), or in f32"
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
    layer with bfloat16 products W is there twice: as forward reads it, for AVX-512 in pairs
    [ceil(N/8)][ceil(K/2)][8], for AMX see `amx`, and its transpose, as backward reads it.
    Every part starts at a multiple of 64 bytes.
    """

    layers: tuple[Layer, ...]
    dtype: str

    def places(self) -> list[Places]:
        """Of every layer."""
        found, at = [], 0
        for layer in self.layers:
            weight = back = at
            inputs, outputs = layer.inputs, layer.outputs
            bias = weight + aligned(layer.packed_size(inputs, outputs), self.dtype)
            if layer.parts:
                back = bias
                bias = back + aligned(layer.packed_size(outputs, inputs), self.dtype)
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
    yield places.weight, layer.pack(numbers["weight"])
    if layer.parts:
        yield places.back, layer.pack(numbers["weight"].T)
    if "bias" in numbers:
        yield places.bias, numbers["bias"]
    if "idt" in numbers:
        yield places.idt, numbers["idt"]


@dataclass(frozen=True)
class Scratch:
    """Rows of [TA] that a pass over the layers needs in `work`.

    Two buffers as high as the widest layer take turns as y of one layer and z of the next,
    and after forward as g. q of every layer is kept from forward to backward, where u takes
    its place. Two more buffers hold pairs of bfloat16: layer l reads its inputs from number
    l modulo 2, and its u from the other one.
    """

    layers: tuple[Layer, ...]
    gradient: bool

    @property
    def widest(self) -> int:
        """Rows of the widest layer's output."""
        return max((layer.padded for layer in self.layers), default=0)

    def rows(self) -> int:
        """All rows together."""
        return self.slope_row(len(self.layers) if self.gradient else 0)

    def pair_row(self, number: int) -> int:
        """The first row of the pairs that a layer reads, forward."""
        return 2 * self.widest + (self._pairs(0) if number % 2 else 0)

    def slope_row(self, number: int) -> int:
        """The first row of q of a layer."""
        before = sum(layer.padded for layer in self.layers[:number])
        return 2 * self.widest + self._pairs(0) + self._pairs(1) + before

    def _pairs(self, buffer: int) -> int:
        """Rows of a buffer of pairs."""
        sizes = [0]
        for number, layer in enumerate(self.layers):
            features = layer.inputs if number % 2 == buffer else layer.outputs
            sizes.append(layer.parts * layer.pair_rows(features))
        return max(sizes)
