"""Model.evaluate as a user calls it, files in and out, training mode."""

import warnings

import numpy as np
import pytest
import torch

import dpc.frontend.model as module
from dpc.errors import InputError
from dpc.frontend import Model
from dpc.frontend.config import fill
from dpc.frontend.descriptors.se_e2_a import SeE2A
from tests.unit.frontend.zoo import random_file, random_model

COORD = np.array([[0.0, 0, 0], [1.2, 0.1, 0], [-0.3, 1.1, 0.4], [2.0, 2.0, 2.5]])
TYPES = [0, 1, 1, 0]


def test_results_are_numpy_float64_of_the_right_shapes():
    out = random_model().evaluate(COORD, TYPES)
    assert isinstance(out["energy"], float)
    shapes = {"force": (4, 3), "virial": (3, 3), "atom_energy": (4,), "atom_virial": (4, 3, 3)}
    for name, shape in shapes.items():
        assert (out[name].shape, out[name].dtype) == (shape, np.float64)
    assert out["energy"] == pytest.approx(out["atom_energy"].sum())


def test_names_lists_and_flat_arrays_are_the_same_input():
    model = random_model()
    a = model.evaluate(COORD, TYPES, np.eye(3) * 6)
    for coord, types, cell in [
        (COORD.ravel().tolist(), ["O", "H", "H", "O"], (np.eye(3) * 6).ravel()),
        (COORD.astype(np.float32).astype(float), np.array(["O", "H", "H", "O"]), [6.0, 6, 6]),
    ]:
        b = model.evaluate(coord, types, cell)
        np.testing.assert_allclose(b["force"], a["force"], atol=1e-6)


def test_blocks_of_atoms_add_up(monkeypatch):
    model = random_model(options=({}, {"numb_aparam": 2}, {}))
    aparam = np.arange(8.0).reshape(4, 2)
    whole = model.evaluate(COORD, TYPES, np.eye(3) * 5, aparam=aparam)
    monkeypatch.setattr(module, "BLOCK", 1)
    parts = model.evaluate(COORD, TYPES, np.eye(3) * 5, aparam=aparam)
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name], value, atol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coord": COORD[:3]}, r"coord: the shape is \(3, 3\), but 4 types"),
        ({"coord": [[0, 0, np.nan], *COORD[1:]]}, "coord: atom 0 at"),
        ({"coord": [COORD[1], *COORD[1:]]}, "atom 0 is at the place of atom 1"),
        ({"coord": "here"}, "coord: expected 4 x 3 numbers"),
        ({"types": [0, 1, 2, 0]}, "types: atom 2 of type 2, but the model knows O H"),
        ({"types": ["O", "Hf", "H", "O"]}, "types: Hf of atom 1: the model knows O H"),
        ({"types": [0.0, 1.0, 1.0, 0.0]}, "names or integers"),
        ({"types": [[0, 1, 1, 0]]}, "one for each atom"),
        ({"cell": np.zeros((3, 3))}, "independent vectors"),
        ({"cell": np.zeros((2, 3))}, r"cell: the shape is \(2, 3\)"),
        ({"fparam": None}, "fparam: the model needs 2 numbers"),
        ({"fparam": [1.0]}, r"fparam: the shape is \(1,\), but the model needs \(2,\)"),
        ({"fparam": [1.0, np.inf]}, "fparam: every number must be finite"),
        ({"aparam": np.ones(4)}, "aparam: the model takes none"),
    ],
)
def test_bad_input(change, message):
    model = random_model(options=({}, {"numb_fparam": 2}, {}))
    with pytest.raises(InputError, match=message):
        model.evaluate(**({"coord": COORD, "types": TYPES, "fparam": [1.0, 2.0]} | change))


def test_default_fparam():
    fitting = {"numb_fparam": 2, "default_fparam": [0.5, -1.0]}
    model = random_model(options=({}, fitting, {}))
    default = model.evaluate(COORD, TYPES)
    assert default["energy"] == model.evaluate(COORD, TYPES, fparam=[0.5, -1.0])["energy"]
    assert default["energy"] != model.evaluate(COORD, TYPES, fparam=[0.0, 0.0])["energy"]


def test_sel_overflow_is_reported_once():
    model = random_model(options=({"sel": [1, 1]}, {}, {}))
    with pytest.warns(UserWarning, match=r"8 neighbours did not fit sel \[1, 1\]"):
        model.evaluate(COORD[:, :] * 0.9, [0, 0, 0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.evaluate(COORD, TYPES)


def test_an_atom_alone_has_its_bias():
    data = random_file(options=({"set_davg_zero": True}, {"atom_ener": [1.5, None]}, {}))
    data.tensors["descriptor.mean"][:] = 0
    out = Model.from_file_data(data).evaluate([[0, 0, 0], [0, 0, 99]], ["O", "H"])
    bias = data.tensors["fitting.bias_atom_e"] + data.tensors["out_bias"]
    assert out["atom_energy"][0] == pytest.approx(bias[0], abs=1e-13)
    assert abs(out["atom_energy"][1] - bias[1]) > 1e-6
    assert not out["force"].any() and not out["virial"].any()


def test_excluded_atoms_have_no_energy_but_feel_forces():
    model = random_model(options=({}, {}, {"atom_exclude_types": [1]}))
    out = model.evaluate(COORD, TYPES)
    assert not out["atom_energy"][[1, 2]].any() and out["atom_energy"][[0, 3]].all()
    assert np.abs(out["force"][1]).max() > 1e-6


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_file_data_come_back_bit_for_bit(precision):
    option = {"precision": precision}
    fitting = option | {"numb_fparam": 2, "numb_aparam": 1}
    data = random_file(options=(option | {"type_one_side": False, "resnet_dt": True}, fitting, {}))
    back = Model.from_file_data(data).to_file_data()
    assert (back.config, back.min_nbor_dist) == (data.config, data.min_nbor_dist)
    assert back.tensors.keys() == data.tensors.keys()
    for name, tensor in data.tensors.items():
        assert back.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(back.tensors[name], tensor)


def test_tensors_that_do_not_fit():
    data = random_file()
    del data.tensors["fitting.0.1.idt"]
    with pytest.raises(InputError, match=r"fitting\.nets\.0\.1\.idt"):
        Model.from_file_data(data)


def test_trainable_is_kept():
    fitting = {"trainable": [True, False, False, True]}
    model = random_model(options=({"trainable": False}, fitting, {}))
    assert not any(p.requires_grad for p in model.descriptor.parameters())
    for net in model.fitting.nets:
        assert [layer.weight.requires_grad for layer in net] == [True, False, False, True]


def test_forces_have_gradients_for_training():
    model = random_model().train()
    nlist = torch.tensor([[1] + [-1] * 33, [0] + [-1] * 33])
    nlist[0, 0], nlist[0, 14] = -1, 1  # atom 1 is of type 1: its slots begin at 14
    out = model(torch.from_numpy(COORD[:2]), torch.tensor([0, 1]), nlist)
    out["force"].square().sum().backward()
    # the last bias of the energy has no part in a force
    for name, parameter in model.descriptor.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    # and without training nothing is kept
    assert not model.eval()(torch.from_numpy(COORD[:2]), torch.tensor([0, 1]), nlist)[
        "force"
    ].requires_grad


def test_config_errors_name_the_option():
    with pytest.raises(InputError, match=r"neurons: no such option.* Did you mean 'neuron'"):
        fill(SeE2A.Config, {"sel": [1], "neurons": [1]}, "model.descriptor")
    with pytest.raises(InputError, match="the option sel is missing"):
        fill(SeE2A.Config, {}, "model.descriptor")
    with pytest.raises(InputError, match="sel has 1 numbers for 2 types"):
        SeE2A.from_section({"sel": [1]}, 2)
