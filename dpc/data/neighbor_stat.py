"""Nearest pair and fullest environment of data: what cutoff tables and sel are chosen by."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dpc.data.cache import cached
from dpc.data.dataset import DataSet
from dpc.data.neighbors import I64
from dpc.data.pairs import batch_pairs
from dpc.errors import InputError

AUTO_FACTOR = 1.1  # sel is this much more than the fullest atom of the data needs
MULTIPLE = 4  # and a multiple of this


@dataclass(frozen=True)
class NeighborStat:
    """Of all atoms in all frames: the nearest distance (Å) and the largest number of neighbours.

    `most` has one number for each neighbour type; `most_together` counts all types at once.
    """

    min_nbor_dist: float | None  # None where no atom has a neighbour
    most: tuple[int, ...]
    most_together: int
    nearest: tuple[int, int] | None = None  # system and frame of the nearest pair


def neighbor_stat(
    dataset: DataSet,
    rcut: float,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NeighborStat:
    """Go through every frame; the result is kept by the content of the data."""

    def compute() -> dict[str, Any]:
        found = _compute(dataset, rcut, progress)
        return {**found.__dict__}

    key = {"what": "neighbor_stat", "rcut": rcut, "data": dataset.digest(("coord", "box"))}
    kept = cached(key, compute, cache)
    return NeighborStat(
        kept["min_nbor_dist"],
        tuple(kept["most"]),
        kept["most_together"],
        tuple(kept["nearest"]) if kept["nearest"] else None,
    )


def _compute(
    dataset: DataSet, rcut: float, progress: Callable[[int, int], None] | None
) -> NeighborStat:
    ntypes, total, done = len(dataset.type_map), sum(dataset.frames), 0
    shortest, nearest = np.inf, None
    most, together = np.zeros(ntypes, np.int64), 0
    for number in range(len(dataset)):
        for k in range(dataset.frames[number]):
            batch = dataset.batch(number, [k])
            pairs = batch_pairs(batch, rcut)
            if len(pairs.neighbor):
                counts = counts_by_type(pairs, batch.atype.ravel(), ntypes)
                most = np.maximum(most, counts.max(axis=0))
                together = max(together, int(counts.sum(axis=1).max()))
                own = float(np.sqrt(np.square(pairs.r).sum(axis=1).min()))
                if own < shortest:
                    shortest, nearest = own, (number, k)
            done += 1
            if progress:
                progress(done, total)
    return NeighborStat(
        None if nearest is None else shortest, tuple(most.tolist()), together, nearest
    )


def counts_by_type(pairs: Any, atype: Any, ntypes: int) -> I64:
    """Neighbours of each type of each atom, [atoms, ntypes]."""
    atoms = len(pairs.offsets) - 1
    flat = pairs.centre.astype(np.int64) * ntypes + atype[pairs.neighbor]
    return np.bincount(flat, minlength=atoms * ntypes).reshape(atoms, ntypes)


def is_auto(sel: Any) -> bool:
    """Whether `sel` is "auto" or "auto:factor"."""
    return isinstance(sel, str) and sel.strip().split(":")[0] == "auto"


def auto_sel(sel: str, stat: NeighborStat, by_type: bool = True) -> tuple[int, ...]:
    """Slots for each neighbour type, or one number for all: "auto" (auto:1.1) or "auto:factor".

    The most neighbours that an atom of the data has, times the factor, rounded up to a multiple
    of 4; at least 4, so that every type has a slot.
    """
    found = re.fullmatch(r"\s*auto\s*(?::\s*([0-9.eE+-]+)\s*)?", sel)
    try:
        factor = float(found[1]) if found and found[1] else AUTO_FACTOR
    except ValueError:
        found = None
    if not found or not factor >= 1:
        raise InputError(
            f"model.descriptor.sel {sel!r}: expected numbers, auto, or auto:FACTOR, FACTOR >= 1"
        )
    most = stat.most if by_type else (stat.most_together,)
    return tuple(max(MULTIPLE, -(-int(n * factor) // MULTIPLE) * MULTIPLE) for n in most)


def check_sel(sel: Sequence[int], stat: NeighborStat, type_map: Sequence[str]) -> list[str]:
    """Sentences on the types of which some atom of the data has more neighbours than slots."""
    if len(sel) == 1 and len(type_map) > 1:
        few = [("all types", sel[0], stat.most_together)]
    else:
        few = list(zip(type_map, sel, stat.most, strict=True))
    return [
        f"sel {slots} for {name} is too small: an atom of the data has {most} such neighbours"
        for name, slots, most in few
        if most > slots
    ]


def warn_sel(sel: Sequence[int], stat: NeighborStat, type_map: Sequence[str]) -> None:
    """The same as warnings."""
    for sentence in check_sel(sel, stat, type_map):
        warnings.warn(sentence, stacklevel=2)
