"""The nvnmd section: the model that it stands for, and what it refuses."""

import pytest

from dpc.config import read_input
from dpc.config.input import make_input
from dpc.errors import InputError
from dpc.frontend.importers.options import normalize
from tests.paths import SHARED, needs_shared

SECTION = {"version": 0, "max_nnei": 128, "net_size": 64, "sel": [60, 50], "rcut": 6.0,
           "rcut_smth": 0.5, "type_map": ["Ge", "Te"]}  # fmt: skip


def read(tmp_path, model=None, **changes):
    document = {
        "nvnmd": {**SECTION, **changes},
        "training": {"training_data": {"systems": ["data"]}, "stop_batch": 10, "numb_test": 1},
    }
    return make_input(document if model is None else {**document, "model": model}, tmp_path)


def test_the_model_it_stands_for(tmp_path):
    found = read(tmp_path, max_nnei=200)
    config = normalize(found.tasks[""].model, "input")
    assert config["type_map"] == ["Ge", "Te"] and found.circuit == {"max_neighbors": 200}
    descriptor, fitting = config["descriptor"], config["fitting_net"]
    assert descriptor["type"] == "se_e2_a_nvnmd" and descriptor["sel"] == [60, 50]
    assert (descriptor["neuron"], descriptor["axis_neuron"]) == ([8, 16, 32], 4)
    assert descriptor["type_one_side"] and not fitting["resnet_dt"]
    assert fitting["neuron"] == [64, 64, 64] and fitting["activation_function"] == "tanh4"


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"version": 1}, "version 0 only"),
        ({"max_nnei": 512}, "at most 256"),
        ({"rcut": 9.0}, "at most 8"),
        ({"restore_descriptor": True}, "--init-model"),
        ({"quantize_fitting_net": True}, "--target"),
        ({"net_siz": 3}, "Did you mean 'net_size'"),
        ({"sel": None}, "nvnmd.sel"),
    ],
)
def test_what_is_wrong_is_said(changes, match, tmp_path):
    with pytest.raises(InputError, match=match):
        read(tmp_path, **changes)


def test_a_model_section_beside_must_say_the_same(tmp_path):
    """DeePMD-kit writes both into its own output."""
    beside = {"descriptor": {"type": "se_a", "seed": 7, "sel": [60, 50], "neuron": [8, 16, 32]},
              "fitting_net": {"neuron": [64, 64, 64], "seed": 8}}  # fmt: skip
    model = read(tmp_path, model=beside).tasks[""].model
    assert (model["descriptor"]["seed"], model["fitting_net"]["seed"]) == (7, 8)
    beside["descriptor"]["neuron"] = [10, 20]
    with pytest.raises(InputError, match=r"model.descriptor.neuron is \[10, 20\]"):
        read(tmp_path, model=beside)


def test_it_can_be_switched_off(tmp_path):
    model = {"type_map": ["O"], "descriptor": {"type": "se_e2_a", "sel": [46]}, "fitting_net": {}}
    assert read(tmp_path, model=model, enable=False).tasks[""].model == model


@needs_shared
@pytest.mark.parametrize("name", ["train_cnn", "train_qnn"])
def test_inputs_of_nvnmd_as_they_are(name):
    found = read_input(SHARED / "data" / "nvnmd" / "train" / f"{name}.json")
    assert found.tasks[""].model["fitting_net"]["neuron"] == [128, 128, 128]


@needs_shared
def test_the_input_that_deepmd_kit_writes():
    found = read_input(SHARED / "golden" / "tf_nvnmd" / "nvnmd_cnn" / "train.json")
    assert found.tasks[""].model["descriptor"]["sel"] == [60, 60]
    assert found.training["numb_steps"] == 60
