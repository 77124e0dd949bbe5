"""How wide a circuit is built: lanes and outputs in a cycle, from the shape and the part.

An atom takes as many cycles as the slowest block does. The chooser walks through lanes and
intervals, keeps what fits within `FILL` of the part, and takes the fewest cycles, then the fewest
DSP slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from dpc.backends.fpga.parameters import Build
from dpc.backends.fpga.resources import Use, resources, total
from dpc.ir.fixed.shape import Shape

FILL: Mapping[str, float] = {"dsp": 0.85, "bram": 0.80, "uram": 0.80, "lut": 0.70}
"""The part of each kind of block that may be used: more is hard to route."""

LANES = (1, 2, 4, 8)
INTERVALS = (16, 20, 24, 28, 32, 34, 40, 48, 56, 64, 72, 80, 96, 112, 128, 160, 192, 256, 384, 512)
ATOMS = 4096  # with the images on the chip


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
    layers = range(len(shape.hidden))
    lanes = (build.product_lanes, *build.layer_lanes)
    beats = [ceil(width / lane) for width, lane in zip(shape.widths, lanes, strict=True)]
    found = {
        "neighbours": sum(ceil(n / build.lanes) for n in neighbors if n > 0) or 1,
        "sum over neighbours": shape.width,
        "descriptor": beats[0],
        "descriptor, back": build.back_beats,
    }
    for k in layers:
        found[f"layer {k}"] = beats[k + 1]
        found[f"layer {k}, back"] = max(beats[k], beats[k + 1])
    return found


def designs(shape: Shape, neighbors: Sequence[float]) -> Iterator[Design]:
    """Every build that is considered."""
    for lanes in LANES:
        for interval in INTERVALS:
            for build in _builds(shape, interval, lanes):
                yield Design(build, resources(shape, build), cycles(shape, build, neighbors))


def _builds(shape: Shape, interval: int, lanes: int) -> Iterator[Build]:
    rows = shape.ntypes**2 * shape.rows
    build = Build.of_interval(shape, interval, lanes, atoms=ATOMS)
    history = max(512, 2 ** ceil(shape.max_neighbors / lanes * 4).bit_length())
    build = replace(
        build,
        history_beats=history,
        table_style="ultra" if rows > 1024 else "block",
        layer_lanes=tuple(_lanes(shape, build)),
    )
    for style in ("block", "distributed"):
        yield replace(build, weight_style=style)


def _lanes(shape: Shape, build: Build) -> list[int]:
    """Lanes of layers; one that adds its input needs as many as the layer before it."""
    found = list(build.layer_lanes)
    for k in range(1, len(found)):
        if shape.resnet[k]:
            found[k] = found[k - 1]
    return found


def fits(use: Use, limits: Mapping[str, int], fill: Mapping[str, float] = FILL) -> bool:
    """Within the part."""
    return all(getattr(use, name) <= share * limits[name] for name, share in fill.items())


def choose(
    shape: Shape,
    limits: Mapping[str, int],
    neighbors: Sequence[float],
    fill: Mapping[str, float] = FILL,
) -> Design | None:
    """The fastest design that fits, and of these the smallest; None when none does."""
    found = [one for one in designs(shape, neighbors) if fits(one.use, limits, fill)]
    return min(found, key=lambda one: (one.interval, one.use.dsp, one.use.lut), default=None)


def curve(
    shape: Shape, limits: Mapping[str, int], neighbors: Sequence[float]
) -> list[tuple[Design, bool]]:
    """The smallest design of every interval, the fastest first, and whether it fits."""
    best: dict[int, Design] = {}
    for one in designs(shape, neighbors):
        known = best.get(one.interval)
        if known is None or _load(one, limits) < _load(known, limits):
            best[one.interval] = one
    found: list[tuple[Design, bool]] = []
    for interval in sorted(best):
        one = best[interval]
        if found and _load(one, limits) >= min(_load(o, limits) for o, _ in found):
            continue  # slower and no smaller
        found.append((one, fits(one.use, limits)))
    return found


def _load(one: Design, limits: Mapping[str, int]) -> float:
    """The fullest kind of block."""
    return max(getattr(one.use, name) / limits[name] for name in FILL)
