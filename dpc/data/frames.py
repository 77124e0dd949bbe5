"""Frames made by dpc: where no data are given, passes measure their error on these."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dpc.data.inputs import Facts
from dpc.data.neighbors import F64, I32

DEFAULT_DISTANCE = 0.9  # Å, where the model does not know its nearest pair
FILLING = 0.6  # of the slots, on average: sel is chosen for the fullest atom


@dataclass(frozen=True)
class Frame:
    """One configuration: coord [n, 3] Å, atype [n], cell rows [3, 3] Å or None, parameters."""

    coord: F64
    atype: I32
    cell: F64 | None = None
    fparam: F64 | None = None
    aparam: F64 | None = None


def density(facts: Facts) -> float:
    """Atoms per Å^3 at which `FILLING` of the slots are taken."""
    return FILLING * sum(facts.sel) / (4 / 3 * math.pi * facts.rcut**3)


def make_frames(
    facts: Facts,
    count: int = 4,
    natoms: int = 96,
    seed: int = 0,
    min_distance: float | None = None,
) -> list[Frame]:
    """Seeded frames in turn: randomly packed, a perturbed crystal, an open cluster.

    Types are uniform over the type map. No pair is nearer than `min_distance` (Å; by default the
    nearest pair of the training data), unless so many atoms would not fit: then than 0.8 of the
    nearest distance of the close-packed crystal.
    """
    rng = np.random.default_rng(seed)
    distance = min_distance or facts.min_nbor_dist or DEFAULT_DISTANCE
    return list(_frames(facts, count, natoms, rng, distance))


def _frames(
    facts: Facts, count: int, natoms: int, rng: np.random.Generator, distance: float
) -> Iterator[Frame]:
    ntypes = len(facts.type_map)
    spacing = (math.sqrt(2) / density(facts)) ** (1 / 3)  # nearest pair of the crystal
    distance = min(distance, 0.8 * spacing)
    # random packing stops near 0.38 of the volume, and slows down well before
    packable = math.pi / 6 * distance**3 * density(facts) < 0.25
    for k in range(count):
        cell = _cell(rng, (natoms / density(facts)) ** (1 / 3))
        coord = (
            _pack(rng, natoms, cell, distance)
            if packable and k % 3 != 1
            else _crystal(rng, natoms, cell, distance)
        )
        types = np.arange(natoms) % ntypes
        yield Frame(
            coord,
            rng.permutation(types).astype(np.int32),
            None if k % 3 == 2 else cell,
            rng.normal(size=facts.fparam) if facts.fparam else None,
            rng.normal(size=(natoms, facts.aparam)) if facts.aparam else None,
        )


def _cell(rng: np.random.Generator, edge: float) -> F64:
    """A moderately sheared cell of volume edge^3."""
    cell = np.eye(3)
    cell[np.tril_indices(3, -1)] = rng.uniform(-0.2, 0.2, 3)
    return cell * edge


def _nearest_image(separation: F64, cell: F64) -> F64:
    """Separations brought near the origin: exact up to about half the cell's smallest height."""
    return separation - np.round(separation @ np.linalg.inv(cell)) @ cell


def _pack(rng: np.random.Generator, natoms: int, cell: F64, distance: float) -> F64:
    """Atoms at random places, each at least `distance` from those before it."""
    coord = np.empty((natoms, 3))
    placed = 0
    while placed < natoms:
        trial = rng.random(3) @ cell
        apart = _nearest_image(coord[:placed] - trial, cell)
        if np.square(apart).sum(axis=1).min(initial=np.inf) >= distance**2:
            coord[placed] = trial
            placed += 1
    return coord


def _crystal(rng: np.random.Generator, natoms: int, cell: F64, distance: float) -> F64:
    """Some sites of a face-centred grid in the cell, each moved as far as `distance` allows."""
    repeats = math.ceil((natoms / 4) ** (1 / 3))
    corners = np.stack(np.meshgrid(*[np.arange(repeats)] * 3, indexing="ij"), -1).reshape(-1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = ((corners[:, None] + basis).reshape(-1, 3) / repeats) @ cell
    apart = _nearest_image(sites[:, None] - sites[None, :], cell)
    nearest = np.sqrt(np.square(apart).sum(axis=-1) + 1e9 * np.eye(len(sites))).min()
    chosen = rng.choice(len(sites), natoms, replace=False)
    direction = rng.normal(size=(natoms, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reach = max(0.0, (nearest - distance) / 2)
    return sites[chosen] + reach * rng.random((natoms, 1)) ** (1 / 3) * direction
