"""DeePMD-kit's .dp files: HDF5 with the model tree as JSON and one dataset for every array.

The root attribute `json` is the tree; below `@variables`, a leaf "/variable_0012" names a dataset.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dpc.errors import InputError
from dpc.frontend.importers.tree import read_tree
from dpc.frontend.importers.tree_write import write_tree
from dpc.frontend.library import library
from dpc.frontend.model_file import ModelFile

MAGIC = b"\x89HDF\r\n\x1a\n"
_MAX_ELEMENTS = 1 << 28


def read(path: Path) -> ModelFile:
    """Read a .dp file; see `tree` for what is in it."""
    source = str(path)
    h5py = library("h5py", "h5py")
    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("json")
            if not isinstance(text, str | bytes):
                raise InputError(
                    f"{source}: an HDF5 file without a DeePMD-kit model (no attribute 'json')"
                )
            tree = map_variables(json.loads(text), lambda leaf: _dataset(h5py, file, leaf, source))
    except InputError:
        raise
    except Exception as error:  # h5py raises nearly anything on damage
        raise InputError(
            f"{source}: not a readable HDF5 file, or damaged ({_first_line(error)}). "
            "Copy it again, or write it again with DeePMD-kit"
        ) from error
    return read_tree(tree, source)


def _dataset(h5py: Any, file: Any, name: Any, source: str) -> Any:
    """The array of a leaf. Links to other files are refused: a model is one file."""
    if not isinstance(name, str):
        raise InputError(f"{source}: a variable is {name!r}, expected the name of a dataset")
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise InputError(f"{source}: dataset {name} is missing. The file is damaged")
    data = file[name]
    if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
        raise InputError(f"{source}: {name} is not a plain dataset")
    if data.dtype.kind not in "fiu" or data.size is None or data.size > _MAX_ELEMENTS:
        raise InputError(
            f"{source}: dataset {name} holds {data.size} values of {data.dtype}, expected numbers"
        )
    return np.asarray(data[()])


def map_variables(node: Any, change: Callable[[Any], Any], variable: bool = False) -> Any:
    """A copy of a tree with every leaf below `@variables` changed; null stays null."""
    if isinstance(node, dict):
        return {k: map_variables(v, change, variable or k == "@variables") for k, v in node.items()}
    if isinstance(node, list):
        return [map_variables(v, change, variable) for v in node]
    return change(node) if variable and node is not None else node


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def write(model_file: ModelFile, path: Path) -> None:
    """Write a .dp file that DeePMD-kit 3.2 reads; the same model gives the same bytes."""
    h5py = library("h5py", "h5py")
    with h5py.File(path, "w", track_order=False) as file:
        count = 0

        def store(array: np.ndarray) -> str:
            nonlocal count
            name = f"/variable_{count:04d}"
            file.create_dataset(name, data=array, track_times=False)
            count += 1
            return name

        tree = map_variables(write_tree(model_file), store)
        file.attrs["json"] = json.dumps(tree, separators=(",", ":"))
