"""Products of the columns of a basis in place of the descriptor: what pass `fold` works with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value
from dpc.ir.ops.basis import Expand, OuterPairs
from dpc.ir.ops.contraction import Outer, outer_pairs
from dpc.ir.ops.net import Mlp
from dpc.ir.params import Param
from dpc.ir.program import Program
from dpc.ir.types import ArrayType, NumpyArray
from dpc.passes.first_layer import Use, resized, uses, weights
from dpc.passes.quintic import Array
from dpc.passes.rebuild import rebuild
from dpc.passes.samples import Sample, inputs_for

#: random displacements of all atoms of a frame, and their size in Å
DIRECTIONS, STEP = 2, 1e-4


class Products(NamedTuple):
    """All products of the columns of P, and the first layers that read them."""

    outer: Outer
    expand: Expand
    uses: Sequence[Use]
    pairs: NumpyArray  # i32[K, 2], columns p <= q
    rows: Mapping[Use, Sequence[Array]]  # W' [K, outputs] of every net

    @property
    def outputs(self) -> int:
        """Width of all first layers together."""
        return sum(use.bank.widths[1] for use in self.uses)


def find_products(program: Program, outer: Outer) -> tuple[Products | None, str]:
    """The products that an outer can be replaced by, or why it cannot."""
    expand = outer.x.op
    if not isinstance(expand, Expand):
        return None, "the descriptor is not made of a basis: put basis before fold"
    found, why = uses(program.energy, outer.out, "fold")
    if why:
        return None, why
    found = list(dict.fromkeys(found))
    for bank in [use.bank for use in found]:
        if bank.index != "atom type" or bank.count != program.facts.ntypes:
            return None, f"{bank} has not one net for each type of centre"
    columns = program.store[expand.columns.name]
    pairs = np.stack(np.triu_indices(columns.shape[1]), axis=1).astype(np.int32)
    rows = {
        use: [
            _folded(own, outer, columns[k % len(columns)])
            for k, (_, own, _) in enumerate(_weights(program, use, outer))
        ]
        for use in found
    }
    return Products(outer, expand, found, pairs, rows), ""


def _weights(program: Program, use: Use, outer: Outer) -> list[tuple[Array, Array, Array]]:
    return list(weights(program.store, use, outer.components()).values())


def _folded(own: Array, outer: Outer, columns: Array) -> Array:
    """W' [K, outputs] of the weights of D, own [components, outputs], and C [W, M]."""
    width, axis = columns.shape[1], outer.axis_neuron
    full = np.zeros((width, axis, own.shape[1]))
    full[outer_pairs(width, axis, outer.symmetric)] = own
    left = np.tensordot(columns, full, axes=1)  # [p, a, outputs]
    both = np.tensordot(columns[:, :axis], left, axes=([1], [1]))  # [q, p, outputs]
    p, q = np.triu_indices(len(columns))
    return np.asarray(both[q, p] + np.where((p != q)[:, None], both[p, q], 0.0))


def with_products(program: Program, products: Products, kept: NumpyArray) -> Program:
    """The program with these products, sorted numbers of pairs, in place of the descriptor."""
    outer, expand = products.outer, products.expand
    banks = resized(products.uses, outer.components(), len(kept))
    tensors: dict[str, NumpyArray] = {}
    for use in products.uses:
        parts = weights(program.store, use, outer.components())
        for (name, (before, _, after)), rows in zip(parts.items(), products.rows[use], strict=True):
            tensors[name] = np.concatenate([before, rows[kept], after])
    name = expand.columns.name.removesuffix("_columns") + "_pairs"
    tensors[name] = np.ascontiguousarray(products.pairs[kept])
    pairs = Param(name, ArrayType.of(tensors[name]))

    def attributes(op: Op) -> dict[str, Any]:
        if isinstance(op, Mlp) and op.net.name in banks:
            return {"net": banks[op.net.name]}
        return {}

    def change(op: Op, old: Op) -> tuple[Value, ...] | None:
        if old is outer:
            return OuterPairs(expand.p, pairs, names=op.names).results
        return None

    return program.with_graph(
        rebuild(program.energy, attributes=attributes, change=change), tensors
    )


def importance(program: Program, products: Products, samples: Sequence[Sample]) -> Array:
    """What each product may add to forces, [K]: the largest over the types of centres of

    rms(slope of the product) |its rows of weights|

    with slopes along random displacements of all atoms, by central differences of P.
    """
    slopes = _slopes(program, products, samples)
    found = np.zeros(len(products.pairs))
    for use in products.uses:
        for k, rows in enumerate(products.rows[use]):
            found = np.maximum(found, slopes[k] * np.linalg.norm(rows, axis=1))
    return found


def _slopes(program: Program, products: Products, samples: Sequence[Sample]) -> Array:
    """rms slope of every product for each type of centre, [ntypes, K]."""
    rng = np.random.default_rng(0)
    p, q = products.pairs.T
    squares = np.zeros((program.facts.ntypes, len(p)))
    counts = np.zeros((program.facts.ntypes, 1))
    for sample in samples:
        here = _columns(program, products, sample, None)
        types = np.asarray(sample.inputs["atype"])[: len(here)]
        for _ in range(DIRECTIONS):
            step = STEP * rng.normal(size=here[:, 0, :3].shape)
            ends = [_columns(program, products, sample, sign * step) for sign in (1, -1)]
            slope = (ends[0] - ends[1]) / (2 * STEP)
            full = np.matmul(here.swapaxes(1, 2), slope)
            change = full[:, p, q] + full[:, q, p]
            for t in range(len(squares)):
                squares[t] += np.sum(change[types == t] ** 2, axis=0)
                counts[t] += np.sum(types == t)
    return np.sqrt(squares / np.maximum(counts, 1))


def _columns(program: Program, products: Products, sample: Sample, step: Array | None) -> Array:
    """P [nloc, 4, W] of a frame, its local atoms moved by step [nloc, 3], images with them."""
    inputs = inputs_for(program.energy, sample)
    if step is not None:
        inputs["coord"] = inputs["coord"] + (step if sample.owner is None else step[sample.owner])
    known = {one.out: inputs[one.label] for one in program.energy.inputs}
    (found,) = Evaluation(program.store).run([products.expand.p], known)
    return np.asarray(found)
