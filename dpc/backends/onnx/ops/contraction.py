"""From rows of neighbours to one descriptor for each atom, and back."""

from __future__ import annotations

import numpy as np

from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.tensor import Tensor
from dpc.ir.ops import contraction


@emitter("contract")
def contract(e: Emission, op: contraction.Contract) -> Tensor:
    return e(op.env).transpose(0, 2, 1) @ e(op.g) * op.scale


@emitter("contract_vjp_env")
def contract_vjp_env(e: Emission, op: contraction.ContractVjpEnv) -> Tensor:
    return e(op.g) @ (e(op.d) * op.scale).transpose(0, 2, 1)


@emitter("contract_vjp_g")
def contract_vjp_g(e: Emission, op: contraction.ContractVjpG) -> Tensor:
    return e(op.env) @ (e(op.d) * op.scale)


@emitter("outer")
def outer(e: Emission, op: contraction.Outer) -> Tensor:
    x, width = e(op.x), int(op.x.dims[2])
    full = x.transpose(0, 2, 1) @ x.slice(2, 0, op.axis_neuron)
    columns = full.reshape(0, width * op.axis_neuron)
    if not op.symmetric:
        return columns
    m, a = contraction.outer_pairs(width, op.axis_neuron, True)
    return columns.gather(e.array(m * op.axis_neuron + a, "pairs"), axis=1)


@emitter("outer_vjp")
def outer_vjp(e: Emission, op: contraction.OuterVjp) -> Tensor:
    x, d, width, axis = e(op.x), e(op.d), int(op.x.dims[2]), op.axis_neuron
    if op.symmetric:  # components that are left out read a column of zeros behind the others
        m, a = contraction.outer_pairs(width, axis, True)
        place = np.full(width * axis, len(m))
        place[m * axis + a] = np.arange(len(m))
        d = d.pad(1, 0, 1).gather(e.array(place, "places"), axis=1)
    full = d.reshape(0, width, axis)
    dx = x.slice(2, 0, axis) @ full.transpose(0, 2, 1)
    return dx + (x @ full).pad(2, 0, width - axis)
