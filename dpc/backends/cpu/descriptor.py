"""From contracted features to the descriptor and back: kernels that take the lanes of a tile."""

from __future__ import annotations

from typing import Any

import numpy as np

from dpc.backends.cpu import embedding
from dpc.backends.host.parts import Lanes, TileKernels
from dpc.backends.host.plan import Plan
from dpc.backends.host.text import fill
from dpc.backends.tvm.kernels.expand import ExpandSpec
from dpc.backends.tvm.kernels.outer import OuterSpec
from dpc.backends.tvm.kernels.pairs import PairsSpec
from dpc.errors import InputError
from dpc.ir.op import Value


def call(kernel: str, *arguments: str) -> list[str]:
    """A call of a kernel for the size of the tile."""
    return fill(f"call->{kernel}(", arguments, ");")


def outer(plan: Plan, op: Any) -> None:
    """Descriptor of every lane."""
    spec = _outer(plan, op)
    x: Lanes = plan.at(op.x)
    d = plan.lanes(op.out, "d", spec.full.K)
    forward, _ = spec.names
    plan.stage(op, call(forward, x.pointer, d.pointer), {x.buffer, d.buffer})


def outer_vjp(plan: Plan, op: Any) -> None:
    """Adjoint of outer."""
    spec = _outer(plan, op)
    x, dd = plan.at(op.x), plan.at(op.d)
    dx = plan.lanes(op.out, "dx", 4 * spec.full.M)
    _, backward = spec.names
    code = call(backward, x.pointer, dd.pointer, dx.pointer)
    plan.stage(op, code, {x.buffer, dd.buffer, dx.buffer})


def _outer(plan: Plan, op: Any) -> TileKernels:
    width = int(op.x.dims[2])
    return plan.tile_kernel(
        lambda vectors: OuterSpec(width, op.axis_neuron, op.symmetric, plan.real, vectors)
    )


def outer_pairs(plan: Plan, op: Any) -> None:
    """Some products of columns, of every lane."""
    spec, start, partner = _pairs(plan, op)
    x: Lanes = plan.at(op.x)
    d = plan.lanes(op.out, "d", spec.full.K)
    forward, _ = spec.names
    code = call(forward, x.pointer, start, partner, d.pointer)
    plan.stage(op, code, {x.buffer, d.buffer})


def outer_pairs_vjp(plan: Plan, op: Any) -> None:
    """Adjoint of outer_pairs."""
    spec, start, partner = _pairs(plan, op)
    x, dd = plan.at(op.x), plan.at(op.d)
    dx = plan.lanes(op.out, "dx", 4 * spec.full.M)
    _, backward = spec.names
    code = call(backward, x.pointer, start, partner, dd.pointer, dx.pointer)
    plan.stage(op, code, {x.buffer, dd.buffer, dx.buffer})


def _pairs(plan: Plan, op: Any) -> tuple[TileKernels, str, str]:
    """The kernels, and their list of pairs: where those of each column start, and the others."""
    name, width = op.pairs.name, int(op.x.dims[2])
    pairs = plan.program.store[name]
    first, second = pairs.T
    if (np.diff(first) < 0).any() or (first > second).any():
        raise InputError(f"{op.pairs}: pairs (a, b) must be in order of a, and a <= b")
    plan.tensor(name, pairs, embedding.address(name))  # as the program has it; nobody reads it
    start = np.searchsorted(first, np.arange(width + 1)).astype(np.int32)
    partner = np.ascontiguousarray(second)
    places = [
        plan.tensor(f"{name}.{part}", array, embedding.address(f"{name}.{part}"))
        for part, array in (("start", start), ("partner", partner))
    ]
    count = len(pairs)
    spec = plan.tile_kernel(lambda vectors: PairsSpec(width, count, plan.real, vectors))
    return spec, places[0], places[1]


def expand(plan: Plan, op: Any) -> None:
    """All columns of every lane."""
    spec, columns = _columns(plan, op, op.p)
    p: Lanes = plan.at(op.p)
    x = plan.lanes(op.out, "x", 4 * spec.full.M)
    forward, _ = spec.names
    plan.stage(op, call(forward, p.pointer, columns, x.pointer), {p.buffer, x.buffer})


def expand_vjp(plan: Plan, op: Any) -> None:
    """Adjoint of expand."""
    spec, columns = _columns(plan, op, op.out)
    dx: Lanes = plan.at(op.d)
    dp = plan.lanes(op.out, "dp", 4 * spec.full.W)
    _, backward = spec.names
    plan.stage(op, call(backward, dx.pointer, columns, dp.pointer), {dx.buffer, dp.buffer})


def _columns(plan: Plan, op: Any, p: Value) -> tuple[TileKernels, str]:
    """The kernels, and the packed columns for the type of the centres."""
    name, (count, width, full) = op.columns.name, op.columns.type.dims
    spec = plan.tile_kernel(lambda vectors: ExpandSpec(width, full, plan.real, vectors))
    columns = plan.program.store[name]
    plan.tensor(name, columns, embedding.address(name))  # as the program has it; nobody reads it
    packed = f"{name}.packed"
    blob = np.stack([spec.full.pack(one) for one in columns])
    place = plan.tensor(packed, blob, embedding.address(packed))
    if count > 1:
        place += f" + (size_t)tile->center_type * {blob.shape[1]}"
    return spec, place
