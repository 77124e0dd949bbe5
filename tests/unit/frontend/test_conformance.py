"""What every registered descriptor and fitting must do: physics, and `lower` against `forward`."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from dpc.data.frames import make_frames
from dpc.data.inputs import graph_inputs
from dpc.frontend.descriptors import descriptors
from dpc.frontend.fittings import fittings
from dpc.ir.evaluate import evaluate
from tests.unit.frontend.zoo import DESCRIPTORS, FITTINGS, VARIANTS, random_model

KINDS = list(zip(DESCRIPTORS, FITTINGS, strict=True))  # each kind once
pytestmark = pytest.mark.filterwarnings("ignore:.*did not fit sel")


def test_every_registered_kind_is_here():
    assert set(DESCRIPTORS) == set(descriptors.names())
    assert set(FITTINGS) == set(fittings.names())


@pytest.fixture(params=KINDS, ids="-".join)
def model(request):
    return random_model(*request.param)


def cluster(model, natoms=9, seed=3):
    """An open cluster: coord and types."""
    frame = make_frames(model.facts, 3, natoms, seed)[2]
    return frame.coord, frame.atype


def crystal(model, natoms=12, seed=3):
    """A sheared periodic cell smaller than the cutoff's reach: coord, types, cell."""
    frame = make_frames(model.facts, 2, natoms, seed)[1]
    return frame.coord, frame.atype, frame.cell


def rotation(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def test_translation_and_permutation(model):
    coord, types, cell = crystal(model)
    a = model.evaluate(coord, types, cell)
    order = np.random.default_rng(0).permutation(len(types))
    b = model.evaluate(coord[order] + [3.1, -20.7, 0.9], types[order], cell)
    assert b["energy"] == pytest.approx(a["energy"], abs=1e-11)
    np.testing.assert_allclose(b["force"], a["force"][order], atol=1e-11)
    np.testing.assert_allclose(b["atom_energy"], a["atom_energy"][order], atol=1e-11)
    np.testing.assert_allclose(b["atom_virial"], a["atom_virial"][order], atol=1e-11)


def test_rotation(model):
    coord, types, cell = crystal(model)
    q = rotation(np.random.default_rng(1))
    a, b = model.evaluate(coord, types, cell), model.evaluate(coord @ q, types, cell @ q)
    assert b["energy"] == pytest.approx(a["energy"], abs=1e-11)
    np.testing.assert_allclose(b["force"], a["force"] @ q, atol=1e-11)
    np.testing.assert_allclose(b["virial"], q.T @ a["virial"] @ q, atol=1e-11)


def test_energy_and_force_are_smooth_at_the_cutoff(model):
    def pair(distance):
        return model.evaluate([[0, 0, 0], [distance, 0, 0]], [0, 1])

    inside, outside = pair(model.rcut - 1e-5), pair(model.rcut + 1e-5)
    assert inside["energy"] == pytest.approx(outside["energy"], abs=1e-12)
    assert np.abs(inside["force"]).max() < 1e-8 and np.abs(outside["force"]).max() == 0


def test_force_against_finite_differences(model):
    coord, types, cell = crystal(model)
    force, h = model.evaluate(coord, types, cell)["force"], 1e-4
    for atom, axis in [(0, 0), (1, 2), (5, 1), (11, 0)]:
        step = np.zeros_like(coord)
        step[atom, axis] = h
        up, down = (model.evaluate(coord + s * step, types, cell)["energy"] for s in (1, -1))
        assert force[atom, axis] == pytest.approx((down - up) / (2 * h), abs=2e-6)


def test_virial_against_strain(model):
    coord, types, cell = crystal(model)
    out, h = model.evaluate(coord, types, cell), 1e-5
    for a, b in [(0, 0), (1, 2), (2, 1)]:
        strain = np.zeros((3, 3))
        strain[a, b] = h
        up, down = (
            model.evaluate(coord @ (np.eye(3) + s * strain), types, cell @ (np.eye(3) + s * strain))
            for s in (1, -1)
        )
        slope = (up["energy"] - down["energy"]) / (2 * h)
        assert out["virial"][a, b] == pytest.approx(-slope, abs=1e-5)
    np.testing.assert_allclose(out["atom_virial"].sum(0), out["virial"], atol=1e-12)
    np.testing.assert_allclose(out["force"].sum(0), 0, atol=1e-11)


def test_far_apart_clusters_add_up(model):
    coord, types = cluster(model)
    one = model.evaluate(coord, types)
    both = model.evaluate(np.concatenate([coord, coord + [50, 0, 0]]), np.tile(types, 2))
    assert both["energy"] == pytest.approx(2 * one["energy"], abs=1e-11)
    np.testing.assert_allclose(both["force"], np.tile(one["force"], (2, 1)), atol=1e-11)


def lowered_error(model, frame):
    program = model.lower()
    inputs, _ = graph_inputs(
        program.facts, frame.coord, frame.atype, frame.cell, frame.fparam, frame.aparam
    )
    got = evaluate(program, "energy", inputs)["atom_energy"]
    want = model.evaluate(frame.coord, frame.atype, frame.cell, frame.fparam, frame.aparam)
    return np.max(np.abs(got - want["atom_energy"]) / np.maximum(1, np.abs(got)), initial=0)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_lower_is_forward(kind, variant):
    model = random_model(*kind, VARIANTS[variant], seed=5)
    known = model.facts
    dense = make_frames(known, 3, natoms=20, seed=1)
    alone = make_frames(known, 3, natoms=1, seed=2)[2]  # open: an empty list
    for frame in (*dense, alone):
        assert lowered_error(model, frame) < 1e-12


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_lower_is_forward_with_full_lists(kind):
    model = random_model(*kind, ({"sel": [8, 0]}, {}, {}))
    frame = make_frames(random_model(*kind).facts, 1, natoms=40, seed=1)[0]
    frame = replace(frame, atype=np.zeros(40, np.int32))
    inputs, _ = graph_inputs(model.facts, frame.coord, frame.atype, frame.cell)
    assert (inputs["nlist"] >= 0).all(), "the test wants full lists"
    assert lowered_error(model, frame) < 1e-12


@pytest.mark.parametrize(
    "activation", ["tanh", "gelu", "gelu_tf", "relu", "relu6", "softplus", "sigmoid", "linear"]
)
def test_lower_is_forward_for_every_activation(activation):
    option = {"activation_function": activation}
    model = random_model(options=(option, option, {}))
    for frame in make_frames(model.facts, 2, natoms=10):
        assert lowered_error(model, frame) < 1e-12


def test_lower_float32():
    option = {"precision": "float32"}
    model = random_model(options=(option, option, {}))
    program = model.lower()
    assert {str(bank.dtype) for bank in program.banks.values()} == {"f32"}
    for frame in make_frames(model.facts, 2, natoms=10):
        assert lowered_error(model, frame) < 5e-6


def test_no_atoms():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cell in (None, np.eye(3) * 9):
            out = random_model().evaluate(np.zeros((0, 3)), [], cell)
            assert out["energy"] == 0 and out["force"].shape == (0, 3)
            assert out["atom_virial"].shape == (0, 3, 3) and not out["virial"].any()
