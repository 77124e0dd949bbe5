"""The step in fixed point: the integers of a compile forward, gradients of the reals backward."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dpc.compiler.trained import OPTIONS, FixedPotential, TrainedCircuit, calibrate, check
from dpc.config.loss import LOSS
from dpc.data.frames import Frame
from dpc.errors import InputError
from dpc.frontend.model import Model
from dpc.frontend.training.initial import initialise
from dpc.frontend.training.losses import losses
from dpc.frontend.training.quantised import QuantisedStep
from dpc.frontend.training.steps.autograd import AutogradStep
from tests.unit.frontend.training.toy import random_batch
from tests.unit.frontend.zoo import random_file

TYPES = np.array([0, 1, 0, 1, 1, 0, 1, 0, 0, -1])  # the last is a filler
LOSS_OF = {"start_pref_v": 0.5, "limit_pref_v": 0.5}
KINDS = {
    "ordinary": ({}, {"resnet_dt": True}),
    "float32": ({"precision": "float32"}, {"precision": "float32"}),
    "two_side": ({"type_one_side": False}, {"resnet_dt": False}),
    "nvnmd": ({"type": "se_e2_a_nvnmd"}, {"type": "ener_nvnmd", "resnet_dt": False}),
}


def made(kind, weight_bits=18):
    """A model in fixed point of its own, its step, and a batch with fillers."""
    descriptor, fitting = KINDS[kind]
    options = ({"rcut": 3.0, **descriptor}, {"neuron": [10, 10], **fitting}, {})
    model = Model.from_file_data(random_file(options=options, seed=4))
    initialise(model, 2)
    batch = random_batch(TYPES, 2, 5)
    frames = [Frame(c[:-1], t[:-1], b) for c, t, b in
              zip(batch.coord, batch.atype, batch.box, strict=True)]  # fmt: skip
    calibrate(model, frames, {**OPTIONS, "weight_bits": weight_bits})
    return model, QuantisedStep(model, TrainedCircuit(model)), batch


def loss():
    problems = []
    section = LOSS.read(LOSS_OF, problems)
    assert not problems
    return losses.get("ener")(section)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weight_bits", [18, 6])
def test_the_step_sees_what_the_compiled_model_gives(kind, weight_bits):
    model, step, batch = made(kind, weight_bits)
    found, compiled = step.predict(batch), FixedPotential(model)
    for k in range(batch.nframe):
        one = compiled.evaluate(batch.coord[k][:-1], batch.atype[k][:-1], batch.box[k])
        assert np.array_equal(one["force"], found.force[k, :-1].numpy())
        assert np.array_equal(one["virial"], found.virial[k].numpy())
        assert np.allclose(one["atom_energy"], found.atom_energy[k, :-1], rtol=1e-15)
    assert not found.force[:, -1].any() and found.force.abs().max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_reals(kind):
    """At 18 bits rounding is small, and so is the difference; the descriptor has none."""
    model, step, batch = made(kind)
    step.gradient(batch, loss(), 0.5)
    ours = {n: p.grad for n, p in model.fitting.named_parameters()}
    assert all(p.grad is None for p in model.descriptor.parameters())
    model.fitting.zero_grad(set_to_none=True)
    AutogradStep(model).gradient(batch, loss(), 0.5)
    for name, p in model.fitting.named_parameters():
        scale = float(p.grad.norm())
        assert float((ours[name] - p.grad).norm()) < 2e-3 * scale + 1e-6, name


def test_frames_of_two_data_sets_are_told_apart():
    """Both have a frame 0 of system 0."""
    _, step, _ = made("ordinary")
    found = []
    for seed in (1, 2):
        batch, prepare = random_batch(TYPES, 1, seed), step.preparer()
        for _ in range(2):  # the second is of the cache
            found.append(step.predict(batch.with_prepared(prepare(batch))).force)
        assert torch.equal(found[-1], found[-2])
        assert torch.equal(found[-1], step.predict(batch).force)
    assert not torch.equal(found[0], found[2])


def test_atoms_without_neighbours():
    model, step, _ = made("nvnmd")
    alone = random_batch(np.array([0, 1]), 1, 5, box=None)
    alone = replace(alone, coord=alone.coord * 100)
    found = step.predict(alone)
    expected = FixedPotential(model).evaluate(alone.coord[0], alone.atype[0])
    assert np.allclose(found.atom_energy[0], expected["atom_energy"], rtol=1e-15)
    assert not found.force.any() and not found.virial.any()
    value, _ = step.gradient(alone, loss(), 0.5)
    assert np.isfinite(float(value))


def test_gradients_are_summed():
    model, step, batch = made("ordinary")
    step.gradient(batch, loss(), 0.5)
    once = [p.grad.clone() for p in model.fitting.parameters()]
    step.gradient(batch, loss(), 0.5)
    twice = [p.grad for p in model.fitting.parameters()]
    assert all(torch.allclose(2 * a, b) for a, b in zip(once, twice, strict=True))


def test_formats_stay_while_weights_move():
    model, step, batch = made("nvnmd", 8)
    before = step.circuit.contents(model)
    with torch.no_grad():
        for p in model.fitting.parameters():
            p.mul_(1.3)
    after = step.circuit.contents(model)
    assert {k: v for k, v in before.frac.items() if k != "head"} == {
        k: v for k, v in after.frac.items() if k != "head"
    }
    assert before.shape == after.shape and np.array_equal(before.table, after.table)
    assert not np.array_equal(before.head, after.head)
    step.predict(batch)


def test_what_a_circuit_cannot_do_is_said_first():
    options = ({}, {"numb_fparam": 1}, {})
    with pytest.raises(InputError, match="fparam and aparam"):
        check(Model.from_file_data(random_file(options=options)), OPTIONS)
