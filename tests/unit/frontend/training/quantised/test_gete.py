"""NVNMD's own example: germanium telluride, in fixed point as good as in floating point."""

import numpy as np
import pytest

from dpc.compiler.trained import OPTIONS, FixedPotential, TrainedCircuit, calibrate, check
from dpc.config.document import read_document
from dpc.config.input import make_input
from dpc.data.accuracy import Accuracy
from dpc.data.dataset import DataSet
from dpc.data.system import System
from dpc.frontend import load_model
from dpc.frontend.training import run, tasks
from dpc.frontend.training.quantised.phases import Compiler, phases
from tests.paths import SHARED, needs_shared

HELD_OUT = (2, 7, 12, 16)  # of 36 frames
DATA = SHARED / "data" / "nvnmd"


def force_error(model, frames):
    """RMSE, eV/Å, on some frames."""
    found = Accuracy()
    for frame, labels in System(DATA / "data").frames(("Ge", "Te"), 0, 0, list(frames)):
        found.add(model.evaluate(frame.coord, frame.atype, frame.cell), labels, len(frame.atype))
    return found.errors["force"].rmse


@pytest.fixture
def some_frames(monkeypatch):
    """Training does not see the frames that errors are measured on."""
    opened = tasks.open_dataset

    def without_held_out(*args, **kwargs):
        found = opened(*args, **kwargs)
        kept = [k for k in range(found.frames[0]) if k not in HELD_OUT]
        return DataSet([found.systems[0].subset(kept)], found.type_map)

    monkeypatch.setattr(tasks, "open_dataset", without_held_out)


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("weight_bits", [18, 8])
def test_within_3_meV_of_its_parent(weight_bits, some_frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = read_document(DATA / "train" / "train_cnn.json")
    document["training"] |= {"stop_batch": 200, "disp_freq": 100, "save_freq": 1000}
    source = make_input(document, DATA / "train")
    options = {**OPTIONS, **source.circuit, "weight_bits": weight_bits}
    compiler = Compiler(options, check, calibrate, TrainedCircuit)
    for phase in phases(source, run.Start(quiet=True), compiler, 40):
        run.run(phase.prepare())
    floating, fixed = load_model("model-float.pt"), FixedPotential(load_model("model.pt"))
    before, after = force_error(floating, HELD_OUT), force_error(fixed, HELD_OUT)
    assert after < before + 3e-3, f"{before * 1e3:.2f} to {after * 1e3:.2f} meV/Å"
    assert before < 0.9 * spread(HELD_OUT)  # it has learned something


def spread(frames):
    """RMS of the forces in the data, eV/Å."""
    found = System(DATA / "data").frames(("Ge", "Te"), 0, 0, list(frames))
    return float(np.sqrt(np.mean([labels.force**2 for _, labels in found])))
