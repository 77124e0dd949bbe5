"""Embedding nets to tables of quintic polynomials, the stride chosen by measured error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.op import Op, Value
from dpc.ir.ops.net import Mlp, MlpVjp, TableOp
from dpc.ir.params import NetBank, Table
from dpc.ir.program import Program
from dpc.ir.types import DType, NumpyArray
from dpc.passes.base import Changes, Context, Pass, PassError, register
from dpc.passes.budget import SHARES
from dpc.passes.fit import DENSE, Fit, coarsest, finer, fit
from dpc.passes.measure import compare
from dpc.passes.reach import Reach, reach_of
from dpc.passes.rebuild import rebuild

#: how many times the stride may become finer for the sake of forces
REFINEMENTS = 4
#: the table begins at this part of the model's shortest training distance: bonds vibrate, and
#: an MD run visits distances that the training data just missed
MARGIN = 0.85
#: fractions of the shortest distance at which the error beyond the table is stated
CLOSER = (0.9, 0.75)


@register("tabulate")
@dataclass(frozen=True)
class Tabulate(Pass):
    """Replace each embedding net by a table of quintic polynomials.

    `tolerance` bounds the error of value and slope of every net, relative to its largest
    value or slope; `force_tolerance`, eV/Å, bounds the error of forces on the samples, if
    there are any. `max_force_error` (eV/Å, rms) is a budget shared with `basis` and `fold`, in
    place of both: the table may use a tenth of it. `stride`, `lower` and `upper` are in units of
    the normalised s and are chosen when not given; `min_distance` is the shortest distance of
    the table, Å (by default 0.85 of the model's shortest training distance).
    """

    changes: ClassVar[Changes] = Changes.FUNCTION
    never_after: ClassVar[dict[str, str]] = {
        "exact_neighbors": "the padding constant must come from the function that is compiled.",
    }
    tolerance: float = 1e-8
    force_tolerance: float = 1e-8
    max_force_error: float | None = None
    stride: float | None = None
    min_distance: float | None = None
    lower: float | None = None
    upper: float | None = None

    def run(self, program: Program, context: Context) -> Program:
        """Every bank that only nets of one scalar use; one table for a bank."""
        reach: dict[str, Reach] = {}
        fits: dict[NetBank, Fit] = {}
        for bank in _banks(program):
            why = _why_not(bank)
            if not why:
                reach[bank.name] = self._reach(program, bank)
                fits[bank], why = self._fit(program, bank, reach[bank.name])
            if why:
                context.note(**{bank.name: {"left": why}})
                fits.pop(bank, None)
        if not fits:
            return program
        result = _with_tables(program, fits)
        if self.stride is None and context.samples:
            fits, result = self._refined(program, context, fits, reach, result)
        for bank, found in fits.items():
            context.note(**{bank.name: _facts(found, reach[bank.name])})
        return result

    def _reach(self, program: Program, bank: NetBank) -> Reach:
        inputs = [op.x for op in program.energy.find(Mlp) if op.net == bank]
        known = program.facts.min_nbor_dist
        nearest = self.min_distance
        if nearest is None and known is not None:
            nearest = MARGIN * known
        try:
            return reach_of(inputs, program.store, nearest, self.lower, self.upper)
        except PassError as error:
            raise PassError(f"tabulate: {bank}: {error}") from None

    def _fit(self, program: Program, bank: NetBank, reach: Reach) -> tuple[Fit, str]:
        """The coarsest good table, or one of the wanted stride; and why it cannot be used."""
        nets = [bank.net(program.store, k) for k in range(bank.count)]
        if self.stride is not None:
            if not self.stride > 0:
                raise PassError(f"tabulate: stride is {self.stride}, but must be positive")
            return fit(nets, reach.lower, reach.upper, self.stride), ""
        # an error of G' of this part of its size changes forces by about this part of theirs
        tolerance = self.tolerance if self.max_force_error is None else self.max_force_error
        found, error = coarsest(nets, reach.lower, reach.upper, tolerance)
        if error > tolerance:
            what = f"error {error:.1e} at the finest stride, {found.stride}"
            return found, f"{what}, is above the tolerance, {tolerance}"
        return found, ""

    def _refined(
        self,
        program: Program,
        context: Context,
        fits: dict[NetBank, Fit],
        reach: Mapping[str, Reach],
        result: Program,
    ) -> tuple[dict[NetBank, Fit], Program]:
        """Finer tables until the forces on the samples agree, too, or gain nothing from it."""
        exact = context.results(program)

        def miss(other: Program) -> float:
            """The error of forces as a part of what it may be."""
            force = compare(exact, context.results(other))["force"]
            if self.max_force_error is None:
                return force.max / self.force_tolerance
            return force.rms / (self.max_force_error * SHARES["tabulate"])

        error = miss(result)
        for _ in range(REFINEMENTS):
            if error <= 1:
                break
            next_fits = {
                bank: fit(old.nets, old.lower, reach[bank.name].upper, finer(old.stride))
                for bank, old in fits.items()
            }
            next_result = _with_tables(program, next_fits)
            next_error = miss(next_result)
            if next_error > 0.7 * error:
                break  # pairs of the samples are nearer than the table reaches
            fits, result, error = next_fits, next_result, next_error
        return fits, result


def _banks(program: Program) -> list[NetBank]:
    """Banks that are only used as nets of one scalar."""
    banks: dict[NetBank, bool] = {}
    for graph in program.graphs.values():
        for op in graph.body():
            if isinstance(op, MlpVjp) and op.scalar:
                raise PassError(
                    f"tabulate: {op.net} already has adjoint ops. Tabulate before differentiate, "
                    "so that forces are the gradient of the compiled energy."
                )
            if isinstance(op, Mlp | MlpVjp):
                banks[op.net] = op.scalar and banks.get(op.net, True)
    return [bank for bank, scalar in banks.items() if scalar]


def _why_not(bank: NetBank) -> str:
    """Why no table can stand for a net; nothing when one can."""
    if bank.dtype is not DType.F64:
        return f"the net is {bank.dtype}: put widen before tabulate"
    if not ACTIVATIONS[bank.activation].smooth:
        return f"{bank.activation} has kinks, which no table of smooth pieces can follow"
    return ""


def _with_tables(program: Program, fits: Mapping[NetBank, Fit]) -> Program:
    """The program with tables in place of these banks, under their names."""
    tables = {
        bank.name: Table(
            bank.name, bank.index, bank.count, bank.widths[-1],
            found.lower, found.upper, found.stride, found.rows,
        )
        for bank, found in fits.items()
    }  # fmt: skip
    tensors: dict[str, NumpyArray] = {b.name: found.coefficients for b, found in fits.items()}

    def change(op: Op, old: Op) -> tuple[Value, ...] | None:
        if isinstance(op, Mlp) and op.net.name in tables:
            return TableOp(op.x, op.index, tables[op.net.name], names=op.names).results
        return None

    return program.with_graph(rebuild(program.energy, change=change), tensors)


def _facts(found: Fit, reach: Reach) -> dict[str, Any]:
    """What a report says of a table; distances in Å, errors relative to the net's size."""
    value, slope = found.errors(found.inside(DENSE))
    facts: dict[str, Any] = {
        "stride": found.stride,
        "rows": found.rows,
        "bytes": int(found.coefficients.nbytes),
        "lower": found.lower,
        "upper": found.upper,
        "value_error": value,
        "slope_error": slope,
    }
    if reach.radii:
        facts |= {"nearest": reach.nearest, "farthest": max(r.rcut for r in reach.radii)}
        facts["closer"] = {}
    for distance in [fraction * reach.nearest for fraction in CLOSER] if reach.radii else []:
        value, slope = found.errors(np.concatenate([r.x(distance) for r in reach.radii]))
        facts["closer"][f"{distance:.3f}"] = {"value_error": value, "slope_error": slope}
    return facts
