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

    Types are as frequent as `sel` has room for them. No pair is nearer than `min_distance` (Å),
    by default `least_distance`.
    """
    rng = np.random.default_rng(seed)
    return list(_frames(facts, count, natoms, rng, least_distance(facts, min_distance)))


def least_distance(facts: Facts, wanted: float | None = None) -> float:
    """The nearest pair of made frames, Å: as wanted, or that of the training data.

    No more than 0.8 of the nearest distance of the close-packed crystal, or the atoms do not fit.
    """
    spacing = (math.sqrt(2) / density(facts)) ** (1 / 3)
    return min(wanted or facts.min_nbor_dist or DEFAULT_DISTANCE, 0.8 * spacing)


def _types(facts: Facts, natoms: int) -> I32:
    """As many atoms of each type as `sel` has slots for them, and at least one where they fit."""
    ntypes = len(facts.type_map)
    slots = np.array(facts.sel if len(facts.sel) == ntypes else [1] * ntypes, float)
    share = np.maximum(slots / max(slots.sum(), 1.0), 1.0 / max(natoms, 1))
    places = (np.arange(natoms) + 0.5) / max(natoms, 1)
    found = np.searchsorted(np.cumsum(share) / share.sum(), places)
    return np.minimum(found, ntypes - 1).astype(np.int32)


def _frames(
    facts: Facts, count: int, natoms: int, rng: np.random.Generator, distance: float
) -> Iterator[Frame]:
    # random packing stops near 0.38 of the volume, and slows down well before
    packable = math.pi / 6 * distance**3 * density(facts) < 0.25
    for k in range(count):
        cell = _cell(rng, (natoms / density(facts)) ** (1 / 3))
        coord = (
            _pack(rng, natoms, cell, distance)
            if packable and k % 3 != 1
            else _crystal(rng, natoms, cell, distance)
        )
        yield Frame(
            coord,
            rng.permutation(_types(facts, natoms)),
            None if k % 3 == 2 else cell,
            rng.normal(size=facts.fparam) if facts.fparam else None,
            rng.normal(size=(natoms, facts.aparam)) if facts.aparam else None,
        )


def _cell(rng: np.random.Generator, edge: float) -> F64:
    """A moderately sheared cell of volume edge^3."""
    cell = np.eye(3)
    cell[np.tril_indices(3, -1)] = rng.uniform(-0.2, 0.2, 3)
    return cell * edge


def nearest_image(separation: F64, cell: F64) -> F64:
    """Separations brought near the origin: exact up to about half the cell's smallest height."""
    return separation - np.round(separation @ np.linalg.inv(cell)) @ cell


def _pack(rng: np.random.Generator, natoms: int, cell: F64, distance: float) -> F64:
    """Atoms at random places, each at least `distance` from those before it."""
    coord = np.empty((natoms, 3))
    placed = 0
    while placed < natoms:
        trial = rng.random(3) @ cell
        apart = nearest_image(coord[:placed] - trial, cell)
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
    apart = nearest_image(sites[:, None] - sites[None, :], cell)
    nearest = np.sqrt(np.square(apart).sum(axis=-1) + 1e9 * np.eye(len(sites))).min()
    chosen = rng.choice(len(sites), natoms, replace=False)
    direction = rng.normal(size=(natoms, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reach = max(0.0, (nearest - distance) / 2)
    return sites[chosen] + reach * rng.random((natoms, 1)) ** (1 / 3) * direction
