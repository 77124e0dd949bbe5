"""Made frames brought nearer to those of a simulation, by the forces of the model itself.

Atoms packed at random meet at distances, and see surroundings, that a simulation never has. What
a pass measures there says too little: on water, what a basis does to forces came out half of what
it did on frames of a trajectory. A few steps down the energy mend that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dpc.data.frames import Frame, nearest_image
from dpc.data.neighbors import F64

STEPS = 16
GAIN = 0.02  # Å for each eV/Å: that of a hydrogen atom after 2 fs
LONGEST = 0.08  # Å, what an atom moves in one step
ROUNDS = 20  # of pushing pairs apart, after every step


def relax(
    frame: Frame, forces: Callable[[Frame], F64], distance: float, steps: int = STEPS
) -> Frame:
    """The frame after `steps` along `forces` [n, 3] (eV/Å), no pair nearer than `distance` (Å).

    Below that distance the model was not trained, and its forces may pull atoms together.
    """
    for _ in range(steps):
        move = GAIN * np.nan_to_num(forces(frame), posinf=0.0, neginf=0.0)
        length = np.linalg.norm(move, axis=1, keepdims=True)
        move *= np.minimum(1.0, LONGEST / np.maximum(length, LONGEST))
        frame = replace(frame, coord=_apart(frame.coord + move, frame.cell, distance))
    return frame


def _apart(coord: F64, cell: F64 | None, distance: float) -> F64:
    """The atoms with pairs nearer than `distance` pushed apart, as far as there is room."""
    for _ in range(ROUNDS):
        separation = coord[None] - coord[:, None]
        if cell is not None:
            separation = nearest_image(separation, cell)
        length = np.sqrt(np.square(separation).sum(axis=-1))
        near = np.triu(length < distance, 1)
        if not near.any():
            break
        i, j = np.nonzero(near)
        apart = length[i, j]
        # a little more than needed, or rounding would leave pairs at the distance itself
        push = 0.5 * (1.001 * distance - apart) / np.maximum(apart, 1e-6)
        shift = push[:, None] * separation[i, j]
        coord = coord.copy()
        np.add.at(coord, j, shift)
        np.add.at(coord, i, -shift)
    return coord
