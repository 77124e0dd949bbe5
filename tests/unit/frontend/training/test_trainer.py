"""Whole trainings of a toy set: restart, signals, damage, and what is written."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch

from dpc.cli.main import main
from dpc.config import read_input
from dpc.errors import InputError
from dpc.frontend import load_model
from dpc.frontend.training.run import Start, prepare, run
from dpc.frontend.training.snapshots import read_snapshot
from dpc.frontend.training.table import read_table
from dpc.frontend.training.tasks import merge_statistics
from tests.paths import TESTS
from tests.unit.frontend.training.toy import multi_task_input, toy_input, write_toy_run
from tests.unit.frontend.zoo import random_model


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    from dpc import native

    native.libdpc.cache_clear()
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def kernels_built():
    """Compiled once, in the user's cache, before tests move it."""
    from dpc.frontend.training.steps.kernels import library

    library()


def train(path, **options):
    prepared = prepare(read_input(path), Start(quiet=True, **options))
    return run(prepared), prepared


def weights(path):
    return {n: t for n, t in load_model(path).state_dict().items()}


def assert_same_bits(one, two):
    a, b = weights(one), weights(two)
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_loss_falls_and_files_are_there(here):
    path = write_toy_run(here, numb_steps=150, disp_freq=50, save_freq=50, max_ckpt_keep=2)
    assert main(["train", str(path), "-q"]) == 0
    table = read_table(here / "lcurve.out")
    assert table["step"] == [0, 50, 100, 150]
    assert list(table) == ["step", "rmse_val", "rmse_trn", "rmse_e_val", "rmse_e_trn", "rmse_f_val",
                           "rmse_f_trn", "rmse_v_val", "rmse_v_trn", "lr"]  # fmt: skip
    assert table["rmse_f_val"][-1] < 0.5 * table["rmse_f_val"][0]
    assert table["rmse_e_val"][-1] < 0.5 * table["rmse_e_val"][0]
    assert sorted(p.name for p in here.glob("model.ckpt-*")) == [
        "model.ckpt-100.pt", "model.ckpt-150.pt"]  # fmt: skip
    assert (here / "checkpoint").read_text() == "model.ckpt-150.pt\n"
    assert load_model(here / "model.pt").type_map == ("O", "H")
    assert_same_bits(here / "model.pt", here / "model.ckpt-150.pt")


@pytest.mark.parametrize("fused", [True, False])
def test_restart_gives_the_same_bits(here, fused):
    path = write_toy_run(here, fused=fused)
    train(path, output=here / "whole.pt")
    rows = (here / "lcurve.out").read_text()
    (here / "model.ckpt-20.pt").unlink()
    train(path, output=here / "again.pt", restart=here / "model.ckpt-10.pt")
    assert_same_bits(here / "whole.pt", here / "again.pt")
    assert (here / "lcurve.out").read_text() == rows


def test_seed_decides(here):
    path = write_toy_run(here, numb_steps=2)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(path, output=here / f"{name}.pt", seed=seed)
    assert_same_bits(here / "a.pt", here / "b.pt")
    with pytest.raises(AssertionError):
        assert_same_bits(here / "a.pt", here / "c.pt")


def test_init_model_and_finetune(here):
    path = write_toy_run(here, numb_steps=1)
    train(path, output=here / "first.pt")
    train(path, output=here / "next.pt", init_model=here / "first.pt")
    with pytest.raises(AssertionError):
        assert_same_bits(here / "first.pt", here / "next.pt")
    # shifted energies: the bias takes the shift before training
    for part in ("train", "valid"):
        file = here / part / "set.000" / "energy.npy"
        np.save(file, np.load(file) + 24.0)
    prepared = prepare(read_input(path), Start(finetune=here / "first.pt", quiet=True))
    task = prepared.tasks[""]
    errors = [
        float(task.step.predict(batch).energy[0] - batch.labels["energy"][0])
        for batch in (task.data.batch(0, [k], task.loss.labels()) for k in range(12))
    ]
    assert np.mean(errors) == pytest.approx(0, abs=1e-8)


def test_wrong_model_is_refused(here):
    path = write_toy_run(here, numb_steps=1)
    train(path)
    other = toy_input(here)
    other["model"]["descriptor"]["neuron"] = [4, 9]
    path.write_text(json.dumps(other))
    with pytest.raises(InputError, match=r"descriptor\.neuron: the input has \[4, 9\]"):
        prepare(read_input(path), Start(init_model=here / "model.pt"))


def test_nan_stops_with_the_last_checkpoint(here):
    path = write_toy_run(here)
    train(path)
    section = json.loads(path.read_text())
    section["learning_rate"]["start_lr"] = 1e200
    path.write_text(json.dumps(section))
    with pytest.raises(InputError, match=r"loss is \w+\. The last good checkpoint is .*ckpt-5\.pt"):
        train(path, restart=here / "model.ckpt-5.pt")


def test_broken_frame_says_which(here):
    path = write_toy_run(here)
    force = here / "train" / "set.000" / "force.npy"
    array = np.load(force)
    array[3] = np.nan
    np.save(force, array)
    words = r"frame 3, atom 0 .*force has the value nan.*last good checkpoint is (model\S+pt)\. "
    with pytest.raises(InputError, match=words) as stopped:
        train(path)
    checkpoint = here / re.search(words, str(stopped.value))[1]
    for file in force.parent.glob("*.npy"):  # mended, the training goes on
        np.save(file, np.delete(np.load(file), 3, axis=0))
    with pytest.warns(UserWarning, match=r"frames of the systems were \[12\] and are \[11\]"):
        assert train(path, restart=checkpoint)[1].trainer.step == 20


def test_missing_file_says_which(here):
    path = write_toy_run(here)
    (here / "train" / "set.000" / "box.npy").unlink()
    with pytest.raises(InputError, match=r"box\.npy: missing"):
        prepare(read_input(path), Start())


def test_full_disk_keeps_the_last_checkpoint(here, monkeypatch):
    path = write_toy_run(here)
    prepared = prepare(read_input(path), Start(quiet=True))
    import dpc.frontend.training.snapshots as module

    real, calls = module.os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 4:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(InputError, match=r"No space left.*last good checkpoint is model\.ckpt-10"):
        run(prepared)
    assert read_snapshot(here / "model.ckpt-10.pt").step == 10
    assert not list(here.glob(".model.ckpt*")) and not (here / "model.ckpt-15.pt").exists()


def start_process(path, *options):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
    return subprocess.Popen(
        [sys.executable, "-m", "dpc", "train", str(path), *options],
        cwd=path.parent, env=env, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(condition, process, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_sigterm_saves_and_leaves(here):
    path = write_toy_run(here, numb_steps=100_000, save_freq=100_000, disp_freq=1)
    process = start_process(path)
    wait_for(lambda: (here / "lcurve.out").exists() and
             len((here / "lcurve.out").read_text().splitlines()) > 5, process)  # fmt: skip
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 128 + signal.SIGTERM
    (checkpoint,) = here.glob("model.ckpt-*.pt")
    assert f"--restart {checkpoint.name}" in said
    assert read_snapshot(checkpoint).step == int(checkpoint.stem.rpartition("-")[2])


def went_on(here, before):
    return (here / "checkpoint").exists() and (here / "lcurve.out").stat().st_mtime_ns > before


def killed_runs(here, count, seed):
    """Kill -9 at random moments; every restart goes on and loses at most one interval."""
    rng = np.random.default_rng(seed)
    path = write_toy_run(here, numb_steps=100_000, save_freq=20, disp_freq=10, max_ckpt_keep=3)
    options: list[str] = []
    for _ in range(count):
        process = start_process(path, *options)
        before = (here / "lcurve.out").stat().st_mtime_ns if options else 0
        wait_for(partial(went_on, here, before), process)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        rows = [line for line in (here / "lcurve.out").read_text().splitlines() if line[0] != "#"]
        reached = max(int(row.split()[0]) for row in rows if row.split()[0].isdigit())
        found = sorted(here.glob("model.ckpt-*.pt"))
        steps = [read_snapshot(p).step for p in found]  # every one can be read
        assert max(steps) >= reached - 20
        load_model(found[-1])
        options = ["--restart", "model.ckpt"]


def test_kill_at_random_moments(here):
    killed_runs(here, 2, 0)


@pytest.mark.slow
def test_kill_at_fifty_random_moments(here):
    killed_runs(here, 50, 1)


def test_broken_checkpoint_names_the_others(here):
    path = write_toy_run(here)
    train(path)
    file = here / "model.ckpt-20.pt"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"damaged .*There are: .*model\.ckpt-15\.pt"):
        train(path, restart=file)


def test_dry_run(here, capsys):
    path = write_toy_run(here)
    assert main(["train", str(path), "--dry-run"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["model"]["descriptor"]["sel"] == [20, 20]
    assert "nearest pair" in said.err and "ms/step" in said.err and "GB of memory" in said.err
    assert not (here / "lcurve.out").exists()


def test_options_of_the_loop(here):
    options = {"acc_freq": 2, "gradient_max_norm": 0.5, "disp_avg": True, "enable_ema": True,
               "ema_decay": 0.9}  # fmt: skip
    path = write_toy_run(here, **options)
    train(path, output=here / "whole.pt")
    (here / "model.ckpt-20.pt").unlink()
    train(path, output=here / "again.pt", restart=here / "model.ckpt-10.pt")
    assert_same_bits(here / "whole.pt", here / "again.pt")
    with pytest.raises(AssertionError):  # the model is the mean of the weights
        assert_same_bits(here / "whole.pt", here / "model.ckpt-20.pt")


@pytest.mark.parametrize("kind", ["AdamW", "Muon"])
def test_other_optimizers_learn_and_restart(here, kind):
    path = write_toy_run(here, numb_steps=60, save_freq=30)
    section = json.loads(path.read_text())
    section["optimizer"] = {"type": kind}
    path.write_text(json.dumps(section))
    train(path, output=here / "whole.pt")
    table = read_table(here / "lcurve.out")
    assert table["rmse_val"][-1] < table["rmse_val"][0]
    train(path, output=here / "again.pt", restart=here / "model.ckpt-30.pt")
    assert_same_bits(here / "whole.pt", here / "again.pt")


def test_multi_task_shares_the_descriptor(here):
    path = here / "input.json"
    path.write_text(json.dumps(multi_task_input(here)))
    paths, prepared = train(path)
    assert [p.name for p in paths] == ["model-one.pt", "model-two.pt"]
    one, two = weights(paths[0]), weights(paths[1])
    for name in one:
        same = torch.equal(one[name], two[name])
        assert same == name.startswith("descriptor.") or "bias" in name or "idt" in name, name
    train(path, output=here / "again.pt", restart=here / "model.ckpt-20.pt")
    assert_same_bits(paths[0], here / "again-one.pt")
    assert {"lcurve-one.out", "lcurve-two.out"} <= {p.name for p in here.iterdir()}
    several = here / "model.ckpt-40.pt"
    with pytest.raises(InputError, match="several models: one, two"):
        load_model(several)
    assert main(["convert", str(several), str(here / "taken.pt"), "--head", "two"]) == 0
    assert_same_bits(here / "taken.pt", paths[1])
    assert main(["convert", str(several), str(here / "no.pt"), "--head", "tow"]) == 1


def test_statistics_of_a_mixture():
    one, two = (random_model().descriptor for _ in range(2))
    two.mean.add_(0.5), two.std.mul_(2)
    rng = np.random.default_rng(0)
    mean, std = one.mean.clone(), one.std.clone()
    samples = [
        rng.normal(mean[0, 0], std[0, 0], 300_000),
        rng.normal(two.mean[0, 0], two.std[0, 0], 100_000),
    ]
    merge_statistics([one, two], [3.0, 1.0])
    whole = np.concatenate(samples)
    assert float(one.mean[0, 0]) == pytest.approx(whole.mean(), abs=5e-3)
    assert float(one.std[0, 0]) == pytest.approx(whole.std(), rel=1e-2)
