"""Losses against their formulas, written out once more in NumPy."""

import numpy as np
import pytest
import torch

from dpc.config.loss import LOSS
from dpc.errors import InputError
from dpc.frontend.training.losses import losses
from dpc.frontend.training.prediction import Prediction, Targets
from tests.unit.frontend.training.toy import random_batch

NONE = {f"{k}_pref_{q}": 0.0 for k in ("start", "limit") for q in ("e", "f", "v", "ae", "pf", "gf")}


def make(**options):
    problems: list[str] = []
    section = LOSS.read(NONE | options, problems)
    assert not problems, problems
    return losses.get("ener")(section)


@pytest.fixture
def batch():
    types = np.array([[0, 1, 1, 0], [1, 0, -1, -1]])
    return random_batch(types, 2, 0)


@pytest.fixture
def found(batch):
    rng = np.random.default_rng(9)
    real = batch.real
    parts = (rng.normal(size=2), rng.normal(size=(2, 4, 3)) * real[..., None],
             rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 4)) * real)  # fmt: skip
    return Prediction(*map(torch.from_numpy, parts))


def value(loss, found, batch, fraction=1.0):
    number, errors = loss(found, Targets.of(batch), fraction)
    return float(number), {k: float(v) for k, v in errors.items()}


N = np.array([4.0, 2.0])


def atom_mean(values, real):
    """Mean over real atoms and components, then over frames."""
    return np.mean([values[k][real[k]].mean() for k in range(len(values))])


def test_energy(found, batch):
    d = found.energy.numpy() - batch.labels["energy"]
    number, errors = value(make(start_pref_e=2.0), found, batch)
    assert number == pytest.approx(2.0 * np.mean(d**2 / N))
    assert errors["rmse_e"] == pytest.approx(np.sqrt(np.mean((d / N) ** 2)))
    number, _ = value(make(start_pref_e=2.0, intensive_ener_virial=True), found, batch)
    assert number == pytest.approx(2.0 * np.mean(d**2 / N**2))
    number, errors = value(make(start_pref_e=2.0, loss_func="mae"), found, batch)
    assert number == pytest.approx(2.0 * np.mean(abs(d) / N)) and "mae_e" in errors


def test_force(found, batch):
    d = found.force.numpy() - batch.labels["force"]
    number, errors = value(make(start_pref_f=3.0), found, batch)
    assert number == pytest.approx(3.0 * atom_mean(d**2, batch.real))
    assert errors["rmse_f"] == pytest.approx(np.sqrt(atom_mean(d**2, batch.real)))
    scale = np.linalg.norm(batch.labels["force"], axis=-1, keepdims=True) + 0.5
    number, _ = value(make(start_pref_f=3.0, relative_f=0.5), found, batch)
    assert number == pytest.approx(3.0 * atom_mean((d / scale) ** 2, batch.real))


def test_huber(found, batch):
    d = found.force.numpy() - batch.labels["force"]
    a = abs(d)
    expected = atom_mean(np.where(a <= 0.8, a**2 / 2, 0.8 * (a - 0.4)), batch.real)
    number, _ = value(make(start_pref_f=1.0, use_huber=True, huber_delta=0.8), found, batch)
    assert number == pytest.approx(expected)
    e = abs(found.energy.numpy() - batch.labels["energy"]) / N
    expected = np.mean(np.where(e <= 0.1, e**2 / 2, 0.1 * (e - 0.05)))
    number, _ = value(
        make(start_pref_e=1.0, use_huber=True, huber_delta=[0.1, 0.2, 0.3]), found, batch
    )
    assert number == pytest.approx(expected)


def test_virial(found, batch):
    d = found.virial.numpy() - batch.labels["virial"]
    number, errors = value(make(start_pref_v=1.5), found, batch)
    assert number == pytest.approx(1.5 * np.mean(d**2 / N[:, None, None]))
    assert errors["rmse_v"] == pytest.approx(np.sqrt(np.mean((d / N[:, None, None]) ** 2)))


def test_quantities_of_atoms(found, batch):
    d = found.atom_energy.numpy() - batch.labels["atom_ener"]
    assert value(make(start_pref_ae=2.0), found, batch)[0] == pytest.approx(
        2.0 * atom_mean(d**2, batch.real)
    )
    d = found.force.numpy() - batch.labels["force"]
    weight = batch.labels["atom_pref"][..., None]
    assert value(make(start_pref_pf=2.0), found, batch)[0] == pytest.approx(
        2.0 * atom_mean(weight * d**2, batch.real)
    )
    q = np.einsum("fac,facq->fq", d, batch.labels["drdq"])
    loss = make(start_pref_gf=2.0, numb_generalized_coord=2)
    assert value(loss, found, batch)[0] == pytest.approx(2.0 * np.mean(q**2))


def test_energy_differences(found, batch):
    loss = make(start_pref_e=1.0, enable_atom_ener_coeff=True)
    energy = (found.atom_energy.numpy() * batch.labels["atom_ener_coeff"]).sum(1)
    expected = np.mean((energy - batch.labels["energy"]) ** 2 / N)
    assert value(loss, found, batch)[0] == pytest.approx(expected)
    assert "atom_ener_coeff" in [label.name for label in loss.labels()]


def test_prefactors_follow_the_learning_rate(found, batch):
    loss = make(start_pref_e=4.0, limit_pref_e=1.0)
    full = value(loss, found, batch, 1.0)[0]
    assert value(loss, found, batch, 0.25)[0] == pytest.approx(full / 4 * 1.75)


def test_labels_that_are_not_there_count_nothing(found, batch):
    del batch.labels["virial"]
    number, errors = value(make(start_pref_e=1.0, start_pref_v=1.0), found, batch)
    assert number == value(make(start_pref_e=1.0), found, batch)[0] and "rmse_v" not in errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"use_huber": True, "loss_func": "mae", "start_pref_e": 1.0}, "use_huber"),
        ({"use_huber": True, "relative_f": 0.1, "start_pref_f": 1.0}, "relative_f"),
        ({"start_pref_gf": 1.0}, "numb_generalized_coord"),
        ({"f_use_norm": True, "start_pref_f": 1.0}, "f_use_norm"),
    ],
)
def test_mixtures_that_mean_nothing(options, words):
    with pytest.raises(InputError, match=words):
        make(**options)
