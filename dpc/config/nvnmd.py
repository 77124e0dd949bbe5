"""The `nvnmd` section of DeePMD-kit's inputs for NVNMD: the model that it stands for.

Version 0 (`se_a` with one embedding net for each type of neighbour). Mo et al., npj Comput.
Mater. 8, 107 (2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpc.config.schema import REQUIRED, Option, Section
from dpc.config.values import (
    Wrong,
    boolean,
    name_of,
    names,
    neighbor_numbers,
    not_negative,
    number,
    positive,
    whole,
)

NEURON, AXIS = [8, 16, 32], 4  # of every NVNMD model of version 0
LAYERS = 3
MOST_NEIGHBORS = 256


def _version(value: Any) -> int:
    if value != 0 or isinstance(value, bool):
        raise Wrong("dpc trains version 0 only (version 1 is se_atten)")
    return 0


def _max_nnei(value: Any) -> int:
    if whole(value) > MOST_NEIGHBORS:
        raise Wrong(f"must be at most {MOST_NEIGHBORS}")
    return int(value)


def _rcut(value: Any) -> float:
    if positive(value) > 8.0:
        raise Wrong("must be at most 8 Å: the table of NVNMD ends there")
    return float(value)


_STAGE = "dpc chooses by --target: without it the model is trained in floating point"
_WEIGHTS = "Start from a model with --init-model"

NVNMD = Section(
    "nvnmd",
    (
        Option("version", _version, 0, "of the device"),
        Option("max_nnei", _max_nnei, 128, "neighbours that an atom may have"),
        Option("net_size", whole, 128, "width of the hidden layers of the fitting net"),
        Option("sel", neighbor_numbers, REQUIRED, "slots for neighbours of each type"),
        Option("rcut", _rcut, 6.0, "Å: farther atoms do not matter"),
        Option("rcut_smth", not_negative, 0.5, "Å: from here to rcut, neighbours fade out"),
        Option("type_map", names, REQUIRED, "names of the types"),
        Option("enable", boolean, True, "use this section"),
        Option("config_file", name_of, "none", "where DeePMD-kit keeps the configuration"),
        Option("weight_file", name_of, "none", "where it keeps weights"),
        Option("map_file", name_of, "none", "where it keeps tables"),
        Option("restore_descriptor", boolean, False, "", unsupported=_WEIGHTS),
        Option("restore_fitting_net", boolean, False, "", unsupported=_WEIGHTS),
        Option("quantize_descriptor", boolean, False, "", unsupported=_STAGE),
        Option("quantize_fitting_net", boolean, False, "", unsupported=_STAGE),
        Option("nbit", number, 0, "", unsupported="Formats are chosen from ranges of the data"),
    ),
)

#: of the model section that DeePMD-kit writes beside: (nvnmd's name, part of the model, name there)
_BESIDE = (
    ("type_map", "", "type_map"),
    ("sel", "descriptor", "sel"),
    ("rcut", "descriptor", "rcut"),
    ("rcut_smth", "descriptor", "rcut_smth"),
)
#: what an NVNMD model of version 0 has, whatever the sections say
_FIXED: dict[str, dict[str, Any]] = {
    "descriptor": {
        "type": "se_e2_a_nvnmd",
        "neuron": NEURON,
        "axis_neuron": AXIS,
        "type_one_side": True,
        "resnet_dt": False,
        "activation_function": "tanh",
    },
    "fitting_net": {"type": "ener_nvnmd", "resnet_dt": False, "activation_function": "tanh4"},
}
_SAME = {"type": ("se_a", "se_e2_a", "ener")}
#: what may differ from one model to the next, and is taken over from a model section
_FREE = ("seed", "precision", "trainable", "set_davg_zero", "rcond", "atom_ener", "numb_fparam")


def nvnmd_model(
    given: Any, model: Mapping[str, Any], problems: list[str]
) -> tuple[dict[str, Any], dict[str, int]]:
    """The model section that an nvnmd section stands for, and options of its circuit.

    `model` is the model section of the same input, as DeePMD-kit writes it beside; usually {}.
    """
    if isinstance(given, Mapping):
        parts = {"": model, **{k: model.get(k, {}) for k in _FIXED}}
        beside = {n: parts[p][k] for n, p, k in _BESIDE if k in parts[p]}
        given = {**beside, **given}
    found = NVNMD.read(given, problems)
    if not found:
        return {}, {}
    own: dict[str, Any] = {
        "descriptor": {k: found[k] for k in ("sel", "rcut", "rcut_smth")},
        "fitting_net": {"neuron": [found["net_size"]] * LAYERS},
    }
    result: dict[str, Any] = {"type_map": found["type_map"]}
    for part, fixed in _FIXED.items():
        section = {**fixed, **own[part]}
        for key, value in model.get(part, {}).items():
            if key in _FREE:
                section[key] = value
            elif key in section and value != section[key] and value not in _SAME.get(key, ()):
                problems.append(
                    f"model.{part}.{key} is {value!r}, but the nvnmd section says {section[key]!r}"
                )
        result[part] = section
    return result, {"max_neighbors": found["max_nnei"]}
