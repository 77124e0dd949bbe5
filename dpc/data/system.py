"""One data system of DeePMD-kit: type.raw, type_map.raw, set.*/*.npy, nopbc; folder or HDF5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dpc.data.batch import Batch
from dpc.data.files import CHUNK, SystemFiles
from dpc.data.frames import Frame
from dpc.data.labels import LABELS, Label
from dpc.data.neighbors import F64, I32, I64
from dpc.data.storage import find_storages, rows_of
from dpc.errors import InputError


@dataclass(frozen=True)
class Labels:
    """What the data say of one frame; None where the folder does not have it."""

    energy: float | None  # eV
    force: F64 | None  # [n, 3] eV/Å
    virial: F64 | None  # [3, 3] eV
    atom_ener: F64 | None = None  # [n] eV


def find_systems(path: Path | str) -> list[System]:
    """The folder itself, or every folder below it that has a type.raw; so in an HDF5 file."""
    return [System(storage) for storage in find_storages(path)]


class System(SystemFiles):
    """One data folder, or some of its frames. Arrays are read when frames are asked for."""

    kept: I64 | None = None  # which frames of the files these are; None is all of them

    def __len__(self) -> int:
        return sum(self.counts) if self.kept is None else len(self.kept)

    def subset(self, frames: ArrayLike) -> System:
        """A system of some frames of this one, in that order."""
        chosen = np.asarray(frames, dtype=np.int64)
        part = System(self.storage)
        part.kept = chosen if self.kept is None else self.kept[chosen]
        return part

    def read(self, name: str, width: int, frames: ArrayLike) -> F64 | None:
        """`name`.npy of some frames, [k, width] in the order asked for.

        None where the set of one of the frames does not have it.
        """
        index = np.asarray(frames, dtype=np.int64)
        if index.size and not (0 <= index.min() and index.max() < len(self)):
            raise InputError(f"{self.where}: has {len(self)} frames, no frame {int(index.max())}")
        index = index if self.kept is None else self.kept[index]
        starts = np.cumsum([0, *self.counts])
        parts = np.searchsorted(starts, index, side="right") - 1
        if not all(self._exists(part, name) for part in (np.unique(parts) if len(parts) else [0])):
            return None
        out = np.empty((len(index), width))
        for part in np.unique(parts):
            mine = np.flatnonzero(parts == part)
            array = self.array(int(part), name, width)
            out[mine] = rows_of(array, index[mine] - starts[part]).reshape(len(mine), width)
        return out

    def groups(self, names: Sequence[str]) -> list[I64]:
        """Frames by which of `names` their sets have: one group where all sets have the same."""
        found: dict[tuple[bool, ...], list[I64]] = {}
        for part, frames in enumerate(self._frames_of_sets()):
            has = tuple(self._exists(part, name) for name in names)
            found.setdefault(has, []).append(frames)
        return [np.concatenate(ranges) for ranges in found.values()]

    def _frames_of_sets(self) -> list[I64]:
        """Which frames lie in each set."""
        starts = np.cumsum([0, *self.counts])
        if self.kept is None:
            return [np.arange(a, b) for a, b in zip(starts[:-1], starts[1:], strict=True)]
        part = np.searchsorted(starts, self.kept, side="right") - 1
        return [np.flatnonzero(part == k) for k in range(len(self.counts))]

    def atype(self, frames: ArrayLike, type_map: Sequence[str]) -> I32:
        """Types of some frames as numbers of the model's type map, [k, nslots]; -1 is a filler."""
        given = np.asarray(frames)
        own = self.read("real_atom_types", self.nslots, given) if self.mixed else None
        types = np.tile(self.types, (len(given), 1)) if own is None else own.astype(np.int64)
        mapped = np.full(types.shape, -1, np.int32)
        mapped[types >= 0] = self._map(types[types >= 0], type_map)
        return mapped

    def batch(
        self,
        frames: ArrayLike,
        type_map: Sequence[str],
        labels: Sequence[Label] = (),
        fparam: int = 0,
        aparam: int = 0,
        number: int = 0,
        finite: bool = True,
    ) -> Batch:
        """Some frames with those of the labels that there are.

        `number`: that of this system in a data set. `finite`: refuse NaN and infinity.
        """
        index = np.asarray(frames, dtype=np.int64)
        nframe, nslots = len(index), self.nslots
        atype = self.atype(index, type_map)
        arrays: dict[str, F64] = {}
        for label in labels:
            shape = (nframe, nslots, *label.trailing) if label.atomic else (nframe, *label.trailing)
            width = label.width * (nslots if label.atomic else 1)
            array = self.read(label.name, width, index)
            if array is not None:
                arrays[label.name] = array.reshape(shape)
        batch = Batch(
            coord=self._needed("coord", 3 * nslots, index).reshape(nframe, nslots, 3),
            atype=atype,
            box=None if self.open else self._needed("box", 9, index).reshape(nframe, 3, 3),
            labels=arrays,
            found={label.name: label.name in arrays for label in labels},
            system=np.full(nframe, number, dtype=np.int64),
            frame=index,
            fparam=self._needed("fparam", fparam, index) if fparam else None,
            aparam=self._needed("aparam", aparam * nslots, index).reshape(nframe, nslots, aparam)
            if aparam
            else None,
        )
        if finite:
            self._check_finite(batch)
        return batch

    def batches(
        self, type_map: Sequence[str], labels: Sequence[Label] = (), **more: Any
    ) -> Iterator[Batch]:
        """All frames in order, some of one set at a time; `more` goes to `batch`."""
        step = max(1, CHUNK // (3 * self.nslots))
        for frames in self._frames_of_sets():
            for first in range(0, len(frames), step):
                yield self.batch(frames[first : first + step], type_map, labels, **more)

    def frames(
        self,
        type_map: Sequence[str],
        fparam: int = 0,
        aparam: int = 0,
        chosen: ArrayLike | None = None,
    ) -> Iterator[tuple[Frame, Labels]]:
        """All frames or the chosen ones, types as numbers of the type map, without fillers."""
        wanted = [LABELS[name] for name in ("energy", "force", "virial", "atom_ener")]
        for k in range(len(self)) if chosen is None else np.asarray(chosen).tolist():
            b = self.batch([k], type_map, wanted, fparam, aparam)
            real = b.real[0]
            energy, force, virial, atom_ener = (b.labels.get(label.name) for label in wanted)
            yield (
                Frame(
                    b.coord[0][real],
                    b.atype[0][real],
                    None if b.box is None else b.box[0],
                    None if b.fparam is None else b.fparam[0],
                    None if b.aparam is None else b.aparam[0][real],
                ),
                Labels(
                    None if energy is None else float(energy[0]),
                    None if force is None else force[0][real],
                    None if virial is None else virial[0],
                    None if atom_ener is None else atom_ener[0][real],
                ),
            )

    def digest(self, name: str) -> bytes:
        which = b"" if self.kept is None else self.kept.tobytes()
        return super().digest(name) + which

    def _map(self, types: NDArray[np.int64], type_map: Sequence[str]) -> I32:
        names = self.names or tuple(type_map)
        bad = np.flatnonzero((types < 0) | (types >= len(names)))
        if len(bad):
            source = "type_map.raw has" if self.names else "without type_map.raw the model has"
            raise InputError(
                f"{self.where}/type.raw: atom {bad[0]} has type {types[bad[0]]}, "
                f"but {source} {len(names)} types"
            )
        unknown = [n for t, n in enumerate(names) if n not in type_map and (types == t).any()]
        if unknown:
            raise InputError(
                f"{self.where}: element {' '.join(unknown)} is not in the model, "
                f"which knows {' '.join(type_map)}"
            )
        place = {name: i for i, name in enumerate(type_map)}
        return np.array([place.get(n, -1) for n in names], np.int32)[types]

    def _check_finite(self, batch: Batch) -> None:
        """Refuse numbers that would turn a model into NaN, and say where they are."""
        arrays = {"coord": batch.coord, "box": batch.box, **batch.labels}
        for name, array in (arrays | {"fparam": batch.fparam, "aparam": batch.aparam}).items():
            if array is None or np.isfinite(array).all():
                continue
            place = np.argwhere(~np.isfinite(array))[0]
            atomic = name in ("coord", "aparam") or (name in LABELS and LABELS[name].atomic)
            atom = f", atom {place[1]}" if atomic else ""
            frame = batch.frame[place[0]] if self.kept is None else self.kept[batch.frame[place[0]]]
            raise InputError(
                f"{self.where}, frame {frame}{atom} (counted from 0): {name} has "
                f"the value {array[tuple(place)]}. Remove the frame; see `dpc data check`"
            )

    def _needed(self, name: str, width: int, frames: I64) -> F64:
        array = self.read(name, width, frames)
        if array is None:
            part = next(p for p in range(len(self.sets)) if not self._exists(p, name))
            hint = " (an open system has an empty file 'nopbc')" if name == "box" else ""
            raise InputError(f"{self.where}/{self.sets[part]}/{name}.npy: missing{hint}")
        return array
