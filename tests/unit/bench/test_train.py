"""`dpc bench train`: who runs against whom, the inputs they get, and how a run is timed."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from dpc.bench import train, train_run
from dpc.bench.train import Row, Trainer
from dpc.bench.train_run import Trained
from dpc.cli.main import main
from dpc.errors import InputError, ToolError
from tests.unit.frontend.training.toy import toy_input, write_toy


def trained(wall, cpu=None):
    return Trained(wall, cpu or wall, 100_000_000, 200_000_000, 5.0)


def test_who_is_compared_with_whom():
    found = {t.name: t.against for t in train.trainers(["f64"], 2, 2, True, True)}
    assert found == {
        "deepmd-kit f64 1x2": "",
        "dpc f64 1x2": "deepmd-kit f64 1x2",
        "dpc f64 tabulated 1x2": "dpc f64 1x2",
        "dpc f64 1x1": "",
        "dpc f64 2x1": "dpc f64 1x1",
    }
    alone = {t.name: t.against for t in train.trainers(["f32"], 1, 2, False, False)}
    assert alone == {"dpc f32 1x1": "", "dpc f32 2x1": "dpc f32 1x1"}


def test_inputs_differ_in_what_is_measured_alone(tmp_path):
    (tmp_path / "train").mkdir()
    document = toy_input(tmp_path)
    document["training"]["training_data"]["systems"] = ["train"]
    document["training"]["fused"] = True
    before = json.dumps(document)
    own = Trainer("dpc", "f32", 2, tabulated=True)
    peer = Trainer("deepmd-kit", "f32", 2)
    a, b = (train.make_document(document, tmp_path, t, 4) for t in (own, peer))
    assert json.dumps(document) == before
    assert a["training"].pop("tabulated") is True
    assert a == b
    assert a["model"]["descriptor"]["precision"] == a["model"]["fitting_net"]["precision"]
    assert a["model"]["descriptor"]["precision"] == "float32"
    data = a["training"]["training_data"]
    assert data["systems"] == [str(tmp_path / "train")] and data["batch_size"] == 4
    assert not {"fused", "validation_data"} & set(a["training"])
    with pytest.raises(InputError, match="one model"):
        train.make_document({"model": {"model_dict": {}}}, tmp_path, own, None)


def test_every_frame_is_seen_before_steps_are_timed(tmp_path):
    write_toy(tmp_path / "train")
    document = toy_input(tmp_path)
    frames = len(np.load(next(tmp_path.glob("train/set.*/coord.npy"))))
    for batch, steps, before in (
        (1, frames, 1),
        (1, frames - 1, 2),
        (2, frames // 2, 1),
        (1, 1, 10),
    ):
        document["training"]["training_data"]["batch_size"] = batch
        assert train.warm_up(document, steps) == before
        train.set_steps(document, steps, before)
        training = document["training"]
        assert (training["numb_steps"], training["disp_freq"]) == ((before + 1) * steps, steps)


def test_a_run_has_as_many_processors_as_threads():
    ours = os.sched_getaffinity(0)
    with train_run.processors(1):
        code = "import os; print(len(os.sched_getaffinity(0)))"
        assert subprocess.check_output([sys.executable, "-c", code]).strip() == b"1"
    assert os.sched_getaffinity(0) == ours


def test_ratios_are_within_a_repeat():
    own = Trainer("dpc", "f64", 1, against="deepmd-kit f64 1x1")
    row = Row(own, (trained(1.0), trained(2.0)), (trained(3.0, 8.0), trained(8.0, 4.0)))
    assert row.ratios == [3.0, 4.0] and row.cpu_ratios == [8.0, 2.0]
    record = train.record(row, 50, "1")
    assert (record["ms_per_step"], record["speedup"], record["total_mb"]) == (1500, 3.5, 200)
    assert "3.50 x (3.00 … 4.00), 5.00 x than deepmd-kit f64 1x1" in train.table([record])


def test_rows_that_are_whole(tmp_path):
    curve = tmp_path / "lcurve.out"
    assert train_run.rows(curve) == 0
    curve.write_text("# step rmse\n# more\n      0  1.0\n     10  0.")
    assert train_run.rows(curve) == 1


def test_steps_are_timed_between_the_rows(tmp_path, monkeypatch):
    script = (
        "import time\n"
        "def row(k):\n"
        "    with open('lcurve.out', 'a') as file: print(k, 1.0, file=file)\n"
        "row(0); row(10); time.sleep(0.6); row(20); end = time.process_time() + 0.4\n"
        "while time.process_time() < end: pass\n"
        "row(30); time.sleep(0.2)\n"
    )
    monkeypatch.setattr(train_run, "command", lambda *_: [sys.executable, "-c", script])
    found = train_run.run_training("dpc", tmp_path, 10, 2, 1, 1, None)
    assert 0.035 <= found.cpu_seconds <= 0.048  # to the clock's ticks
    assert found.step_seconds >= found.cpu_seconds - 0.004
    assert 1e6 < found.peak_bytes <= found.total_bytes
    failing = [sys.executable, "-c", "raise SystemExit('no such data')"]
    monkeypatch.setattr(train_run, "command", lambda *_: failing)
    with pytest.raises(ToolError, match="no such data"):
        train_run.run_training("dpc", tmp_path, 10, 2, 1, 1, None)


def test_processor_time_of_children():
    code = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    child = subprocess.Popen([sys.executable, "-c", f"{code}time.sleep(30)"])
    try:
        end = time.monotonic() + 20
        while train_run.processor_seconds(child.pid) < 0.25 and time.monotonic() < end:
            time.sleep(0.05)
        assert 0.25 <= train_run.processor_seconds(child.pid) < 2.0
    finally:
        child.kill()
        child.wait()
    assert train_run.processor_seconds(child.pid) == 0.0


def test_the_command(tmp_path, capsys):
    write_toy(tmp_path / "train")
    (tmp_path / "input.json").write_text(json.dumps(toy_input(tmp_path)))
    words = ["bench", "train", str(tmp_path / "input.json"), "-o", str(tmp_path / "out")]
    assert main([*words, "--steps", "1"]) == 2
    assert "give 10 or more" in capsys.readouterr().err
    assert main([*words, "--steps", "10", "--repeats", "1", "--precision", "f64"]) == 0
    shown = capsys.readouterr()
    assert "dpc f64 1x" in shown.out
    rows = json.loads((tmp_path / "out" / "train.json").read_text())["rows"]
    assert [row["steps"] for row in rows] == [10]
    assert rows[0]["ms_per_step"] > 0 and rows[0]["total_mb"] > 50
