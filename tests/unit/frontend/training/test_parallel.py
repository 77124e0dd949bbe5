"""Data-parallel training with torchrun and gloo, on this machine."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from dpc.frontend.training.group import Group
from dpc.frontend.training.table import read_table
from tests.paths import TESTS
from tests.unit.frontend.training.toy import write_toy_run


def torchrun(path, *options, processes=2):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
    command += [str(processes), "-m", "dpc", "train", str(path), *options]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
    return subprocess.Popen(
        command, cwd=path.parent, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def table_of(path, processes, *options, table="lcurve.out"):
    if processes == 1:
        command = [sys.executable, "-m", "dpc", "train", str(path), "-q", *options]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
        subprocess.run(command, cwd=path.parent, check=True, capture_output=True, env=env)
    else:
        process = torchrun(path, "-q", *options, processes=processes)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
    return read_table(path.parent / table)


def test_two_processes_learn_what_one_learns(tmp_path):
    tables = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        tables.append(table_of(write_toy_run(folder, numb_steps=20), processes))
    for name, column in tables[0].items():
        np.testing.assert_allclose(tables[1][name], column, rtol=2e-2, err_msg=name)


@pytest.mark.parametrize("frames", [(3, 1), (2, 0), (0, 2)])
def test_gradients_are_weighed_by_frames(frames):
    """What another process sends is added by hand; the gradient of the mean over all comes out."""
    shapes, (mine, theirs) = [(2, 3), (4,)], frames
    rng = torch.Generator().manual_seed(1)
    own, other = (
        [torch.randn(s, generator=rng, dtype=torch.float64) for s in shapes] for _ in "ab"
    )
    sent = torch.cat([*[g.flatten() * theirs for g in other], torch.tensor([float(theirs)])])

    class Pair(Group):
        def sum(self, tensor):
            return tensor.add_(sent)

    parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in own]
    for p, g in zip(parameters, own, strict=True):
        p.grad = g.clone() if mine else None
    Pair(0, 2).sum_gradients(parameters, mine)
    for p, a, b in zip(parameters, own, other, strict=True):
        torch.testing.assert_close(p.grad, (mine * a + theirs * b) / sum(frames))


@pytest.mark.slow
def test_two_processes_in_fixed_point(tmp_path):
    tables = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        options = ("--target", "vu9p", "--quantised-steps", "8")
        path = write_toy_run(folder, numb_steps=20)
        tables.append(table_of(path, processes, *options, table="lcurve-fixed.out"))
    for name, column in tables[0].items():
        np.testing.assert_allclose(tables[1][name], column, rtol=2e-2, err_msg=name)


@pytest.mark.slow
def test_killing_one_ends_both(tmp_path):
    path = write_toy_run(tmp_path, numb_steps=1_000_000, disp_freq=10, save_freq=10)
    process = torchrun(path)
    table = tmp_path / "lcurve.out"
    end = time.monotonic() + 120
    while not (table.exists() and len(table.read_text().splitlines()) > 5):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
    ).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    said = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    assert "lost another one" in said or "Signal 9" in said, said[-2000:]
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(int(child), 0)
