"""Frame and atom parameters, normalized, into the lanes of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpc.backends.cpu import embedding
from dpc.backends.host.plan import Plan
from dpc.errors import InputError
from dpc.ir.op import Op, Value


@dataclass(frozen=True)
class Parameters:
    """Frame or atom parameters that nobody has written yet: C expressions."""

    values: str
    average: str
    inverse: str
    per_atom: bool


def normalize(plan: Plan, op: Any) -> None:
    """(x - avg) inv_std of frame or atom parameters; see `_parameters`."""
    store = plan.program.store
    average = plan.tensor(op.avg.name, store[op.avg.name], embedding.address(op.avg.name))
    inverse = plan.tensor(
        op.inv_std.name, store[op.inv_std.name], embedding.address(op.inv_std.name)
    )
    given = Parameters(plan.at(op.x), average, inverse, per_atom=op.x.type.rank > 1)
    if op.out in plan.values:
        _parameters(plan, op, op.out, given)
    else:  # waits for broadcast_atoms or cast
        plan.values[op.out] = given


def broadcast_atoms(plan: Plan, op: Any) -> None:
    """The frame's parameters for every lane."""
    _parameters(plan, op, op.out, plan.at(op.x))


def cast(plan: Plan, op: Any) -> None:
    """To the number format of the nets, as they are written."""
    given = plan.at(op.a)
    if given.per_atom:
        _parameters(plan, op, op.out, given)
    else:
        plan.values[op.out] = given


def _parameters(plan: Plan, op: Op, result: Value, given: Any) -> None:
    """Write normalized parameters into every lane."""
    if not isinstance(given, Parameters):
        raise InputError(f"{plan.text[op]}: only normalized parameters can be broadcast")
    width = int(result.dims[-1])
    to = plan.lanes(result, "aparam" if given.per_atom else "fparam", width)
    plan.header("parameters.h")
    head = "dpc_atom_parameters(tile, " if given.per_atom else "dpc_frame_parameters("
    code = [
        f"{head}{given.values}, {given.average},",
        f"    {given.inverse}, {width}, lanes, {to.pointer});",
    ]
    plan.stage(op, code, {to.buffer})
