"""Small data folders with random numbers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_folder(path: Path, frames: int = 2, sets: int = 2, **extra: NDArray) -> Path:
    """Frames of one O and two H in a 9 Å box; `extra` are more arrays of each set."""
    path.mkdir(parents=True)
    (path / "type.raw").write_text("0\n1\n1\n")
    (path / "type_map.raw").write_text("O\nH\n")
    rng = np.random.default_rng(0)
    for k in range(sets):
        folder = path / f"set.{k:03d}"
        folder.mkdir()
        np.save(folder / "coord.npy", rng.random((frames, 9)).astype(np.float32))
        np.save(folder / "box.npy", np.tile(np.eye(3).ravel() * 9, (frames, 1)))
        np.save(folder / "energy.npy", np.arange(frames) + 10.0 * k)
        np.save(folder / "force.npy", rng.random((frames, 9)))
        for name, array in extra.items():
            np.save(folder / f"{name}.npy", array)
    return path


def write_hdf5(file: Path, folder: Path, group: str = "") -> Path:
    """The tree of a data folder as a group of an HDF5 file, as DeePMD-kit lays it out."""
    import h5py

    with h5py.File(file, "a") as out:
        root = out.require_group(group) if group else out
        root["type.raw"] = np.array((folder / "type.raw").read_text().split(), dtype=np.int64)
        names = (folder / "type_map.raw").read_text().split()
        root.create_dataset("type_map.raw", data=names, dtype=h5py.string_dtype())
        if (folder / "nopbc").exists():
            root["nopbc"] = True
        for array in folder.glob("set.*/*.npy"):
            root[f"{array.parent.name}/{array.name}"] = np.load(array)
    return file


def random_system(
    path: Path,
    types: list[int],
    frames: int = 4,
    seed: int = 0,
    edge: float = 9.0,
    labels: tuple[str, ...] = ("energy", "force", "virial"),
    names: tuple[str, ...] = ("O", "H"),
) -> Path:
    """One set of frames of these types, well apart in a cubic box of `edge` Å, one numbered frame
    by frame: the energy of frame k is k."""
    rng = np.random.default_rng(seed)
    folder = path / "set.000"
    folder.mkdir(parents=True)
    (path / "type.raw").write_text(" ".join(map(str, types)))
    (path / "type_map.raw").write_text(" ".join(names))
    n = len(types)
    side = int(np.ceil(n ** (1 / 3)))
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3), -1).reshape(-1, 3)[:n] * (edge / side)
    coord = sites + rng.uniform(-0.3, 0.3, (frames, n, 3)) * min(1.0, edge / side / 2)
    np.save(folder / "coord.npy", coord.reshape(frames, -1))
    np.save(folder / "box.npy", np.tile(np.eye(3).ravel() * edge, (frames, 1)))
    arrays = {
        "energy": np.arange(frames, dtype=float),
        "force": rng.normal(size=(frames, 3 * n)),
        "virial": rng.normal(size=(frames, 9)),
    }
    for name in labels:
        np.save(folder / f"{name}.npy", arrays[name])
    return path
