"""Tables that fit nets: how fine they must be, and how far they are off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpc.ir.params import Net
from dpc.passes import quintic
from dpc.passes.base import PassError
from dpc.passes.jets import net_jet
from dpc.passes.quintic import Array

_DECADE = (1.0, 0.8, 0.64, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.125)
#: strides tried, coarse to fine, in units of the nets' input
LADDER: tuple[float, ...] = tuple(round(step / 10**k, 8) for k in range(3) for step in _DECADE)
#: more rows are a mistake in the range: a table of 100 outputs would take 5 GB
MOST_ROWS = 1_000_000
#: where in a piece the leading error of the slope (two roots) and of the value is largest
PROBES = (0.5 - math.sqrt(0.05), 0.5, 0.5 + math.sqrt(0.05))
#: more points, for the report
DENSE = tuple((i + 0.5) / 16 for i in range(16))


@dataclass(frozen=True, eq=False)
class Fit:
    """A table of nets: coefficients [count, rows, 6, M] from `lower` on."""

    nets: Sequence[Net]
    lower: float
    stride: float
    coefficients: Array

    @property
    def rows(self) -> int:
        """Pieces, and the row that extrapolates."""
        return int(self.coefficients.shape[1])

    @property
    def upper(self) -> float:
        """Where the row that extrapolates begins."""
        return self.lower + (self.rows - 1) * self.stride

    def inside(self, fractions: Sequence[float]) -> Array:
        """Points at these fractions of every piece."""
        left = quintic.nodes(self.lower, self.rows - 1, self.stride)
        return np.asarray((left[:, None] + self.stride * np.array(fractions)).ravel())

    def errors(self, x: Array) -> tuple[float, float]:
        """Largest error of value and of slope at x, relative to the net's size inside."""
        worst = (0.0, 0.0)
        for net, size, table in zip(self.nets, self._sizes(), self.coefficients, strict=True):
            exact, got = net_jet(net, x), quintic.evaluate(table, self.lower, self.stride, x)
            value = float(np.max(np.abs(exact.value - got.value))) / size
            slope = float(np.max(np.abs(exact.slope - got.slope))) / size
            worst = max(worst[0], value), max(worst[1], slope)
        return worst

    def _sizes(self) -> list[float]:
        """The largest value or slope of each net, at the nodes: rows hold both."""
        largest = np.abs(self.coefficients[:, :, :2]).max(axis=(1, 2, 3))
        return [max(float(size), 1e-300) for size in largest]


def fit(nets: Sequence[Net], lower: float, upper: float, stride: float) -> Fit:
    """The table of this stride over the range; its upper end is rounded up to a node."""
    if not (upper - lower) / stride < MOST_ROWS:
        raise PassError(
            f"tabulate: a table from {lower:.3g} to {upper:.3g} in steps of {stride:g} has more "
            f"than {MOST_ROWS:,} rows. Give a larger stride, or a larger min_distance (Å) where "
            "the model's shortest training distance is a mistake"
        )
    rows = max(1, math.ceil((upper - lower) / stride - 1e-9)) + 1
    at = quintic.nodes(lower, rows, stride)
    tables = [quintic.pieces(net_jet(net, at), stride) for net in nets]
    return Fit(nets, lower, stride, np.stack(tables))


def coarsest(
    nets: Sequence[Net], lower: float, upper: float, tolerance: float
) -> tuple[Fit, float]:
    """The first stride of the ladder within tolerance, else the finest; and its error."""
    for stride in LADDER:
        found = fit(nets, lower, upper, stride)
        error = max(found.errors(found.inside(PROBES)))
        if error <= tolerance:
            break
    return found, error


def finer(stride: float) -> float:
    """The next stride of the ladder; the finest stays."""
    return next((step for step in LADDER if step < stride), LADDER[-1])
