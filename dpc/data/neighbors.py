"""Cell-list neighbours: open, orthogonal, triclinic and tiny boxes.

Periodic images become explicit atoms (`Extended`), so that everything after this file sees an open
system. The cells are sorted by one integer key; a row of three cells along z is then one run of the
sorted atoms, and an atom's candidates are nine runs. No loop goes over atoms. neighbors.c does the
same where there is a C compiler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dpc.data import compiled
from dpc.errors import InputError

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

MAX_IMAGES = 5_000_000  # atoms and images: beyond this the cell is surely a mistake
_COINCIDENT = 1e-8  # Å: two atoms nearer than this are at one place, as in compiled packages
_MAX_CELLS = 1 << 20  # cells along one axis: keeps the key of a cell below 2^63
_CANDIDATES = 4_000_000  # pairs looked at together: bounds the memory


@dataclass(frozen=True)
class Extended:
    """Local atoms followed by the periodic images within reach of them.

    `owner[i]` is the local atom that atom i is an image of; local atoms own themselves.
    """

    coord: F64  # [nall, 3] Å
    atype: I32  # [nall]
    owner: I64  # [nall]
    nloc: int

    @property
    def nall(self) -> int:
        """Local atoms and images."""
        return len(self.atype)


class Rows(NamedTuple):
    """Neighbours as compressed rows: those of atom i are `indices[offsets[i]:offsets[i + 1]]`."""

    offsets: I64  # [nloc + 1]
    indices: I32  # [pairs], indices of extended atoms, ascending within a row


def check_cell(cell: F64) -> None:
    """Refuse a cell (rows are its vectors) that spans no volume."""
    finite = np.isfinite(cell).all()
    volume = abs(np.linalg.det(cell)) if finite else np.nan
    if not finite or volume <= 1e-9 * np.prod(np.linalg.norm(cell, axis=1)):
        raise InputError(
            f"cell: rows {cell.tolist()} must be three finite, independent vectors; "
            f"their volume is {volume:g} Å^3. Give None for an open boundary"
        )


def extend(coord: F64, atype: I32, cell: F64 | None, rcut: float) -> Extended:
    """Wrap atoms into the cell and add every image within `rcut` (Å) of the cell.

    coord [nloc, 3] Å, atype [nloc], cell [3, 3] Å with the vectors as rows, or None when open.
    """
    nloc = len(coord)
    owner = np.arange(nloc)
    if cell is None or nloc == 0:
        return Extended(coord, atype, owner, nloc)
    check_cell(cell)
    inverse = np.linalg.inv(cell)
    fraction = coord @ inverse
    shift = -np.floor(fraction)
    fraction = fraction + shift
    # 1 / |column of the inverse| is the distance between opposite faces
    reach = rcut * np.linalg.norm(inverse, axis=0) * (1 + 1e-12) + 1e-12
    images = nloc * np.prod(1 + 2 * reach)
    if images > MAX_IMAGES:
        raise InputError(
            f"cell: {nloc} atoms in {cell.tolist()} have about {images:.2g} periodic images within "
            f"rcut {rcut} Å. Is the cell in Å, and as large as the atoms need?"
        )
    for axis in range(3):
        steps = np.arange(-np.ceil(reach[axis]), np.ceil(reach[axis]) + 1)
        steps = np.concatenate([[0.0], steps[steps != 0]])  # the atoms themselves stay in front
        moved = fraction[None, :, axis] + steps[:, None]
        inside = (moved >= -reach[axis]) & (moved < 1 + reach[axis])
        inside[0] = True
        step, atom = np.nonzero(inside)
        fraction, shift, owner = fraction[atom], shift[atom], owner[atom]
        fraction[:, axis] += steps[step]
        shift[:, axis] += steps[step]
    # local atoms are the first nloc: step 0 comes first on every axis. An atom that was inside
    # the cell keeps its coordinates bit for bit.
    return Extended(coord[owner] + shift @ cell, atype[owner], owner, nloc)


def _runs(start: I64, stop: I64) -> tuple[I64, I64]:
    """All integers of many ranges: (which range, integer), ranges in order."""
    count = stop - start
    which = np.repeat(np.arange(len(count)), count)
    first = np.repeat(np.cumsum(count) - count, count)
    return which, np.arange(count.sum()) - first + start[which]


def neighbor_rows(ext: Extended, rcut: float) -> Rows:
    """Every atom nearer than `rcut` (Å) to each local atom. Two atoms at one place are refused."""
    found = compiled.neighbor_rows(ext.coord, ext.nloc, float(rcut))
    return numpy_rows(ext, rcut) if found is None else Rows(*found)


def numpy_rows(ext: Extended, rcut: float) -> Rows:
    """`neighbor_rows` without a compiler: the same bits."""
    if ext.nloc == 0:
        return Rows(np.zeros(1, np.int64), np.zeros(0, np.int32))
    low = ext.coord.min(axis=0)
    size = np.maximum(rcut, (ext.coord.max(axis=0) - low) / _MAX_CELLS)
    cells = np.floor((ext.coord - low) / size).astype(np.int64) + 1  # an empty cell on every side
    ny, nz = cells[:, 1].max() + 2, cells[:, 2].max() + 2
    key = (cells[:, 0] * ny + cells[:, 1]) * nz + cells[:, 2]
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    columns = [(dx * ny + dy) * nz for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    centre = key[: ext.nloc, None] + np.array(columns)[None, :]
    start = np.searchsorted(sorted_key, centre - 1, side="left")
    stop = np.searchsorted(sorted_key, centre + 1, side="right")

    rows, found = [], []
    candidates = np.cumsum((stop - start).sum(axis=1))
    block = np.searchsorted(candidates, np.arange(0, candidates[-1], _CANDIDATES), side="right")
    bounds = np.unique(np.concatenate([block, [0, ext.nloc]]))
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        which, position = _runs(start[first:last].ravel(), stop[first:last].ravel())
        i, j = first + which // len(columns), order[position]
        squared = np.square(ext.coord[j] - ext.coord[i]).sum(axis=1)
        near = (squared < rcut * rcut) & (i != j)
        _refuse_same_place(ext, i[near], j[near], squared[near])
        rows.append(i[near])
        found.append(j[near])
    i, j = np.concatenate(rows), np.concatenate(found)
    by_index = np.lexsort((j, i))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=ext.nloc))])
    return Rows(offsets, j[by_index].astype(np.int32))


def _refuse_same_place(ext: Extended, i: I64, j: I64, squared: F64) -> None:
    bad = np.flatnonzero(squared < _COINCIDENT**2)
    if len(bad):
        a, b = int(i[bad[0]]), int(ext.owner[j[bad[0]]])
        what = "its own periodic image" if a == b else f"atom {b}"
        raise InputError(
            f"coord: atom {a} is at the place of {what}, {ext.coord[a].tolist()} Å; "
            "the direction between them is not defined. Remove one or move it"
        )


def format_nlist(ext: Extended, rows: Rows, sel: tuple[int, ...]) -> tuple[I32, int]:
    """Neighbours in DeePMD-kit's padded form [nloc, sum(sel)], and how many did not fit.

    Slots come in one block of sel[t] for each neighbour type t, nearest first (ties by index);
    -1 is an empty slot. An atom with too many neighbours keeps those of `select`.
    """
    nlist = np.full((ext.nloc, sum(sel)), -1, np.int32)
    i, j, rank = select(ext, rows, sel)
    width = np.asarray(sel, np.int64)
    nlist[i, (np.cumsum(width) - width)[ext.atype[j]] + rank] = j
    return nlist, len(rows.indices) - len(j)


def select(ext: Extended, rows: Rows, sel: tuple[int, ...]) -> tuple[I64, I32, I64]:
    """The neighbours that fit: local atom i, extended atom j, rank of j among those of its type.

    By atom, then neighbour type, then distance (ties by index). An atom with too many keeps the
    nearest sum(sel) of all types, and of these the nearest sel[t] of each type: DeePMD-kit 3 cuts
    in these two steps. With one number in `sel`, all types share its slots.
    """
    found = compiled.select(rows.offsets, rows.indices, ext.coord, ext.atype, tuple(sel))
    return numpy_select(ext, rows, sel) if found is None else found


def numpy_select(ext: Extended, rows: Rows, sel: tuple[int, ...]) -> tuple[I64, I32, I64]:
    """`select` without a compiler: the same bits."""
    i = np.repeat(np.arange(ext.nloc), np.diff(rows.offsets))
    j = rows.indices
    squared = np.square(ext.coord[j] - ext.coord[i]).sum(axis=1)
    order = np.lexsort((j, squared, i))
    order = order[_rank(i) < sum(sel)]  # sorting by i first leaves i as it was
    i, j = i[order], j[order]
    kind = ext.atype[j].astype(np.int64) if len(sel) > 1 else np.zeros(len(j), np.int64)
    by_type = np.argsort(i * len(sel) + kind, kind="stable")
    i, j, kind = i[by_type], j[by_type], kind[by_type]
    rank = _rank(i * len(sel) + kind)
    kept = rank < np.asarray(sel, np.int64)[kind]
    return i[kept], j[kept], rank[kept]


def _rank(group: I64) -> I64:
    """Place of each entry in its group; `group` ascends."""
    first = np.flatnonzero(np.diff(group, prepend=-1))
    count = np.diff(first, append=len(group))
    return np.arange(len(group)) - np.repeat(first, count)
