"""How far tables are off, by the distance of the neighbour they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpc.ir.ops.net import Mlp
from dpc.ir.params import NetBank, Table
from dpc.ir.program import Program
from dpc.passes import quintic
from dpc.passes.jets import net_jet
from dpc.passes.quintic import Array
from dpc.passes.reach import NEAREST, Radius, radius_of

POINTS = 240
#: the curve begins at this part of the shortest training distance, beyond every table
CLOSEST = 0.7


@dataclass(frozen=True)
class Curve:
    """Largest error over the nets, columns and types of centre, relative to the nets' size."""

    distance: Array  # Å
    value: Array
    slope: Array
    end: float  # Å; below it the table's last row is used for all. 0: nowhere


def table_errors(before: Program, after: Program) -> dict[str, Curve]:
    """By name, for each table that `after` has in place of a net of `before`."""
    banks = before.banks
    found = {}
    for name, table in after.tables.items():
        if name in banks and name in after.store and len(before.store):
            radii = _radii(before, banks[name])
            if radii:
                found[name] = _curve(before, after, banks[name], table, radii)
    return found


def _radii(program: Program, bank: NetBank) -> list[Radius]:
    inputs = [op.x for op in program.energy.find(Mlp) if op.net == bank]
    radii = (radius_of(x, program.store) for x in inputs)
    return [radius for radius in radii if radius is not None]


def _curve(
    before: Program, after: Program, bank: NetBank, table: Table, radii: list[Radius]
) -> Curve:
    nearest = before.facts.min_nbor_dist or NEAREST
    distance = np.linspace(CLOSEST * nearest, max(r.rcut for r in radii), POINTS)
    # [points, centre types]: what the net is asked for at each distance
    x = np.array([np.concatenate([radius.x(float(d)) for radius in radii]) for d in distance])
    value, slope = np.zeros(POINTS), np.zeros(POINTS)
    for k in range(bank.count):
        rows = np.asarray(after.store[table.name][k], np.float64)
        size = max(float(np.abs(rows[:, :2]).max()), 1e-300)
        exact = net_jet(bank.net(before.store, k), x.ravel())
        got = quintic.evaluate(rows, table.lower, table.stride, x.ravel())
        value = np.maximum(value, _largest(exact.value - got.value, x.shape) / size)
        slope = np.maximum(slope, _largest(exact.slope - got.slope, x.shape) / size)
    beyond = distance[(x > table.upper).any(axis=1)]
    return Curve(distance, value, slope, float(beyond.max(initial=0.0)))


def _largest(difference: Array, shape: tuple[int, ...]) -> Array:
    """Of [points * types, columns], the largest at each point."""
    return np.asarray(np.abs(difference).reshape(shape[0], -1).max(axis=1))
