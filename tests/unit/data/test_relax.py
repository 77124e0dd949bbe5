"""Made frames moved by forces."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.data.frames import Frame, least_distance, make_frames
from dpc.data.relax import LONGEST, relax
from dpc.ir.program import Facts

FACTS = Facts(("A", "B"), 5.0, (16, 32))


def spring(frame: Frame) -> np.ndarray:
    """To the origin, 1 eV/Å^2."""
    return -frame.coord


def energy(frame: Frame) -> float:
    return 0.5 * float(np.square(frame.coord).sum())


def nearest(frame: Frame) -> float:
    separation = frame.coord[None] - frame.coord[:, None]
    length = np.linalg.norm(separation, axis=-1) + 1e9 * np.eye(len(frame.coord))
    return float(length.min())


def test_the_energy_falls_and_pairs_keep_their_distance() -> None:
    frame = make_frames(FACTS, 3, natoms=24)[2]  # open: no images
    distance = least_distance(FACTS)
    relaxed = relax(frame, spring, distance, steps=40)
    assert energy(relaxed) < 0.9 * energy(frame)
    assert nearest(relaxed) > 0.98 * distance


def test_no_atom_goes_far_in_one_step() -> None:
    frame = make_frames(FACTS, 1, natoms=24)[0]
    moved = relax(frame, lambda f: 1e6 * spring(f), 1e-9, steps=1)
    length = np.linalg.norm(moved.coord - frame.coord, axis=1)
    assert length.max() == pytest.approx(LONGEST)


def test_pairs_are_pushed_apart_through_the_wall_of_the_cell() -> None:
    cell = 8.0 * np.eye(3)
    frame = Frame(np.array([[0.1, 4, 4], [7.9, 4, 4]]), np.zeros(2, np.int32), cell)
    moved = relax(frame, lambda f: np.zeros((2, 3)), 1.0, steps=1)
    assert moved.coord[1, 0] - moved.coord[0, 0] == pytest.approx(7.0, abs=2e-3)


def test_forces_that_are_no_numbers_move_nothing() -> None:
    frame = make_frames(FACTS, 1, natoms=8)[0]
    forces = np.full((8, 3), np.nan)
    np.testing.assert_array_equal(relax(frame, lambda f: forces, 1e-9).coord, frame.coord)
