"""A toy set to learn: frames of a pair potential, on the disk and as batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dpc.data.batch import Batch

BOX = 7.0  # Å
NATOMS = 12


def toy_frames(count: int, seed: int = 0, natoms: int = NATOMS) -> dict[str, np.ndarray]:
    """Perturbed grid points; a Morse-like pair energy with its forces and virial (eV, Å)."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    coord = np.stack([grid[rng.permutation(27)[:natoms]] for _ in range(count)]) * (BOX / 3)
    coord = coord + rng.normal(0, 0.15, coord.shape)
    types = np.arange(natoms) % 2
    strength = np.where(types[:, None] == types[None, :], 0.3, 0.5)
    r = coord[:, None, :, :] - coord[:, :, None, :]  # [frame, i, j]: from i to j
    r -= BOX * np.round(r / BOX)
    d = np.sqrt((r**2).sum(-1)) + np.eye(natoms) * 1e9
    decay = np.where(d < BOX / 2, np.exp(-d), 0.0)
    energy = 0.5 * (strength * decay).sum((1, 2)) - 3.0 * (types == 0).sum()
    slope = -strength * decay / d  # (dE/dd) / d of a pair
    force = (slope[..., None] * r).sum(2)
    virial = -0.5 * np.einsum("fij,fija,fijb->fab", slope, r, r)
    return {"coord": coord, "energy": energy, "force": force, "virial": virial, "types": types}


def write_toy(path: Path, count: int = 12, seed: int = 0, natoms: int = NATOMS) -> Path:
    """The frames as a data folder."""
    frames = toy_frames(count, seed, natoms)
    folder = path / "set.000"
    folder.mkdir(parents=True)
    (path / "type.raw").write_text("\n".join(map(str, frames["types"])) + "\n")
    (path / "type_map.raw").write_text("O\nH\n")
    np.save(folder / "box.npy", np.tile(np.eye(3).ravel() * BOX, (count, 1)))
    for name in ("coord", "energy", "force", "virial"):
        np.save(folder / f"{name}.npy", frames[name].reshape(count, -1))
    return path


def toy_input(folder: Path, **training: Any) -> dict[str, Any]:
    """An input for the toy set in `folder`/train and `folder`/valid."""
    return {
        "model": {
            "type_map": ["O", "H"],
            "descriptor": {
                "type": "se_e2_a", "sel": [20, 20], "rcut": 3.4, "rcut_smth": 0.5,
                "neuron": [4, 8], "axis_neuron": 3, "type_one_side": True, "seed": 1,
            },
            "fitting_net": {"neuron": [8, 8], "seed": 1},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-4, "decay_steps": 5},
        "loss": {"start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1,
                 "start_pref_v": 0.02, "limit_pref_v": 1},
        "training": {
            "training_data": {"systems": [str(folder / "train")], "batch_size": 2},
            "validation_data": {"systems": [str(folder / "valid")], "batch_size": 2},
            "numb_steps": 20, "seed": 3, "disp_freq": 5, "save_freq": 5,
            **training,
        },
    }  # fmt: skip


def write_toy_run(folder: Path, **training: Any) -> Path:
    """Data and input.json; the path of the input."""
    write_toy(folder / "train", 12, 0)
    write_toy(folder / "valid", 4, 1)
    path = folder / "input.json"
    path.write_text(json.dumps(toy_input(folder, **training)))
    return path


def multi_task_input(folder: Path) -> dict[str, Any]:
    """An input with two heads on one descriptor, each with data of its own."""
    write_toy(folder / "one", 8, 0)
    write_toy(folder / "two", 8, 5)
    single = toy_input(folder)
    data = {
        n: {"training_data": {"systems": str(folder / n), "batch_size": 1}} for n in ("one", "two")
    }
    shared = {"types": ["O", "H"], "descriptor": single["model"]["descriptor"]}
    head = {"type_map": "types", "descriptor": "descriptor",
            "fitting_net": single["model"]["fitting_net"]}  # fmt: skip
    training = {"numb_steps": 40, "seed": 1, "disp_freq": 20, "save_freq": 20}
    return {
        "model": {"shared_dict": shared, "model_dict": {"one": head, "two": head}},
        "loss_dict": {"one": single["loss"], "two": single["loss"]},
        "learning_rate": single["learning_rate"],
        "training": {**training, "model_prob": {"one": 0.7, "two": 0.3}, "data_dict": data},
    }


def random_batch(
    atype: np.ndarray,
    nframe: int,
    seed: int,
    box: float | None = 4.5,
    fparam: int = 0,
    aparam: int = 0,
) -> Batch:
    """Random atoms, labels of every kind; atype [nframe, nloc] or [nloc]."""
    rng = np.random.default_rng(seed)
    atype = np.broadcast_to(np.asarray(atype, np.int32), (nframe, np.shape(atype)[-1])).copy()
    nloc = atype.shape[1]
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    coord = np.stack([grid[rng.permutation(27)[:nloc]] * 1.5 for _ in range(nframe)])
    coord = coord + rng.normal(0, 0.1, coord.shape)
    real = atype >= 0
    labels = {
        "energy": rng.normal(size=nframe),
        "force": rng.normal(size=(nframe, nloc, 3)) * real[..., None],
        "virial": rng.normal(size=(nframe, 3, 3)),
        "atom_ener": rng.normal(size=(nframe, nloc)) * real,
        "atom_pref": rng.uniform(size=(nframe, nloc)) * real,
        "atom_ener_coeff": rng.normal(size=(nframe, nloc)) * real,
        "drdq": rng.normal(size=(nframe, nloc, 3, 2)) * real[..., None, None],
    }
    return Batch(
        coord=coord * real[..., None],
        atype=atype,
        box=None if box is None else np.tile(np.eye(3) * box, (nframe, 1, 1)),
        labels=labels,
        found=dict.fromkeys(labels, True),
        system=np.zeros(nframe, np.int64),
        frame=np.arange(nframe),
        fparam=rng.normal(size=(nframe, fparam)) if fparam else None,
        aparam=rng.normal(size=(nframe, nloc, aparam)) if aparam else None,
    )
