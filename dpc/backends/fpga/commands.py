"""The command stream of the core: 128-bit words, as [n, 2] arrays of uint64 (low, high)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.backends.fpga.images import NO_WORD

LOAD, COORD, LIST, RUN, READ = range(1, 6)
NOBODY = 0xFFFF  # a slot of the list without neighbour
# of the status
TOO_NEAR = 1 << 8  # neighbours nearer than the table reaches
CROWDED = 1 << 9  # an atom with more neighbours than the circuit holds

Words = NDArray[np.uint64]


def header(op: int, count: int, base: int = 0, flags: int = 0) -> Words:
    """The first word of a command."""
    return np.array([[op | flags << 8 | count << 32, base]], np.uint64)


def load(words: NDArray[np.uint64]) -> Words:
    """The words of a model."""
    if len(words) % 2:
        words = np.append(words, NO_WORD)
    return np.concatenate([header(LOAD, len(words) // 2), words.reshape(-1, 2)])


def coord(x: NDArray[np.int64], atype: NDArray[Any], base: int = 0) -> Words:
    """Positions [n, 3], 2^-22 Å, and types of atoms `base` and on."""
    four = np.column_stack([x, atype]).astype(np.int64) & 0xFFFFFFFF
    low, high = four[:, 0] | four[:, 1] << 32, four[:, 2] | four[:, 3] << 32
    return np.concatenate(
        [header(COORD, len(x), base), np.column_stack([low, high]).view(np.uint64)]
    )


def neighbor_list(
    nlist: NDArray[Any], atype: NDArray[Any], lanes: int, centers: NDArray[Any] | None = None
) -> Words:
    """The list as the core plays it: [nloc, nnei] with -1 for empty slots, without header.

    Neighbours of a centre are sorted by type; a beat of `lanes` holds one type.
    """
    words: list[NDArray[np.int64]] = []
    for number, row in enumerate(np.asarray(nlist)):
        here = row[row >= 0]
        beats: list[NDArray[np.int64]] = []
        for t in np.unique(atype[here]):
            of = here[atype[here] == t]
            filled = np.full(-(-len(of) // lanes) * lanes, NOBODY, np.int64)
            filled[: len(of)] = of
            beats.append(filled)
        slots = np.concatenate(beats) if beats else np.full(lanes, NOBODY, np.int64)
        filled = np.full(-(-len(slots) // 8) * 8, NOBODY, np.int64)
        filled[: len(slots)] = slots
        center = int(number if centers is None else centers[number])
        first = np.zeros(8, np.int64)
        first[:2] = center, len(slots) // lanes
        words += [first, filled]
    if not words:
        return np.zeros((0, 2), np.uint64)
    slots = np.concatenate(words).reshape(-1, 2, 4).astype(np.uint64)
    shift = np.arange(4, dtype=np.uint64) * np.uint64(16)
    return np.asarray((slots << shift).sum(axis=2), np.uint64)


def lists(words: Words, base: int = 0) -> Words:
    """Store list words."""
    return np.concatenate([header(LIST, len(words), base), words])


def run(count: int, base: int = 0) -> Words:
    """Play `count` stored words."""
    return header(RUN, count, base)


def read(count: int, base: int = 0, virial: bool = True) -> Words:
    """Ask for the results of atoms."""
    return header(READ, count, base, int(virial))


@dataclass
class Answer:
    """What a read gives: integers as in docs/explain/fixed-point.md."""

    energy: NDArray[np.int64]  # [n]
    force: NDArray[np.int64]  # [n, 3]
    virial: NDArray[np.int64]  # [3, 3]
    status: int  # bits 0 to 7: what saturated; TOO_NEAR; CROWDED


def answer(words: Words, count: int) -> Answer:
    """The words of a read with virial."""
    assert words.shape == (count + 5, 2), words.shape
    four = np.ascontiguousarray(words[:count]).view(np.int32).reshape(count, 4).astype(np.int64)
    rest = np.ascontiguousarray(words[count:]).view(np.int64).ravel()
    return Answer(four[:, 3], four[:, :3], rest[:9].reshape(3, 3), int(rest[9]))
