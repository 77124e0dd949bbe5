"""Reads what NVNMD training of DeePMD-kit leaves: config.npy and weight.npy, of version 0.

Both are NumPy files that hold a pickled dict. They are read by an unpickler that knows arrays,
numbers, strings, dicts and lists and refuses everything else, so nothing of a file is run.

The model differs from an ordinary se_e2_a: the sum over neighbours is scaled by a power of two,
the descriptor is cyclic (column a times column a + k), and the activation of the fitting net is
tanh4. See Mo et al., npj Comput. Mater. 8, 107 (2022). Read the files of the first step of
training (CNN): those of the second (QNN) have tables in place of the embedding nets.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.lib import format as npy

from dpc.errors import InputError
from dpc.frontend.importers.options import normalize
from dpc.frontend.model_file import ModelFile
from dpc.ir.builder import Builder
from dpc.ir.ops.contraction import cyclic_pairs
from dpc.ir.params import NetBank
from dpc.ir.program import Facts, Program
from dpc.ir.types import DType, NumpyArray

CONFIG, WEIGHT = "config.npy", "weight.npy"
MAX_BYTES = 1 << 30

# what NumPy's arrays and numbers are pickled as, under the old and new name of its module
_ALLOWED = {
    (module, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("_reconstruct", "scalar")
} | {("numpy", "ndarray"), ("numpy", "dtype")}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it has references to outside")


def read_dict(path: Path) -> dict[str, Any]:
    """The dict of one file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: {len(data)} bytes, more than an NVNMD model has")
    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype != np.dtype(object) or int(np.prod(shape)) != 1:
            raise ValueError("it does not hold one dict")
        found = np.ravel(_Unpickler(file).load())[0]
    except Exception as error:  # a damaged pickle can raise anything
        raise InputError(
            f"{path}: not a config.npy or weight.npy of NVNMD: {error}. It may hold arrays, "
            "numbers, strings, dicts and lists only"
        ) from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: holds {type(found).__name__}, expected a dict")
    return found


def is_nvnmd(path: Path) -> bool:
    """A file of the pair, or the folder with both."""
    return path.name in (CONFIG, WEIGHT) or (path / WEIGHT).is_file()


def read_nvnmd(path: Path) -> Program:
    """The program of a model, from the folder with both files or one of them."""
    return _reader(path).program()


def read_nvnmd_file(path: Path) -> ModelFile:
    """The same as a model that can be trained on."""
    return _reader(path).model_file()


def _reader(path: Path) -> _Reader:
    folder = path if path.is_dir() else path.parent
    config, weight = read_dict(folder / CONFIG), read_dict(folder / WEIGHT)
    descriptor = _part(folder, config, "dscp")
    control = _part(folder, config, "ctrl")
    if control.get("VERSION", 0) != 0:
        raise InputError(
            f"{folder / CONFIG}: NVNMD version {control['VERSION']}, but dpc reads version 0 "
            "(descriptor se_a)"
        )
    return _Reader(folder / WEIGHT, descriptor, config, weight)


def _part(folder: Path, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    if not isinstance(found, dict):
        raise InputError(f"{folder / CONFIG}: no section {name!r}")
    return found


class _Reader:
    def __init__(
        self, path: Path, descriptor: Any, config: Mapping[str, Any], weight: Mapping[str, Any]
    ) -> None:
        self.path, self.weight, self.d = path, weight, descriptor
        self.types = tuple(str(name) for name in _part(path.parent, config, "dpin")["type_map"])
        self.fitting = [int(n) for n in _part(path.parent, config, "fitn")["neuron"]]
        self.neuron = [int(n) for n in descriptor["neuron"]]

    def array(self, name: str, *shape: int) -> NumpyArray:
        """A tensor by name, in float64."""
        found = self.weight.get(name)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "fi":
            raise InputError(f"{self.path}: no numbers called {name!r}")
        if shape and found.shape != shape:
            raise InputError(f"{self.path}: {name} is {list(found.shape)}, expected {list(shape)}")
        return found.astype(np.float64)

    def program(self) -> Program:
        """The energy graph."""
        nt, m = len(self.types), self.neuron[-1]
        sel = tuple(int(n) for n in self.d["sel"])
        b = Builder()
        coord = b.input("coord", "f64[nall, 3]")
        atype = b.input("atype", "i32[nall]")
        nlist = b.input("nlist", "i32[nloc, nnei]")
        mean = self.array("descrpt_attr.t_avg")[:, :4]
        std = self.array("descrpt_attr.t_std")[:, :4]
        r, ti = b.displacement(coord, nlist), b.center_type(atype, nlist)
        env = b.env_matrix(
            r, ti, nlist, mean=b.param("mean", mean), std=b.param("std", std),
            rcut=float(self.d["rcut"]), rcut_smth=float(self.d["rcut_smth"]),
        )  # fmt: skip
        tj = b.neighbor_type(atype, nlist, sel=sel)
        g = b.mlp(b.radial(env), tj, net=self.embedding(b, nt), scalar=True)
        x = b.contract(env, g, scale=1.0 / float(self.d["NIX"]))
        d = b.outer_pairs(x, pairs=b.param("pairs", cyclic_pairs(m, int(self.d["axis_neuron"]))))
        e = b.mlp(d, ti, net=self.fitting_net(b, nt))
        bias = self.array("t_bias_atom_e", nt)
        a = b.bias(e, ti, bias=b.param("bias", bias))
        facts = Facts(self.types, float(self.d["rcut"]), sel, min_nbor_dist=self.nearest())
        return b.program("nvnmd", facts, b.graph("energy", atom_energy=a))

    def nearest(self) -> float | None:
        """The shortest distance of the training data, Å."""
        found = self.weight.get("train_attr.min_nbor_dist")
        return None if found is None else float(found)

    def model_file(self) -> ModelFile:
        """Options and tensors of a model."""
        d, nt = self.d, len(self.types)
        numbers = {k: float(d[k]) for k in ("rcut", "rcut_smth")}
        section = {
            "type_map": list(self.types),
            "descriptor": {
                "type": "se_e2_a_nvnmd", "sel": [int(n) for n in d["sel"]], **numbers,
                "neuron": self.neuron, "axis_neuron": int(d["axis_neuron"]),
                "precision": "float64",
            },
            "fitting_net": {"type": "ener_nvnmd", "neuron": self.fitting, "precision": "float64"},
        }  # fmt: skip
        bias = self.array("t_bias_atom_e", nt)
        tensors = {
            "descriptor.mean": self.array("descrpt_attr.t_avg")[:, :4],
            "descriptor.std": self.array("descrpt_attr.t_std")[:, :4],
            **{f"descriptor.{name}": array for name, array in self.embedding_arrays(nt).items()},
            **self.fitting_arrays(nt),
            "fitting.bias_atom_e": np.zeros(nt),
            "out_bias": bias,
        }
        config = normalize(section, str(self.path))
        return ModelFile(config, tensors, self.nearest()).check(str(self.path))

    def embedding(self, b: Builder, nt: int) -> NetBank:
        """One net for each type of neighbour."""
        widths = (1, *self.neuron)
        bank = NetBank(
            "embedding", "neighbor type", widths, "tanh", True, False, DType.F64, nt, False
        )
        return b.declare(bank, self.embedding_arrays(nt))

    def embedding_arrays(self, nt: int) -> dict[str, NumpyArray]:
        """Weights by our names."""
        if "filter_type_all.matrix_1_0" not in self.weight:
            raise InputError(
                f"{self.path}: has no embedding nets, so it is of the second step of NVNMD "
                f"training (QNN). Give the {CONFIG} and {WEIGHT} of the first step (CNN)"
            )
        widths = (1, *self.neuron)
        tensors = {}
        for t in range(nt):
            for at, (n, k) in enumerate(zip(widths, widths[1:], strict=False), 1):
                name = f"embedding.{t}.{at - 1}"
                tensors[f"{name}.weight"] = self.array(f"filter_type_all.matrix_{at}_{t}", n, k)
                tensors[f"{name}.bias"] = self.array(f"filter_type_all.bias_{at}_{t}", k)
        return tensors

    def fitting_widths(self) -> tuple[int, ...]:
        """Of the fitting net, 1 in the end."""
        return (self.neuron[-1] * int(self.d["axis_neuron"]), *self.fitting, 1)

    def fitting_net(self, b: Builder, nt: int) -> NetBank:
        """One net for each type of centre."""
        widths = self.fitting_widths()
        bank = NetBank(
            "fitting", "atom type", widths, "tanh4", True, False, DType.F64, nt, True, plain=(0,)
        )
        return b.declare(bank, self.fitting_arrays(nt))

    def fitting_arrays(self, nt: int) -> dict[str, NumpyArray]:
        """Weights by our names."""
        widths = self.fitting_widths()
        tensors = {}
        for t in range(nt):
            for at, (n, k) in enumerate(zip(widths, widths[1:], strict=False)):
                name = f"layer_{at}_type_{t}" if at < len(self.fitting) else f"final_layer_type_{t}"
                tensors[f"fitting.{t}.{at}.weight"] = self.array(f"{name}.matrix", n, k)
                tensors[f"fitting.{t}.{at}.bias"] = self.array(f"{name}.bias", k)
        return tensors
