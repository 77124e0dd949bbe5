"""The neighbours of a batch as one list of pairs, without padding."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpc.data.batch import Batch
from dpc.data.neighbors import F64, I32, I64, extend, neighbor_rows, select
from dpc.errors import InputError


@dataclass(frozen=True)
class Pairs:
    """Pairs (centre, neighbour) within rcut that fit sel, by centre, neighbour type, distance.

    Atoms of all frames are counted through: atom a of frame f is f * nloc + a. A neighbour that is
    a periodic image is named by the atom it is an image of. Fillers have no pairs.
    """

    offsets: I64  # [nframe * nloc + 1]: the pairs of atom a are offsets[a]:offsets[a + 1]
    neighbor: I32  # [npair]
    r: F64  # [npair, 3] Å, from the centre to the neighbour
    dropped: int = 0  # neighbours within rcut that did not fit sel

    @property
    def centre(self) -> I32:
        """The centre of each pair, [npair]."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), np.diff(self.offsets))

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self.offsets.nbytes + self.neighbor.nbytes + self.r.nbytes


def frame_pairs(
    coord: F64, atype: I32, box: F64 | None, rcut: float, sel: Sequence[int] | None
) -> Pairs:
    """Pairs of one frame: coord [nloc, 3] Å, atype [nloc]; without `sel` all within rcut (Å)."""
    real = np.flatnonzero(atype >= 0)
    whole = len(real) == len(atype)
    ext = extend(coord if whole else coord[real], atype if whole else atype[real], box, rcut)
    rows = neighbor_rows(ext, rcut)
    if sel is None:
        i, j = np.repeat(np.arange(ext.nloc), np.diff(rows.offsets)), rows.indices
    else:
        i, j, _ = select(ext, rows, tuple(sel))
    count = np.zeros(len(atype), np.int64)
    count[real] = np.bincount(i, minlength=ext.nloc)
    return Pairs(
        offsets=np.concatenate([[0], np.cumsum(count)]),
        neighbor=real[ext.owner[j]].astype(np.int32),
        r=ext.coord[j] - ext.coord[i],
        dropped=len(rows.indices) - len(j),
    )


def join(parts: Sequence[Pairs]) -> Pairs:
    """Pairs of several frames of one nloc as those of a batch."""
    if len(parts) == 1:
        return parts[0]
    nloc = len(parts[0].offsets) - 1
    starts = np.cumsum([0, *[len(p.neighbor) for p in parts]])
    return Pairs(
        offsets=np.concatenate(
            [[0], *[p.offsets[1:] + s for p, s in zip(parts, starts, strict=False)]]
        ),
        neighbor=np.concatenate([p.neighbor + np.int32(k * nloc) for k, p in enumerate(parts)]),
        r=np.concatenate([p.r for p in parts]),
        dropped=sum(p.dropped for p in parts),
    )


def batch_pairs(batch: Batch, rcut: float, sel: Sequence[int] | None = None) -> Pairs:
    """Pairs of all frames of a batch."""
    return join([_of_frame(batch, k, rcut, sel) for k in range(batch.nframe)])


def _of_frame(batch: Batch, k: int, rcut: float, sel: Sequence[int] | None) -> Pairs:
    box = None if batch.box is None else batch.box[k]
    try:
        return frame_pairs(batch.coord[k], batch.atype[k], box, rcut, sel)
    except InputError as error:
        raise InputError(
            f"system {batch.system[k]} of the data, frame {batch.frame[k]} (both counted from 0): "
            f"{error}"
        ) from error


class PairCache:
    """Pairs of batches, each frame's computed once while the memory lasts.

    Positions of training data never change, so r is a constant of the frame. The pairs of frames
    beyond `limit` bytes are computed every time.
    """

    def __init__(self, rcut: float, sel: Sequence[int] | None, limit: int = 1 << 30) -> None:
        self.rcut, self.limit = rcut, limit
        self.sel = None if sel is None else tuple(sel)
        self.nbytes = 0
        self._frames: dict[tuple[int, int, int], Pairs] = {}
        self._lock = threading.Lock()

    def __call__(self, batch: Batch) -> Pairs:
        return join([self._frame(batch, k) for k in range(batch.nframe)])

    def _frame(self, batch: Batch, k: int) -> Pairs:
        # padded with fillers to another width, a frame has other offsets
        key = (int(batch.system[k]), int(batch.frame[k]), batch.nloc)
        found = self._frames.get(key)
        if found is not None:
            return found
        pairs = _of_frame(batch, k, self.rcut, self.sel)
        with self._lock:
            if self.nbytes + pairs.nbytes <= self.limit and key not in self._frames:
                self._frames[key] = pairs
                self.nbytes += pairs.nbytes
        return pairs
