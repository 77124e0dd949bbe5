"""The names of tensors in DeePMD-kit's PyTorch models, the same in .pt and .pth files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dpc.errors import InputError
from dpc.frontend.importers.assemble import assemble, deepmd_net
from dpc.frontend.importers.options import normalize
from dpc.frontend.importers.torch_archive import Stored, TorchArchive
from dpc.frontend.model_file import ModelFile

_PARTS = {"weight": "matrix", "bias": "bias", "idt": "idt"}
_EMBEDDING = "descriptor.sea.filter_layers.networks"
_FITTING = "fitting_net.filter_layers.networks"


def state_name(name: str, ntypes: int, type_one_side: bool) -> str:
    """Where DeePMD-kit keeps a tensor of ours, below `atomic_model`."""
    match name.split("."):
        case ["out_bias"]:
            return name
        case ["descriptor", "mean"]:
            return "descriptor.sea.mean"
        case ["descriptor", "std"]:
            return "descriptor.sea.stddev"
        case ["descriptor", "embedding", k, layer, part]:
            net = deepmd_net(int(k), ntypes, type_one_side)
            return f"{_EMBEDDING}.{net}.layers.{layer}.{_PARTS[part]}"
        case ["fitting", t, layer, part]:
            return f"{_FITTING}.{t}.layers.{layer}.{_PARTS[part]}"
        case _:
            return f"fitting_net.{name.removeprefix('fitting.')}"


def read_state(
    archive: TorchArchive, model: Any, tensors: Mapping[str, Any], prefix: str
) -> ModelFile:
    """A ModelFile from the `model` section and the named tensors whose names start with prefix."""
    source = archive.source
    config = normalize(model, source)
    ntypes, one_side = len(config["type_map"]), config["descriptor"]["type_one_side"]
    inner = f"{prefix}atomic_model."
    used: set[str] = set()

    def lookup(name: str) -> tuple[str, np.ndarray | None]:
        there = inner + state_name(name, ntypes, one_side)
        used.add(there)
        stored = tensors.get(there)
        if not isinstance(stored, Stored):
            return there, None
        return there, archive.array(stored, there)

    distance = tensors.get(f"{prefix}min_nbor_dist")
    if isinstance(distance, Stored):
        distance = archive.array(distance, "min_nbor_dist")
    result = assemble(config, lookup, distance, source)
    surplus = [n for n in tensors if n.startswith(inner) and ".networks." in n and n not in used]
    if surplus:
        raise InputError(
            f"{source}: the file holds {len(surplus)} tensors that its options do not explain, "
            f"such as {surplus[0]}"
        )
    return result
