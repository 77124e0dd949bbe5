"""Embedding nets to tables of quintic polynomials, the stride chosen by measured error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.op import Op, Value
from dpc.ir.ops.net import Mlp, MlpVjp, TableOp
from dpc.ir.params import Net, NetBank, Table
from dpc.ir.program import Program
from dpc.ir.types import DType, NumpyArray
from dpc.passes import quintic
from dpc.passes.base import Changes, Context, Pass, PassError, register
from dpc.passes.jets import net_jet
from dpc.passes.quintic import Array
from dpc.passes.reach import Radius, radius_of
from dpc.passes.rebuild import rebuild

#: Å; a shortest distance for models that do not know theirs
MIN_DISTANCE = 0.5
#: strides tried, coarse to fine, in units of the normalised s
LADDER = tuple(
    d / 10**k for k in range(3) for d in (1.0, 0.8, 0.64, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125)
)
#: where in a piece the leading error of the slope (two roots) and of the value is largest
PROBES = (0.5 - math.sqrt(0.05), 0.5, 0.5 + math.sqrt(0.05))
DENSE = tuple((i + 0.5) / 16 for i in range(16))
#: fractions of the shortest distance at which the error beyond the table is stated
CLOSER = (0.9, 0.75)


@register("tabulate")
@dataclass(frozen=True)
class Tabulate(Pass):
    """Replace each embedding net by a table of quintic polynomials.

    `tolerance` bounds the error of value and slope of every net, relative to its largest
    value or slope. `stride`, `lower` and `upper` are in units of the normalised s and are
    chosen when not given; `min_distance` is the shortest distance of the table, Å.
    """

    changes: ClassVar[Changes] = Changes.FUNCTION
    never_after: ClassVar[dict[str, str]] = {
        "exact_neighbors": "the padding constant must come from the function that is compiled.",
    }
    tolerance: float = 1e-8
    stride: float | None = None
    min_distance: float | None = None
    lower: float | None = None
    upper: float | None = None

    def run(self, program: Program, context: Context) -> Program:
        """Every bank that only nets of one scalar use; one table for a bank."""
        banks = _banks(program)
        tables: dict[str, Table] = {}
        tensors: dict[str, NumpyArray] = {}
        for bank, ops in banks.items():
            if any(isinstance(op, MlpVjp) for op in ops):
                raise PassError(
                    f"tabulate: {bank} already has adjoint ops. Tabulate before differentiate, so "
                    "that forces are the gradient of the compiled energy."
                )
            table, coefficients, facts = self._tabulate(program, bank, ops)
            context.note(**{bank.name: facts})
            if table is not None:
                tables[bank.name] = table
                tensors[table.name] = coefficients

        def change(op: Op, old: Op) -> tuple[Value, ...] | None:
            if isinstance(op, Mlp) and op.net.name in tables:
                return TableOp(op.x, op.index, tables[op.net.name], names=op.names).results
            return None

        if not tables:
            return program
        return program.with_graph(rebuild(program.energy, change=change), tensors)

    def _tabulate(
        self, program: Program, bank: NetBank, ops: Sequence[Mlp | MlpVjp]
    ) -> tuple[Table | None, NumpyArray, dict[str, Any]]:
        nothing = np.zeros(0)
        if bank.dtype is not DType.F64:
            return None, nothing, {"left": f"net is {bank.dtype}: put widen before tabulate"}
        nets = [bank.net(program.store, k) for k in range(bank.count)]
        if not ACTIVATIONS[bank.activation].smooth:
            why = f"{bank.activation} has kinks, which no table of smooth pieces can follow"
            return None, nothing, {"left": why}
        reach = self._reach(program, bank, ops)
        fit = self._fit(nets, reach)
        if fit.error > self.tolerance and self.stride is None:
            why = (
                f"error {fit.error:.1e} at the finest stride {fit.stride} is above the "
                f"tolerance {self.tolerance}"
            )
            return None, nothing, {"left": why}
        rows = fit.coefficients.shape[1]
        upper = reach.lower + (rows - 1) * fit.stride
        table = Table(
            bank.name, bank.index, bank.count, bank.widths[-1], reach.lower, upper, fit.stride, rows
        )
        return table, fit.coefficients, _facts(nets, reach, fit)

    def _reach(self, program: Program, bank: NetBank, ops: Sequence[Mlp | MlpVjp]) -> _Reach:
        found = [radius_of(op.x, program.store) for op in ops]
        radii = [radius for radius in found if radius is not None]
        given = self.lower is not None and self.upper is not None
        if len(radii) < len(found) and not given:
            raise PassError(
                f"tabulate: the input of {bank} does not come from env_matrix, so its range is "
                "not known. Give lower= and upper=."
            )
        nearest = self.min_distance or program.facts.min_nbor_dist or MIN_DISTANCE
        for radius in radii:
            if not 0.0 < nearest < radius.rcut:
                raise PassError(
                    f"tabulate: min_distance is {nearest} Å, but must be above 0 and below rcut "
                    f"({radius.rcut} Å)"
                )
        lower, upper = self.lower, self.upper
        if lower is None:
            lower = min(float(radius.x(radius.rcut).min()) for radius in radii)
        if upper is None:
            upper = max(float(radius.x(nearest).max()) for radius in radii)
        if not lower < upper:
            raise PassError(f"tabulate: the range of {bank} is empty: {lower} to {upper}")
        return _Reach(lower, upper, nearest, tuple(radii))

    def _fit(self, nets: Sequence[Net], reach: _Reach) -> _Fit:
        """The coarsest stride within tolerance, or the finest there is."""
        if self.stride is not None:
            if not self.stride > 0:
                raise PassError(f"tabulate: stride is {self.stride}, but must be positive")
            return _fit(nets, reach, self.stride)
        for stride in LADDER:
            fit = _fit(nets, reach, stride)
            if fit.error <= self.tolerance:
                break
        return fit


class _Reach(NamedTuple):
    """Where a table must hold, and what that is in Å."""

    lower: float
    upper: float
    nearest: float
    radii: tuple[Radius, ...]


class _Fit(NamedTuple):
    """A table [count, rows, 6, M] and its relative error at the probes."""

    stride: float
    coefficients: Array
    error: float


def _banks(program: Program) -> dict[NetBank, list[Mlp | MlpVjp]]:
    """Banks that are only used as nets of one scalar, with the ops that use them."""
    using: dict[NetBank, list[Mlp | MlpVjp]] = {}
    for graph in program.graphs.values():
        for op in graph.body():
            if isinstance(op, Mlp | MlpVjp):
                using.setdefault(op.net, []).append(op)
    return {bank: ops for bank, ops in using.items() if all(op.scalar for op in ops)}


def _fit(nets: Sequence[Net], reach: _Reach, stride: float) -> _Fit:
    rows = max(1, math.ceil((reach.upper - reach.lower) / stride - 1e-9)) + 1
    at = quintic.nodes(reach.lower, rows, stride)
    tables = [quintic.pieces(net_jet(net, at), stride) for net in nets]
    x = _inside(reach.lower, rows, stride, PROBES)
    pairs = zip(nets, tables, strict=True)
    error = max(max(_errors(net, table, reach.lower, stride, x)) for net, table in pairs)
    return _Fit(stride, np.stack(tables), error)


def _inside(lower: float, rows: int, stride: float, fractions: Sequence[float]) -> Array:
    """Points at fractions of every piece."""
    left = quintic.nodes(lower, rows - 1, stride)
    return (left[:, None] + stride * np.array(fractions)).ravel()


def _errors(
    net: Net, table: Array, lower: float, stride: float, x: Array, scale: float | None = None
) -> tuple[float, float]:
    """Largest error of value and of slope at x, relative to the largest |G| or |G'| there."""
    exact, got = net_jet(net, x), quintic.evaluate(table, lower, stride, x)
    scale = scale or _scale(net, x)
    value, slope = (
        float(np.max(np.abs(a - b))) / scale for a, b in zip(exact[:2], got, strict=False)
    )
    return value, slope


def _scale(net: Net, x: Array) -> float:
    jet = net_jet(net, x)
    return max(float(np.max(np.abs(jet.value))), float(np.max(np.abs(jet.slope))), 1e-300)


def _facts(nets: Sequence[Net], reach: _Reach, fit: _Fit) -> dict[str, Any]:
    """What a report says of a table."""
    count, rows, _, _ = fit.coefficients.shape
    inside = _inside(reach.lower, rows, fit.stride, DENSE)
    each = list(zip(nets, fit.coefficients, strict=True))
    scales = [_scale(net, inside) for net in nets]
    errors = np.array([_errors(n, t, reach.lower, fit.stride, inside) for n, t in each])
    facts: dict[str, Any] = {
        "stride": fit.stride,
        "rows": rows,
        "bytes": int(fit.coefficients.nbytes),
        "lower": reach.lower,
        "upper": reach.lower + (rows - 1) * fit.stride,
        "nearest": reach.nearest,
        "farthest": max((radius.rcut for radius in reach.radii), default=None),
        "value_error": float(errors[:, 0].max()),
        "slope_error": float(errors[:, 1].max()),
    }
    beyond = {}
    for fraction in CLOSER if reach.radii else ():
        r = fraction * reach.nearest
        x = np.concatenate([radius.x(r) for radius in reach.radii])
        found = np.array(
            [
                _errors(net, table, reach.lower, fit.stride, x, scale)
                for (net, table), scale in zip(each, scales, strict=True)
            ]
        )
        beyond[f"{r:.3f}"] = {
            "value_error": float(found[:, 0].max()),
            "slope_error": float(found[:, 1].max()),
        }
    facts["closer"] = beyond  # by distance in Å
    return facts
