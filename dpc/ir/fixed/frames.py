"""Frames in, energies, forces and virial out: what the host does around the circuit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpc.errors import InputError
from dpc.ir.fixed.numbers import Integers, saturate
from dpc.ir.fixed.pipeline import Neighbors, evaluate
from dpc.ir.fixed.shape import (
    COORD_FRAC,
    DATA_BITS,
    ENERGY_FRAC,
    FORCE_FRAC,
    MOST_NEIGHBORS,
    R_BITS,
    VIRIAL_FRAC,
    Contents,
)
from dpc.ir.types import NumpyArray


@dataclass
class Sums:
    """Integers of one frame."""

    energy: NumpyArray  # [nloc], 2^-ENERGY_FRAC eV, without the bias of the type
    force: NumpyArray  # [nall, 3], 2^-FORCE_FRAC eV/Å
    virial: NumpyArray  # [nall, 3, 3], by neighbour, 2^-VIRIAL_FRAC eV
    near: Neighbors


def to_fixed(coord: NumpyArray) -> NumpyArray:
    """Positions, Å, in units of 2^-COORD_FRAC Å: the nearest, halves up."""
    return np.asarray(np.floor(coord * 2.0**COORD_FRAC + 0.5), np.int64)


def neighbors(m: Contents, coord: NumpyArray, atype: NumpyArray, nlist: NumpyArray) -> Neighbors:
    """Neighbours within the cutoff, from integer positions; -1 in the list is an empty slot."""
    center, slot = (nlist >= 0).nonzero()
    neighbor = nlist[center, slot].astype(np.int64)
    r = saturate(coord[neighbor] - coord[center], R_BITS)
    u = square(m, r)
    of = (u < m.u_cut) & (atype[center] >= 0) & (atype[neighbor] >= 0)
    center, neighbor = center[of], neighbor[of]
    return Neighbors(center, atype[center], atype[neighbor], r[of], u[of], neighbor)


def check_count(m: Contents, near: Neighbors, nloc: int) -> None:
    """InputError for a centre with more neighbours within the cutoff than the circuit holds.

    Its sums of 48 bits are proved for `max_neighbors` only.
    """
    counts = np.bincount(near.center, minlength=nloc)
    crowded = np.flatnonzero(counts > m.shape.max_neighbors)
    if len(crowded):
        raise InputError(too_many(int(crowded[0]), int(counts[crowded[0]]), m.shape.max_neighbors))


def too_many(atom: int, count: int, most: int) -> str:
    """What is said of it."""
    remedy = f"Compile again with quantize{{max_neighbors={count}}}"
    if count > MOST_NEIGHBORS:
        remedy = f"No circuit holds more than {MOST_NEIGHBORS}: train with a shorter rcut"
    return (
        f"atom {atom} (counted from 0) has {count} neighbours within the cutoff, more than the "
        f"{most} that the circuit is made for. {remedy}"
    )


def square(m: Contents, r: NumpyArray) -> NumpyArray:
    """u = |r|^2, unsigned and saturated."""
    shift = 2 * COORD_FRAC - m.shape.u_frac
    u = ((r * r).sum(axis=1) + (1 << (shift - 1))) >> shift
    return np.asarray(np.minimum(u, (1 << m.shape.u_bits) - 1))


def run(n: Integers, coord: NumpyArray, atype: NumpyArray, nlist: NumpyArray) -> Sums:
    """Everything for local atoms, the first len(nlist), from integer positions [nall, 3]."""
    m = n.contents
    near = neighbors(m, coord, atype, nlist)
    check_count(m, near, len(nlist))
    ti = atype[: len(nlist)]
    known = ti >= 0
    found = evaluate(n, m, np.where(known, ti, 0), near)
    force = np.zeros((len(coord), 3), np.int64)
    np.add.at(force, near.center, found.slope)
    np.subtract.at(force, near.neighbor, found.slope)
    virial = np.zeros((len(coord), 3, 3), np.int64)
    np.subtract.at(virial, near.neighbor, found.moment)
    return Sums(np.where(known, found.energy, 0), force, virial, near)


def to_eV(m: Contents, sums: Sums, ti: NumpyArray) -> tuple[NumpyArray, NumpyArray, NumpyArray]:
    """Atom energies, forces and atom virials as doubles: exact, but for the sum with the bias."""
    bias = np.where(ti >= 0, m.energy_bias[np.maximum(ti, 0)], 0.0)
    return (
        sums.energy * 2.0**-ENERGY_FRAC + bias,
        sums.force * 2.0**-FORCE_FRAC,
        sums.virial * 2.0**-VIRIAL_FRAC,
    )


def empty_slots(m: Contents) -> NumpyArray:
    """R_0 G of a neighbour at the cutoff, [ntypes, ntypes, M]: what an empty slot adds."""
    n, count = Integers(m), m.shape.ntypes
    ti, tj = (x.ravel() for x in np.indices((count, count)))
    c = n.channels(ti, tj, np.full(len(ti), m.u_cut))
    s = n.narrow("row_s", c.s, m.shift["row_s"], DATA_BITS)
    return np.asarray(s[:, None] * c.g).reshape(count, count, -1)
