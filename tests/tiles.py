"""Call the `tile` of a compiled host.so directly, without libdpc.

The workspace is filled with what is not a number and guarded behind its end.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, c_double, c_int32, c_int64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from dpc.ir.types import Ragged

doubles = POINTER(c_double)
ints = POINTER(c_int32)
OUTPUTS = ("energy", "force", "virial", "atom_energy", "atom_virial")


class Tile(ctypes.Structure):
    """dpc_tile of dpc_model.h."""

    _fields_ = [
        ("coord", doubles),
        ("type", ints),
        ("fparam", doubles),
        ("aparam", doubles),
        ("center_type", c_int32),
        ("count", c_int32),
        ("atoms", ints),
        ("numneigh", ints),
        ("neighbors", POINTER(ints)),
        ("mask", c_int32),
        ("params", c_void_p),
        ("workspace", c_void_p),
        *((name, doubles) for name in OUTPUTS),
        ("sel_overflow", c_int64),
        ("extrapolated", c_int64),
        ("pair", c_int32 * 2),
    ]


class Entry(ctypes.Structure):
    """dpc_model_abi of dpc_model.h."""

    _fields_ = [
        ("abi", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("isa", ctypes.c_char_p),
        ("ntypes", c_int32),
        ("tile_atoms", c_int32),
        ("params_bytes", ctypes.c_size_t),
        ("workspace", ctypes.CFUNCTYPE(ctypes.c_size_t, c_int64)),
        ("tile", ctypes.CFUNCTYPE(c_int32, POINTER(Tile))),
        ("device", ctypes.c_void_p),
    ]


def aligned(nbytes: int) -> np.ndarray:
    """Bytes at a multiple of 64, all ones: as doubles they are not numbers."""
    raw = np.full(nbytes + 64, 0xFF, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]


def at(array: np.ndarray | None, kind: Any) -> Any:
    """Pointer to an array's data, or NULL."""
    return None if array is None else array.ctypes.data_as(kind)


def run_tiles(
    files: Mapping[str, bytes],
    folder: Path,
    inputs: Mapping[str, Any],
    mask: int = -1,
    wanted: tuple[str, ...] = OUTPUTS,
) -> dict[str, Any]:
    """All tiles of one frame, given as graph inputs with a ragged list.

    With a mask, the bits outside it are set in every entry of the lists.
    """
    library = folder / f"host{len(list(folder.iterdir()))}.so"
    library.write_bytes(files["bin/host.so"])
    entry = Entry.in_dll(ctypes.CDLL(str(library)), "dpc_model_entry")
    assert (entry.abi, entry.size) == (1, ctypes.sizeof(Entry))
    params = aligned(len(files["params.safetensors"]))
    params[:] = np.frombuffer(files["params.safetensors"], np.uint8)
    assert entry.params_bytes == len(params)
    coord = np.ascontiguousarray(inputs["coord"], np.float64)
    atype = np.ascontiguousarray(inputs["atype"], np.int32)
    nlist: Ragged = inputs["nlist"]
    nall, nloc = len(coord), len(nlist)
    flags = np.int32(0 if mask == -1 else ~mask)
    lists = [np.ascontiguousarray(nlist[i] | flags, np.int32) for i in range(nloc)]
    shapes = [(1,), (nall, 3), (3, 3), (nloc,), (nall, 3, 3)]
    out: dict[str, Any] = {
        name: np.zeros(shape) for name, shape in zip(OUTPUTS, shapes, strict=True) if name in wanted
    }
    out |= {"sel_overflow": 0, "extrapolated": 0, "status": 0, "pair": None}
    for kind in range(entry.ntypes):
        atoms = np.flatnonzero(atype[:nloc] == kind).astype(np.int32)
        for first in range(0, len(atoms), entry.tile_atoms):
            own = np.ascontiguousarray(atoms[first : first + entry.tile_atoms])
            counts = np.array([len(lists[i]) for i in own], np.int32)
            pointers = (ints * len(own))(*(at(lists[i], ints) for i in own))
            need = entry.workspace(int(counts.sum()))
            work = aligned(need + 64)
            work[need:] = 0x5A
            tile = Tile(
                at(coord, doubles),
                at(atype, ints),
                at(inputs.get("fparam"), doubles),
                at(inputs.get("aparam"), doubles),
                kind,
                len(own),
                at(own, ints),
                at(counts, ints),
                pointers,
                mask,
                params.ctypes.data,
                work.ctypes.data,
                *(at(out.get(name), doubles) for name in OUTPUTS),
            )
            status = entry.tile(ctypes.byref(tile))
            assert (work[need:] == 0x5A).all(), "wrote beyond the workspace"
            if status:
                return out | {"status": status, "pair": tuple(tile.pair)}
            out["sel_overflow"] += tile.sel_overflow
            out["extrapolated"] += tile.extrapolated
    return out
