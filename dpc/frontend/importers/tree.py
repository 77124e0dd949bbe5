"""Reads DeePMD-kit's framework-free model tree, the content of .dp and .yaml files.

A tree is nested dicts and lists; arrays are the leaves below a key `@variables`. Classes carry
`@class` and `@version`; the versions here are those of DeePMD-kit 3.2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dpc.errors import InputError
from dpc.frontend.importers.assemble import assemble, deepmd_net
from dpc.frontend.importers.options import normalize, refuse_kinds
from dpc.frontend.model_file import ModelFile, net_count

# The newest version of every class that this reader knows.
_VERSIONS = {
    "Model": 2,
    "Descriptor": 2,
    "Fitting": 4,
    "NetworkCollection": 1,
    "EmbeddingNetwork": 2,
    "FittingNetwork": 1,
    "Layer": 2,
}
_ARRAYS = {"weight": "w", "bias": "b", "idt": "idt"}
_NOT_OPTIONS = ("@class", "@version", "@variables", "type_map")
_DESCRIPTOR_REST = (*_NOT_OPTIONS, "embeddings", "env_mat")
_FITTING_REST = (*_NOT_OPTIONS, "nets", "var_name", "dim_out", "exclude_types")


class _Node:
    """One dict of the tree with its place, so that every complaint can say where."""

    def __init__(self, value: Any, place: str, source: str) -> None:
        if not isinstance(value, Mapping):
            raise InputError(
                f"{source}: {place} is missing or damaged, expected the parts of a DeePMD-kit model"
            )
        self.value, self.place, self.source = value, place, source
        name, version = value.get("@class"), value.get("@version", 1)
        if isinstance(name, str) and name in _VERSIONS:
            if not isinstance(version, int) or version > _VERSIONS[name]:
                raise InputError(
                    f"{source}: {place} is a {name} of version {version}, dpc reads up to "
                    f"{_VERSIONS[name]} (DeePMD-kit 3.2). Write the file with DeePMD-kit 3.2"
                )

    def child(self, key: str) -> _Node:
        return _Node(self.value.get(key), f"{self.place}.{key}", self.source)

    def nodes(self, key: str, count: int) -> list[_Node]:
        """The dicts of a list whose length is known."""
        value, place = self.value.get(key), f"{self.place}.{key}"
        if not isinstance(value, list) or len(value) != count:
            found = len(value) if isinstance(value, list) else "none"
            raise InputError(f"{self.source}: {place} has {found} entries, expected {count}")
        return [_Node(v, f"{place}[{i}]", self.source) for i, v in enumerate(value)]

    def array(self, key: str) -> tuple[str, np.ndarray | None]:
        """An array below `@variables`, and its full name."""
        name = f"{self.place}.@variables.{key}"
        variables = self.value.get("@variables")
        value = variables.get(key) if isinstance(variables, Mapping) else None
        return name, value if isinstance(value, np.ndarray) else None

    def expect(self, **facts: Any) -> None:
        """What must stand here for the model to be the one we build."""
        for key, wanted in facts.items():
            found = self.value.get(key, wanted)
            if found != wanted:
                raise InputError(
                    f"{self.source}: {self.place}.{key} is {found!r}, expected {wanted!r}"
                )


def read_tree(root: Any, source: str) -> ModelFile:
    """A ModelFile from a whole tree whose variables are already arrays."""
    if not isinstance(root, Mapping):
        root = {}
    # the kind first: another kind of model has no descriptor or fitting where we look for them
    if isinstance(root.get("model"), Mapping):
        refuse_kinds(_kinds(root["model"]), source)
    model = _Node(root.get("model"), "model", source)
    descriptor, fitting = model.child("descriptor"), model.child("fitting")
    config = normalize(_options(model, descriptor, fitting, root), source)
    ntypes = len(config["type_map"])

    one_side = config["descriptor"]["type_one_side"]
    collection = descriptor.child("embeddings")
    collection.expect(ndim=1 if one_side else 2, ntypes=ntypes)
    embeddings = collection.nodes("networks", net_count(config))
    collection = fitting.child("nets")
    collection.expect(ndim=1, ntypes=ntypes)
    fittings = collection.nodes("networks", ntypes)
    embedding_layers = [_layers(net, config["descriptor"], head=False) for net in embeddings]
    fitting_layers = [_layers(net, config["fitting_net"], head=True) for net in fittings]
    out_std = model.array("out_std")[1]
    if root.get("backend") == "TensorFlow" and out_std is not None and (out_std != 1).any():
        raise InputError(f"{source}: model.@variables.out_std is not 1, which is not supported")

    def lookup(name: str) -> tuple[str, np.ndarray | None]:
        match name.split("."):
            case ["out_bias"]:
                return model.array("out_bias")
            case ["descriptor", "mean" | "std" as which]:
                return descriptor.array({"mean": "davg", "std": "dstd"}[which])
            case ["descriptor", "embedding", k, layer, part]:
                net = embedding_layers[deepmd_net(int(k), ntypes, one_side)]
                return net[int(layer)].array(_ARRAYS[part])
            case ["fitting", t, layer, part]:
                return fitting_layers[int(t)][int(layer)].array(_ARRAYS[part])
            case _:
                return fitting.array(name.removeprefix("fitting."))

    return assemble(config, lookup, _min_nbor_dist(root), source)


def _kinds(model: Mapping[str, Any]) -> dict[str, Any]:
    """The tree's own words for what kind of model it is, as an input section."""
    kinds = {key: model[key] for key in ("type", "descriptor", "spin") if key in model}
    if kinds.get("type", "standard") == "standard" and "fitting" in model:
        kinds["fitting_net"] = model["fitting"]
    return kinds


def _options(model: _Node, descriptor: _Node, fitting: _Node, root: Mapping[str, Any]) -> Any:
    """The `model` section that the tree stands for; seeds are kept only in the training script."""
    script = root.get("model_def_script")
    script = script if isinstance(script, Mapping) else {}
    for key in ("modifier", "spin", "type_embedding", "use_srtab"):
        if script.get(key):
            refuse_kinds({**script}, descriptor.source)
    env = descriptor.child("env_mat") if "env_mat" in descriptor.value else None
    if env is not None:
        env.expect(
            rcut=descriptor.value.get("rcut"),
            rcut_smth=descriptor.value.get("rcut_smth"),
            protection=0.0,
            use_exp_switch=False,
        )
    fitting.expect(mixed_types=False, var_name="energy", dim_out=1)
    for part in (descriptor, fitting):
        if part.value.get("type_map") is not None:
            part.expect(type_map=model.value.get("type_map"))
    excluded = model.value.get("atom_exclude_types", [])
    if fitting.value.get("exclude_types"):  # the TensorFlow backend leaves it empty
        fitting.expect(exclude_types=excluded)

    def section(node: _Node, rest: tuple[str, ...], key: str) -> dict[str, Any]:
        options = {k: v for k, v in node.value.items() if k not in rest}
        trained = script.get(key)
        if isinstance(trained, Mapping):
            options.setdefault("seed", trained.get("seed"))
        return options

    return {
        "type": model.value.get("type", "standard"),
        "type_map": model.value.get("type_map"),
        "pair_exclude_types": model.value.get("pair_exclude_types", []),
        "atom_exclude_types": excluded,
        "descriptor": section(descriptor, _DESCRIPTOR_REST, "descriptor"),
        "fitting_net": section(fitting, _FITTING_REST, "fitting_net"),
    }


def _layers(net: _Node, options: Mapping[str, Any], head: bool) -> list[_Node]:
    """The layers of a net, each checked to compute what the config says."""
    count = len(options["neuron"]) + head
    net.expect(neuron=options["neuron"], resnet_dt=options["resnet_dt"])
    layers = net.nodes("layers", count)
    for i, layer in enumerate(layers):
        last = head and i == count - 1
        layer.expect(bias=True, resnet=not last)
        found = str(layer.value.get("activation_function", "")).lower()
        found = "linear" if found in ("none", "") else found
        wanted = "linear" if last else options["activation_function"]
        if found != wanted:
            raise InputError(
                f"{layer.source}: {layer.place}.activation_function is {found!r}, "
                f"expected {wanted!r}"
            )
    return layers


def _min_nbor_dist(root: Mapping[str, Any]) -> Any:
    variables = root.get("@variables")
    return variables.get("min_nbor_dist") if isinstance(variables, Mapping) else None
