"""A scalar net of a tile of atoms with its gradient: the fitting net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from dpc.backends.tvm.kernels import amx, bf16
from dpc.backends.tvm.kernels.amx import tile_rows
from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.layer import (
    Blob,
    Layer,
    Products,
    Scratch,
    require_chain,
    require_products,
)
from dpc.backends.tvm.kernels.net import Net
from dpc.backends.tvm.kernels.spec import C_TYPES, require_tile
from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import ITEM_BYTES, VECTORS


@dataclass(frozen=True)
class GradientSpec:
    """e = net(d) and dd = de/dd for one tile.

    `layers` runs from K inputs to 1 output; the last one is linear, without shortcut and
    timestep. `bank` names the C function. `first` and `hidden` say how the products of the
    first layer, and of the layers between the first and the last one, are computed, forward
    and backward (see `layer.Products`); sums, activations and the energy stay float32.
    """

    bank: str
    layers: tuple[Layer, ...]
    dtype: str = "float64"
    vectors: int = VECTORS
    hidden: Products = ""
    first: Products = ""

    def __post_init__(self) -> None:
        require_tile(self.dtype, self.vectors)
        where = f"net {self.bank}"
        require_chain(self.layers, where)
        if not self.layers or self.layers[-1] != Layer(self.layers[-1].inputs, 1, "linear"):
            raise InputError(
                f"{where}: the last layer must be linear with one output, no resnet, no timestep"
            )
        for name, products in (("first", self.first), ("hidden", self.hidden)):
            known = get_args(Products)
            if products not in known:
                raise InputError(f"{where}: {name} is {products!r}, but must be one of {known}")
        if (self.first or self.hidden) and (self.dtype != "float32" or len(self.layers) < 2):
            raise InputError(f"{where}: bfloat16 goes with float32 and at least two layers")

    def symbols(self) -> tuple[str, ...]:
        return (f"dpc_gradient_{self.bank}_v{self.vectors}",)

    def prototypes(self) -> tuple[str, ...]:
        """d [K][TA], w the packed blob of one net, e [TA], dd [K][TA], work scratch."""
        c = C_TYPES[self.dtype]
        return (
            f"void {self.symbols()[0]}(const {c} *restrict d, const {c} *restrict w, "
            f"{c} *restrict e, {c} *restrict dd, {c} *restrict work);",
        )

    def pack(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """The blob of one net from `{layer}.weight|bias|idt`."""
        return self._blob().pack(tensors, f"net {self.bank}")

    def pack_bytes(self) -> int:
        """Bytes of one packed net, a multiple of 64."""
        return self._blob().size() * ITEM_BYTES[self.dtype]

    def work_bytes(self, target: Target) -> int:
        row = target.tile_atoms(self.dtype, self.vectors) * ITEM_BYTES[self.dtype]
        return Scratch(self._layers()[:-1], gradient=True).rows() * row

    def functions(self, target: Target, tuning: Tuning) -> tuple[Any, ...]:
        require_products(self._layers(), target, f"net {self.bank}")
        emit = Emitter(self.symbols()[0], target, self.dtype, self.vectors)
        d, w, e, dd, work = (emit.pointer(name) for name in ("d", "w", "e", "dd", "work"))
        layers, places = self._layers(), self._blob().places()
        hidden, head = layers[:-1], layers[-1]
        net = Net(emit, tuning, hidden, w, places[:-1], work, Scratch(hidden, gradient=True))
        last = w.part(places[-1].weight)  # packed [1][inputs][8], of which the first counts

        def gradient(n: Index, v: int) -> Vector:
            return last.splat(n * 8)

        y = net.forward(d, gradient=gradient)
        _dot(emit, y, last, w.part(places[-1].bias), head.inputs, e)
        if hidden:
            net.backward(gradient, dd)
        else:
            with emit.loop(head.inputs, "k") as k:
                for v in range(self.vectors):
                    dd.store(k * emit.tile + v * emit.lanes, last.splat(k * 8))
        return (emit.finish(self._helpers()),)

    def _helpers(self) -> str:
        """LLVM text of the functions that TVM has no words for."""
        layers = [layer for layer in self._layers() if layer.parts]
        tiles = [layer for layer in layers if layer.on_amx]
        rows = {n for layer in tiles for k in (layer.inputs, layer.outputs) for n in tile_rows(k)}
        return (bf16.HELPERS if layers else "") + (amx.helpers(sorted(rows)) if tiles else "")

    def _layers(self) -> tuple[Layer, ...]:
        """The layers with how their products are computed."""
        if len(self.layers) < 2:
            return self.layers
        first, *hidden, head = self.layers
        return (
            replace(first, products=self.first),
            *(replace(layer, products=self.hidden) for layer in hidden),
            head,
        )

    def _blob(self) -> Blob:
        return Blob(self._layers(), self.dtype)


def _dot(emit: Emitter, y: Array, w: Array, bias: Array, inputs: int, e: Array) -> None:
    """e = bias + sum_n w[n] y[n]; a block of outputs would be seven eighths padding."""
    sums = [emit.register("e") for _ in range(emit.vectors)]
    for total in sums:
        total.set(bias.splat(0))
    with emit.loop(inputs, "n") as n:
        weight = w.splat(n * 8)
        for v, total in enumerate(sums):
            total.set(weight * y.load(n * emit.tile + v * emit.lanes) + total.get())
    for v, total in enumerate(sums):
        e.store(v * emit.lanes, total.get())
