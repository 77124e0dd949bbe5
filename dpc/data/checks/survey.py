"""One pass over a system: the numbers of each frame that the checks judge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dpc.data.elements import radius
from dpc.data.labels import LABELS
from dpc.data.neighbors import F64, I64
from dpc.data.pairs import batch_pairs
from dpc.data.system import System
from dpc.errors import InputError

REACH = 2.5  # times the largest covalent radius: how far a nearest neighbour is looked for
LOOKED_AT = 400  # frames of a system whose neighbours are looked at, evenly
NAMES = ("energy", "force", "virial")


@dataclass
class Survey:
    """Of one system; arrays have one entry for each frame, NaN where there is no number."""

    where: str
    names: tuple[str, ...]
    open: bool
    counts: F64  # [frames, types] atoms
    finite: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    energy: F64 | None = None  # eV
    force_rms: F64 | None = None  # eV/Å
    force_max: F64 | None = None
    net_force: F64 | None = None  # |sum of all| / sqrt(natoms)
    virial: F64 | None = None  # [frames, 3, 3] eV
    volume: F64 | None = None  # Å^3, signed
    height: F64 | None = None  # Å, the smallest distance between faces of the cell
    near_ratio: F64 | None = None  # nearest distance / sum of covalent radii
    near: F64 | None = None  # nearest distance, Å
    near_pair: list[str] = field(default_factory=list)
    bond_ratio: F64 | None = None  # median over atoms of that of their nearest neighbour
    looked_at: I64 | None = None  # frames of the last four
    digests: list[int] = field(default_factory=list)  # of positions: equal frames are equal
    slope: tuple[float, float] | None = None  # of energies against work of forces; correlation

    @property
    def natoms(self) -> F64:
        """Atoms of each frame."""
        return self.counts.sum(axis=1)

    @property
    def frames(self) -> int:
        """Frames."""
        return len(self.counts)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Frames in which every number is finite."""
        good = np.ones(self.frames, bool)
        for own in self.finite.values():
            good &= own
        return good


def survey(system: System, type_map: tuple[str, ...]) -> Survey:
    """Read everything once; the neighbours of `LOOKED_AT` frames."""
    frames, ntypes = len(system), len(type_map)
    found = Survey(system.where, type_map, system.open, np.zeros((frames, ntypes)))
    arrays: dict[str, list[F64]] = {name: [] for name in NAMES}
    finite: dict[str, list[NDArray[np.bool_]]] = {}
    have = [name for name in NAMES if system.has(name)]
    boxes, digests, start = [], [], 0
    for batch in system.batches(type_map, [LABELS[n] for n in have], finite=False):
        n = batch.nframe
        found.counts[start : start + n] = batch.counts(ntypes)
        everything = {"coord": batch.coord, "box": batch.box, **batch.labels}
        for name, array in everything.items():
            if array is not None:
                finite.setdefault(name, []).append(np.isfinite(array).reshape(n, -1).all(axis=1))
        for name, array in batch.labels.items():
            arrays[name].append(_summary(name, array, batch.real))
        if batch.box is not None:
            boxes.append(batch.box)
        digests += [hash(c.tobytes() + a.tobytes()) for c, a in
                    zip(batch.coord, batch.atype, strict=True)]  # fmt: skip
        start += n
    found.finite = {name: np.concatenate(parts) for name, parts in finite.items()}
    found.digests = digests
    joined = {name: np.concatenate(parts) for name, parts in arrays.items() if parts}
    found.energy, found.virial = joined.get("energy"), joined.get("virial")
    if "force" in joined:
        found.force_rms, found.force_max, found.net_force = joined["force"].T
    if boxes:
        found.volume, found.height = _cells(np.concatenate(boxes))
    _look_at_neighbors(found, system, type_map)
    return found


def _summary(name: str, array: F64, real: NDArray[np.bool_]) -> F64:
    if name != "force":
        return array
    natoms = np.maximum(1, real.sum(axis=1))
    with np.errstate(invalid="ignore", over="ignore"):
        square = np.square(array).sum(axis=2)
        return np.stack(
            [
                np.sqrt(square.sum(axis=1) / (3 * natoms)),
                np.sqrt(square.max(axis=1, initial=0)),
                np.linalg.norm(array.sum(axis=1), axis=1) / np.sqrt(natoms),
            ],
            axis=1,
        )


def _cells(boxes: F64) -> tuple[F64, F64]:
    """Signed volumes, and smallest distances between opposite faces; 0 for flat cells."""
    clean = np.nan_to_num(boxes, nan=0.0, posinf=0.0, neginf=0.0)
    volume = np.linalg.det(clean)
    areas = np.stack(
        [np.linalg.norm(np.cross(clean[:, i], clean[:, j]), axis=1)
         for i, j in ((1, 2), (2, 0), (0, 1))], axis=1,
    )  # fmt: skip
    flat = np.abs(volume) <= 1e-9 * np.prod(np.linalg.norm(clean, axis=2), axis=1)
    return volume, np.where(flat, 0.0, np.abs(volume) / np.maximum(areas.max(axis=1), 1e-300))


def _look_at_neighbors(found: Survey, system: System, type_map: tuple[str, ...]) -> None:
    radii = np.array([radius(name) for name in type_map])
    present = found.counts.any(axis=0)
    if not present.any():
        return
    reach = REACH * 2 * float(radii[present].max())
    good = found.usable
    if found.height is not None:
        good = good & (found.height > 0)
    frames = np.flatnonzero(good)
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).astype(int))] \
        if len(frames) > LOOKED_AT else frames  # fmt: skip
    near, ratio, bond, pair, kept = [], [], [], [], []
    for k in frames:
        batch = system.batch([k], type_map)
        try:
            pairs = batch_pairs(batch, reach)
        except InputError as error:  # two atoms at one place, or a cell full of images
            kept.append(k)
            near.append(0.0)
            ratio.append(0.0)
            bond.append(np.nan)
            pair.append(str(error).partition(": ")[2])
            continue
        types = batch.atype[0]
        distance = np.sqrt(np.square(pairs.r).sum(axis=1))
        own = distance / (radii[types[pairs.centre]] + radii[types[pairs.neighbor]])
        kept.append(k)
        if not len(own):
            near.append(np.nan)
            ratio.append(np.nan)
            bond.append(np.nan)
            pair.append("")
            continue
        first = int(own.argmin())
        near.append(float(distance[first]))
        ratio.append(float(own[first]))
        i, j = int(pairs.centre[first]), int(pairs.neighbor[first])
        pair.append(f"{type_map[types[i]]} (atom {i}) and {type_map[types[j]]} (atom {j})")
        starts = np.flatnonzero(np.diff(pairs.offsets) > 0)
        bond.append(float(np.median(np.minimum.reduceat(own, pairs.offsets[starts]))))
    found.looked_at, found.near_pair = np.array(kept, np.int64), pair
    found.near, found.near_ratio = np.array(near), np.array(ratio)
    found.bond_ratio = np.array(bond)
