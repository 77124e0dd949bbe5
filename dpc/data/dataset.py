"""The systems of one training or validation section, in the types of one model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dpc.data.batch import Batch, merge
from dpc.data.labels import Label
from dpc.data.neighbors import I64
from dpc.data.pairs import frame_pairs
from dpc.data.system import System, find_systems
from dpc.errors import InputError


class DataSet:
    """Systems in order, and the type map that their atoms are numbered by."""

    def __init__(
        self, systems: Sequence[System], type_map: Sequence[str], fparam: int = 0, aparam: int = 0
    ) -> None:
        self.systems = list(systems)
        self.type_map = tuple(type_map)
        self.fparam, self.aparam = fparam, aparam

    def __len__(self) -> int:
        return len(self.systems)

    @cached_property
    def frames(self) -> list[int]:
        """Frames of each system."""
        return [len(system) for system in self.systems]

    @property
    def nslots(self) -> list[int]:
        """Atoms of a frame of each system, fillers included."""
        return [system.nslots for system in self.systems]

    @property
    def mixed(self) -> bool:
        """Whether the frames of some system have types of their own."""
        return any(system.mixed for system in self.systems)

    def groups(self, labels: Sequence[Label]) -> list[list[I64]]:
        """Of each system, frames by which of the labels they have: these may share a batch."""
        return [system.groups([label.name for label in labels]) for system in self.systems]

    def batch(self, system: int, frames: ArrayLike, labels: Sequence[Label] = ()) -> Batch:
        """Some frames of one system."""
        return self.systems[system].batch(
            frames, self.type_map, labels, self.fparam, self.aparam, number=system
        )

    def gather(self, parts: Sequence[tuple[int, ArrayLike]], labels: Sequence[Label] = ()) -> Batch:
        """Frames of several systems in one batch."""
        return merge([self.batch(system, frames, labels) for system, frames in parts], labels)

    def batches(self, labels: Sequence[Label] = ()) -> Iterator[Batch]:
        """Everything in order, one system after another."""
        for number, system in enumerate(self.systems):
            yield from system.batches(
                self.type_map, labels, fparam=self.fparam, aparam=self.aparam, number=number
            )

    def digest(self, names: Sequence[str] = ("coord", "box", "energy")) -> str:
        """SHA-256 of the types and the arrays `names`: equal where the contents are equal."""
        total = hashlib.sha256(repr(self.type_map).encode())
        for system in self.systems:
            total.update(f"{len(system)} {system.open}".encode())
            for name in names:
                total.update(system.digest(name))
            total.update(self.atom_types(system))
        return total.hexdigest()

    def atom_types(self, system: System) -> bytes:
        """The types of a system's slots, where all frames share them."""
        if system.mixed:
            return system.digest("real_atom_types")
        return system.atype(np.zeros(1, np.int64), self.type_map).tobytes()


def open_dataset(
    systems: str | Path | Sequence[str | Path],
    type_map: Sequence[str] | None = None,
    fparam: int = 0,
    aparam: int = 0,
    base: Path | str = "",
    patterns: Sequence[str] | None = None,
    min_pair_dist: float = 0.0,
) -> DataSet:
    """The systems of an input's `systems`: folders, HDF5 files, groups FILE#/GROUP.

    Each may hold several systems. Relative paths start at `base`. Without a type map it is that
    of the data: the names in the order in which they come. `patterns`: names of folders, as of
    Path.rglob, that hold systems, where `systems` is one folder. Frames with a pair nearer than
    `min_pair_dist` (Å) are left out.
    """
    given = [systems] if isinstance(systems, str | Path) else list(systems)
    if not given:
        raise InputError("systems: the list is empty. Name at least one data folder")
    found = [one for path in given for one in _find(Path(base) / str(path), patterns)]
    dataset = DataSet(found, type_map or common_type_map(found), fparam, aparam)
    if not sum(dataset.frames):
        raise InputError(f"{', '.join(map(str, given))}: there are no frames in coord.npy")
    return dataset if not min_pair_dist else without_near_pairs(dataset, min_pair_dist)


def _find(path: Path, patterns: Sequence[str] | None) -> list[System]:
    if not patterns:
        return find_systems(path)
    folders = sorted({p for pattern in patterns for p in path.rglob(pattern)})
    found = [System(p) for p in folders if (p / "type.raw").is_file()]
    if not found:
        raise InputError(f"{path}: no data folder below it matches {' '.join(patterns)}")
    return found


def without_near_pairs(dataset: DataSet, distance: float) -> DataSet:
    """The same without the frames in which two atoms are nearer than `distance` (Å)."""
    systems = []
    for system in dataset.systems:
        good = [k for k in range(len(system)) if not _has_near_pair(dataset, system, k, distance)]
        if len(good) < len(system):
            left_out = f"{len(system) - len(good)} of {len(system)} frames"
            warnings.warn(
                f"{system.where}: {left_out} have a pair nearer than {distance} Å: left out",
                stacklevel=3,
            )
        systems.append(system if len(good) == len(system) else system.subset(good))
    found = DataSet(systems, dataset.type_map, dataset.fparam, dataset.aparam)
    if not sum(found.frames):
        raise InputError(f"min_pair_dist {distance}: no frame is left")
    return found


def _has_near_pair(dataset: DataSet, system: System, frame: int, distance: float) -> bool:
    batch = system.batch([frame], dataset.type_map)
    box = None if batch.box is None else batch.box[0]
    try:
        return bool(len(frame_pairs(batch.coord[0], batch.atype[0], box, distance, None).neighbor))
    except InputError:  # two atoms at one place
        return True


def common_type_map(systems: Sequence[System]) -> tuple[str, ...]:
    """Every name of the systems' own type maps, in the order of their first appearance."""
    names: dict[str, None] = {}
    for system in systems:
        if system.names is None:
            raise InputError(
                f"{system.where}: no type_map.raw, so that its types have no names. "
                "Write the names into it, or give the type map (model.type_map)"
            )
        names.update(dict.fromkeys(system.names))
    return tuple(names)
