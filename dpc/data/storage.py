"""Where the arrays of a data system lie: a folder of .npy files, or a group of an HDF5 file.

Both have the same tree: type.raw, type_map.raw, nopbc, set.*/NAME.npy.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpc.errors import InputError, ToolError

HDF5_SUFFIXES = (".hdf5", ".h5", ".hdf")


class Storage(Protocol):
    """The tree of one system. Names are relative: `type.raw`, `set.000/coord.npy`."""

    where: str

    def sets(self) -> list[str]:
        """Names of the set folders, sorted."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def words(self, name: str) -> list[str]:
        """A text file as words."""

    def array(self, name: str) -> Any:
        """An array that is read when it is indexed."""

    def array_names(self, part: str) -> list[str]:
        """Names of the arrays of a set, without .npy."""

    def stamp(self, name: str) -> list[Any]:
        """What changes when somebody writes the array: file, size, time."""


class NpyFolder:
    """A data folder; arrays are memory-mapped."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.where = str(path)

    def sets(self) -> list[str]:
        return sorted(p.name for p in self.path.glob("set.*") if p.is_dir())

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def words(self, name: str) -> list[str]:
        return (self.path / name).read_text().split()

    def array(self, name: str) -> NDArray[Any]:
        file = self.path / name
        try:
            return np.load(file, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise InputError(f"{file}: not a NumPy file: {error}") from None

    def array_names(self, part: str) -> list[str]:
        return sorted(file.stem for file in (self.path / part).glob("*.npy"))

    def stamp(self, name: str) -> list[Any]:
        return _stamp(self.path / name)


class Hdf5Group:
    """A group of an HDF5 file, named FILE#/GROUP as DeePMD-kit does."""

    def __init__(self, file: Path, group: str) -> None:
        self.file, self.group = file, group.strip("/")
        self.where = f"{file}#/{self.group}" if self.group else str(file)

    def sets(self) -> list[str]:
        return sorted(name for name in self._root() if name.startswith("set."))

    def has(self, name: str) -> bool:
        return name in self._root()

    def words(self, name: str) -> list[str]:
        # type_map.raw holds strings, type.raw numbers
        values = np.atleast_1d(self._root()[name][()]).ravel().tolist()
        return [v.decode(errors="strict") if isinstance(v, bytes) else str(v) for v in values]

    def array(self, name: str) -> Any:
        return self._root()[name]

    def array_names(self, part: str) -> list[str]:
        return sorted(n[: -len(".npy")] for n in self._root()[part] if n.endswith(".npy"))

    def stamp(self, name: str) -> list[Any]:
        return [*_stamp(self.file), self.group, name]

    def _root(self) -> Any:
        root = open_hdf5(self.file)
        if not self.group:
            return root
        if self.group not in root:
            raise InputError(f"{self.file}: no group {self.group!r}. It has: {', '.join(root)}")
        return root[self.group]


def _stamp(file: Path) -> list[Any]:
    facts = file.stat()
    return [str(file.resolve()), facts.st_size, facts.st_mtime_ns]


_open_files: dict[Path, Any] = {}
_opening = threading.Lock()


def open_hdf5(file: Path) -> Any:
    """An HDF5 file, opened once in a process and then kept open for reading."""
    try:
        import h5py
    except ImportError as error:
        raise ToolError(
            f"{file}: reading HDF5 needs the Python package h5py. Install it with:\n"
            "    pip install 'dpc[models]'"
        ) from error
    key = file.resolve()
    with _opening:
        if key not in _open_files or not _open_files[key]:  # a closed file is false
            try:
                _open_files[key] = h5py.File(key, "r")
            except OSError as error:
                raise InputError(f"{file}: not an HDF5 file: {error}") from None
        return _open_files[key]


def find_storages(path: Path | str) -> list[Storage]:
    """Every system at or below a folder, in an HDF5 file, or in a group FILE#/GROUP; by name."""
    text = str(path)
    file, _, group = text.partition("#")
    if Path(file).suffix in HDF5_SUFFIXES and not Path(text).is_dir():
        return _hdf5_systems(Path(file), group)
    root = Path(path)
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder. Expected a data folder with type.raw in it, or an HDF5 file"
        )
    folders = sorted(file.parent for file in root.rglob("type.raw"))
    if not folders:
        raise InputError(f"{root}: no type.raw here or below: not a data folder of DeePMD-kit")
    return [NpyFolder(folder) for folder in folders]


def _hdf5_systems(file: Path, group: str) -> list[Storage]:
    if not file.is_file():
        raise InputError(f"{file}: no such file")
    start = Hdf5Group(file, group)._root()
    names: list[str] = []
    if "type.raw" in start:
        names.append(start.name)
    start.visit(
        lambda name: (
            names.append(f"{start.name}/{name[: -len('/type.raw')]}")
            if name.endswith("/type.raw")
            else None
        )
    )
    if not names:
        raise InputError(f"{file}: no type.raw in any of its groups: not data of DeePMD-kit")
    return [Hdf5Group(file, name) for name in sorted(names)]


def rows_of(array: Any, frames: Sequence[int] | NDArray[np.int64]) -> NDArray[Any]:
    """Some rows of a mapped or HDF5 array, in the order asked for, as a new array."""
    index = np.asarray(frames, dtype=np.int64)
    if isinstance(array, np.ndarray):
        return np.array(array[index])
    unique, inverse = np.unique(index, return_inverse=True)  # HDF5 wants them ascending
    return np.asarray(array[unique])[inverse]
