"""Models that do not fit the memory of a block are read from that of the device."""

import numpy as np

from dpc.backends.gpu import descriptor
from dpc.backends.gpu.source import kernel_text


def test_more_pairs_than_a_block_holds(make_plan):
    plan = make_plan.__wrapped__("se_e2_a", "opencl")  # one that may be changed
    assert "#define STAGED 1" in kernel_text(plan, "opencl")
    op = next(op for op in plan.program.energy.body() if op.name == "outer_vjp")
    plan.kernels.pop("outer_vjp")
    pairs = np.stack(np.triu_indices(24), axis=1).astype(np.int32)
    many = np.concatenate([pairs] * 60)
    assert len(many) * 8 > plan.target.gpu.shared_bytes
    descriptor._products_vjp(plan, op, "many", many)
    assert plan.kernels["outer_vjp"].defines["STAGED"] == 0
