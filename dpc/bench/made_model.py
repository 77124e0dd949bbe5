"""Models made here, for systems that no trained model comes with: random nets, fitted heads.

The embedding nets and the hidden layers of the fitting nets are drawn at random, with the
distributions that DeePMD-kit starts training from. Their last layer is then the least-squares
solution for the energies of the atoms in a Morse potential, in perturbed crystals. So the model
is smooth, holds its crystal together, and is the same wherever it is made but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dpc.bench.crystals import F64, I32, Crystal, morse, sites
from dpc.data.neighbors import extend, format_nlist, neighbor_rows
from dpc.frontend.model_file import ModelFile, expected_shapes, has_skip

FRAMES = 24
STRAIN = 0.04  # edges of the frames' cells, at most
MOVED = (0.02, 0.25)  # Å, standard deviation of the atoms' places, least and most
SPREAD = 0.125  # standard deviation of the first hidden layer's sums: nearly linear nets fit best
RIDGE = 1e-6  # of the largest eigenvalue of the normal equations: keeps the last layer small
NEURON, AXIS, FITTING = [25, 50, 100], 16, [240, 240, 240]
RESOLUTION = 0.01  # the least standard deviation of a column of the environment


def model_file(crystal: Crystal, path: Path) -> Path:
    """The model as a file that dpc and DeePMD-kit read; an old one is kept."""
    from dpc.frontend.importers import write_model

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_model(make_model(crystal), path)
    return path


def make_model(
    crystal: Crystal, frames: int = FRAMES, neuron: list[int] | None = None
) -> ModelFile:
    """The model of one crystal; `neuron` are the widths of its embedding nets."""
    config = make_config(crystal, neuron or NEURON)
    rng = np.random.default_rng(crystal.seed)
    tensors = random_tensors(config, rng)
    made = [_frame(crystal, config, rng) for _ in range(frames)]
    tensors |= _statistics(config, made)
    nearest = min(frame.nearest for frame in made)
    return _fit(ModelFile(config, tensors, round(nearest, 3)), made)


def make_config(crystal: Crystal, neuron: list[int]) -> dict[str, Any]:
    """The `model` section, every option explicit."""
    return {
        "type_map": list(crystal.elements),
        "descriptor": {
            "type": "se_e2_a",
            "sel": list(crystal.sel),
            "rcut": crystal.rcut,
            "rcut_smth": 0.5,
            "neuron": neuron,
            "axis_neuron": AXIS,
            "resnet_dt": False,
            "type_one_side": crystal.type_one_side,
            "activation_function": "tanh",
            "precision": "float64",
            "exclude_types": [],
            "set_davg_zero": False,
            "trainable": True,
            "seed": crystal.seed,
        },
        "fitting_net": {
            "type": "ener",
            "neuron": FITTING,
            "resnet_dt": True,
            "activation_function": "tanh",
            "precision": "float64",
            "numb_fparam": 0,
            "numb_aparam": 0,
            "default_fparam": None,
            "atom_ener": [],
            "rcond": None,
            "trainable": [True] * (len(FITTING) + 1),
            "seed": crystal.seed,
        },
        "pair_exclude_types": [],
        "atom_exclude_types": [],
    }


def random_tensors(config: dict[str, Any], rng: np.random.Generator) -> dict[str, F64]:
    """Weights N(0, 1/sqrt(in + out)), biases N(0, 1), time steps N(0.1, 0.001)."""
    tensors: dict[str, F64] = {}
    for name, shape in expected_shapes(config).items():
        kind = name.rsplit(".", 1)[-1]
        if kind == "weight":
            tensors[name] = rng.normal(size=shape) / np.sqrt(sum(shape))
        elif kind == "bias":
            tensors[name] = rng.normal(size=shape)
        elif kind == "idt":
            tensors[name] = rng.normal(0.1, 0.001, size=shape)
        else:
            tensors[name] = np.zeros(shape)
    return tensors


@dataclass(frozen=True)
class Frame:
    """A perturbed crystal as its atoms see it.

    s_r [n, nnei, 4]: rows (s, s x/r, s y/r, s z/r), 0 in empty slots; types [n] of the atoms,
    energy [n] of each in the Morse potential (eV), and the nearest distance (Å).
    """

    s_r: F64
    types: I32
    energy: F64
    nearest: float


def _frame(crystal: Crystal, config: dict[str, Any], rng: np.random.Generator) -> Frame:
    """Strained, atoms moved, elements at new places."""
    cell, coord, types = sites(crystal)
    types = rng.permutation(types)
    strain = np.eye(3) + rng.uniform(-STRAIN, STRAIN, (3, 3)) * np.tri(3)
    coord = coord @ strain + rng.normal(size=coord.shape) * rng.uniform(*MOVED)
    ext = extend(coord, types, cell @ strain, crystal.rcut)
    nlist, _ = format_nlist(ext, neighbor_rows(ext, crystal.rcut), crystal.sel)
    centre, slot = np.nonzero(nlist >= 0)
    r = ext.coord[nlist[centre, slot]] - ext.coord[centre]
    distance = np.linalg.norm(r, axis=1)
    smooth = config["descriptor"]["rcut_smth"]
    u = np.clip((distance - smooth) / (crystal.rcut - smooth), 0.0, 1.0)
    s = (1 + u**3 * (-10 + u * (15 - 6 * u))) / distance
    s_r = np.zeros((*nlist.shape, 4))
    s_r[centre, slot] = np.column_stack([s, (s / distance)[:, None] * r])
    neighbor = ext.atype[nlist[centre, slot]]
    pairs = morse(crystal.elements, types[centre], neighbor, distance, crystal.rcut)
    energy = np.bincount(centre, pairs / 2, len(types)).astype(np.float64)
    return Frame(s_r, types, energy, float(distance.min()))


def _statistics(config: dict[str, Any], frames: list[Frame]) -> dict[str, F64]:
    """mean and std [ntypes, 4] of the rows of each centre type, over all slots.

    The three angular columns have mean 0 and one standard deviation.
    """
    ntypes = len(config["type_map"])
    mean, std = np.zeros((ntypes, 4)), np.ones((ntypes, 4))
    for t in range(ntypes):
        own = np.concatenate([frame.s_r[frame.types == t] for frame in frames])
        mean[t, 0] = own[..., 0].mean()
        std[t, 0] = max(own[..., 0].std(), RESOLUTION)
        std[t, 1:] = max(float(np.sqrt(np.square(own[..., 1:]).mean())), RESOLUTION)
    return {"descriptor.mean": mean, "descriptor.std": std}


def _hidden(tensors: dict[str, F64], net: str, x: F64, layers: int) -> F64:
    """The first layers of a net: tanh(x W + b) idt, plus x or (x, x) where the width allows."""
    for k in range(layers):
        weight = tensors[f"{net}.{k}.weight"]
        y = np.tanh(x @ weight + tensors[f"{net}.{k}.bias"])
        y = y * tensors.get(f"{net}.{k}.idt", 1.0)
        if has_skip(*weight.shape):
            y = y + np.concatenate([x] * (weight.shape[1] // weight.shape[0]), axis=-1)
        x = y
    return x


def _descriptor(model: ModelFile, frame: Frame, t: int) -> F64:
    """D [n, M * axis] of the frame's atoms of type t."""
    options, tensors = model.config["descriptor"], model.tensors
    own = frame.s_r[frame.types == t]
    rows = (own - tensors["descriptor.mean"][t]) / tensors["descriptor.std"][t]
    parts, first = [], 0
    for u, slots in enumerate(options["sel"]):
        net = u if options["type_one_side"] else t * len(options["sel"]) + u
        s = rows[:, first : first + slots, :1]
        name, layers = f"descriptor.embedding.{net}", len(options["neuron"])
        parts.append(_hidden(tensors, name, s, layers))
        first += slots
    x = rows.transpose(0, 2, 1) @ np.concatenate(parts, axis=1) / first
    d: F64 = x.transpose(0, 2, 1) @ x[..., : options["axis_neuron"]]
    return d.reshape(len(own), -1)


def _fit(model: ModelFile, frames: list[Frame]) -> ModelFile:
    """Scale the first layer of each fitting net, and solve for its last one."""
    last = len(FITTING)
    for t in range(len(model.config["type_map"])):
        d = np.concatenate([_descriptor(model, frame, t) for frame in frames])
        energy = np.concatenate([frame.energy[frame.types == t] for frame in frames])
        first = f"fitting.{t}.0.weight"
        model.tensors[first] *= SPREAD / (d @ model.tensors[first]).std(axis=0).mean()
        hidden = _hidden(model.tensors, f"fitting.{t}", d, last)
        weight, bias = _least_squares(hidden, energy)
        model.tensors[f"fitting.{t}.{last}.weight"] = weight[:, None]
        model.tensors[f"fitting.{t}.{last}.bias"] = np.array([bias])
    return model


def _least_squares(x: F64, y: F64) -> tuple[F64, float]:
    """w [k] and b with x w + b near y, for x [n, k] and y [n]."""
    base, centre = y.mean(), x.mean(axis=0)
    normal = (x - centre).T @ (x - centre)
    normal += RIDGE * np.linalg.eigvalsh(normal)[-1] * np.eye(len(normal))
    weight = np.linalg.solve(normal, (x - centre).T @ (y - base))
    return weight, float(base - centre @ weight)
