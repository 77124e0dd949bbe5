"""A picture of a simulated pipeline: what each block did, over the clock.

From the circuit's own counters, read every few cycles: in a cycle a stream gives a word, waits
for the block after it, or has nothing to give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.backends.fpga.registers import COUNTERS
from dpc.errors import ToolError, UsageError

FORMATS = (".svg", ".png", ".pdf")
MOST = 2000
"""Intervals in a picture: of longer runs the first are shown."""
BUSY, STALLED = "#3b75af", "#e08214"

Sample = tuple[int, Sequence[int]]  # cycle; counters in the order of COUNTERS


@dataclass(frozen=True)
class Occupancy:
    """Parts of each interval in which streams were busy or stalled, the rest idle."""

    edges: NDArray[np.int64]  # [n + 1], cycles since the first sample
    busy: Mapping[str, NDArray[np.float64]]  # [n] of each block, 0 to 1
    stalled: Mapping[str, NDArray[np.float64]]

    @staticmethod
    def of(samples: Sequence[Sample], blocks: Sequence[str]) -> Occupancy:
        """From at least two samples of the counters; they wrap at 32 bits."""
        samples = samples[: MOST + 1]
        if len(samples) < 2:
            raise UsageError("the simulation was too short to look at: give it a whole frame")
        cycles = np.array([cycle for cycle, _ in samples], np.int64)
        counts = np.array([values for _, values in samples], np.int64)
        events = np.diff(counts, axis=0) % (1 << 32) / np.diff(cycles)[:, None]
        parts = [
            {name: events[:, COUNTERS.index(f"{name}_{what}")] for name in blocks}
            for what in ("words", "waits")
        ]
        return Occupancy(cycles - cycles[0], *parts)


def check_format(path: Path) -> None:
    """UsageError before a long simulation, not after it."""
    if path.suffix not in FORMATS:
        raise UsageError(f"--plot {path}: a picture is {', '.join(FORMATS)}, not '{path.suffix}'")
    _pyplot()


def draw(found: Occupancy, names: Mapping[str, str], path: Path) -> None:
    """One lane for each block, clock cycles across; written to `path`."""
    plt = _pyplot()
    figure, every = plt.subplots(
        len(names), 1, sharex=True, figsize=(11, 0.75 * len(names) + 1), layout="constrained"
    )
    for axes, (block, name) in zip(every, names.items(), strict=True):
        busy, stalled = found.busy[block], found.stalled[block]
        axes.stairs(busy, found.edges, fill=True, color=BUSY, label="busy")
        axes.stairs(
            busy + stalled, found.edges, baseline=busy, fill=True, color=STALLED, label="stalled"
        )
        axes.set(ylim=(0, 1), yticks=[], xlim=(0, found.edges[-1]))
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    every[-1].set_xlabel("clock cycles")
    every[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    figure.suptitle("what each block does: busy, stalled by the one after it, else idle")
    date = {"Date": None} if path.suffix == ".svg" else None  # the same bytes again
    figure.savefig(path, dpi=150, metadata=date)
    plt.close(figure)


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise ToolError("--plot needs matplotlib: pip install 'dpc[bench]'") from None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "dpc"
    from matplotlib import pyplot

    return pyplot
