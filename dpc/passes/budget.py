"""One error budget for a compression: who may use how much, and what was used on the frames.

rms errors of one pass after the other add up to no more than their sum, so passes that each
keep to their share keep to the budget together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from dpc.ir.program import Facts, Program
from dpc.passes.base import Context
from dpc.passes.measure import compare
from dpc.passes.samples import Sample

#: eV/Å, rms of force components: what a compression may change unless it is told otherwise
FORCE_ERROR = 1e-7
#: what a pass may use of the budget
SHARES = {"basis": 0.2, "fold": 0.7, "tabulate": 0.1}

Errors = dict[str, dict[str, float]]
T = TypeVar("T")


def to_fit(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The frames that a pass may look at; the others only judge it."""
    return samples[::2]


def force_errors(context: Context, before: Program, after: Program) -> Errors:
    """rms and max change of forces, eV/Å, on the frames of the fit and on those held out."""
    old, new = context.results(before), context.results(after)
    parts = {"fit": slice(None, None, 2), "held_out": slice(1, None, 2)}
    found = {}
    for name, part in parts.items():
        if old[part]:
            error = compare(old[part], new[part])["force"]
            found[name] = {"rms": error.rms, "max": error.max}
    return found


def worst(errors: Errors) -> float:
    """The larger rms, of the fit and of the frames held out."""
    return max(error["rms"] for error in errors.values())


def first_good(candidates: Sequence[T], is_good: Callable[[T], bool]) -> T | None:
    """The first good one of candidates that get better; None when the last is not good."""
    if not candidates or not is_good(candidates[-1]):
        return None
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if is_good(candidates[middle]):
            high = middle
        else:
            low = middle + 1
    return candidates[high]


def multiples(of: int, most: int) -> list[int]:
    """Multiples of a number up to `most`, and `most` itself at the end."""
    found = list(range(of, most + 1, of))
    return found if found and found[-1] == most else [*found, most]


def missing_pairs(facts: Facts, samples: Sequence[Sample]) -> list[str]:
    """Pairs of types, 'O-H', of which no frame has neighbours: nothing is known of them."""
    pairs = {
        (i, j) for i in range(facts.ntypes) for j in range(facts.ntypes) if facts.sel[j] > 0
    }
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
