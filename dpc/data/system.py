"""Data folders of DeePMD-kit: type.raw, type_map.raw, set.*/*.npy, nopbc."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dpc.data.frames import Frame
from dpc.data.neighbors import F64
from dpc.errors import InputError


@dataclass(frozen=True)
class Labels:
    """What the data say of one frame; None where the folder does not have it."""

    energy: float | None  # eV
    force: F64 | None  # [n, 3] eV/Å
    virial: F64 | None  # [3, 3] eV


def find_systems(path: Path | str) -> list[System]:
    """The folder itself, or every folder below it that has a type.raw, in order of name."""
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder. Expected a data folder with type.raw in it")
    folders = sorted(file.parent for file in root.rglob("type.raw"))
    if not folders:
        raise InputError(f"{root}: no type.raw here or below: not a data folder of DeePMD-kit")
    return [System(folder) for folder in folders]


class System:
    """One data folder. Arrays are read when they are needed; nothing is copied."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.sets = sorted(p for p in self.path.glob("set.*") if p.is_dir())
        if not (self.path / "type.raw").is_file():
            raise InputError(f"{self.path}: no type.raw: not a data folder of DeePMD-kit")
        if not self.sets:
            raise InputError(f"{self.path}: no set.* folder with coord.npy in it")
        self.open = (self.path / "nopbc").exists()

    @cached_property
    def types(self) -> NDArray[np.int64]:
        """Types as numbers of the folder's own type map, [n]."""
        try:
            words = (self.path / "type.raw").read_text().split()
            types = np.array(words, dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise InputError(f"{self.path / 'type.raw'}: expected integers; {error}") from None
        if not len(types):
            raise InputError(f"{self.path / 'type.raw'}: empty; expected the type of every atom")
        return types

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The folder's own type map, if it has one."""
        file = self.path / "type_map.raw"
        try:
            names = tuple(file.read_text().split()) if file.is_file() else ()
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: expected names; {error}") from None
        if len(set(names)) < len(names):
            raise InputError(f"{file}: names a type twice: {' '.join(names)}")
        return names or None

    @cached_property
    def counts(self) -> list[int]:
        """Frames in each set."""
        return [len(self._array(i, "coord", 3 * len(self.types))) for i in range(len(self.sets))]

    def has(self, name: str) -> bool:
        """Whether every set has `name`.npy."""
        return all(self._file(part, name).is_file() for part in range(len(self.sets)))

    def __len__(self) -> int:
        return sum(self.counts)

    def frames(
        self, type_map: tuple[str, ...], fparam: int = 0, aparam: int = 0
    ) -> Iterator[tuple[Frame, Labels]]:
        """Every frame, its types as numbers of the model's type map."""
        natoms = len(self.types)
        for part in range(len(self.sets)):
            coord = self._array(part, "coord", 3 * natoms)
            box = None if self.open else self._array(part, "box", 9)
            energy = self._optional(part, "energy", 1)
            force = self._optional(part, "force", 3 * natoms)
            virial = self._optional(part, "virial", 9)
            frame_parameters = self._array(part, "fparam", fparam) if fparam else None
            atom_parameters = self._array(part, "aparam", aparam * natoms) if aparam else None
            mixed = self._optional(part, "real_atom_types", natoms)
            for k in range(self.counts[part]):
                own = self.types if mixed is None else mixed[k].astype(np.int64)
                real = own >= 0  # mixed data fill shorter frames with atoms of type -1
                atype = self._map(own[real], type_map)
                frame = Frame(
                    coord[k].reshape(natoms, 3)[real],
                    atype,
                    None if box is None else box[k].reshape(3, 3),
                    None if frame_parameters is None else frame_parameters[k],
                    None
                    if atom_parameters is None
                    else atom_parameters[k].reshape(natoms, aparam)[real],
                )
                yield (
                    frame,
                    Labels(
                        None if energy is None else float(energy[k, 0]),
                        None if force is None else force[k].reshape(natoms, 3)[real],
                        None if virial is None else virial[k].reshape(3, 3),
                    ),
                )

    def _map(self, types: NDArray[np.int64], type_map: tuple[str, ...]) -> NDArray[np.int32]:
        names = self.names or type_map
        bad = np.flatnonzero((types < 0) | (types >= len(names)))
        if len(bad):
            source = "type_map.raw has" if self.names else "without type_map.raw the model has"
            raise InputError(
                f"{self.path / 'type.raw'}: atom {bad[0]} has type {types[bad[0]]}, "
                f"but {source} {len(names)} types"
            )
        unknown = [n for t, n in enumerate(names) if n not in type_map and (types == t).any()]
        if unknown:
            raise InputError(
                f"{self.path}: element {' '.join(unknown)} is not in the model, "
                f"which knows {' '.join(type_map)}"
            )
        index = [type_map.index(n) if n in type_map else -1 for n in names]
        return np.array(index, np.int32)[types]

    def _optional(self, part: int, name: str, width: int) -> F64 | None:
        return self._array(part, name, width) if self._file(part, name).is_file() else None

    def _file(self, part: int, name: str) -> Path:
        return self.sets[part] / f"{name}.npy"

    def _array(self, part: int, name: str, width: int) -> F64:
        """`name`.npy of one set as [frames, width]."""
        file = self._file(part, name)
        if not file.is_file():
            hint = " (an open system has an empty file 'nopbc')" if name == "box" else ""
            raise InputError(f"{file}: missing{hint}")
        try:
            array = np.load(file, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise InputError(f"{file}: not a NumPy file: {error}") from None
        if array.dtype.kind not in "fiu":
            raise InputError(f"{file}: expected real numbers, not {array.dtype}")
        if name == "coord":
            frames = len(array) if array.ndim > 1 else 1
        else:
            frames = self.counts[part]
        if array.size != frames * width:
            raise InputError(
                f"{file}: the shape is {array.shape}, but expected {frames} frames of {width} "
                f"numbers, for the {len(self.types)} atoms of type.raw"
            )
        return array.reshape(frames, width).astype(np.float64)
