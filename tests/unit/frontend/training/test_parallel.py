"""Data-parallel training with torchrun and gloo, on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from dpc.config import read_input
from dpc.frontend.training.exchange import Exchange
from dpc.frontend.training.group import Group
from dpc.frontend.training.run import Start, prepare, run
from dpc.frontend.training.snapshots import read_snapshot
from dpc.frontend.training.table import read_table
from tests.paths import TESTS
from tests.unit.frontend.training import parallel_worker
from tests.unit.frontend.training.toy import multi_task_input, write_toy_run


def torchrun(path, *options, processes=2):
    return started(path.parent, "dpc", "train", str(path), *options, processes=processes)


def started(folder, *module, processes=2):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
    command += [str(processes), "-m", *module]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
    return subprocess.Popen(
        command, cwd=folder, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def worked(folder, *words, processes=2):
    """parallel_worker.py in several processes."""
    module = parallel_worker.__name__
    process = started(folder, module, *map(str, words), processes=processes)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said[-3000:]


def children(process):
    """The ids of the processes that torchrun started."""
    pid = process.pid
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_rows(path, process, count=5):
    table, end = path.parent / "lcurve.out", time.monotonic() + 120
    while not (table.exists() and len(table.read_text().splitlines()) > count):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.1)


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


RUNS = {
    "two": {},
    "one": {"training_data": 1},  # the second process never has a frame
    "options": {"training_data": 3, "acc_freq": 2, "gradient_max_norm": 0.5, "enable_ema": True},
}


def written_runs(folder):
    """An input.json for each of RUNS, and one of two heads; their folders and tables."""
    tables = {}
    for name, options in RUNS.items():
        path = folder / name
        path.mkdir(parents=True)
        input_path = write_toy_run(path, numb_steps=20)
        section = json.loads(input_path.read_text())
        size = options.get("training_data", 2)
        section["training"].update({k: v for k, v in options.items() if k != "training_data"})
        section["training"]["training_data"]["batch_size"] = size
        input_path.write_text(json.dumps(section))
        tables[path] = [path / "lcurve.out"]
    heads = folder / "heads"
    heads.mkdir()
    section = multi_task_input(heads)
    section["training"].update(numb_steps=20, disp_freq=5, save_freq=10)
    (heads / "input.json").write_text(json.dumps(section))
    tables[heads] = [heads / "lcurve-one.out", heads / "lcurve-two.out"]
    return tables


@pytest.mark.parametrize("way", ["memory", pytest.param("hosts", marks=pytest.mark.slow)])
def test_trainings_are_those_of_one_process(tmp_path, monkeypatch, way):
    """Losses of one process; the same weights in both, to the bit, after a restart as well."""
    for path in written_runs(tmp_path / "1"):
        monkeypatch.chdir(path)
        run(prepare(read_input(path / "input.json"), Start(quiet=True)))
    runs = written_runs(tmp_path / "2")
    worked(tmp_path, "train", way, *runs, *runs)
    for path, tables in runs.items():
        whole, other, again, last = (
            torch.load(path / f"{name}-{rank}.pt") for name in ("whole", "again") for rank in (0, 1)
        )
        for key, value in whole.items():
            assert torch.equal(other[key], value) and torch.equal(last[key], again[key]), key
            torch.testing.assert_close(again[key], value, rtol=1e-6, atol=1e-9)
        for table in tables:
            one = read_table(tmp_path / "1" / path.name / table.name)
            for name, column in read_table(table).items():
                np.testing.assert_allclose(column, one[name], rtol=2e-2, err_msg=f"{table} {name}")


def expected(turn, world):
    """What an exchange of the worker gives: gradients, errors, signal."""
    ranks = range(world)
    frames = [parallel_worker.frames_of(turn, r, world) for r in ranks]
    gradients = []
    for k, (shape, _) in enumerate(parallel_worker.SHAPES):
        given = [parallel_worker.gradient_of(turn, r, world, k) for r in ranks]
        total = torch.zeros(shape, dtype=torch.float64)
        for count, gradient in zip(frames, given, strict=True):
            total += 0 if gradient is None else count * gradient.double()
        gradients.append(None if all(g is None for g in given) else total / sum(frames))
    given = [parallel_worker.errors_of(turn, r) for r in ranks]
    errors = {
        name: np.sqrt(np.average([e[name] ** 2 for e in given], weights=frames))
        for name in given[0]
    }
    return gradients, errors, 15 * (turn == parallel_worker.SIGNALLED)


@pytest.mark.parametrize("processes", [2, 3])
def test_exchange_of_gradients(tmp_path, processes):
    """Means over the frames of all, the same bits in all processes, on every way they may go."""
    worked(tmp_path, "exchange", tmp_path, *parallel_worker.WAYS, processes=processes)
    for way in parallel_worker.WAYS:
        found = [torch.load(tmp_path / f"{way}-{rank}.pt") for rank in range(processes)]
        nothing = 0
        for turn, results in enumerate(zip(*found, strict=True)):
            gradients, errors, signal = expected(turn, processes)
            for mine, mean, number in results:
                assert mean == pytest.approx(errors, rel=1e-14) and number == signal
                for own, first, right in zip(mine, results[0][0], gradients, strict=True):
                    assert (own is None) == (right is None), (way, turn)
                    if own is None or right is None:
                        nothing += 1
                        continue
                    assert torch.equal(own, first), (way, turn)
                    torch.testing.assert_close(own, right.to(own.dtype), msg=f"{way} {turn}")
        assert 0 < nothing < processes * parallel_worker.ROUNDS * len(parallel_worker.SHAPES) / 2


@pytest.mark.parametrize(("theirs", "all_see"), [(np.nan, np.nan), (1e200, np.inf)])
def test_a_loss_that_is_not_finite_is_so_for_all(theirs, all_see):
    class Pair(Group):
        """What this process sends first comes back beside what it sends next."""

        sent: ClassVar[list[torch.Tensor]] = []

        def gather(self, row):
            self.sent.append(row)
            return torch.stack(self.sent[-2:])

    both = Exchange(Pair(0, 2), [torch.nn.Parameter(torch.zeros(2))], ["rmse_e"])
    both.errors({"rmse": theirs, "rmse_e": 3.0}, 2)
    found = both.errors({"rmse": 1.0, "rmse_e": 4.0}, 2)
    np.testing.assert_equal(found["rmse"], all_see)
    assert found["rmse_e"] == pytest.approx(np.sqrt(12.5))


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


def test_signal_to_one_saves_and_ends_both(tmp_path):
    path = write_toy_run(tmp_path, numb_steps=1_000_000, disp_freq=1, save_freq=1_000_000)
    process = torchrun(path)
    wait_for_rows(path, process)
    both = children(process)
    os.kill(both[-1], signal.SIGTERM)
    said = process.communicate(timeout=120)[1]
    (checkpoint,) = tmp_path.glob("model.ckpt-*.pt")
    step = read_snapshot(checkpoint).step
    assert f"stopped by a signal before step {step};" in said, said[-2000:]
    assert f"exitcode: {128 + signal.SIGTERM}" in said.replace("  ", " "), said[-2000:]
    assert gone(both)


def gone(processes):
    for number in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
    return True


@pytest.mark.slow
def test_killing_one_ends_both(tmp_path):
    path = write_toy_run(tmp_path, numb_steps=1_000_000, disp_freq=10, save_freq=10)
    process = torchrun(path)
    wait_for_rows(path, process)
    both = children(process)
    for child in both:  # memory without a name: nobody has to clean up
        maps = Path(f"/proc/{child}/maps").read_text()
        assert "/memfd:dpc-gradients (deleted)" in maps and "/dev/shm" not in maps
    os.kill(both[-1], signal.SIGKILL)
    said = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    assert "lost another one" in said, said[-2000:]
    assert gone(both)
