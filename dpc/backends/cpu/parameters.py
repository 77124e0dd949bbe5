"""Frame and atom parameters, normalized, into the lanes of a tile."""

from __future__ import annotations

from dpc.backends.cpu import embedding
from dpc.backends.host.parameters import ParameterOps, Parameters
from dpc.backends.host.plan import Plan
from dpc.ir.op import Op, Value


def _tensor(plan: Plan, name: str) -> str:
    return plan.tensor(name, plan.program.store[name], embedding.address(name))


def _write(plan: Plan, op: Op, result: Value, given: Parameters) -> None:
    """Write normalized parameters into every lane."""
    width = int(result.dims[-1])
    to = plan.lanes(result, "aparam" if given.per_atom else "fparam", width)
    plan.header("parameters.h")
    head = "dpc_atom_parameters(tile, " if given.per_atom else "dpc_frame_parameters("
    code = [
        f"{head}{given.values}, {given.average},",
        f"    {given.inverse}, {width}, lanes, {to.pointer});",
    ]
    plan.stage(op, code, {to.buffer})


OPS = ParameterOps(_tensor, _write)
