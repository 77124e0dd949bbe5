"""Runs one training and times its steps from outside, by the rows of its lcurve.out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dpc
from dpc.bench.contenders import OWN
from dpc.bench.lammps_run import Memory
from dpc.bench.peer import THREADS
from dpc.errors import ToolError

POLL = 0.01  # s between looks at the table
LOOK = 0.2  # s between looks at the memory
LIMIT = 3600.0  # s for one run
FEWEST_STEPS = 10  # fewer take less time than the looks need


@dataclass(frozen=True)
class Trained:
    """One run: time and processor time of a step, the latter of all processes together.

    `peak_bytes` is the memory of the largest process, `total_bytes` the sum over all that worked.
    `wall` is the whole run with its start, in s.
    """

    step_seconds: float
    cpu_seconds: float
    peak_bytes: int
    total_bytes: int
    wall: float


def command(kind: str, processes: int, environment: Path | None) -> list[str]:
    """What a user would type for input.json."""
    if kind != OWN:
        assert environment is not None
        return [str(environment / "bin" / "dp"), "--tf", "train", "input.json"]
    one = ["-m", "dpc", "train", "input.json"]
    if processes == 1:
        return [sys.executable, *one]
    group = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    return [sys.executable, *group, *one]


def variables(threads: int) -> dict[str, str]:
    """The environment of a run with so many threads in each process."""
    root = str(Path(dpc.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    more = {name: str(threads) for name in THREADS}
    more |= {"TF_INTER_OP_PARALLELISM_THREADS": "1", "DP_INTER_OP_PARALLELISM_THREADS": "1"}
    more |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, "PYTHONPATH": paths, **more}


@contextmanager
def processors(number: int) -> Iterator[None]:
    """What is started meanwhile has so many of ours: some libraries start more threads than they
    are told to."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(ours)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)


def run_training(
    kind: str,
    folder: Path,
    steps: int,
    before: int,
    threads: int,
    processes: int,
    environment: Path | None,
) -> Trained:
    """Run `folder`/input.json, which shows a row at first and every `steps` steps: `before` for the
    warm-up, and one more."""
    curve, screen = folder / "lcurve.out", folder / "screen.txt"
    curve.unlink(missing_ok=True)
    begun = time.monotonic()
    own = variables(threads)
    if kind != OWN:
        own.pop("PYTHONPATH")
    with open(screen, "wb") as out:
        with processors(threads * processes):
            process = subprocess.Popen(
                command(kind, processes, environment),
                cwd=folder,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            seen, memory = _watch(process, curve, begun + LIMIT)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode or len(seen) < before + 2:
        last = screen.read_text(errors="replace").splitlines()[-8:]
        raise ToolError(f"the training in {folder} failed:\n" + "\n".join(last))
    (wall, cpu), (wall_end, cpu_end) = seen[before : before + 2]
    return Trained(
        (wall_end - wall) / steps,
        (cpu_end - cpu) / steps,
        memory.largest,
        memory.total,
        time.monotonic() - begun,
    )


def _watch(
    process: subprocess.Popen[bytes], curve: Path, deadline: float
) -> tuple[list[tuple[float, float]], Memory]:
    """When each row appeared, by clock and by processor time, and the peak memory."""
    seen: list[tuple[float, float]] = []
    memory, looked = Memory(), 0.0
    while True:
        now = time.monotonic()
        for _ in range(rows(curve) - len(seen)):
            seen.append((now, processor_seconds(process.pid)))
        if now - looked > LOOK:
            memory.look(os.getpid())
            looked = now
        if now > deadline:
            raise ToolError(f"the training in {curve.parent} took longer than {LIMIT:.0f} s")
        try:
            process.wait(POLL)
            return seen, memory
        except subprocess.TimeoutExpired:
            pass


def rows(curve: Path) -> int:
    """Whole rows of a table of errors; 0 where there is none yet."""
    try:
        text = curve.read_text()
    except OSError:
        return 0
    lines = text.split("\n")[:-1]
    return sum(bool(line.strip()) and not line.startswith("#") for line in lines)


def processor_seconds(pid: int) -> float:
    """Processor time that a process and those below it have taken so far (Linux)."""
    try:
        # the name, in brackets, may hold blanks
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(child)) for child in children)
