"""Frame and atom parameters, normalized, as columns of the descriptor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpc.backends.gpu.fitting import per_thread
from dpc.backends.gpu.plan import Plan
from dpc.errors import InputError
from dpc.ir.op import Op, Value

THREADS = 128


@dataclass(frozen=True)
class Parameters:
    """Frame or atom parameters that nobody has written yet: arguments of the kernel."""

    values: str
    average: str
    inverse: str
    per_atom: bool


def normalize(plan: Plan, op: Any) -> None:
    """(x - avg) inv_std of frame or atom parameters; see `_write`."""
    store = plan.program.store
    average = plan.tensor(op.avg.name, store[op.avg.name])
    inverse = plan.tensor(op.inv_std.name, store[op.inv_std.name])
    given = Parameters(plan.at(op.x), average, inverse, per_atom=op.x.type.rank > 1)
    if op.out in plan.values:
        _write(plan, op, op.out, given)
    else:  # waits for broadcast_atoms or cast
        plan.values[op.out] = given


def broadcast_atoms(plan: Plan, op: Any) -> None:
    """The frame's parameters for every centre."""
    _write(plan, op, op.out, plan.at(op.x))


def cast(plan: Plan, op: Any) -> None:
    """To the number format of the nets, as they are written."""
    given = plan.at(op.a)
    if given.per_atom:
        _write(plan, op, op.out, given)
    else:
        plan.values[op.out] = given


def _write(plan: Plan, op: Op, result: Value, given: Any) -> None:
    if not isinstance(given, Parameters):
        raise InputError(f"{plan.text[op]}: only normalized parameters can be broadcast")
    name = "aparam" if given.per_atom else "fparam"
    width = int(result.dims[-1])
    to = plan.matrix(result, name, width)
    kernel = plan.kernel(
        f"{name}_columns", "parameters.h", THREADS, WIDTH=width, PER_ATOM=int(given.per_atom),
        D_STRIDE=to.stride, D_FIRST=to.first,
    )  # fmt: skip
    arguments = [
        given.values, given.average, given.inverse, "MEMORY(step->centers)",
        "NUMBER(step->first)", "NUMBER(step->count)", f"ARRAY({to.array})",
    ]  # fmt: skip
    plan.launch(op, kernel, per_thread("step->count", THREADS), arguments)
