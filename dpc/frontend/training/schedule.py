"""Learning rates as functions of the step, and the prefactors that follow them.

J. Chem. Phys. 159, 054801 (2023), section II F; DeePMD-kit's `learning_rate` section.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dpc.errors import InputError

DEFAULT_STOP = 1e-8  # stop_lr where nothing says how the rate ends, as in DeePMD-kit 2


@dataclass(frozen=True)
class Schedule:
    """rate(step) for 0 <= step < steps: a linear warm-up, then a decay from `start`."""

    start: float
    steps: int
    warmup: int
    warmup_start: float
    decay: Callable[[int], float]

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        if step < self.warmup:
            return self.warmup_start + (self.start - self.warmup_start) * step / self.warmup
        return self.decay(step - self.warmup)

    def fraction(self, step: int) -> float:
        """rate / start: what the prefactors of the loss follow."""
        return self.rate(step) / self.start


def make_schedule(section: dict[str, Any], steps: int, workers: int = 1) -> Schedule:
    """The schedule of a normalised `learning_rate` section over `steps` steps."""
    scale = {"none": 1.0, "linear": workers, "sqrt": math.sqrt(workers)}[section["scale_by_worker"]]
    start = section["start_lr"] * scale
    stop = _stop(section) * scale
    warmup = section["warmup_steps"]
    if section["warmup_ratio"] is not None:
        warmup = int(section["warmup_ratio"] * steps)
    if warmup >= steps:
        raise InputError(f"learning_rate.warmup_steps is {warmup}, but the run has {steps} steps")
    decay = _DECAYS[section["type"]](section, start, stop, steps - warmup)
    return Schedule(start, steps, warmup, section["warmup_start_factor"] * start, decay)


def _stop(section: dict[str, Any]) -> float:
    if section["stop_lr_ratio"] is not None:
        return float(section["start_lr"] * section["stop_lr_ratio"])
    return float(section["stop_lr"] or min(DEFAULT_STOP, section["start_lr"]))


def _exp(section: dict[str, Any], start: float, stop: float, steps: int) -> Callable[[int], float]:
    """start * r^floor(t / decay_steps); r = (stop / start)^(decay_steps / steps) unless given."""
    every = section["decay_steps"]
    if every >= steps:  # DeePMD-kit's rule for short runs
        every = 100 if steps // 10 > 100 else steps // 100 + 1
    factor = section["decay_rate"] or (stop / start) ** (every / steps)
    given = section["decay_rate"] is not None and section["stop_lr"] is None
    floor = 0.0 if given and section["stop_lr_ratio"] is None else stop
    smooth = section["smooth"]

    def rate(t: int) -> float:
        return float(max(floor, start * factor ** (t / every if smooth else t // every)))

    return rate


def _cosine(
    section: dict[str, Any], start: float, stop: float, steps: int
) -> Callable[[int], float]:
    """stop + (start - stop) (1 + cos(pi t / steps)) / 2."""

    def rate(t: int) -> float:
        return stop + (start - stop) * 0.5 * (1 + math.cos(math.pi * min(t, steps) / steps))

    return rate


def _wsd(section: dict[str, Any], start: float, stop: float, steps: int) -> Callable[[int], float]:
    """Constant, then a decay over the last `decay_phase_ratio` of the steps."""
    length = max(1, int(section["decay_phase_ratio"] * steps))
    kind = section["decay_type"]

    def rate(t: int) -> float:
        u = min(1.0, max(0.0, (t - (steps - length)) / length))
        if kind == "linear":
            return start + (stop - start) * u
        if kind == "cosine":
            return stop + (start - stop) * 0.5 * (1 + math.cos(math.pi * u))
        return 1 / (u / stop + (1 - u) / start)

    return rate


_DECAYS = {"exp": _exp, "cosine": _cosine, "wsd": _wsd}
