"""Data of other codes to data of DeePMD-kit, through dpdata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dpc.data.storage import HDF5_SUFFIXES
from dpc.errors import InputError, ToolError, UsageError, did_you_mean

SEVERAL = {"extxyz", "quip/gap/xyz", "quip/gap/xyz_file", "mace/xyz", "nequip/xyz", "gpumd/xyz",
           "deepmd/hdf5", "deepmd/hdf5/mixed", "deepmd/npy/mixed"}  # fmt: skip
"""Formats of which one file holds frames of several compositions."""
BY_NAME = {
    "OUTCAR": "vasp/outcar",
    "vasprun.xml": "vasp/xml",
    "POSCAR": "vasp/poscar",
    "CONTCAR": "vasp/contcar",
    "MOVEMENT": "pwmat/movement",
}
BY_SUFFIX = {".xyz": "extxyz", ".extxyz": "extxyz", ".traj": "ase/traj", ".fchk": "gaussian/fchk"}
UNLABELLED = {"vasp/poscar", "vasp/contcar", "lammps/lmp", "lammps/dump", "gromacs/gro", "xyz"}


def convert(
    sources: Sequence[str | Path],
    output: str | Path,
    form: str = "auto",
    type_map: Sequence[str] | None = None,
    mixed: bool = False,
    set_size: int = 5000,
    labelled: bool = True,
) -> None:
    """Read every source and write all frames below `output`, one folder for each composition.

    `form`: dpdata's name of the format of the sources. Numbers keep float64. `output` is a folder,
    or an HDF5 file if its suffix says so.
    """
    dpdata = _dpdata()
    out = Path(output)
    if out.exists():
        raise InputError(f"{out} exists. Give another name, or remove it")
    if set_size < 1:
        raise UsageError(f"--set-size {set_size}: expected a number of frames, at least 1")
    systems = dpdata.MultiSystems(type_map=list(type_map) if type_map else None)
    for source in sources:
        _read(dpdata, systems, Path(source), form, labelled)
    frames = sum(len(one) for one in systems)
    if not frames:
        raise InputError(f"{', '.join(map(str, sources))}: no frame was found")
    if out.suffix in HDF5_SUFFIXES:
        if mixed:
            raise UsageError("--mixed writes folders; give an output without the suffix of HDF5")
        systems.to("deepmd/hdf5", str(out), set_size=set_size, comp_prec=np.float64)
    else:
        kind = "deepmd/npy/mixed" if mixed else "deepmd/npy"
        systems.to(kind, str(out), set_size=set_size, comp_prec=np.float64)


def guess_format(source: Path) -> str:
    """dpdata's name of a format, from the name of a file or what is in a folder."""
    if source.is_dir():
        if any(source.glob("set.*/real_atom_types.npy")):
            return "deepmd/npy/mixed"
        return "deepmd/npy" if any(source.glob("set.*")) else "deepmd/raw"
    if source.suffix in HDF5_SUFFIXES:
        return "deepmd/hdf5"
    for name, form in BY_NAME.items():
        if source.name.startswith(name):
            return form
    if source.suffix in BY_SUFFIX:
        return BY_SUFFIX[source.suffix]
    raise InputError(
        f"{source}: its name does not say its format. Name it with -f, for example "
        "-f cp2k/output; `python -m dpdata --help` and dpdata's documentation list them"
    )


def _read(dpdata: Any, systems: Any, source: Path, form: str, labelled: bool) -> None:
    from dpdata.format import Format

    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    name = (guess_format(source) if form == "auto" else form).lower()
    known = [k for k in Format.get_formats() if isinstance(k, str)]
    if name not in known:
        raise UsageError(f"dpdata knows no format {name!r}.{did_you_mean(name, known)}")
    if labelled and name in UNLABELLED:
        raise InputError(
            f"{source}: {name} has no energies and forces. For frames without labels give "
            "--unlabelled"
        )
    try:
        if name in SEVERAL:
            systems.load_systems_from_file(str(source), fmt=name, labeled=labelled)
        else:
            kind = dpdata.LabeledSystem if labelled else dpdata.System
            systems.append(kind(str(source), fmt=name))
    except Exception as error:  # whatever dpdata's readers raise
        raise InputError(
            f"{source}: dpdata cannot read it as {name}: {type(error).__name__}: {error}"
        ) from error


def _dpdata() -> Any:
    try:
        import dpdata
    except ImportError as error:
        raise ToolError(
            "converting data needs the Python package dpdata. Install it with:\n"
            "    pip install 'dpc[data]'"
        ) from error
    return dpdata
