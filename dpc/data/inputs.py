"""What a user gives to a model, checked and turned into arrays of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dpc.data.neighbors import F64, I32, I64, check_cell, extend, format_nlist, neighbor_rows
from dpc.errors import InputError

FARTHEST = 1e8
"""Å. Farther from the origin, distances between atoms lose their last digits. As in libdpc."""


class Facts(Protocol):
    """The part of a program's facts that its inputs depend on."""

    @property
    def type_map(self) -> tuple[str, ...]: ...
    @property
    def rcut(self) -> float: ...
    @property
    def sel(self) -> tuple[int, ...]: ...
    @property
    def fparam(self) -> int: ...
    @property
    def aparam(self) -> int: ...
    @property
    def min_nbor_dist(self) -> float | None: ...


def _some(indices: NDArray[Any]) -> str:
    """The first few atom indices, for a message."""
    shown = ", ".join(str(int(i)) for i in indices[:5])
    return f"{'atom' if len(indices) == 1 else 'atoms'} {shown}{', …' if len(indices) > 5 else ''}"


def _floats(name: str, value: ArrayLike, wanted: str) -> F64:
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            raise InputError(f"{name}: expected {wanted}, not complex ones")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected {wanted}; {error}") from None


def read_types(type_map: Sequence[str], types: ArrayLike) -> I32:
    """Names or indices of the model's types to indices, i32[n]."""
    known = f"the model knows {' '.join(type_map)}"
    given = np.asarray(types)
    if given.ndim != 1:
        raise InputError(f"types: expected one for each atom, but the shape is {given.shape}")
    if given.dtype.kind in "US" or given.dtype == object:
        index = {name: i for i, name in enumerate(type_map)}
        names = [
            n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in given.tolist()
        ]
        unknown = sorted({name for name in names if name not in index})
        if unknown:
            first = np.array([i for i, name in enumerate(names) if name not in index])
            raise InputError(f"types: {', '.join(unknown)} of {_some(first)}: {known}")
        return np.array([index[name] for name in names], dtype=np.int32)
    if given.size and given.dtype.kind not in "iu":
        raise InputError(f"types: expected names or integers, not {given.dtype}; {known}")
    bad = np.flatnonzero((given < 0) | (given >= len(type_map)))
    if len(bad):
        raise InputError(
            f"types: {_some(bad)} of type {int(given[bad[0]])}, but {known} "
            f"(types 0 to {len(type_map) - 1})"
        )
    return given.astype(np.int32)


def read_coord(coord: ArrayLike, natoms: int) -> F64:
    """Positions [n, 3] or flat [3 n], Å, to f64[n, 3]; every number must be finite."""
    array = _floats("coord", coord, f"{natoms} x 3 numbers")
    if array.shape not in ((natoms, 3), (3 * natoms,)):
        raise InputError(
            f"coord: the shape is {array.shape}, but {natoms} types were given: "
            f"expected ({natoms}, 3) or ({3 * natoms},)"
        )
    array = np.ascontiguousarray(array.reshape(natoms, 3))
    bad = np.flatnonzero(~(np.abs(array) <= FARTHEST).all(axis=1))
    if len(bad):
        finite = np.isfinite(array[bad[0]]).all()
        wanted = "within 1e8 Å of the origin" if finite else "finite numbers"
        raise InputError(
            f"coord: {_some(bad)} at {array[bad[0]].tolist()}: positions must be {wanted}"
        )
    return array


def read_cell(cell: ArrayLike | None) -> F64 | None:
    """Cell vectors as rows, [3, 3] or flat [9], or three edges [3], Å; None is open."""
    if cell is None:
        return None
    array = _floats("cell", cell, "3 x 3 numbers")
    if array.shape == (3,):
        array = np.diag(array)
    if array.shape not in ((3, 3), (9,)):
        raise InputError(
            f"cell: the shape is {array.shape}, but expected (3, 3) with the vectors as rows, "
            "or None for an open boundary"
        )
    array = array.reshape(3, 3)
    check_cell(array)
    if np.abs(array).max() > FARTHEST:
        raise InputError(
            f"cell: the vectors {array.tolist()} are longer than 1e8 Å. "
            "Give None for an open boundary"
        )
    return array


def read_parameters(name: str, value: ArrayLike | None, shape: tuple[int, ...]) -> F64 | None:
    """fparam [width] or aparam [natoms, width]; width 0 means that the model takes none."""
    width = shape[-1]
    if width == 0:
        if value is not None and np.size(value):
            raise InputError(f"{name}: the model takes none, but {np.size(value)} numbers came")
        return None
    if value is None:
        raise InputError(f"{name}: the model needs {width} numbers{' per atom' * (len(shape) > 1)}")
    array = _floats(name, value, f"an array {shape}")
    if array.size != np.prod(shape):
        raise InputError(f"{name}: the shape is {array.shape}, but the model needs {shape}")
    array = array.reshape(shape)
    if not np.isfinite(array).all():
        raise InputError(
            f"{name}: every number must be finite, but {array[~np.isfinite(array)][0]} came"
        )
    return array


def graph_inputs(
    facts: Facts,
    coord: ArrayLike,
    atype: ArrayLike,
    cell: ArrayLike | None = None,
    fparam: ArrayLike | None = None,
    aparam: ArrayLike | None = None,
    ragged: bool = False,
) -> tuple[dict[str, Any], I64]:
    """Inputs of the energy graph, and the local atom that owns each extended atom.

    The list is padded by `sel`, or with `ragged` holds every atom within rcut.
    """
    types = read_types(facts.type_map, atype)
    ext = extend(read_coord(coord, len(types)), types, read_cell(cell), facts.rcut)
    rows = neighbor_rows(ext, facts.rcut)
    nlist: Any
    if ragged:
        from dpc.ir.types import Ragged

        nlist = Ragged(rows.indices, rows.offsets)
    else:
        nlist, _ = format_nlist(ext, rows, facts.sel)
    inputs: dict[str, Any] = {"coord": ext.coord, "atype": ext.atype, "nlist": nlist}
    frame = read_parameters("fparam", fparam, (facts.fparam,))
    atoms = read_parameters("aparam", aparam, (len(types), facts.aparam))
    if frame is not None:
        inputs["fparam"] = frame
    if atoms is not None:
        inputs["aparam"] = atoms
    return inputs, ext.owner


def fold(owner: I64, array: NDArray[Any], nloc: int | None = None) -> NDArray[Any]:
    """Add what images got to the local atoms they are images of: [nall, …] to [nloc, …]."""
    count = (int(owner.max()) + 1 if len(owner) else 0) if nloc is None else nloc
    folded = np.zeros((count, *array.shape[1:]), array.dtype)
    np.add.at(folded, owner, array)
    return folded
