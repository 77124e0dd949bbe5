"""What every model file comes down to: a config and named tensors, checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpc.errors import InputError, all_problems


@dataclass(frozen=True)
class ModelFile:
    """A model as its file holds it.

    config        the `model` section of DeePMD-kit's input.json, every option explicit
    tensors       NumPy arrays by name, see `expected_shapes`
    min_nbor_dist nearest distance in the training data (Å), None when the file does not say
    """

    config: dict[str, Any]
    tensors: dict[str, np.ndarray]
    min_nbor_dist: float | None

    def check(self, source: str) -> ModelFile:
        """Itself, when every tensor is there, has its shape and precision, and is finite."""
        problems = tensor_problems(self.config, self.tensors)
        if problems:
            raise InputError(all_problems(source, problems))
        return self


def net_count(config: Mapping[str, Any]) -> int:
    """Embedding nets: one per neighbour type, or one per pair of types."""
    ntypes = len(config["type_map"])
    return ntypes if config["descriptor"]["type_one_side"] else ntypes**2


def descriptor_width(config: Mapping[str, Any]) -> int:
    """Length of one atom's descriptor: M * axis_neuron."""
    descriptor = config["descriptor"]
    return int(descriptor["neuron"][-1]) * int(descriptor["axis_neuron"])


def embedding_widths(config: Mapping[str, Any]) -> list[int]:
    """Widths of an embedding net: 1, then `neuron`."""
    return [1, *config["descriptor"]["neuron"]]


def fitting_widths(config: Mapping[str, Any]) -> list[int]:
    """Widths of a fitting net: descriptor and parameters, then `neuron`, then 1."""
    fitting = config["fitting_net"]
    inputs = descriptor_width(config) + fitting["numb_fparam"] + fitting["numb_aparam"]
    return [inputs, *fitting["neuron"], 1]


def has_skip(inputs: int, outputs: int) -> bool:
    """A hidden layer adds its input if it keeps the width or doubles it (then side by side)."""
    return outputs in (inputs, 2 * inputs)


def net_shapes(widths: list[int], resnet_dt: bool, head: bool) -> dict[str, tuple[int, ...]]:
    """`{layer}.weight [in, out]`, `.bias [out]` and, with a skip and resnet_dt, `.idt [out]`.

    With a head, the last layer is linear and has neither skip nor idt.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    layers = len(widths) - 1
    for layer in range(layers):
        inputs, outputs = widths[layer], widths[layer + 1]
        shapes[f"{layer}.weight"] = (inputs, outputs)
        shapes[f"{layer}.bias"] = (outputs,)
        hidden = not (head and layer == layers - 1)
        if resnet_dt and hidden and has_skip(inputs, outputs):
            shapes[f"{layer}.idt"] = (outputs,)
    return shapes


def expected_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of a model with this config.

    Embedding net k belongs to neighbour type k (type_one_side), or to the pair
    centre * ntypes + neighbour.
    """
    ntypes = len(config["type_map"])
    descriptor, fitting = config["descriptor"], config["fitting_net"]
    shapes: dict[str, tuple[int, ...]] = {
        "descriptor.mean": (ntypes, 4),
        "descriptor.std": (ntypes, 4),
    }
    embedding = net_shapes(embedding_widths(config), descriptor["resnet_dt"], head=False)
    for k in range(net_count(config)):
        shapes |= {f"descriptor.embedding.{k}.{name}": s for name, s in embedding.items()}
    net = net_shapes(fitting_widths(config), fitting["resnet_dt"], head=True)
    for t in range(ntypes):
        shapes |= {f"fitting.{t}.{name}": shape for name, shape in net.items()}
    shapes["fitting.bias_atom_e"] = shapes["out_bias"] = (ntypes,)
    for kind in ("fparam", "aparam"):
        if count := fitting[f"numb_{kind}"]:
            shapes[f"fitting.{kind}_avg"] = shapes[f"fitting.{kind}_inv_std"] = (count,)
    return shapes


def expected_dtype(config: Mapping[str, Any], name: str) -> str | None:
    """The precision a tensor must have; None where float32 and float64 are both right.

    DeePMD-kit's backends differ in how they store statistics of float32 models.
    """
    if name.startswith("descriptor.embedding."):
        return str(config["descriptor"]["precision"])
    if name.startswith("fitting.") and name.split(".")[1].isdigit():
        return str(config["fitting_net"]["precision"])
    return None


def tensor_problems(config: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Missing, surplus, misshapen and non-finite tensors, in the user's words."""
    shapes = expected_shapes(config)
    problems = [
        f"tensor {name} is not part of this model" for name in tensors if name not in shapes
    ]
    for name, shape in shapes.items():
        if name not in tensors:
            problems.append(f"tensor {name} {list(shape)} is missing")
            continue
        array = tensors[name]
        dtype = expected_dtype(config, name)
        if array.shape != shape:
            problems.append(
                f"tensor {name} has shape {list(array.shape)}, "
                f"but the config asks for {list(shape)}"
            )
        elif array.dtype not in ((dtype,) if dtype else ("float32", "float64")):
            problems.append(f"tensor {name} is {array.dtype}, expected {dtype or 'a float type'}")
        elif not np.isfinite(array).all():
            problems.append(f"tensor {name} holds values that are not finite: the file is damaged")
        elif name == "descriptor.std" and not (array > 0).all():
            problems.append("tensor descriptor.std must be positive: the file is damaged")
    return problems
