"""The files of one data system: types, sets, and arrays that are mapped, their shapes checked."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.data.cache import cached
from dpc.data.storage import NpyFolder, Storage
from dpc.errors import InputError

CHUNK = 1 << 22  # numbers read together when a whole system is gone through
LARGE = 1 << 23  # numbers of an array whose digest is worth remembering


class SystemFiles:
    """type.raw, type_map.raw, nopbc and set.*/NAME.npy, in a folder or a group of HDF5."""

    def __init__(self, storage: Storage | Path | str) -> None:
        self.storage = NpyFolder(storage) if isinstance(storage, str | Path) else storage
        self.where = self.storage.where
        self.path = Path(self.where)
        if not self.storage.has("type.raw"):
            raise InputError(f"{self.where}: no type.raw: not a data folder of DeePMD-kit")
        self.sets = self.storage.sets()
        if not self.sets:
            raise InputError(f"{self.where}: no set.* folder with coord.npy in it")
        self.open = self.storage.has("nopbc")
        self._arrays: dict[tuple[int, str, int], Any] = {}

    @cached_property
    def types(self) -> NDArray[np.int64]:
        """Types as numbers of the folder's own type map, [n]."""
        try:
            types = np.array(self.storage.words("type.raw"), dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise InputError(f"{self.where}/type.raw: expected integers; {error}") from None
        if not len(types):
            raise InputError(f"{self.where}/type.raw: empty; expected the type of every atom")
        return types

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The folder's own type map, if it has one."""
        file = f"{self.where}/type_map.raw"
        try:
            has = self.storage.has("type_map.raw")
            names = tuple(self.storage.words("type_map.raw")) if has else ()
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: expected names; {error}") from None
        if len(set(names)) < len(names):
            raise InputError(f"{file}: names a type twice: {' '.join(names)}")
        return names or None

    @cached_property
    def counts(self) -> list[int]:
        """Frames in each set."""
        return [len(self.array(i, "coord", 3 * self.nslots)) for i in range(len(self.sets))]

    @cached_property
    def mixed(self) -> bool:
        """Whether every frame has types of its own (real_atom_types.npy)."""
        return any(self._exists(part, "real_atom_types") for part in range(len(self.sets)))

    @property
    def nslots(self) -> int:
        """Atoms of a frame, fillers of mixed frames included."""
        return len(self.types)

    def has(self, name: str) -> bool:
        """Whether every set has `name`.npy."""
        return all(self._exists(part, name) for part in range(len(self.sets)))

    def array_names(self) -> set[str]:
        """Names of all arrays in all sets."""
        return {name for part in self.sets for name in self.storage.array_names(part)}

    def width(self, name: str) -> int:
        """Numbers of `name`.npy for each frame; 0 where it is not."""
        if not self.has(name) or not self.counts[0]:
            return 0
        array = self.storage.array(f"{self.sets[0]}/{name}.npy")
        return int(array.size // max(1, self.counts[0]))

    def digest(self, name: str) -> bytes:
        """SHA-256 of `name`.npy of all sets; of nothing where there is none.

        That of a large array is remembered, until somebody writes the file.
        """
        total = hashlib.sha256()
        for part in self.sets:
            file = f"{part}/{name}.npy"
            if self.storage.has(file):
                total.update(self._digest(file, self.storage.array(file)))
        return total.digest()

    def _digest(self, file: str, array: Any) -> bytes:
        if array.size < LARGE:
            return _sha256(array)
        key = {"what": "digest", "file": self.storage.stamp(file)}
        found = cached(key, lambda: {"digest": _sha256(array).hex()})
        return bytes.fromhex(found["digest"])

    def _exists(self, part: int, name: str) -> bool:
        return self.storage.has(f"{self.sets[part]}/{name}.npy")

    def array(self, part: int, name: str, width: int) -> Any:
        """`name`.npy of one set, mapped, its first axis the frames and `width` numbers in each."""
        key = (part, name, width)
        if key not in self._arrays:
            self._arrays[key] = self._open_array(part, name, width)
        return self._arrays[key]

    def _open_array(self, part: int, name: str, width: int) -> Any:
        file = f"{self.where}/{self.sets[part]}/{name}.npy"
        if not self._exists(part, name):
            raise InputError(f"{file}: missing")
        array = self.storage.array(f"{self.sets[part]}/{name}.npy")
        if array.dtype.kind not in "fiub":
            raise InputError(f"{file}: expected real numbers, not {array.dtype}")
        if name == "coord":
            frames = len(array) if array.ndim > 1 else 1
        else:
            frames = self.counts[part]
        if array.size != frames * width:
            raise InputError(
                f"{file}: the shape is {array.shape}, but expected {frames} frames of {width} "
                f"numbers, for the {self.nslots} atoms of type.raw"
            )
        if isinstance(array, np.ndarray):
            return array.reshape(frames, width)
        # HDF5: a slice reads; flat arrays are small enough to read whole
        return array if array.ndim and len(array) == frames else array[()].reshape(frames, width)


def _sha256(array: Any) -> bytes:
    """Of type, shape and numbers, read piece by piece."""
    total = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    rows = len(array) if array.ndim else 0
    step = max(1, CHUNK * rows // max(1, array.size))
    for first in range(0, rows, step):
        total.update(np.ascontiguousarray(array[first : first + step]).data)
    return total.digest()
