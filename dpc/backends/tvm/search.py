"""The search for a tuning: one number at a time, in the order of what matters most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dpc.backends.tvm.tuning import Tuning
from dpc.targets import Target
from dpc.targets.target import VECTORS

Measure = Callable[[Tuning, int], float]
"""Seconds of a call with a tile of so many vectors; lower is better."""

BLOCK_BYTES = (12 << 10, 20 << 10, 30 << 10, 40 << 10)
UNROLL = (1, 2, 4)
AHEAD = (0, 8, 16, 32, 64)
WORTHWHILE = 0.99  # of the time: less of a gain is noise


@dataclass
class Search:
    """The best tuning so far. `tell` hears of every candidate: tuning, vectors, seconds."""

    measure: Measure
    best: Tuning
    tell: Callable[[Tuning, int, float], None] = lambda tuning, vectors, seconds: None
    time_left: Callable[[], bool] = lambda: True

    def run(self, target: Target) -> Tuning:
        """Full tiles first, since nearly all atoms are in them, then the smaller ones."""
        self._choose(VECTORS, self._outputs(target, VECTORS))
        self._choose(VECTORS, (replace(self.best, block_bytes=b) for b in BLOCK_BYTES))
        self._choose(VECTORS, (replace(self.best, ahead=a) for a in AHEAD))
        self._choose(VECTORS, (replace(self.best, unroll=u) for u in UNROLL))
        for vectors in reversed(range(1, VECTORS)):
            self._choose(vectors, self._outputs(target, vectors))
        return self.best

    def _outputs(self, target: Target, vectors: int) -> Iterator[Tuning]:
        """Those whose sums, with a vector of each and a weight, fit into the registers."""
        for count in (2, 4, 6, 8, 12, 16, 24):
            if vectors * count + vectors + 1 <= target.registers:
                outputs = list(self.best.outputs)
                outputs[vectors - 1] = count
                yield replace(self.best, outputs=(outputs[0], outputs[1], outputs[2]))

    def _choose(self, vectors: int, candidates: Iterator[Tuning]) -> None:
        """The fastest of the present best and the candidates."""
        start = self.best
        fastest = self._seconds(start, vectors)
        for one in candidates:
            if one == start or not self.time_left():
                continue
            seconds = self._seconds(one, vectors)
            if seconds < WORTHWHILE * fastest:
                self.best, fastest = one, seconds

    def _seconds(self, tuning: Tuning, vectors: int) -> float:
        seconds = self.measure(tuning, vectors)
        self.tell(tuning, vectors, seconds)
        return seconds
