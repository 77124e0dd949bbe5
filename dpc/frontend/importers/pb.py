"""DeePMD-kit's .pb files: TensorFlow graphs whose weights are constants with known names.

    train_attr/training_script   the whole input.json     train_attr/min_nbor_dist
    descrpt_attr/t_avg, t_std    [ntypes, nnei * 4]
    filter_type_all/matrix_L_J   embedding layer L - 1 of neighbour type J (type_one_side)
    filter_type_I/matrix_L_J     … of centre type I and neighbour type J
    layer_L_type_T/matrix        fitting layer L of type T; final_layer_type_T is the last
    fitting_attr/t_bias_atom_e   [ntypes]

Freezing prunes what the energy does not need, so that a constant may be absent (skip timesteps of
layers without a skip, nets of excluded pairs, atomic energies).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from dpc.errors import InputError
from dpc.frontend.importers.assemble import assemble
from dpc.frontend.importers.graphdef import read_constants, to_array
from dpc.frontend.importers.options import normalize
from dpc.frontend.model_file import ModelFile, expected_shapes, fitting_widths, has_skip

_PARTS = {"weight": "matrix", "bias": "bias", "idt": "idt"}
_STATISTICS = {
    "descriptor.mean": "descrpt_attr/t_avg",
    "descriptor.std": "descrpt_attr/t_std",
    "fitting.bias_atom_e": "fitting_attr/t_bias_atom_e",
    "fitting.fparam_avg": "fitting_attr/t_fparam_avg",
    "fitting.fparam_inv_std": "fitting_attr/t_fparam_istd",
    "fitting.aparam_avg": "fitting_attr/t_aparam_avg",
    "fitting.aparam_inv_std": "fitting_attr/t_aparam_istd",
}
_WEIGHT = re.compile(r"(filter_type_|layer_\d|final_layer|share_)[^/]*/matrix[_\d]*")


def read(path: Path) -> ModelFile:
    """Read the constants of a frozen graph."""
    source = str(path)
    return _Graph(path.read_bytes(), source).model()


class _Graph:
    """The constants of one file, and what of them has been used."""

    def __init__(self, data: bytes, source: str) -> None:
        self.source = source
        self.constants = read_constants(data, source)
        self.used: set[str] = set()

    def get(self, *names: str) -> np.ndarray | None:
        """The first of these constants that is there."""
        for name in names:
            if name in self.constants:
                self.used.add(name)
                return to_array(self.constants[name], name, self.source)
        return None

    def text(self, name: str) -> str | None:
        array = self.get(name)
        value = array.item() if array is not None and array.shape == () else None
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else None

    def model(self) -> ModelFile:
        source = self.source
        if self.text("model_type") == "compressed_model" or any(
            "table_info" in name for name in self.constants
        ):
            raise InputError(
                f"{source}: a compressed model (dp compress): it holds tables, not the embedding "
                "nets. Give the frozen model it was made from; dpc makes its own tables"
            )
        config = self._config()
        self._same_facts(config)
        zeros = self._excluded_nets(config)
        shapes = expected_shapes(config)

        def lookup(name: str) -> tuple[str, np.ndarray | None]:
            if name in ("out_bias", "fitting.bias_atom_e"):  # older versions have neither
                there = _STATISTICS.get(name, "model_attr/t_out_bias")
                array = self.get(there, f"model_attr/{there}")
                return there, np.zeros(shapes[name]) if array is None else array
            there = self._constant(name, config)
            array = self.get(there)
            if array is None and name.split(".")[2:3] and tuple(name.split(".")[:3]) in zeros:
                array = np.zeros(shapes[name], config["descriptor"]["precision"])
            return there, array

        out_std = self.get("model_attr/model_attr/t_out_std", "model_attr/t_out_std")
        if out_std is not None and (out_std != 1).any():
            raise InputError(f"{source}: model_attr/t_out_std is not 1, which is not supported")
        result = assemble(config, lookup, self.get("train_attr/min_nbor_dist"), source)
        surplus = [n for n in self.constants if _WEIGHT.fullmatch(n) and n not in self.used]
        if surplus:
            raise InputError(
                f"{source}: the graph holds {len(surplus)} weights that its options do not "
                f"explain, such as {surplus[0]}"
            )
        return result

    def _config(self) -> dict[str, Any]:
        text = self.text("train_attr/training_script")
        if text is None:
            raise InputError(
                f"{self.source}: no train_attr/training_script. Either this is not a model of "
                "DeePMD-kit, or it was frozen before version 2.0: convert it first "
                "with DeePMD-kit's 'dp convert-from'"
            )
        try:
            script = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{self.source}: train_attr/training_script is not JSON ({error})"
            ) from error
        script = script if isinstance(script, dict) else {}
        nvnmd = script.get("nvnmd")
        if isinstance(nvnmd, dict) and nvnmd.get("enable"):
            raise InputError(f"{self.source}: nvnmd (a fixed-point model) is not supported")
        config = normalize(script.get("model"), self.source)
        # In TensorFlow a fitting layer skips only when the layer before it is as wide; elsewhere
        # also when it is half as wide, or when the descriptor is. Such a net cannot be told apart.
        widths = fitting_widths(config)[:-1]
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            if has_skip(inputs, outputs) and (i == 0 or inputs != outputs):
                raise InputError(
                    f"{self.source}: fitting layer {i} goes from {inputs} to {outputs}; "
                    "DeePMD-kit's TensorFlow backend adds no skip there, all others do. "
                    "Such a fitting_net.neuron is not supported in a .pb file"
                )
        return config

    def _same_facts(self, config: dict[str, Any]) -> None:
        """What the graph says of itself must be what its training script says."""
        tmap = self.text("model_attr/tmap")
        descriptor, fitting = config["descriptor"], config["fitting_net"]
        script = {
            "model_attr/tmap": config["type_map"],
            "descrpt_attr/rcut": descriptor["rcut"],
            "descrpt_attr/ntypes": len(config["type_map"]),
            "descrpt_attr/sel": descriptor["sel"],
            "fitting_attr/dfparam": fitting["numb_fparam"],
            "fitting_attr/daparam": fitting["numb_aparam"],
        }
        for name, said in script.items():
            array = self.get(name)
            if array is None:
                continue
            found = (tmap or "").split() if name == "model_attr/tmap" else array.tolist()
            if found != said:
                raise InputError(
                    f"{self.source}: {name} is {found}, but the training script says {said}"
                )

    @staticmethod
    def _excluded_nets(config: dict[str, Any]) -> set[tuple[str, ...]]:
        """Nets of excluded pairs (a net for each pair only): never used, hence not in the graph."""
        if config["descriptor"]["type_one_side"]:
            return set()
        n = len(config["type_map"])
        pairs = config["descriptor"]["exclude_types"]
        both = [*pairs, *((j, i) for i, j in pairs)]
        return {("descriptor", "embedding", str(i * n + j)) for i, j in both}

    @staticmethod
    def _constant(name: str, config: dict[str, Any]) -> str:
        """The constant's name for a tensor of ours."""
        ntypes = len(config["type_map"])
        match name.split("."):
            case ["descriptor", "embedding", k, layer, part]:
                scope, neighbor = "all", int(k)
                if not config["descriptor"]["type_one_side"]:
                    centre, neighbor = divmod(int(k), ntypes)
                    scope = str(centre)
                return f"filter_type_{scope}/{_PARTS[part]}_{int(layer) + 1}_{neighbor}"
            case ["fitting", t, layer, part]:
                final = int(layer) == len(config["fitting_net"]["neuron"])
                return f"{'final_layer' if final else f'layer_{layer}'}_type_{t}/{_PARTS[part]}"
            case _:
                return _STATISTICS[name]
