"""What a training step sees: some frames of one system, or of several padded to one width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.data.labels import Label
from dpc.data.neighbors import F64, I32, I64
from dpc.errors import InputError


@dataclass(frozen=True)
class Batch:
    """Frames as arrays. A type of -1 marks a filler, which is no atom: its numbers are 0.

    `labels` holds only what the data have; `found` says so for every label that was asked for
    (find_energy and the like of DeePMD-kit).
    """

    coord: F64  # [nframe, nloc, 3] Å
    atype: I32  # [nframe, nloc], types of the model
    box: F64 | None  # [nframe, 3, 3] Å, vectors as rows; None is open
    labels: dict[str, F64]  # energy [nframe], force [nframe, nloc, 3], virial [nframe, 3, 3], …
    found: dict[str, bool]
    system: I64  # [nframe]: which system of the data set
    frame: I64  # [nframe]: which frame of that system
    fparam: F64 | None = None  # [nframe, numb_fparam]
    aparam: F64 | None = None  # [nframe, nloc, numb_aparam]
    prepared: Any = field(default=None, compare=False)  # what the loader's hook made of it

    @property
    def nframe(self) -> int:
        """Frames."""
        return self.coord.shape[0]

    @property
    def nloc(self) -> int:
        """Atoms of a frame, fillers included."""
        return self.coord.shape[1]

    @property
    def real(self) -> NDArray[np.bool_]:
        """Which slots are atoms, [nframe, nloc]."""
        return self.atype >= 0

    @property
    def natoms(self) -> I64:
        """Atoms of each frame, [nframe]."""
        return self.real.sum(axis=1)

    def counts(self, ntypes: int) -> I64:
        """Atoms of each type in each frame, [nframe, ntypes]."""
        return np.stack([(self.atype == t).sum(axis=1) for t in range(ntypes)], axis=1)

    def with_prepared(self, prepared: Any) -> Batch:
        """The same with what a hook made of it."""
        return replace(self, prepared=prepared)


def merge(batches: Sequence[Batch], labels: Sequence[Label]) -> Batch:
    """Frames of several batches in one, padded with fillers to the widest.

    A label is found where all have it. All must be periodic, or all open.
    """
    first = batches[0]
    if len(batches) == 1:
        return first
    if len({b.box is None for b in batches}) > 1:
        numbers = sorted({int(s) for b in batches for s in b.system})
        raise InputError(
            f"systems {numbers} are partly periodic and partly open: they cannot share a batch. "
            "Use a batch size without 'mixed'"
        )
    nloc = max(b.nloc for b in batches)
    names = [n for n in first.labels if all(n in b.labels for b in batches)]
    atomic = {label.name for label in labels if label.atomic}

    def joined(arrays: Sequence[NDArray[Any] | None], filler: float | None = None) -> Any:
        given = [a for a in arrays if a is not None]
        if len(given) < len(arrays):
            return None
        return np.concatenate(given if filler is None else [_widen(a, nloc, filler) for a in given])

    return Batch(
        coord=joined([b.coord for b in batches], 0.0),
        atype=joined([b.atype for b in batches], -1),
        box=joined([b.box for b in batches]),
        labels={
            n: joined([b.labels[n] for b in batches], 0.0 if n in atomic else None) for n in names
        },
        found={n: n in names for n in first.found},
        system=joined([b.system for b in batches]),
        frame=joined([b.frame for b in batches]),
        fparam=joined([b.fparam for b in batches]),
        aparam=joined([b.aparam for b in batches], 0.0),
    )


def _widen(array: NDArray[Any], nloc: int, filler: float) -> NDArray[Any]:
    """[nframe, n, …] to [nframe, nloc, …]."""
    pad = [(0, 0), (0, nloc - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
    return np.pad(array, pad, constant_values=filler)
