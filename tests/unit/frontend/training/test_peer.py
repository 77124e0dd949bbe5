"""Loss and gradient against DeePMD-kit's PyTorch backend: same weights, same batch.

Set DPC_PEER_PYTHON to a Python that has deepmd-kit and torch (pip install "deepmd-kit[torch]").
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from dpc.cli.main import main
from dpc.config.loss import LOSS
from dpc.frontend import load_model
from dpc.frontend.importers import read_model
from dpc.frontend.training.losses import losses
from dpc.frontend.training.steps.autograd import AutogradStep
from dpc.frontend.training.steps.se_e2_a import FusedStep
from dpc.frontend.training.table import read_table
from tests.paths import DATA, SHARED
from tests.unit.frontend.training.toy import random_batch, toy_input, write_toy

PEER = os.environ.get("DPC_PEER_PYTHON", "")
OPTIONS = {"start_pref_e": 0.3, "limit_pref_e": 1.0, "start_pref_f": 20.0, "limit_pref_f": 1.0,
           "start_pref_v": 0.7, "limit_pref_v": 0.1}  # fmt: skip
MODELS = ("se_e2_a", "se_e2_a_two_side", "se_e2_a_exclude_types", "se_e2_a_set_davg_zero",
          "ener_pair_exclude")  # fmt: skip


def place(name: str) -> Path:
    own = DATA / "golden" / name / "model.pt"
    return own if own.exists() else SHARED / "golden" / name / "model.pt"


@pytest.mark.slow
@pytest.mark.skipif(not PEER, reason="DPC_PEER_PYTHON names no Python with deepmd-kit and torch")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("step", [AutogradStep, FusedStep])
def test_loss_and_gradient_are_the_peers(tmp_path, name, step):
    file = place(name)
    if not file.exists():
        pytest.skip(f"{file} is not here; set DPC_SHARED")
    model = load_model(file).train()
    if step.refuses(model):
        pytest.skip(step.refuses(model))
    ntypes = len(model.type_map)
    # the peer rounds 1 / natoms to float32: with 8 atoms nothing is lost
    batch = random_batch(np.arange(8) % ntypes, 2, 3, box=5.5)
    np.savez(tmp_path / "batch.npz", coord=batch.coord, atype=batch.atype, box=batch.box,
             **{k: batch.labels[k] for k in ("energy", "force", "virial")})  # fmt: skip
    (tmp_path / "loss.json").write_text(json.dumps(OPTIONS))
    script = Path(__file__).with_name("peer_gradient.py")
    files = [file, tmp_path / "batch.npz", tmp_path / "loss.json", tmp_path / "out.pt"]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([*PEER.split(), script, *files], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    expected = float(done.stdout.split()[-1])
    gradients = read_model(tmp_path / "out.pt").tensors
    problems: list[str] = []
    loss = losses.get("ener")(LOSS.read(OPTIONS, problems))
    value, _ = step(model).gradient(batch, loss, 0.7)
    assert float(value) == pytest.approx(expected, rel=1e-10)
    ours, theirs = [], []
    for key, p in model.named_parameters():
        ours.append(torch.zeros_like(p) if p.grad is None else p.grad)
        theirs.append(torch.from_numpy(gradients[key.replace("fitting.nets.", "fitting.")]))
    scale = torch.cat([t.flatten() for t in theirs]).norm()
    for a, b in zip(ours, theirs, strict=True):
        assert float((a - b).norm()) <= 1e-10 * float(scale)


@pytest.mark.slow
@pytest.mark.skipif(not PEER, reason="DPC_PEER_PYTHON names no Python with deepmd-kit and torch")
def test_forty_steps_are_the_peers(tmp_path, monkeypatch):
    """From the same weights and one frame: the same errors in every row."""
    monkeypatch.chdir(tmp_path)
    write_toy(tmp_path / "train", 1)
    given = toy_input(tmp_path)
    del given["training"]["validation_data"]
    given["training"]["training_data"]["batch_size"] = 1
    given["loss"] |= {"start_pref_v": 0.0, "limit_pref_v": 0.0}
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for name, steps, more in (("one", 1, []), ("many", 40, ["--init-model", "one-1.pt"])):
        options = {"numb_steps": steps, "disp_freq": 1, "save_freq": steps, "save_ckpt": name}
        (tmp_path / f"{name}.json").write_text(
            json.dumps(given | {"training": given["training"] | options})
        )
        words = ["--pt", "train", f"{name}.json", "--skip-neighbor-stat", *more]
        script = f"from deepmd.main import main; main({words!r})"
        subprocess.run([*PEER.split(), "-c", script], check=True, capture_output=True, env=env)
    theirs = read_table(tmp_path / "lcurve.out")
    assert main(["train", "many.json", "--init-model", "one-1.pt", "-q"]) == 0
    ours = read_table(tmp_path / "lcurve.out")
    for name in ("rmse_trn", "rmse_e_trn", "rmse_f_trn"):  # the peer counts rows from 1
        np.testing.assert_allclose(ours[name][:40], theirs[name], rtol=6e-3, err_msg=name)
