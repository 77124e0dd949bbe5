"""From contracted features to the descriptor and back: kernels with one block for each centre."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.backends.gpu.plan import Matrix, Plan
from dpc.ir.op import Value
from dpc.ir.ops.contraction import outer_pairs as pairs_of_outer

THREADS = 128


def outer(plan: Plan, op: Any) -> None:
    """Descriptor of every centre."""
    _products(plan, op, *_of_outer(plan, op))


def outer_vjp(plan: Plan, op: Any) -> None:
    """Adjoint of outer."""
    _products_vjp(plan, op, *_of_outer(plan, op))


def outer_pairs(plan: Plan, op: Any) -> None:
    """Some products of columns, of every centre."""
    _products(plan, op, op.pairs.name, plan.program.store[op.pairs.name])


def outer_pairs_vjp(plan: Plan, op: Any) -> None:
    """Adjoint of outer_pairs."""
    _products_vjp(plan, op, op.pairs.name, plan.program.store[op.pairs.name])


def _of_outer(plan: Plan, op: Any) -> tuple[str, NDArray[np.int32]]:
    """The pairs of op outer, under a name of their own."""
    pairs = pairs_of_outer(int(op.x.dims[2]), op.axis_neuron, op.symmetric)
    return "outer.pairs", np.stack(pairs, axis=1).astype(np.int32)


def _products(plan: Plan, op: Any, name: str, pairs: NDArray[np.int32]) -> None:
    x: Matrix = plan.at(op.x)
    d = plan.matrix(op.out, "d", len(pairs))
    kernel = plan.kernel(
        op.name, "products.h", THREADS, PRODUCT_THREADS=THREADS, FORWARD=1, W=x.width // 4,
        PAIRS=len(pairs), D_STRIDE=d.stride, D_FIRST=d.first,
    )  # fmt: skip
    arguments = [f"ARRAY({x.array})", plan.tensor(name, pairs), f"ARRAY({d.array})"]
    plan.launch(op, kernel, "step->count", arguments)


def _products_vjp(plan: Plan, op: Any, name: str, pairs: NDArray[np.int32]) -> None:
    x, dd = plan.at(op.x), plan.at(op.d)
    dx = plan.matrix(op.out, "dx", x.width)
    start, partners = partners_of(pairs, x.width // 4)
    assert plan.target.gpu is not None
    staged = (x.width + len(pairs)) * plan.real_bytes <= plan.target.gpu.shared_bytes
    kernel = plan.kernel(
        op.name, "products.h", THREADS, PRODUCT_THREADS=THREADS, FORWARD=0, W=x.width // 4,
        PAIRS=len(pairs), D_STRIDE=dd.stride, D_FIRST=dd.first, STAGED=int(staged),
    )  # fmt: skip
    arguments = [
        f"ARRAY({x.array})",
        f"ARRAY({dd.array})",
        plan.tensor(f"{name}.start", start),
        plan.tensor(f"{name}.partners", partners),
        f"ARRAY({dx.array})",
    ]
    plan.launch(op, kernel, "step->count", arguments)


def partners_of(
    pairs: NDArray[np.int32], width: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each column the pairs it is in: start [width + 1] into rows (pair, other column).

    A column that is paired with itself has two such rows.
    """
    number = np.arange(len(pairs))
    both = np.concatenate([pairs, pairs[:, ::-1]])
    rows = np.stack([np.concatenate([number, number]), both[:, 1]], axis=1)
    order = np.argsort(both[:, 0], kind="stable")
    start = np.searchsorted(both[order, 0], np.arange(width + 1))
    return start.astype(np.int32), rows[order].astype(np.int32)


def expand(plan: Plan, op: Any) -> None:
    """All columns of every centre."""
    _expand(plan, op, op.p, "x_all", transposed=False)


def expand_vjp(plan: Plan, op: Any) -> None:
    """Adjoint of expand."""
    _expand(plan, op, op.d, "dp", transposed=True)


def _expand(plan: Plan, op: Any, given: Value, name: str, transposed: bool) -> None:
    source: Matrix = plan.at(given)
    to = plan.matrix(op.out, name, 4 * int(op.out.dims[-1]))
    count = int(op.columns.type.dims[0])
    kernel = plan.kernel(
        op.name, "expand.h", THREADS, PRODUCT_THREADS=THREADS, TRANSPOSED=int(transposed),
        FROM=source.width // 4, TO=to.width // 4,
    )  # fmt: skip
    arguments = [
        f"ARRAY({source.array})",
        plan.tensor(op.columns.name, plan.program.store[op.columns.name]),
        "NUMBER(step->center_type)" if count > 1 else "VALUE(int32_t, 0)",
        f"ARRAY({to.array})",
    ]
    plan.launch(op, kernel, "step->count", arguments)
