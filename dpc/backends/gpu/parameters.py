"""Frame and atom parameters, normalized, as columns of the descriptor."""

from __future__ import annotations

from dpc.backends.gpu.fitting import per_thread
from dpc.backends.gpu.plan import Plan
from dpc.backends.host.parameters import ParameterOps, Parameters
from dpc.ir.op import Op, Value

THREADS = 128


def _tensor(plan: Plan, name: str) -> str:
    return plan.tensor(name, plan.program.store[name])


def _write(plan: Plan, op: Op, result: Value, given: Parameters) -> None:
    """Arguments of the kernel are in `given`."""
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


OPS = ParameterOps(_tensor, _write)
