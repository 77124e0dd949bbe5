"""The fitting net of one type as a list of layers for hls4ml, forward and backward.

Every rounding of docs/explain/fixed-point.md, section 6, is the type of one layer's result; all
that is between two of them is exact. So the layers give the circuit's integers, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dpc.backends.fpga.hls.units import ROW, WEIGHT_FRAC, Fixed, Units
from dpc.ir.fixed.shape import (
    C_BITS,
    DATA_BITS,
    OUT_BITS,
    ROW_BITS,
    SUM_BITS,
    T_BITS,
    Z_BITS,
    Contents,
)
from dpc.ir.types import NumpyArray

GUARD = 2  # partial sums may be larger than sums
NONE = "ap_uint<1>"  # of biases that are zero

INPUT, ENERGY, SLOPE = "descriptor", "energy", "slope"


@dataclass
class Layers:
    """A list for hls4ml, the types of its layers by name, and the units of its ends."""

    units: Units
    layers: list[dict[str, Any]] = field(default_factory=list)
    types: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, kind: str, name: str, inputs: list[str], types: Any, **attributes: Any) -> str:
        """One more layer; its name."""
        self.layers.append({"class_name": kind, "name": name, "inputs": inputs, **attributes})
        self.types[name] = {key: str(value) for key, value in types.items()}
        return name

    def dense(
        self, name: str, source: str, frac: int, weight: NumpyArray, kind: Fixed,
        bias: NumpyArray | None = None, result: Fixed | None = None,
    ) -> str:  # fmt: skip
        """x W + bias; `frac`: fraction bits of x. Exact without a result type."""
        total = Fixed(SUM_BITS + GUARD, frac + kind.frac)
        summed = NONE if bias is None else Fixed(SUM_BITS, total.frac)
        return self.add(
            "Dense", name, [source],
            {"weight": kind, "accum": total, "result": result or total, "bias": summed},
            n_in=weight.shape[0], n_out=weight.shape[1], weight_data=_real(weight, kind.frac),
            bias_data=None if bias is None else _real(bias, total.frac),
        )  # fmt: skip

    def scale(
        self, name: str, source: str, scale: NumpyArray, kind: Fixed, result: Fixed,
        bias: NumpyArray | None = None,
    ) -> str:  # fmt: skip
        """x scale + bias, then rounded."""
        zero = np.zeros(len(scale))
        return self.add(
            "Rescale", name, [source],
            {"scale": kind, "bias": NONE if bias is None else result, "result": result},
            scale_data=scale, bias_data=zero if bias is None else bias,
        )  # fmt: skip

    def powers(self, name: str, source: str, exponent: NumpyArray, result: Fixed) -> str:
        """x times a power of two for every column, then rounded."""
        low, high = int(min(0, exponent.min())), int(max(0, exponent.max()))
        return self.scale(name, source, np.exp2(exponent), Fixed(high - low + 2, -low), result)

    def merge(self, name: str, how: str, inputs: list[str], result: Fixed) -> str:
        """Sum or product of two vectors, then rounded."""
        return self.add("Merge", name, inputs, {"result": result}, op=how)


def fitting_layers(m: Contents, t: int) -> Layers:
    """Energy and dE/dD of atoms of type t."""
    net = Layers(Units.of(m))
    u = net.units
    net.add("InputLayer", INPUT, [], {"result": Fixed(DATA_BITS, u.d)},
            input_shape=[m.shape.products])  # fmt: skip
    x, slopes = INPUT, []
    for k in range(len(m.layers)):
        x, slope = _forward(net, m, t, k, x)
        slopes.append(slope)
    net.dense(
        ENERGY, x, u.a, m.head[t][:, None], Fixed(m.shape.weight_bits[-1], u.head),
        m.head_bias[t : t + 1], Fixed(OUT_BITS, u.energy, rounded=True),
    )  # fmt: skip
    back = ""
    for k in reversed(range(len(m.layers))):
        back = _backward(net, m, t, k, back, slopes[k])
    return net


def _forward(net: Layers, m: Contents, t: int, k: int, x: str) -> tuple[str, str]:
    """Names of the activations of layer k and of their slopes."""
    layer, shape, u = m.layers[k], m.shape, net.units
    here = u.d if k == 0 else u.a
    weights, cut, source = Fixed(shape.weight_bits[k], WEIGHT_FRAC), _cut(m, k), x
    if cut:
        short = Fixed(DATA_BITS - cut, here - cut, rounded=True)
        source = net.scale(f"p{k}", x, np.ones(layer.weight.shape[1]), Fixed(2, 0), short)
    z = net.dense(f"sum{k}", source, here, layer.weight[t], weights, layer.bias[t])
    exponent = here + WEIGHT_FRAC - u.z - layer.z_shift[t]
    z = net.powers(f"z{k}", z, exponent, Fixed(Z_BITS, u.z, rounded=True))
    frac = shape.act_frac
    value, slope = Fixed(C_BITS, frac[0]), Fixed(C_BITS, frac[1] - ROW)
    net.add(
        "CubicTable", f"act{k}", [z],
        {"table": f"ap_int<{C_BITS}>", "value": value, "slope": slope, "result": value},
        outputs=[f"f{k}", f"s{k}"], table_data=m.act.astype(np.float64).ravel(),
        shifts=tuple(T_BITS + frac[d] - frac[d - 1] for d in (1, 2, 3)),
    )  # fmt: skip
    idt, kind = _real(layer.idt[t], u.idt[k]), Fixed(ROW_BITS, u.idt[k])
    y, data = f"y{k}", Fixed(DATA_BITS, u.a, rounded=True)
    net.scale(y, f"f{k}", idt, kind, data)
    slopes = net.scale(f"g{k}", f"s{k}", idt, kind, Fixed(ROW_BITS, u.slope[k], rounded=True))
    return net.merge(f"a{k}", "add", [y, x], data) if shape.resnet[k] else y, slopes


def _backward(net: Layers, m: Contents, t: int, k: int, back: str, slope: str) -> str:
    """The name of dE/dx of layer k; `back`: of dE/da of its output, "" behind the last layer."""
    layer, u = m.layers[k], net.units
    out = u.dd if k == 0 else u.back
    shifts: Any = m.shift["back"]
    frac = out + shifts[k] - WEIGHT_FRAC  # of the adjoint of z
    exponent = u.back + u.slope[k] - frac - layer.back_shift[t]
    cut = _cut(m, k)
    name, kind = f"dz{k}", Fixed(DATA_BITS - cut, frac - cut, rounded=True)
    head = _real(m.head_back[t], u.back)
    if back:
        exact = Fixed(DATA_BITS + ROW_BITS, u.back + u.slope[k])
        product = net.merge(f"{name}_product", "multiply", [back, slope], exact)
        dz = net.powers(name, product, exponent, kind)
    else:
        low = int(exponent.min())
        wide = Fixed(DATA_BITS + int(exponent.max()) - low, u.back - low)
        dz = net.scale(name, slope, head * np.exp2(exponent), wide, kind)
    result = Fixed(DATA_BITS, out, rounded=True)
    last = SLOPE if k == 0 else f"da{k - 1}"
    sums = f"through{k}" if m.shape.resnet[k] else last
    weights = Fixed(m.shape.weight_bits[k], WEIGHT_FRAC)
    net.dense(sums, dz, kind.frac, layer.weight[t].T, weights, result=result)
    if not m.shape.resnet[k]:
        return last
    if not back:  # a constant: 0 x + head
        zero, none = np.zeros(len(head)), Fixed(2, 0)
        back = net.scale(f"da{k}", slope, zero, none, Fixed(DATA_BITS, u.back), head)
    return net.merge(last, "add", [sums, back], result)


def _cut(m: Contents, k: int) -> int:
    """Bits that layer k leaves out of what it multiplies with its weights, if these are short."""
    return int(np.asarray(m.shift["cut"])) if m.shape.packed[k] else 0


def _real(x: NumpyArray, frac: int) -> NumpyArray:
    """The number that an integer stands for: exact."""
    return np.asarray(x * 2.0**-frac, np.float64)
