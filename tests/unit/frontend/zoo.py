"""Models with random numbers, so that nothing is trivially 0 or 1."""

from typing import Any

import numpy as np

from dpc.frontend.importers.options import normalize
from dpc.frontend.model import Model
from dpc.frontend.model_file import ModelFile, expected_dtype, expected_shapes

DESCRIPTORS: dict[str, dict[str, Any]] = {
    "se_e2_a": {
        "type": "se_e2_a",
        "sel": [14, 20],
        "rcut": 4.0,
        "rcut_smth": 1.0,
        "neuron": [5, 10, 10],
        "axis_neuron": 4,
        "type_one_side": True,
        "precision": "float64",
    }
}
DESCRIPTORS["se_e2_a_nvnmd"] = DESCRIPTORS["se_e2_a"] | {"type": "se_e2_a_nvnmd"}
FITTINGS: dict[str, dict[str, Any]] = {
    "ener": {"type": "ener", "neuron": [8, 8, 16], "resnet_dt": True, "precision": "float64"},
    "ener_nvnmd": {"type": "ener_nvnmd", "neuron": [40, 40, 8], "precision": "float64"},
}
#: options that change what is computed, each alone: (descriptor, fitting, model)
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}, {}),
    "two_side": ({"type_one_side": False}, {}, {}),
    "two_side_exclude": ({"type_one_side": False, "exclude_types": [[0, 1]]}, {}, {}),
    "exclude_types": ({"exclude_types": [[0, 0]]}, {}, {}),
    "resnet_dt": ({"resnet_dt": True}, {}, {}),
    "no_fitting_dt": ({}, {"resnet_dt": False}, {}),
    "pair_exclude": ({}, {}, {"pair_exclude_types": [[0, 1]]}),
    "atom_exclude": ({}, {}, {"atom_exclude_types": [1]}),
    "parameters": ({}, {"numb_fparam": 2, "numb_aparam": 3}, {}),
    "atom_ener": ({}, {"atom_ener": [1.5, None]}, {}),
    "atom_ener_parameters": ({}, {"atom_ener": [None, 2.0], "numb_fparam": 1}, {}),
    "sel_overflow": ({"sel": [3, 4]}, {}, {}),
    "no_slots_of_one_type": ({"sel": [14, 0]}, {}, {}),
}


def random_file(
    descriptor: str = "se_e2_a",
    fitting: str = "ener",
    options: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {}),
    seed: int = 0,
) -> ModelFile:
    """A model file of these kinds with every tensor random."""
    model = {
        "type_map": ["O", "H"],
        "descriptor": DESCRIPTORS[descriptor] | options[0],
        "fitting_net": FITTINGS[fitting] | options[1],
        **options[2],
    }
    config = normalize(model, "zoo")
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in expected_shapes(config).items():
        array = rng.normal(size=shape)
        if name.endswith(".weight"):
            array /= np.sqrt(shape[0])
        elif name.endswith("std"):
            array = rng.uniform(0.3, 0.6, shape)
            if name == "descriptor.std":
                array[:, 2:] = array[:, 1:2]  # one for all directions, as statistics have it
        elif name.endswith("idt"):
            array = rng.uniform(0.3, 1.0, shape)
        elif name == "descriptor.mean":
            array = np.abs(array) * 0.1
            array[:, 1:] = 0  # no direction is special
        tensors[name] = array.astype(expected_dtype(config, name) or "float64")
    return ModelFile(config, tensors, 0.8).check("zoo")


def random_model(*args: Any, **kwargs: Any) -> Model:
    """A model of a random file."""
    return Model.from_file_data(random_file(*args, **kwargs))
