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
