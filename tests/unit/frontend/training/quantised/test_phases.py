"""dpc train --target: both phases, restart, and the package that comes of it."""

import json
import re

import numpy as np
import pytest

from dpc.cli.main import main
from dpc.config.learning_rate import LEARNING_RATE
from dpc.data.system import System
from dpc.frontend import load_model
from dpc.frontend.training.quantised.phases import second_half
from dpc.frontend.training.schedule import make_schedule
from dpc.frontend.training.snapshots import read_snapshot
from dpc.frontend.training.table import read_table
from dpc.md import Potential
from dpc.targets.cpu import LEVELS, runs_here
from dpc.targets.fpga import HOST
from tests.unit.frontend.training.toy import toy_input, write_toy, write_toy_run

NVNMD = {"version": 0, "net_size": 16, "sel": [20, 20], "rcut": 3.4, "rcut_smth": 0.5,
         "type_map": ["O", "H"]}  # fmt: skip


def train(*options, target="vu9p"):
    return main(["train", "input.json", "-q", "--target", target, *options])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Both phases on an ordinary input; weights of 5 bits, to have something to mend."""
    folder = tmp_path_factory.mktemp("toy")
    write_toy_run(folder, numb_steps=110, disp_freq=10, save_freq=25)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert train("--quantised-steps", "50", "--weight-bits", "5") == 0
    return folder


def test_the_loss_falls_in_the_second_phase(trained):
    table = read_table(trained / "lcurve-fixed.out")
    assert (table["step"][0], table["step"][-1]) == (0, 50)
    assert table["rmse_f_val"][-1] < 0.9 * table["rmse_f_val"][0]
    assert table["rmse_val"][-1] < 0.8 * table["rmse_val"][0]
    floating = read_table(trained / "lcurve.out")
    assert floating["step"][-1] == 60 and (trained / "model-float.pt").is_file()


def test_only_fitting_nets_learn_in_fixed_point(trained):
    before, after = (load_model(trained / f"{n}.pt").state_dict() for n in ("model-float", "model"))
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith("fitting.nets")}


@pytest.mark.skipif(not runs_here(LEVELS[HOST]), reason=f"this is no {HOST}")
def test_the_package_gives_what_was_trained(trained, monkeypatch, capsys):
    """Every bit, through the C model of the package."""
    monkeypatch.chdir(trained)
    assert main(["compile", "model.pt", "--target", "vu9p", "-o", "model.dpc",
                 "--data", "train"]) == 0  # fmt: skip
    capsys.readouterr()
    outputs = []
    for name in ("model.pt", "model.dpc"):
        assert main(["test", name, "-s", "valid"]) == 0
        outputs.append(capsys.readouterr().out.replace(name, ""))
    assert outputs[0] == outputs[1] and "force" in outputs[0]
    assert main(["test", "model.pt", "-s", "valid", "--floating-point"]) == 0
    assert capsys.readouterr().out.replace("model.pt", "") != outputs[0]
    from dpc.compiler.trained import FixedPotential

    package, ours = Potential("model.dpc"), FixedPotential(load_model("model.pt"))
    for frame, _ in System("valid").frames(("O", "H"), 0, 0):
        a, b = (m.evaluate(frame.coord, frame.atype, frame.cell) for m in (package, ours))
        assert np.array_equal(a["force"], b["force"])
        assert a["energy"] == pytest.approx(b["energy"], rel=1e-14)
        assert np.allclose(a["virial"], b["virial"], rtol=0, atol=1e-12)
    manifest = json.loads((trained / "model.dpc" / "manifest.json").read_text())
    assert "weight_bits=5" in manifest["pipeline"] and "basis" not in manifest["pipeline"]


def test_a_pipeline_that_does_not_fit_is_refused(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    passes = "canonicalize widen quantize"  # not symmetrize: another number of products
    assert main(["compile", "model.pt", "--target", "vu9p", "--passes", passes,
                 "-o", "other.dpc"]) == 1  # fmt: skip
    assert "trained for a circuit of other sizes" in capsys.readouterr().err


def test_a_restart_gives_the_same_bits(trained, monkeypatch):
    monkeypatch.chdir(trained)
    options = ("--quantised-steps", "50", "--weight-bits", "5", "-o", "again.pt")
    assert train("--restart", "model-fixed.ckpt-25.pt", *options) == 0
    assert (trained / "again.pt").read_bytes() == (trained / "model.pt").read_bytes()
    assert read_snapshot(trained / "model-fixed.ckpt-25.pt").heads[""].config["circuit"]


def test_all_steps_in_fixed_point(trained, monkeypatch):
    monkeypatch.chdir(trained)
    given = toy_input(trained, numb_steps=3, disp_freq=1)
    given["training"]["disp_file"] = "short.out"
    (trained / "short.json").write_text(json.dumps(given))
    assert main(["train", "short.json", "-q", "--target", "vu9p", "--quantised-steps", "3",
                 "-i", "model-float.pt", "-o", "short.pt"]) == 0  # fmt: skip
    rates = read_table(trained / "short-fixed.out")["lr"]
    assert rates[0] == pytest.approx(0.01)  # the input's own schedule


def test_an_nvnmd_input_through_both_phases(tmp_path, monkeypatch, capsys):
    write_toy(tmp_path / "train", 6)
    section = {k: v for k, v in toy_input(tmp_path).items() if k != "model"}
    section["training"] = {"training_data": {"systems": ["train"]}, "stop_batch": 4, "seed": 1}
    (tmp_path / "input.json").write_text(json.dumps({"nvnmd": NVNMD, **section}))
    monkeypatch.chdir(tmp_path)
    assert train("--quantised-steps", "2") == 0
    config = load_model("model.pt").config
    assert config["circuit"]["max_neighbors"] == 128
    assert config["descriptor"]["type"] == "se_e2_a_nvnmd"
    assert main(["test", "model.pt", "-s", "train"]) == 0
    assert main(["convert", "model.pt", "model.dp"]) == 2
    assert "Write a .pt file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [
        (["--quantised-steps", "3"], "goes with --target"),
        (["--weight-bits", "8"], "goes with --target"),
        (["--target", "cpu"], "is for circuits"),
        (["--target", "vu9p", "--quantised-steps", "200"], "but the input has 110 steps"),
        (["--target", "vu9p", "--quantised-steps", "110"], "give --init-model"),
        (["--target", "vu9p", "--weight-bits", "1"], "weight_bits is 1, but must be 2 to 18"),
    ],
)
def test_what_cannot_be_is_said(trained, options, message, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    assert main(["train", "input.json", "-q", "-o", "no.pt", *options]) in (1, 2)
    assert re.search(message, capsys.readouterr().err)
    assert not (trained / "no-float.pt").exists()


def test_the_second_half_of_a_schedule():
    problems = []
    given = {"start_lr": 1e-3, "stop_lr": 1e-7, "decay_steps": 1, "smooth": True}
    section = LEARNING_RATE.read(given, problems)
    assert not problems
    whole = make_schedule(section, 1000)
    half = second_half(whole, 50)
    assert half.rate(0) == pytest.approx(1e-5) and half.rate(49) < 2e-7
    assert half.fraction(0) == pytest.approx(1e-2)
    rates = [half.rate(k) for k in range(50)]
    assert rates == sorted(rates, reverse=True)
