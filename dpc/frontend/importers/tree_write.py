"""Writes DeePMD-kit's framework-free model tree, with the classes and versions of 3.2.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import dpc
from dpc.errors import UsageError
from dpc.frontend.importers.assemble import deepmd_net
from dpc.frontend.importers.options import CIRCUIT
from dpc.frontend.model_file import (
    ModelFile,
    descriptor_width,
    embedding_widths,
    fitting_widths,
    net_count,
)


def write_tree(model_file: ModelFile) -> dict[str, Any]:
    """The whole tree of a model, with arrays as leaves, in DeePMD-kit's order of keys."""
    config, tensors = model_file.config, model_file.tensors
    kinds = [config[part]["type"] for part in ("descriptor", "fitting_net")]
    if kinds != ["se_e2_a", "ener"]:
        raise UsageError(
            f"{' and '.join(kinds)}: DeePMD-kit's files cannot hold NVNMD's model. Write a .pt file"
        )
    config = {k: v for k, v in config.items() if k != CIRCUIT}
    ntypes = len(config["type_map"])
    distance = model_file.min_nbor_dist
    return {
        "software": "dpc",
        "version": dpc.__version__,
        "backend": "dpc",
        "model": {
            "type_map": config["type_map"],
            "atom_exclude_types": config["atom_exclude_types"],
            "pair_exclude_types": config["pair_exclude_types"],
            "rcond": config["fitting_net"]["rcond"],
            "preset_out_bias": None,
            "@variables": {
                "out_bias": tensors["out_bias"].reshape(1, ntypes, 1),
                "out_std": np.ones((1, ntypes, 1)),
            },
            "@class": "Model",
            "@version": 2,
            "type": "standard",
            "descriptor": _descriptor_tree(config, tensors),
            "fitting": _fitting_tree(config, tensors),
        },
        "model_def_script": config,
        "@variables": {} if distance is None else {"min_nbor_dist": np.float64(distance)},
    }


def _descriptor_tree(config: dict[str, Any], tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    options = config["descriptor"]
    ntypes, slots = len(config["type_map"]), sum(options["sel"])
    one_side, trainable = options["type_one_side"], options["trainable"]
    networks = []
    for place in range(net_count(config)):
        prefix = f"descriptor.embedding.{deepmd_net(place, ntypes, one_side)}"
        trained = [trainable] * len(options["neuron"])
        networks.append(
            {
                "@class": "EmbeddingNetwork",
                "@version": 2,
                "in_dim": 1,
                "neuron": options["neuron"],
                "activation_function": options["activation_function"],
                "resnet_dt": options["resnet_dt"],
                "bias": True,
                "precision": options["precision"],
                "layers": _layer_trees(options, tensors, prefix, embedding_widths(config), trained),
            }
        )
    return {
        "@class": "Descriptor",
        "type": "se_e2_a",
        "@version": 2,
        **{key: options[key] for key in ("rcut", "rcut_smth", "sel", "neuron", "axis_neuron")},
        **{key: options[key] for key in ("resnet_dt", "set_davg_zero", "activation_function")},
        "precision": options["precision"],
        "embeddings": _collection(ntypes, 1 if one_side else 2, "embedding_network", networks),
        "env_mat": {
            "rcut": options["rcut"],
            "rcut_smth": options["rcut_smth"],
            "protection": 0.0,
            "use_exp_switch": False,
        },
        "exclude_types": options["exclude_types"],
        "env_protection": 0.0,
        "@variables": {
            "davg": _over_slots(tensors["descriptor.mean"], slots),
            "dstd": _over_slots(tensors["descriptor.std"], slots),
        },
        "type_map": config["type_map"],
        "trainable": trainable,
        "type_one_side": one_side,
        "spin": None,
    }


def _over_slots(rows: np.ndarray, slots: int) -> np.ndarray:
    """[ntypes, 4] to [ntypes, slots, 4]."""
    return np.repeat(rows[:, None], slots, axis=1)


def _fitting_tree(config: dict[str, Any], tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    options, ntypes = config["fitting_net"], len(config["type_map"])
    widths = fitting_widths(config)
    networks = [
        {
            "@class": "FittingNetwork",
            "@version": 1,
            "in_dim": widths[0],
            "out_dim": 1,
            "neuron": options["neuron"],
            "activation_function": options["activation_function"],
            "resnet_dt": options["resnet_dt"],
            "precision": options["precision"],
            "bias_out": True,
            "layers": _layer_trees(
                options, tensors, f"fitting.{t}", widths, options["trainable"], head=True
            ),
        }
        for t in range(ntypes)
    ]
    statistics = ("fparam_avg", "fparam_inv_std", "aparam_avg", "aparam_inv_std")
    return {
        "@class": "Fitting",
        "@version": 4,
        "var_name": "energy",
        "ntypes": ntypes,
        "dim_descrpt": descriptor_width(config),
        **{key: options[key] for key in ("neuron", "resnet_dt", "numb_fparam", "numb_aparam")},
        "dim_case_embd": 0,
        **{key: options[key] for key in ("default_fparam", "activation_function", "precision")},
        "mixed_types": False,
        "nets": _collection(ntypes, 1, "fitting_network", networks),
        "rcond": options["rcond"],
        "exclude_types": config["atom_exclude_types"],
        "@variables": {
            "bias_atom_e": tensors["fitting.bias_atom_e"].reshape(ntypes, 1),
            "case_embd": None,
            **{key: tensors.get(f"fitting.{key}") for key in statistics},
        },
        "type_map": config["type_map"],
        "tot_ener_zero": False,
        "trainable": options["trainable"],
        "layer_name": None,
        "use_aparam_as_mask": False,
        "spin": None,
        "type": "ener",
        "dim_out": 1,
        "atom_ener": options["atom_ener"] or None,
    }


def _collection(ntypes: int, ndim: int, kind: str, networks: list[Any]) -> dict[str, Any]:
    return {
        "@class": "NetworkCollection",
        "@version": 1,
        "ndim": ndim,
        "ntypes": ntypes,
        "network_type": kind,
        "networks": networks,
    }


def _layer_trees(
    options: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    prefix: str,
    widths: list[int],
    trainable: list[bool],
    head: bool = False,
) -> list[dict[str, Any]]:
    layers = []
    for i in range(len(widths) - 1):
        last = head and i == len(widths) - 2
        idt = tensors.get(f"{prefix}.{i}.idt")
        layers.append(
            {
                "@class": "Layer",
                "@version": 2,
                "bias": True,
                "use_timestep": idt is not None,
                "activation_function": "none" if last else options["activation_function"],
                "resnet": not last,
                "precision": options["precision"],
                "trainable": trainable[i],
                "@variables": {
                    "w": tensors[f"{prefix}.{i}.weight"],
                    "b": tensors[f"{prefix}.{i}.bias"],
                    "idt": idt,
                },
            }
        )
    return layers
