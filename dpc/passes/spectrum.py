"""Which few columns stand for an embedding: the singular vectors of what frames ask of it.

A net G(s) of M columns is a smooth curve in M dimensions, so few directions hold nearly all
of it. `Spectrum` orders directions by how much they matter:

* rows: G and its slope G' over the whole range of s, weighted by how often s occurs and by the
  size of the neighbour's environment row R: |R| G changes energies, |R| (ds/dr) G' forces;
* columns: weighted by A, with A^T A = mean (dE/dX)^T (dE/dX): by what the fitting net asks for.

With the singular vectors V of (rows) A,  G = G (A V)(V^T A^-1): `project` is A V and `expand`
V^T A^-1; the first r columns of the one and rows of the other give the best r columns.
Both weights have a floor, so that no distance and no column is ever left to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.gradient import adjoints
from dpc.ir.op import Value
from dpc.ir.ops.arith import OnesLike
from dpc.ir.ops.contraction import Contract
from dpc.ir.ops.net import Mlp
from dpc.ir.program import Program
from dpc.passes.jets import net_jet
from dpc.passes.quintic import Array
from dpc.passes.samples import Sample, inputs_for

#: weight of what does not occur: of every s, as a part of the mean
FLOOR = 0.1
#: and of columns that nothing asks for, as a part of the largest
COLUMN_FLOOR = 1e-4
#: points over the range of s
POINTS = 1024


class Spectrum(NamedTuple):
    """Directions of each net of a bank, by falling importance."""

    project: Array  # [count, M, M]: B = G project[:, :r]
    expand: Array  # [count, M, M]: G ~ B expand[:r]
    sizes: Array  # [count, M]: singular values

    def beyond(self, rank: int) -> Array:
        """Size of the largest direction left out, relative to the first: [count]."""
        return np.asarray(self._relative()[:, rank:].max(axis=1, initial=0.0))

    def products(self, rank: int, ntypes: int, least: float) -> int:
        """How many products of two of `rank` columns for each type are at least so large.

        Relative to the largest; a net for each pair of types counts where it is largest.
        """
        own = self._relative()[:, :rank].reshape(-1, ntypes, rank).max(axis=0).ravel()
        p, q = np.triu_indices(len(own))
        return int(np.sum(own[p] * own[q] >= least))

    def _relative(self) -> Array:
        return np.asarray(self.sizes / np.maximum(self.sizes[:, :1], 1e-300))


class Weights(NamedTuple):
    """How much value and slope of every net matter at points of its input."""

    points: Array  # [n]
    value: Array  # [count, n]
    slope: Array  # [count, n]


def spectrum(
    program: Program,
    contract: Contract,
    r: Value,
    samples: Sequence[Sample],
    reach: tuple[float, float],
) -> Spectrum:
    """The directions of the nets that a contraction reads; `r` are the displacements."""
    net = contract.g.op
    assert isinstance(net, Mlp)
    by_pair = net.net.index == "type pair"
    weights = _occurrence(program, contract, net, r, samples, reach)
    asked = _asked(program, contract, samples)
    scales = [_root(one) for one in (asked if by_pair else asked.sum(axis=0)[None])]
    found = []
    for k in range(net.net.count):
        jet = net_jet(net.net.net(program.store, k), weights.points)
        rows = np.concatenate(
            [
                np.sqrt(weights.value[k])[:, None] * jet.value,
                np.sqrt(weights.slope[k])[:, None] * jet.slope,
            ]
        )
        scale = scales[k // program.facts.ntypes if by_pair else 0]
        _, sizes, vectors = np.linalg.svd(rows @ scale, full_matrices=False)
        found.append((scale @ vectors.T, np.linalg.solve(scale, vectors.T).T, sizes))
    return Spectrum(*(np.stack(part) for part in zip(*found, strict=True)))


def _occurrence(
    program: Program,
    contract: Contract,
    net: Mlp,
    r: Value,
    samples: Sequence[Sample],
    reach: tuple[float, float],
) -> Weights:
    """Sums of |R|^2 and of |R|^2 |ds/dr|^2 at the points nearest to every s, with the floor."""
    points = np.linspace(*reach, POINTS)
    value = np.zeros((net.net.count, POINTS))
    slope = np.zeros_like(value)
    ds = adjoints(net.x, OnesLike(net.x).out, [r])[0]
    wanted = [contract.env, net.x, net.index, ds]
    for sample in samples:
        env, s, index, dsdr = _run(program, wanted, sample)
        size = np.sum(env**2, axis=-1)
        nearest = np.rint((s - points[0]) / (points[1] - points[0]))
        at = np.clip(nearest, 0, POINTS - 1).astype(np.int64)
        known = index >= 0
        place = np.asarray(index[known] * POINTS + at[known])
        np.add.at(value.reshape(-1), place, size[known])
        np.add.at(slope.reshape(-1), place, (size * np.sum(dsdr**2, axis=-1))[known])
    return Weights(points, _with_floor(value), _with_floor(slope))


def _with_floor(weights: Array) -> Array:
    mean = float(weights.mean())
    return weights + (FLOOR * mean if mean > 0 else 1.0)


def _asked(program: Program, contract: Contract, samples: Sequence[Sample]) -> Array:
    """sum (dE/dX)^T (dE/dX) over the atoms of each type, [ntypes, M, M]."""
    energy = program.energy.outputs["atom_energy"]
    dx = adjoints(energy, OnesLike(energy).out, [contract.out])[0]
    width = int(contract.out.dims[2])
    total = np.zeros((program.facts.ntypes, width, width))
    for sample in samples:
        (adjoint,) = _run(program, [dx], sample)
        types = np.asarray(sample.inputs["atype"])[: len(adjoint)]
        for t in range(len(total)):
            own = adjoint[types == t].reshape(-1, width)
            total[t] += own.T @ own
    return total


def _root(square: Array) -> Array:
    """A [M, M], symmetric, with A A = square / its largest eigenvalue + floor."""
    values, vectors = np.linalg.eigh(square)
    largest = float(values[-1])
    if largest <= 0:
        return np.eye(len(square))
    scaled = np.sqrt(np.maximum(values / largest, 0) + COLUMN_FLOOR)
    return np.asarray((vectors * scaled) @ vectors.T)


def _run(program: Program, wanted: Sequence[Value], sample: Sample) -> list[Array]:
    inputs = inputs_for(program.energy, sample)
    known = {one.out: inputs[one.label] for one in program.energy.inputs}
    return Evaluation(program.store).run(wanted, known)
