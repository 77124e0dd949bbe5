"""Frames of trajectory files, through ASE: extended XYZ, LAMMPS dumps, and what else it reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dpc.data.frames import Frame
from dpc.data.inputs import read_types
from dpc.errors import InputError, ToolError

LAMMPS_SUFFIXES = (".lammpstrj", ".dump", ".lammpsdump")


def read_trajectory(path: Path, type_map: Sequence[str]) -> Iterator[Frame]:
    """Every frame, in the model's types. Types of LAMMPS dumps without elements are 1 for the
    first name of the type map, 2 for the second, and so on."""
    try:
        from ase.io import iread
    except ImportError as error:
        raise ToolError(
            f"{path}: reading trajectories needs the Python package ase. Install it with:\n"
            "    pip install 'dpc[ase]'"
        ) from error
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    dump = path.suffix in LAMMPS_SUFFIXES or path.name.startswith("dump.")
    options = {"format": "lammps-dump-text", "specorder": list(type_map)} if dump else {}
    try:
        for place, atoms in enumerate(iread(path, index=":", **options)):
            pbc = [bool(b) for b in atoms.pbc]
            if any(pbc) and not all(pbc):
                raise InputError(
                    f"{path}, frame {place}: periodic along some axes only, {pbc}. Make it "
                    "periodic along all, with vacuum between the images, or along none"
                )
            yield Frame(
                coord=np.asarray(atoms.positions, dtype=np.float64),
                atype=read_types(type_map, atoms.get_chemical_symbols()),
                cell=np.asarray(atoms.cell.array, dtype=np.float64) if all(pbc) else None,
            )
    except InputError:
        raise
    except Exception as error:  # whatever ASE's readers raise
        raise InputError(f"{path}: ASE cannot read it: {type(error).__name__}: {error}") from error
