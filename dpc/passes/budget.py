"""One error budget for a compression: who may use how much, and what was used on the frames.

rms errors of one pass after the other add up to no more than their sum, so passes that each
keep to their share keep to the budget together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from dpc.ir.program import Facts, Program
from dpc.passes.base import Context
from dpc.passes.measure import compare
from dpc.passes.samples import Sample

#: eV/Å, rms of force components: what a compression may change unless it is told otherwise
FORCE_ERROR = 1e-8
#: what a pass may use of the budget
SHARES = {"basis": 0.2, "fold": 0.7, "tabulate": 0.1}

Errors = dict[str, dict[str, float]]
T = TypeVar("T")


def to_fit(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The frames that a pass may look at; the others only judge it."""
    return samples[::2]


class Judge:
    """What other programs change in the forces of one, on the frames of a context."""

    def __init__(self, context: Context, program: Program) -> None:
        self._context = context
        self._before = context.results(program)

    def errors(self, other: Program) -> Errors:
        """rms and max change of forces, eV/Å, on the frames of the fit and on those held out."""
        after = self._context.results(other)
        parts = {"fit": slice(None, None, 2), "held_out": slice(1, None, 2)}
        found = {}
        for name, part in parts.items():
            if after[part]:
                error = compare(self._before[part], after[part])["force"]
                found[name] = {"rms": error.rms, "max": error.max}
        return found

    def rms(self, other: Program) -> float:
        """The larger rms change, of the frames of the fit and of those held out."""
        return max(error["rms"] for error in self.errors(other).values())

    def force(self) -> float:
        """rms of the forces themselves, eV/Å; 1 where there are none."""
        forces = [result.force.ravel() for result in self._before]
        rms = float(np.sqrt(np.mean(np.concatenate(forces) ** 2))) if forces else 0.0
        return rms if rms > 0 else 1.0


def first_good(
    candidates: Sequence[T], is_good: Callable[[T], bool], guess: int | None = None
) -> T | None:
    """The first good one of candidates that get better, looked for around place `guess`.

    None when the last is not good.
    """
    bad, good = -1, len(candidates)
    at, step = min(len(candidates) // 2 if guess is None else guess, good - 1), 1
    while good - bad > 1:
        if is_good(candidates[at]):
            good = at
            at = max(good - step, bad + 1) if bad < 0 else (bad + good) // 2
        else:
            bad = at
            at = min(bad + step, good - 1) if good == len(candidates) else (bad + good) // 2
        step *= 2
    return candidates[good] if good < len(candidates) else None


def multiples(of: int, most: int) -> list[int]:
    """Multiples of a number up to `most`, and `most` itself at the end."""
    found = list(range(of, most + 1, of))
    return found if found and found[-1] == most else [*found, most]


def missing_pairs(facts: Facts, samples: Sequence[Sample]) -> list[str]:
    """Pairs of types, 'O-H', of which no frame has neighbours: nothing is known of them."""
    pairs = {(i, j) for i in range(facts.ntypes) for j in range(facts.ntypes) if facts.sel[j] > 0}
    for sample in samples:
        nlist, atype = sample.inputs["nlist"], sample.inputs["atype"]
        center, slot = (nlist >= 0).nonzero()
        found = zip(atype[center].tolist(), atype[nlist[center, slot]].tolist(), strict=True)
        pairs -= set(found)
    return [f"{facts.type_map[i]}-{facts.type_map[j]}" for i, j in sorted(pairs)]


def neighbors(facts: Facts, samples: Sequence[Sample]) -> float:
    """Neighbours of an atom: the mean of the frames, or as many as there is room for."""
    atoms = sum(len(sample.inputs["nlist"]) for sample in samples)
    if not atoms:
        return float(facts.nnei)
    return sum(int((sample.inputs["nlist"] >= 0).sum()) for sample in samples) / atoms
