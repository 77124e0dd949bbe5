"""Statistics of training data, from which a model starts: as DeePMD-kit computes them.

J. Chem. Phys. 159, 054801 (2023), section II: the environment matrix is shifted and scaled to mean
0 and standard deviation 1 for each type of atom, and the energies lose a constant for each type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from dpc.data.neighbors import F64, I32, I64
from dpc.data.pairs import Pairs
from dpc.errors import InputError

SMALLEST_STD = 1e-2  # a smaller spread counts as this one: it will divide
UNSEEN_STD = 1e-1  # of types that the data do not have


class Moments:
    """Number, sum and sum of squares, for each of some groups."""

    def __init__(self, groups: int) -> None:
        self.count, self.sum, self.squares = np.zeros((3, groups))

    def add(self, count: F64, total: F64, squares: F64) -> None:
        """More numbers of each group."""
        self.count += count
        self.sum += total
        self.squares += squares

    def mean(self) -> F64:
        """Means; 0 where there was nothing."""
        return self.sum / np.maximum(self.count, 1)

    def std(self) -> F64:
        """Standard deviations, at least `SMALLEST_STD`."""
        variance = self.squares / np.maximum(self.count, 1) - self.mean() ** 2
        std = np.maximum(np.sqrt(np.maximum(variance, 0)), SMALLEST_STD)
        return np.where(self.count > 0, std, UNSEEN_STD)


class Statistics(Protocol):
    """What a descriptor wants to know of the environments in the data."""

    rcut: float  # Å
    sel: tuple[int, ...]

    def add(self, pairs: Pairs, atype: I32) -> None:
        """The pairs of some frames; atype [atoms], -1 for fillers."""

    def mean(self) -> F64:
        """The shift of each row, by type of the atom."""

    def std(self) -> F64:
        """The scale of each row, by type of the atom."""


class EnvMatrixStatistics:
    """Mean and deviation of rows (s, s x/r, s y/r, s z/r), s = switch(r) / r, by type of the atom.

    All sum(sel) slots of an atom count, the empty ones as zeros. x, y and z share one deviation
    and have the mean 0. Pairs of excluded types are left out, slot and all. `columns` is 4, or 1
    for descriptors of the distance alone.
    """

    def __init__(
        self,
        rcut: float,
        rcut_smth: float,
        sel: Sequence[int],
        ntypes: int,
        columns: int = 4,
        exclude_types: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.rcut, self.rcut_smth, self.sel = rcut, rcut_smth, tuple(sel)
        self.ntypes, self.columns = ntypes, columns
        self.excluded = np.zeros((ntypes, ntypes), bool)
        for a, b in exclude_types:
            self.excluded[a, b] = self.excluded[b, a] = True
        self.radial, self.angular = Moments(ntypes), Moments(ntypes)

    def add(self, pairs: Pairs, atype: I32) -> None:
        types = np.asarray(atype).ravel()
        centre = types[pairs.centre]
        distance = np.sqrt(np.square(pairs.r).sum(axis=1))
        s = switch(distance, self.rcut_smth, self.rcut) / distance
        used = ~self.excluded[centre, types[pairs.neighbor]]
        square = np.where(used, s * s, 0.0)

        def by_type(values: F64 | None) -> F64:
            return np.bincount(centre, values, self.ntypes).astype(np.float64)

        slots = np.bincount(types[types >= 0], minlength=self.ntypes) * float(sum(self.sel))
        slots -= by_type((~used).astype(float))
        squares = by_type(square)
        self.radial.add(slots, by_type(np.where(used, s, 0.0)), squares)
        # the three parts of s r/|r| are numbers of one kind; their squares add up to s^2
        parts = [by_type(np.where(used, s * pairs.r[:, k] / distance, 0.0)) for k in range(3)]
        self.angular.add(3 * slots, sum(parts, np.zeros(self.ntypes)), squares)

    def mean(self) -> F64:
        """[ntypes, columns]."""
        mean = np.zeros((self.ntypes, self.columns))
        mean[:, 0] = self.radial.mean()
        return mean

    def std(self) -> F64:
        """[ntypes, columns]."""
        std = np.repeat(self.angular.std()[:, None], self.columns, axis=1)
        std[:, 0] = self.radial.std()
        return std


def switch(distance: F64, rcut_smth: float, rcut: float) -> F64:
    """1 below rcut_smth, 0 above rcut, between them 1 - 10 u^3 + 15 u^4 - 6 u^5."""
    u = np.clip((distance - rcut_smth) / (rcut - rcut_smth), 0.0, 1.0)
    return 1 + u**3 * (-10 + u * (15 - 6 * u))


def energy_bias(
    counts: ArrayLike,
    energies: ArrayLike,
    assigned: Sequence[float | None] | None = None,
    rcond: float | None = None,
) -> tuple[F64, float]:
    """The energy (eV) of an atom of each type that explains the energies best: least squares.

    counts [nframe, ntypes] atoms of each type, energies [nframe] eV. Where the compositions do
    not determine it, the solution of smallest norm. `assigned` fixes some (None: free). Also gives
    the standard deviation (eV) of what is left of the energies of whole frames.
    """
    atoms = np.array(counts, dtype=np.float64)
    left = np.array(energies, dtype=np.float64).ravel()
    if atoms.ndim != 2 or len(atoms) != len(left):
        raise InputError(f"energy bias: {atoms.shape} counts of atoms for {len(left)} energies")
    ntypes = atoms.shape[1]
    fixed = np.array([np.nan if a is None else a for a in assigned or [None] * ntypes], float)
    if len(fixed) != ntypes:
        raise InputError(f"energy bias: {len(fixed)} energies are given for {ntypes} types")
    known = ~np.isnan(fixed)
    left = left - atoms[:, known] @ fixed[known]
    free = np.where(known, 0.0, atoms)
    bias = np.linalg.lstsq(free, left, rcond=rcond)[0] if len(left) else np.zeros(ntypes)
    spread = float((left - free @ bias).std()) if len(left) else 0.0
    bias[known] = fixed[known]
    return bias, spread


def parameter_statistics(values: ArrayLike) -> tuple[F64, F64]:
    """Mean and inverse standard deviation of each frame or atomic parameter, values [n, width]."""
    rows = np.asarray(values, dtype=np.float64)
    if not len(rows):
        raise InputError("fparam or aparam: there is no frame to take their statistics from")
    return rows.mean(axis=0), 1 / np.maximum(rows.std(axis=0), SMALLEST_STD)


def chosen_frames(frames: Sequence[int], sizes: Sequence[int], nbatch: int) -> list[I64]:
    """Frames of each system for statistics that are dear: `nbatch` batches, spread evenly."""
    chosen = []
    for count, size in zip(frames, sizes, strict=True):
        wanted = min(count, nbatch * max(1, size))
        chosen.append((np.arange(wanted) * count) // max(1, wanted))
    return chosen
