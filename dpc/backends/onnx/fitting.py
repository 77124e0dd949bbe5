"""The fitting net of one type of atom, alone: a plain dense net for tools that take those."""

from __future__ import annotations

from typing import NamedTuple

from dpc.backends.onnx.dense import Net
from dpc.backends.onnx.emission import Emission
from dpc.backends.onnx.library import onnx
from dpc.backends.onnx.model import UNITS, finish, value_info
from dpc.errors import InputError, did_you_mean
from dpc.ir.op import Op
from dpc.ir.ops.arith import Cast
from dpc.ir.ops.net import Mlp
from dpc.ir.ops.reduce import Bias
from dpc.ir.ops.types import TypeMask
from dpc.ir.program import Program
from dpc.ir.types import ArrayType

INPUT = (
    "What the fitting net reads of each atom: the descriptor's products sum_c x[c,m] x[c,a], m "
    "slowest (after pass symmetrize each one once), then normalised fparam and aparam, if any."
)


class _Fitting(NamedTuple):
    mlp: Mlp
    bias: float  # eV, of the type


def export_fitting(program: Program, type: str) -> onnx.ModelProto:
    """Input descriptor [n, K], output energy [n, 1] in eV, for atoms of one type.

    The type's own energy is part of the last layer's bias.
    """
    types = program.facts.type_map
    if type not in types:
        hint = did_you_mean(type, types)
        known = " ".join(types)
        raise InputError(f"program {program.name} has no type {type!r}.{hint} It knows {known}")
    k = types.index(type)
    mlp, bias = _find(program, k)
    head = f"{mlp.net.name}.{k}.{len(mlp.net.layers) - 1}.bias"
    numbers = program.store[head]
    store = {**program.store, head: (numbers + bias).astype(numbers.dtype)}
    e = Emission(store)
    e.bind(mlp.x, "descriptor")
    e.output(Net(e, mlp.net, k).forward(e(mlp.x)), "energy")
    kind = mlp.net.dtype
    inputs = [value_info("descriptor", ArrayType(kind, ("n", mlp.net.widths[0])), doc=INPUT)]
    outputs = [value_info("energy", ArrayType(kind, ("n", 1)), doc="Energy of each atom in eV.")]
    facts = {"type": type, "type_map": " ".join(types), "units": UNITS}
    return finish(e, f"{program.name}_fitting_{type}", inputs, outputs, facts)


def _find(program: Program, k: int) -> _Fitting:
    """The fitting net between the descriptor and the energy of atoms of type k."""
    op, bias = program.energy.output("atom_energy").op, 0.0
    while not isinstance(op, Mlp):
        if isinstance(op, Bias):
            bias += float(program.store[op.bias.name][k])
            op = op.e.op
        elif isinstance(op, TypeMask) and k not in op.exclude:
            op = op.a.op
        elif isinstance(op, Cast):
            op = op.a.op
        else:
            raise InputError(_why_not(program, op, k))
    if op.net.index != "atom type" or not op.net.has_head:
        raise InputError(_why_not(program, op, k))
    return _Fitting(op, bias)


def _why_not(program: Program, op: Op, k: int) -> str:
    if isinstance(op, TypeMask):
        what = f"atoms of type {program.facts.type_map[k]} are left out: their energy is 0"
    else:
        what = f"%{op.out.name or op.name} = {op.name} stands between net and energy"
    return f"program {program.name}: no fitting net alone gives the energy: {what}"
