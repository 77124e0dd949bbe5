"""Reading LAMMPS's output, and the memory of the processes it runs as."""

import subprocess
import sys
import time

import pytest

from dpc.bench import lammps_run
from dpc.bench.lammps_run import Lammps, Memory, read_output, run_lammps, wait
from dpc.errors import ToolError

OUTPUT = """
   Step         PotEng         KinEng
         0  -1000.5        10
         5  -1001.5        11
Loop time of 1 on 2 procs for 5 steps with 192 atoms
Pair    | 9      | 9      | 9      |   0.6 | 97.46
   Step         PotEng         KinEng
         5  -1001.5        11
Loop time of 0.5 on 2 procs for 10 steps with 192 atoms

MPI task timing breakdown:
Section |  min time  |  avg time  |  max time  |%varavg| %total
---------------------------------------------------------------
Pair    | 0.3        | 0.4        | 0.5        |   0.6 | 97.46
Neigh   | 0.012179   | 0.012282   | 0.012385   |   0.1 |  1.07
Other   |            | 0.0004185  |            |       |  0.04
"""


def test_the_last_run_counts():
    run = read_output(OUTPUT, Memory({1: 5, 2: 7}), 3.0)
    assert (run.seconds, run.steps, run.atoms) == (0.5, 10, 192)
    assert run.sections == {"Pair": 0.4, "Neigh": 0.012282, "Other": 0.0004185}
    assert run.energy == -1000.5
    assert (run.peak_bytes, run.total_bytes) == (7, 12)
    assert run.microseconds == pytest.approx(1e6 * 0.5 / 10 / 192)


def test_peak_memory_is_of_the_processes_below():
    """A shell runs Python, which fills 100 MB: the number is Python's."""
    script = "import time; b = bytearray(100_000_000); del b; time.sleep(0.5)"
    program = f"{sys.executable} -c '{script}'; true"
    process = subprocess.Popen(["sh", "-c", program])
    status, memory = wait(process, time.monotonic() + 60)
    assert status == 0 and 100e6 < memory.largest < 150e6
    assert memory.largest <= memory.total < 150e6


def test_a_child_before_its_program_starts_does_not_count(monkeypatch):
    """It has the memory of its parent, which counts again when the child is gone."""
    children, peaks = {1: "2", 2: "3"}, {1: 7, 2: 500, 3: 500}

    def read(path):
        if path.endswith("children"):
            return children.get(int(path.split("/")[2]), "")
        return f"VmHWM:  {peaks[int(path.split('/')[2])]} kB"

    monkeypatch.setattr(lammps_run, "_read", read)
    memory = Memory()
    memory.look(1)
    assert memory.total == 0
    del children[2]
    memory.look(1)
    assert memory.total == 500 * 1024


def test_a_run_that_takes_too_long_is_stopped():
    process = subprocess.Popen(["sleep", "60"])
    with pytest.raises(ToolError, match="time limit"):
        wait(process, time.monotonic() - 1)
    assert process.poll() is not None


def test_what_lammps_says_when_it_fails(tmp_path):
    class Failing(Lammps):
        def command(self, ranks, input_file):
            return ["sh", "-c", "echo 'ERROR: no such pair style'; exit 1"]

    with pytest.raises(ToolError, match="no such pair style"):
        run_lammps(Failing(tmp_path, tmp_path), "run 1", tmp_path / "run")


def test_no_lammps_here(tmp_path):
    with pytest.raises(ToolError, match=r"lammps\[mpi\]"):
        Lammps(tmp_path, tmp_path).site()


def test_threads_of_a_rank(tmp_path):
    peer = Lammps(tmp_path, tmp_path, {"A": "1"}, thread_variables=("A", "B"))
    found = peer.variables(threads=2)
    assert (found["A"], found["B"], found["OMP_NUM_THREADS"]) == ("2", "2", "1")
