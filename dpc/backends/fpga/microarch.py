"""How wide a circuit is built: lanes and outputs in a cycle, from the shape and the part.

An atom takes as many cycles as the slowest block does. The chooser walks through lanes and
intervals, keeps what fits within `FILL` of the part, and takes the fewest cycles, then the fewest
DSP slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from dpc.backends.fpga.parameters import Build
from dpc.backends.fpga.resources import Use, resources, total
from dpc.ir.fixed.shape import Shape
from dpc.ir.types import NumpyArray

FILL: Mapping[str, float] = {"dsp": 0.85, "bram": 0.80, "uram": 0.80, "lut": 0.70}
"""The part of each kind of block that may be used: more is hard to route."""

LANES = (1, 2, 4, 8)
ATOMS = 4096  # on the chip, with images
SHORTEST, LONGEST = 16, 512  # intervals that are tried


@dataclass(frozen=True)
class Design:
    """A build with what it costs and how fast it is."""

    build: Build
    uses: Mapping[str, Use]
    cycles: Mapping[str, int]  # of an atom, by block

    @property
    def interval(self) -> int:
        """Cycles between atoms: those of the slowest block."""
        return max(self.cycles.values())

    @property
    def use(self) -> Use:
        """Of all blocks."""
        return total(self.uses)


def cycles(shape: Shape, build: Build, neighbors: Sequence[float]) -> dict[str, int]:
    """Cycles of an atom in steady state, by block, with so many neighbours of each type."""
    lanes = (build.product_lanes, *build.layer_lanes)
    beats = [ceil(width / lane) for width, lane in zip(shape.widths, lanes, strict=True)]
    found = {
        "neighbours": sum(ceil(n / build.lanes) for n in neighbors if n > 0) or 1,
        "sum over neighbours": shape.width,
        "descriptor": beats[0],
        "descriptor, back": build.back_beats,
    }
    for k in range(len(shape.hidden)):
        found[f"layer {k}"] = beats[k + 1]
        found[f"layer {k}, back"] = max(beats[k], beats[k + 1])
    return found


def designs(
    shape: Shape, pairs: NumpyArray, neighbors: Sequence[float], widest: int = LANES[-1]
) -> Iterator[Design]:
    """Every build that is considered; `pairs` are the products of the model."""
    for layer_lanes, product_lanes, interval in _steps(shape):
        for lanes in LANES:
            if lanes > widest:
                continue
            build = _build(shape, pairs, interval, lanes)
            build = replace(build, layer_lanes=layer_lanes, product_lanes=product_lanes)
            for style in ("block", "distributed"):
                one = replace(build, weight_style=style)
                yield Design(one, resources(shape, one), cycles(shape, one, neighbors))


def _steps(shape: Shape) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Lanes of the layers and of the descriptor, and their interval: where one of them changes."""
    seen = set()
    for interval in range(SHORTEST, LONGEST + 1):
        lanes = [ceil(width / interval) for width in shape.hidden]
        for k in range(1, len(lanes)):
            if shape.resnet[k]:  # a layer that adds its input needs as many as the one before
                lanes[k] = lanes[k - 1]
        products = ceil(shape.products / interval)
        if shape.resnet[0]:
            lanes[0] = products = max(lanes[0], products)
        found = (tuple(lanes), products)
        if found not in seen:
            seen.add(found)
            yield (*found, interval)


def _build(shape: Shape, pairs: NumpyArray, interval: int, lanes: int) -> Build:
    rows = shape.ntypes**2 * shape.rows
    build = Build.of_interval(shape, interval, lanes, atoms=ATOMS)
    back_lanes, longest = build.back_lanes, back_load(pairs, shape.width, build.back_lanes)
    while longest > interval and back_lanes < shape.width:
        back_lanes += 1
        longest = back_load(pairs, shape.width, back_lanes)
    return replace(
        build,
        back_lanes=back_lanes,
        back_beats=max(interval, longest),
        table_style="ultra" if rows > 1024 else "block",
    )


def back_load(pairs: NumpyArray, width: int, lanes: int) -> int:
    """The longest list when columns, the longest lists first, go to the emptiest lane."""
    entries = np.bincount(pairs.ravel(), minlength=width)
    loads = np.zeros(lanes, np.int64)
    for count in np.sort(np.maximum(entries, 1))[::-1]:
        loads[loads.argmin()] += count
    return int(loads.max())


def fits(use: Use, limits: Mapping[str, int], fill: Mapping[str, float] = FILL) -> bool:
    """Within the part."""
    return all(getattr(use, name) <= share * limits[name] for name, share in fill.items())


def choose(
    shape: Shape,
    pairs: NumpyArray,
    limits: Mapping[str, int],
    neighbors: Sequence[float],
    fill: Mapping[str, float] = FILL,
) -> Design | None:
    """The fastest design that fits, and of these the smallest; None when none does."""
    found = [one for one in designs(shape, pairs, neighbors) if fits(one.use, limits, fill)]
    return min(found, key=lambda one: (one.interval, one.use.dsp, one.use.lut), default=None)


def curve(
    shape: Shape, pairs: NumpyArray, limits: Mapping[str, int], neighbors: Sequence[float]
) -> list[Design]:
    """Designs that nothing else beats in both cycles and size, the fastest first."""
    best: dict[int, Design] = {}
    for one in designs(shape, pairs, neighbors):
        known = best.get(one.interval)
        if known is None or load(one, limits) < load(known, limits):
            best[one.interval] = one
    found: list[Design] = []
    for interval in sorted(best):
        if not found or load(best[interval], limits) < load(found[-1], limits):
            found.append(best[interval])
    return found


def load(one: Design, limits: Mapping[str, int]) -> float:
    """The fullest kind of block, as a part of what the part has."""
    return max(getattr(one.use, name) / limits[name] for name in FILL)
