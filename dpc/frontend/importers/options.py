"""The `model` section of input.json with every option explicit.

Options, aliases and defaults are DeePMD-kit's; what changes the model and is not supported is
refused by name, so that a model is never read as a different one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dpc.config.circuit import CIRCUIT as CIRCUIT
from dpc.config.circuit import circuit
from dpc.config.values import (
    Wrong,
    any_seed,
    boolean,
    count,
    integers,
    name_of,
    names,
    neighbor_numbers,
    number,
    one_of,
    optional_number,
    pairs,
    positive,
    types,
)
from dpc.errors import InputError, all_problems, did_you_mean

SUPPORTED = "dpc reads: descriptor se_e2_a (alias se_a) with fitting_net ener, model type standard"
ACTIVATIONS = "tanh gelu gelu_tf relu relu6 sigmoid softplus silu silut linear none".split()
_PRECISIONS = {"float64": "float64", "double": "float64", "float32": "float32", "single": "float32"}
# DeePMD-kit's names for one kind of descriptor, as its .dp files and its manual have them.
_ALSO = {"dpa1": "se_atten", "se_r": "se_e2_r", "se_t": "se_e3", "se_at": "se_e3"}
_KINDS = {"se_a": "se_e2_a"}
_NONE: tuple[Any, ...] = (None, False, 0, 0.0, "", "None", "none", [], {})

_ALIASES = {"n_neuron": "neuron", "n_axis_neuron": "axis_neuron"}

# Options that say how a model was trained or stored, not what it computes.
_IGNORED = {
    "model": {
        *("data_stat_nbatch", "data_stat_protect", "data_bias_nsample", "preset_out_bias"),
        *("srtab_add_bias", "model_branch_alias", "info", "finetune_head", "compress"),
        *("smin_alpha", "sw_rmin", "sw_rmax", "bridging_r_inner", "bridging_r_outer"),
    },
    "descriptor": {"ntypes", "type_map", "uniform_seed"},
    "fitting_net": {
        *("ntypes", "dim_descrpt", "embedding_width", "type_map", "uniform_seed", "mixed_types"),
    },
}
# Options that are fine when they ask for nothing.
_UNSUPPORTED = {
    "model": {"use_srtab", "type_embedding", "modifier", "spin", "bridging_method", "model_dict"},
    "descriptor": {"env_protection", "spin", "tebd_input_mode", "stripped_type_embedding"},
    "fitting_net": {
        *("dim_case_embd", "use_aparam_as_mask", "tot_ener_zero", "layer_name", "spin"),
        *("exclude_types",),  # written for atom_exclude_types; see tree.py
    },
}

_Rule = tuple[Any, Callable[[Any], Any]]  # default, reader

_REQUIRED = object()


def _activation(value: Any) -> str:
    name = name_of(value).lower()
    family = name.partition(":")[0]
    if family not in (*ACTIVATIONS, "custom_silu"):
        raise Wrong(f"must be one of {' '.join(ACTIVATIONS)}" + did_you_mean(name, ACTIVATIONS))
    return "linear" if name == "none" else name


def _precision(value: Any) -> str:
    if value == "default":
        return "default"
    if not isinstance(value, str) or value not in _PRECISIONS:
        raise Wrong("must be float64 or float32: other precisions are not supported")
    return _PRECISIONS[value]


def _atom_ener(value: Any) -> list[float | None]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Wrong("must be a list with a number or null for each type")
    # [[1.0], null]: one number in a list of its own is the same as the number
    flat = [v[0] if isinstance(v, list) and len(v) == 1 else v for v in value]
    return [optional_number(v) for v in flat]


def _no(value: Any) -> bool:
    if boolean(value):
        raise Wrong("must be false")
    return False


def _fitting_trainable(value: Any) -> bool | list[bool]:
    if isinstance(value, list):
        return [boolean(v) for v in value]
    return boolean(value)


def _default_fparam(value: Any) -> list[float] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Wrong("must be a list of numbers")
    return [number(v) for v in value]


_DESCRIPTOR: dict[str, _Rule] = {
    "sel": (_REQUIRED, neighbor_numbers),
    "rcut": (6.0, positive),
    "rcut_smth": (0.5, number),
    "neuron": ([10, 20, 40], integers),
    "axis_neuron": (4, count),
    "resnet_dt": (False, boolean),
    "type_one_side": (False, boolean),
    "activation_function": ("tanh", _activation),
    "precision": ("default", _precision),
    "exclude_types": ([], pairs),
    "set_davg_zero": (False, boolean),
    "trainable": (True, boolean),
    "seed": (None, any_seed),
}
_FITTING: dict[str, _Rule] = {
    "neuron": ([120, 120, 120], integers),
    "resnet_dt": (True, boolean),
    "activation_function": ("tanh", _activation),
    "precision": ("default", _precision),
    "numb_fparam": (0, count),
    "numb_aparam": (0, count),
    "default_fparam": (None, _default_fparam),
    "atom_ener": ([], _atom_ener),
    "rcond": (None, optional_number),
    "trainable": (True, _fitting_trainable),
    "seed": (None, any_seed),
}
_DESCRIPTORS: dict[str, dict[str, _Rule]] = {
    "se_e2_a": _DESCRIPTOR,
    # dpc's: what an nvnmd section of an input asks for
    "se_e2_a_nvnmd": _DESCRIPTOR | {"type_one_side": (True, boolean)},
}
_FITTINGS: dict[str, dict[str, _Rule]] = {
    "ener": _FITTING,
    "ener_nvnmd": _FITTING
    | {"resnet_dt": (False, _no), "activation_function": ("tanh4", one_of("tanh4"))},
}
_MODEL: dict[str, _Rule] = {
    "type_map": (_REQUIRED, names),
    "pair_exclude_types": ([], pairs),
    "atom_exclude_types": ([], types),
}


def normalize(model: Any, source: str) -> dict[str, Any]:
    """The explicit config of a `model` section, or an InputError that names every bad option.

    `precision: default` is left for `resolve_precision`: only the tensors tell.
    """
    if not isinstance(model, Mapping):
        raise InputError(f"{source}: holds no 'model' section with the model's options")
    refuse_kinds(model, source)
    problems: list[str] = []
    rules = _MODEL if model.get(CIRCUIT) is None else _MODEL | {CIRCUIT: (None, circuit)}
    elsewhere = {"type", "descriptor", "fitting_net", CIRCUIT}
    config = _section(model, "model", rules, elsewhere, problems)
    for part, default, kinds in (
        ("descriptor", "se_e2_a", _DESCRIPTORS),
        ("fitting_net", "ener", _FITTINGS),
    ):
        given = model.get(part, {})
        kind = _KINDS.get(given.get("type", default), given.get("type", default))
        config[part] = {"type": kind, **_section(given, part, kinds[kind], {"type"}, problems)}
    if not problems:
        _consistent(config, problems)
    if problems:
        raise InputError(all_problems(source, problems))
    head = {key: config.pop(key) for key in ("type_map", "descriptor", "fitting_net")}
    return head | config


def refuse_kinds(model: Mapping[str, Any], source: str) -> None:
    """Raise unless model type, descriptor and fitting are of a supported kind."""

    def refuse(option: str, value: Any) -> None:
        also = f" ({_ALSO[value]})" if isinstance(value, str) and value in _ALSO else ""
        raise InputError(f"{source}: {option} {value!r}{also} is not supported.\n    {SUPPORTED}")

    if "model_dict" in model:
        refuse("model.model_dict (multi-task) with branches", list(model["model_dict"]))
    if (kind := model.get("type", "standard")) not in (None, "standard"):
        refuse("model.type", kind)
    for option in ("spin", "type_embedding", "modifier", "use_srtab"):
        value = model.get(option)
        if value not in _NONE:
            kind = value.get("type", value) if isinstance(value, Mapping) else value
            refuse(f"model.{option}", kind)
    for section, default, known in (
        ("descriptor", None, (*_KINDS, *_DESCRIPTORS)),
        ("fitting_net", "ener", tuple(_FITTINGS)),
    ):
        options = model.get(section, {} if default else None)
        if not isinstance(options, Mapping):
            raise InputError(f"{source}: model.{section} is missing.\n    {SUPPORTED}")
        if options.get("type", default) not in known:
            refuse(f"model.{section}.type", options.get("type", default))


def _section(
    options: Mapping[str, Any],
    section: str,
    rules: dict[str, _Rule],
    elsewhere: set[str],
    problems: list[str],
) -> dict[str, Any]:
    """Read one section by its rules; what is wrong is added to `problems`."""
    where = "model" if section == "model" else f"model.{section}"
    given = {_ALIASES.get(key, str(key)): value for key, value in options.items()}
    result: dict[str, Any] = {}
    for key, (default, read) in rules.items():
        value = given.get(key, default)
        if value is _REQUIRED:
            problems.append(f"{where}.{key} is missing")
            continue
        try:
            result[key] = read(value)
        except Wrong as wrong:
            problems.append(f"{where}.{key} is {value!r}, but {wrong}")
    for key, value in given.items():
        if key in rules or key in elsewhere or key in _IGNORED[section] or key.startswith("_"):
            continue
        if any(value is none or value == none for none in _NONE):
            continue
        if key in _UNSUPPORTED[section]:
            problems.append(f"{where}.{key} is {value!r}, which is not supported")
        else:
            problems.append(f"{where}.{key}: no such option.{did_you_mean(key, rules)}")
    return result


def _consistent(config: dict[str, Any], problems: list[str]) -> None:
    """What options say of each other."""
    ntypes = len(config["type_map"])
    descriptor, fitting = config["descriptor"], config["fitting_net"]
    if len(descriptor["sel"]) != ntypes:
        problems.append(
            f"model.descriptor.sel has {len(descriptor['sel'])} entries, "
            f"but type_map has {ntypes}: give one for each type"
        )
    if not 0 <= descriptor["rcut_smth"] < descriptor["rcut"]:
        problems.append(
            f"model.descriptor.rcut_smth is {descriptor['rcut_smth']}, "
            f"but must be at least 0 and smaller than rcut ({descriptor['rcut']})"
        )
    if not 1 <= descriptor["axis_neuron"] <= descriptor["neuron"][-1]:
        problems.append(
            f"model.descriptor.axis_neuron is {descriptor['axis_neuron']}, but must be "
            f"between 1 and the last of neuron ({descriptor['neuron'][-1]})"
        )
    if fitting["atom_ener"] and len(fitting["atom_ener"]) != ntypes:
        problems.append(
            f"model.fitting_net.atom_ener has {len(fitting['atom_ener'])} entries, "
            f"but type_map has {ntypes}: give a number or null for each type"
        )
    fparam = fitting["default_fparam"]
    if fparam is not None and len(fparam) != fitting["numb_fparam"]:
        problems.append(
            f"model.fitting_net.default_fparam has {len(fparam)} entries, "
            f"but numb_fparam is {fitting['numb_fparam']}"
        )
    layers = len(fitting["neuron"]) + 1
    if isinstance(fitting["trainable"], bool):
        fitting["trainable"] = [fitting["trainable"]] * layers
    elif len(fitting["trainable"]) != layers:
        problems.append(
            f"model.fitting_net.trainable has {len(fitting['trainable'])} entries, "
            f"but there are {layers} layers"
        )
    excluded = [t for pair in config["pair_exclude_types"] for t in pair]
    excluded += [t for pair in descriptor["exclude_types"] for t in pair]
    excluded += config["atom_exclude_types"]
    if any(t >= ntypes for t in excluded):
        problems.append(f"type {max(excluded)} is excluded, but types are 0 to {ntypes - 1}")


def resolve_precision(config: dict[str, Any], tensors: Mapping[str, Any]) -> None:
    """Replace `precision: default` by the precision the weights have."""
    for section, first in (
        ("descriptor", "descriptor.embedding.0.0.weight"),
        ("fitting_net", "fitting.0.0.weight"),
    ):
        if config[section]["precision"] == "default":
            found = tensors[first].dtype.name if first in tensors else "float64"
            config[section]["precision"] = found if found == "float32" else "float64"
