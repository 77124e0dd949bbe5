"""Which frames make the next batch: sizes, probabilities, and an order that can be resumed.

Every random choice is a function of the seed and of counters, so that the state of a sampler is a
few small integers.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpc.data.dataset import DataSet
from dpc.data.neighbors import F64, I64
from dpc.errors import InputError, did_you_mean

DEFAULT_AUTO = 32  # atoms in a batch at least, for "auto"
_CHOICE, _ORDER = 1, 2  # which stream of random numbers


@dataclass(frozen=True)
class BatchSizes:
    """Frames in a batch of each system; 0 leaves the system out. `mixed`: one size over all."""

    sizes: tuple[int, ...]
    mixed: bool = False


def batch_sizes(rule: str | int | Sequence[int], dataset: DataSet) -> BatchSizes:
    """Sizes by DeePMD-kit's `batch_size`.

    N or a list; "auto" (auto:32); "auto:N": the fewest frames that hold N atoms; "max:N": the most
    that hold no more than N, at least one; "filter:N": the same, without systems larger than N;
    "mixed:N": N frames from all systems together.
    """
    frames, slots = dataset.frames, dataset.nslots
    if isinstance(rule, str):
        kind, number = _read_rule(rule)
        if kind == "mixed":
            return BatchSizes((number,) * len(dataset), mixed=True)
        if kind == "auto":
            sizes = [-(-number // n) for n in slots]
        else:
            sizes = [max(1 if kind == "max" else 0, number // n) for n in slots]
        if not any(sizes):
            raise InputError(f"batch_size {rule!r}: every system has more than {number} atoms")
    elif isinstance(rule, int):
        sizes = [rule] * len(dataset)
    else:
        sizes = [int(size) for size in rule]
        if len(sizes) == 1:
            sizes *= len(dataset)
        if len(sizes) != len(dataset):
            raise InputError(
                f"batch_size has {len(sizes)} numbers for {len(dataset)} systems: expected one "
                "for each (a folder that holds several counts as several)"
            )
    if not isinstance(rule, str) and min(sizes) < 1:
        raise InputError(f"batch_size {rule}: expected numbers of frames, at least 1")
    for number, (size, count) in enumerate(zip(sizes, frames, strict=True)):
        if size > count > 0:
            where = dataset.systems[number].where
            warnings.warn(f"{where}: {count} frames, fewer than batch_size {size}", stacklevel=2)
    return BatchSizes(tuple(min(s, n) for s, n in zip(sizes, frames, strict=True)))


def _read_rule(rule: str) -> tuple[str, int]:
    found = re.fullmatch(r"\s*([a-z]+)\s*(?::\s*(\d+)\s*)?", rule)
    kinds = ("auto", "mixed", "max", "filter")
    if not found or found[1] not in kinds or (found[2] is None and found[1] != "auto"):
        raise InputError(
            f"batch_size {rule!r}: expected a number, a list of numbers, auto, auto:N, mixed:N, "
            f"max:N or filter:N.{did_you_mean(rule.split(':')[0], kinds)}"
        )
    number = int(found[2]) if found[2] else DEFAULT_AUTO
    if number < 1:
        raise InputError(f"batch_size {rule!r}: the number must be at least 1")
    return found[1], number


def probabilities(
    dataset: DataSet,
    sizes: BatchSizes,
    auto_prob: str = "prob_sys_size",
    sys_probs: Sequence[float] | None = None,
) -> F64:
    """How likely each system is to give the next batch; they add up to 1.

    sys_probs are the numbers themselves. "prob_uniform": all alike; "prob_sys_size": by the number
    of batches; "prob_sys_size;0:2:0.5;2:5:0.5": systems 0 and 1 share 0.5 by their sizes, systems
    2 to 4 the other half.
    """
    batches = np.array(
        [
            0 if size == 0 else max(1, n // size)
            for n, size in zip(dataset.frames, sizes.sizes, strict=True)
        ],
        dtype=float,
    )
    batches[np.array(dataset.frames) == 0] = 0
    if sys_probs is not None:
        weights = np.asarray(sys_probs, dtype=float)
        if weights.shape != batches.shape or not (weights >= 0).all():
            raise InputError(
                f"sys_probs {list(sys_probs)}: expected a number of at least 0 for each of "
                f"{len(dataset)} systems"
            )
        weights = weights * (batches > 0)
    elif auto_prob == "prob_uniform":
        weights = (batches > 0).astype(float)
    elif auto_prob.split(";")[0].strip() == "prob_sys_size":
        weights = _blocks(auto_prob, batches)
    else:
        hint = did_you_mean(auto_prob, ["prob_uniform", "prob_sys_size"])
        raise InputError(
            f"auto_prob {auto_prob!r}: expected prob_uniform, prob_sys_size or "
            f"prob_sys_size;FIRST:END:WEIGHT;….{hint}"
        )
    if not weights.sum() > 0:
        raise InputError("auto_prob: no system with frames has a probability above 0")
    return weights / weights.sum()


def _blocks(rule: str, batches: F64) -> F64:
    """The weights of prob_sys_size, with its blocks if there are any."""
    texts = [text.strip() for text in rule.split(";")[1:] if text.strip()]
    if not texts:
        return batches
    weights = np.zeros_like(batches)
    taken = np.zeros(len(batches), bool)
    for text in texts:
        words = text.split(":")
        try:
            first, end, weight = int(words[0]), int(words[1]), float(words[2])
        except (ValueError, IndexError):
            raise InputError(f"auto_prob {rule!r}: {text!r} is not FIRST:END:WEIGHT") from None
        if len(words) != 3 or not 0 <= first < end <= len(batches) or not weight >= 0:
            raise InputError(
                f"auto_prob {rule!r}: {text!r} must be FIRST:END:WEIGHT with "
                f"0 <= FIRST < END <= {len(batches)} (the number of systems) and WEIGHT >= 0"
            )
        if taken[first:end].any():
            raise InputError(f"auto_prob {rule!r}: {text!r} takes a system of another block")
        taken[first:end] = True
        total = batches[first:end].sum()
        if total > 0:
            weights[first:end] = weight * batches[first:end] / total
    return weights


class Sampler:
    """The frames of batch after batch, for ever; the same for the same seed.

    A system is drawn by its probability, and one of its groups (frames with the same labels) by its
    size. Frames come from a permutation of the group that is drawn anew when all were used: every
    frame comes once in each epoch of its group.
    """

    def __init__(
        self, groups: Sequence[Sequence[I64]], sizes: BatchSizes, probability: F64, seed: int
    ) -> None:
        self.frames = [sum(len(g) for g in own) for own in groups]
        self.sizes = sizes
        self.seed = int(seed) & (2**63 - 1)
        self.step = 0
        if sizes.mixed:  # all frames are one long system
            groups = [[np.arange(sum(self.frames))]]
        self._groups = [[g for g in own if len(g)] for own in groups]
        # frames given so far, over all epochs
        self.used = [[0] * len(own) for own in self._groups]
        self._edges = np.cumsum(probability)
        self._orders: dict[tuple[int, int], tuple[int, I64]] = {}

    def next(self) -> list[tuple[int, I64]]:
        """(system, its frames) of the next batch: one, or with mixed sizes several."""
        random = self._random(_CHOICE, self.step)
        self.step += 1
        if self.sizes.mixed:
            flat = np.sort(self._take(0, 0, self.sizes.sizes[0]))
            starts = np.cumsum([0, *self.frames])
            owner = np.searchsorted(starts, flat, side="right") - 1
            return [(int(s), flat[owner == s] - starts[s]) for s in np.unique(owner)]
        system = int(np.searchsorted(self._edges, random.random() * self._edges[-1], side="right"))
        edges = np.cumsum([len(g) for g in self._groups[system]])
        group = int(np.searchsorted(edges, random.random() * edges[-1], side="right"))
        return [(system, self._take(system, group, self.sizes.sizes[system]))]

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on after the last batch; fit for JSON."""
        used = [list(own) for own in self.used]
        return {"seed": self.seed, "step": self.step, "used": used, "frames": list(self.frames)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another sampler was. With other data, their order begins anew."""
        self.seed, self.step = int(state["seed"]), int(state["step"])
        self._orders = {}
        same = list(state["frames"]) == self.frames
        if same and [len(own) for own in state["used"]] == [len(own) for own in self.used]:
            self.used = [[int(n) for n in own] for own in state["used"]]
            return
        what = (
            "labels of sets, or batch_size"
            if same
            else f"frames of the systems were {list(state['frames'])} and are {self.frames}"
        )
        warnings.warn(
            f"the data have changed since the checkpoint ({what}): the training goes on, but "
            "frames come in another order than they would have",
            stacklevel=3,
        )
        self.used = [[0] * len(own) for own in self._groups]

    def _take(self, system: int, group: int, size: int) -> I64:
        frames, first = self._groups[system][group], self.used[system][group]
        size = min(size, len(frames))
        self.used[system][group] += size
        places = [divmod(p, len(frames)) for p in range(first, first + size)]
        return frames[[self._order(system, group, epoch)[place] for epoch, place in places]]

    def _order(self, system: int, group: int, epoch: int) -> I64:
        key = (system, group)
        if self._orders.get(key, (-1,))[0] != epoch:
            random = self._random(_ORDER, system, group, epoch)
            self._orders[key] = (epoch, random.permutation(len(self._groups[system][group])))
        return self._orders[key][1]

    def _random(self, *counters: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, *counters))
