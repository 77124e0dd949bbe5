"""What a check found: where, what, how bad, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

SHOWN = 5  # frames that a sentence names


class Level(Enum):
    """An error stops or ruins a training; a warning may be meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One sentence about one system, or about the data set."""

    level: Level
    kind: str
    where: str  # the system, or "" for all of them
    text: str
    frames: tuple[int, ...] = ()  # all of them; counted from 0

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{self.level.value}: {place}{self.text}"


def error(kind: str, where: str, text: str, frames: ArrayLike | Sequence[int] = ()) -> Finding:
    """Something that stops or ruins a training."""
    return Finding(Level.ERROR, kind, where, text, _frames(frames))


def warning(kind: str, where: str, text: str, frames: ArrayLike | Sequence[int] = ()) -> Finding:
    """Something that looks wrong."""
    return Finding(Level.WARNING, kind, where, text, _frames(frames))


def _frames(frames: ArrayLike | Sequence[int]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.asarray(frames, np.int64).ravel())


def some_frames(frames: ArrayLike, total: int | None = None) -> str:
    """frame 3, or frames 1, 2, 5, … (17 of 80)."""
    found = np.asarray(frames, np.int64).ravel()
    shown = ", ".join(str(k) for k in found[:SHOWN])
    dots = ", …" if len(found) > SHOWN else ""
    of = f" ({len(found)} of {total})" if total and len(found) > 1 else ""
    return f"frame{'s' * (len(found) > 1)} {shown}{dots}{of}"
