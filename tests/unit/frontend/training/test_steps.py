"""Every descriptor trains: gradients of the loss, second derivatives included, and fast steps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dpc.config.loss import LOSS
from dpc.frontend.training.initial import initialise
from dpc.frontend.training.losses import losses
from dpc.frontend.training.steps import make_step
from dpc.frontend.training.steps.autograd import AutogradStep
from dpc.frontend.training.steps.se_e2_a import FusedStep
from tests.unit.frontend.training.toy import random_batch
from tests.unit.frontend.zoo import DESCRIPTORS, FITTINGS, VARIANTS, random_model

pytestmark = pytest.mark.filterwarnings("ignore:.*did not fit sel")

EVERYTHING = {
    "start_pref_e": 0.3, "start_pref_f": 2.0, "start_pref_v": 0.7, "start_pref_ae": 0.4,
    "start_pref_pf": 0.5, "start_pref_gf": 0.6, "numb_generalized_coord": 2,
}  # fmt: skip
FUSED = [name for name in VARIANTS if not name.startswith("atom_ener")]


def energy_loss(**options: Any):
    problems: list[str] = []
    section = LOSS.read(EVERYTHING | options, problems)
    assert not problems
    return losses.get("ener")(section)


def batch_for(model, nframe=2, seed=5):
    types = np.array([[0, 1, 1, 0, 1, 0, 1, 1], [1, 1, 0, -1, 1, 0, 0, -1]])[:nframe]
    return random_batch(types, nframe, seed, fparam=model.facts.fparam, aparam=model.facts.aparam)


def gradients(step, batch, loss):
    step.model.train()
    for p in step.model.parameters():
        p.grad = None
    value, errors = step.gradient(batch, loss, 0.7)
    return float(value), errors, {n: p.grad for n, p in step.model.named_parameters()}


@pytest.mark.parametrize("kind", [(d, f) for d in DESCRIPTORS for f in FITTINGS], ids="-".join)
@pytest.mark.parametrize("fused", [True, False], ids=["chosen", "autograd"])
def test_gradient_against_finite_differences(kind, fused):
    model = random_model(*kind)
    step, _ = make_step(model, fused)
    batch, loss = batch_for(model), energy_loss()
    _, _, found = gradients(step, batch, loss)
    rng = np.random.default_rng(1)
    for name, p in model.named_parameters():
        direction = torch.from_numpy(rng.normal(size=p.shape))
        h, values = 1e-5 / float(direction.norm()), []
        for sign in (1, -1):
            with torch.no_grad():
                p.add_(direction, alpha=sign * h)
            values.append(gradients(step, batch, loss)[0])
            with torch.no_grad():
                p.add_(direction, alpha=-sign * h)
        numeric = (values[0] - values[1]) / (2 * h)
        exact = float((found[name] * direction).sum())
        assert exact == pytest.approx(numeric, rel=1e-6, abs=1e-6), name


@pytest.mark.parametrize("kind", [(d, f) for d in DESCRIPTORS for f in FITTINGS], ids="-".join)
def test_loss_falls(kind):
    model = random_model(*kind)
    step, _ = make_step(model)
    batch, loss = batch_for(model), energy_loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    values = []
    for _ in range(40):
        values.append(gradients(step, batch, loss)[0])
        optimizer.step()
    assert values[-1] < 0.5 * values[0]


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("frozen", [False, True], ids=["learned", "frozen"])
def test_fused_step_is_autograd(name, frozen):
    model = random_model(options=VARIANTS[name])
    model.descriptor.requires_grad_(not frozen)
    loss = energy_loss()
    batch = batch_for(model)
    # G on nodes is right to 1e-12 of its largest value, that of frozen nets to 1e-10
    tolerances = (1e-8, 1e-7) if frozen else (1e-9, 1e-8)
    near, of_gradient = ({"rtol": r, "atol": r / 10} for r in tolerances)
    slow, fast = AutogradStep(model), FusedStep(model)
    assert FusedStep.refuses(model) == ""
    a, b = slow.predict(batch), fast.predict(batch)
    for quantity in ("energy", "force", "virial", "atom_energy"):
        torch.testing.assert_close(getattr(b, quantity), getattr(a, quantity), **near)
    one, two = gradients(slow, batch, loss), gradients(fast, batch, loss)
    assert two[0] == pytest.approx(one[0], rel=1e-9 if frozen else 1e-10)
    for key, grad in one[2].items():
        other = two[2][key]
        if grad is None or other is None:  # a net that no pair uses
            assert all(g is None or not g.any() for g in (grad, other)), key
        else:
            torch.testing.assert_close(other, grad, **of_gradient, msg=key)


@pytest.mark.parametrize("activation", ["sigmoid", "softplus", "silu", "gelu", "tanh"])
def test_fused_step_with_other_activations(activation):
    options = ({"activation_function": activation}, {"activation_function": activation}, {})
    model = random_model(options=options)
    batch, loss = batch_for(model), energy_loss()
    one, two = gradients(AutogradStep(model), batch, loss), gradients(FusedStep(model), batch, loss)
    for key, grad in one[2].items():
        torch.testing.assert_close(two[2][key], grad, rtol=1e-8, atol=1e-9, msg=key)


def test_fused_step_in_float32():
    options = ({"precision": "float32"}, {"precision": "float32"}, {})
    model = random_model(options=options)
    batch, loss = batch_for(model), energy_loss()
    one, two = gradients(AutogradStep(model), batch, loss), gradients(FusedStep(model), batch, loss)
    whole = torch.cat([g.flatten() for g in one[2].values()])
    other = torch.cat([g.flatten() for g in two[2].values()])
    assert float((whole - other).norm() / whole.norm()) < 1e-5
    step = FusedStep(model)
    step.predict(batch)
    assert step.grid.panels < 20  # float32 asks for few


@pytest.mark.parametrize(
    "options", [({"activation_function": "relu"}, {}, {}), VARIANTS["atom_ener"]]
)
def test_models_without_a_fast_step_say_why(options):
    step, reason = make_step(random_model(options=options))
    assert step.name == "autograd" and reason


def test_predict_is_evaluate():
    model = random_model()
    batch = batch_for(model)
    found = make_step(model)[0].predict(batch)
    for k in range(batch.nframe):
        real = batch.real[k]
        expected = model.evaluate(batch.coord[k][real], batch.atype[k][real], batch.box[k])
        assert float(found.energy[k]) == pytest.approx(expected["energy"], rel=1e-11)
        np.testing.assert_allclose(found.force[k][real], expected["force"], atol=1e-10)
        np.testing.assert_allclose(found.virial[k], expected["virial"], atol=1e-10)


def test_grid_grows_and_refines():
    model = random_model()
    step = FusedStep(model)
    batch = batch_for(model)
    step.predict(batch)
    grid = step.grid
    nearer = random_batch(np.array([0, 1]), 1, 0)
    nearer.coord[0] = [[0, 0, 0], [0, 0, 0.25]]
    slow = AutogradStep(model).predict(nearer)
    torch.testing.assert_close(step.predict(nearer).force, slow.force, rtol=1e-9, atol=1e-9)
    assert step.grid.end > grid.end
    with torch.no_grad():
        for net in model.descriptor.embedding:
            net[0].weight.mul_(6)
    step._since_check = 10**6
    before = step.grid.error(model.descriptor.embedding)
    gradients(step, batch, energy_loss())
    assert step.grid.error(model.descriptor.embedding) < before / 10


def frozen_model(one_side=True, **fitting):
    """Smooth nets, as training begins with them: their columns are all but dependent."""
    descriptor = {"neuron": [6, 12, 48], "axis_neuron": 3, "type_one_side": one_side}
    model = random_model(options=(descriptor, {"neuron": [9, 9], **fitting}, {}))
    initialise(model, 3)
    model.descriptor.requires_grad_(False)
    return model


@pytest.mark.parametrize("one_side", [True, False], ids=["one-side", "type-pairs"])
@pytest.mark.parametrize("more", [{}, {"numb_fparam": 2}], ids=["plain", "fparam"])
def test_frozen_embedding_gives_the_same_fitting_gradients(one_side, more):
    model = frozen_model(one_side, **more)
    batch, loss = batch_for(model), energy_loss()
    fast = FusedStep(model)
    one, two = gradients(AutogradStep(model), batch, loss), gradients(fast, batch, loss)
    folds = fast._tables.folds
    assert folds and all(f.width < f.full for f in folds)
    assert two[0] == pytest.approx(one[0], rel=1e-8)
    for key, grad in one[2].items():
        if key.startswith("descriptor"):
            assert grad is None and two[2][key] is None
        else:
            torch.testing.assert_close(two[2][key], grad, rtol=1e-7, atol=1e-8, msg=key)


def test_gradients_add_up_where_the_embedding_is_frozen():
    model = frozen_model()
    batch, loss, step = batch_for(model), energy_loss(), FusedStep(model)
    once = {n: g.clone() for n, g in gradients(step, batch, loss)[2].items() if g is not None}
    step.gradient(batch, loss, 0.7)
    for name, p in model.fitting.named_parameters(prefix="fitting"):
        torch.testing.assert_close(p.grad, 2 * once[name])


def test_a_frame_seen_again_is_the_same_where_the_embedding_is_frozen():
    model = frozen_model()
    loss, step = energy_loss(), FusedStep(model)
    prepare, batch = step.preparer(), batch_for(model, nframe=1)
    again = [batch.with_prepared(prepare(batch)) for _ in range(2)]
    assert again[0].prepared is again[1].prepared
    first = gradients(step, again[0], loss)
    assert again[0].prepared.kept.x is not None
    second, fresh = gradients(step, again[1], loss), gradients(step, batch, loss)
    for found in (second, fresh):
        assert found[0] == first[0]
        for key, grad in first[2].items():
            assert grad is None or torch.equal(found[2][key], grad), key
    step.grid = step.grid.finer()  # what was kept is of other tables
    assert gradients(step, again[1], loss)[0] == pytest.approx(first[0], rel=1e-8)


def test_frozen_embedding_follows_the_grid():
    """Atoms nearer than any before: the grid grows, and what was made for it goes."""
    model = frozen_model()
    fast, slow = FusedStep(model), AutogradStep(model)
    far = batch_for(model)
    fast.predict(far)
    end = fast.grid.end
    box = None if far.box is None else 0.7 * far.box
    near = replace(far, coord=0.7 * far.coord, box=box)
    torch.testing.assert_close(
        fast.predict(near).force, slow.predict(near).force, rtol=1e-7, atol=1e-8
    )
    assert fast.grid.end > end
