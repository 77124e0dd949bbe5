"""Atoms on top of each other, lengths in other units, cells that are flat or small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dpc.data.checks.findings import Finding, error, some_frames, warning
from dpc.data.checks.survey import Survey

ON_TOP = 0.3  # of the sum of covalent radii: no structure of a label worth learning is so near
NEAR = 0.55  # strongly compressed, but seen: about 0.6 in shock waves and H2 at high pressure
BOND = (0.6, 1.55)  # where the median atom has its nearest neighbour
BOHR = 0.529177  # Å
NOBLE = {"He", "Ne", "Ar", "Kr", "Xe"}
VOLUME = (1.5, 3000.0)  # Å^3 for each atom


def check_distances(survey: Survey) -> Iterator[Finding]:
    """Nearest pairs, and what they say of the unit of length."""
    if survey.looked_at is None or survey.near is None or survey.near_ratio is None:
        return
    for low, high, make, words in (
        (-1.0, ON_TOP, error, "on top of each other"),
        (ON_TOP, NEAR, warning, "very near each other"),
    ):
        with np.errstate(invalid="ignore"):
            bad = np.flatnonzero((survey.near_ratio >= low) & (survey.near_ratio < high))
        if len(bad):
            worst = int(bad[np.nanargmin(survey.near_ratio[bad])])
            frame = survey.looked_at[worst]
            where = some_frames(survey.looked_at[bad], survey.frames)
            yield make(
                "distances", survey.where,
                f"atoms are {words} in {where}: {survey.near[worst]:.3g} Å between "
                f"{survey.near_pair[worst]} in frame {frame}",
                survey.looked_at[bad],
            )  # fmt: skip
    yield from _unit_of_length(survey)


def _unit_of_length(survey: Survey) -> Iterator[Finding]:
    ratio = survey.bond_ratio
    if ratio is None or not np.isfinite(ratio).any():
        return
    typical = float(np.nanmedian(ratio))
    gas = all(name in NOBLE for name, n in zip(survey.names, survey.counts.any(axis=0), strict=True)
              if n)  # fmt: skip
    if BOND[0] <= typical <= BOND[1] or (gas and typical > 1):
        return
    guess = ""
    for unit, factor in (("Bohr", BOHR), ("nm", 10.0), ("pm", 0.01), ("m", 1e10)):
        if 0.75 <= typical * factor <= 1.35:
            guess = f" In {unit} they would fit: multiply coord and box by {factor:g}"
    yield warning(
        "units", survey.where,
        f"the nearest neighbour of an atom is typically at {typical:.3g} times the sum of covalent "
        f"radii: are positions in Å?{guess}",
    )  # fmt: skip


def check_cells(survey: Survey, rcut: float | None = None) -> Iterator[Finding]:
    """Volumes, and cells in which an atom sees its own images."""
    if survey.volume is None or survey.height is None:
        return
    finite = survey.finite.get("box", np.ones(survey.frames, bool))
    flat = np.flatnonzero(finite & (survey.height <= 0))
    if len(flat):
        text = f"the cell spans no volume in {some_frames(flat, survey.frames)}"
        yield error(
            "cells", survey.where, f"{text}. An open system has an empty file 'nopbc'", flat
        )
    left = np.flatnonzero(finite & (survey.height > 0) & (survey.volume < 0))
    if len(left):
        text = f"the cell vectors are left-handed in {some_frames(left, survey.frames)}"
        yield warning("cells", survey.where, text, left)
    good = finite & (survey.height > 0)
    if not good.any():
        return
    each = np.abs(survey.volume) / np.maximum(1, survey.natoms)
    odd = np.flatnonzero(good & ((each < VOLUME[0]) | (each > VOLUME[1])))
    if len(odd):
        yield warning(
            "units", survey.where,
            f"{each[odd[0]]:.3g} Å^3 for each atom in {some_frames(odd, survey.frames)}: is the "
            "cell in Å?", odd,
        )  # fmt: skip
    if rcut is not None:
        small = np.flatnonzero(good & (survey.height < rcut))
        if len(small):
            yield warning(
                "cells", survey.where,
                f"the cell is {survey.height[small].min():.3g} Å high in "
                f"{some_frames(small, survey.frames)}, less than the cutoff {rcut:g} Å: atoms are "
                "neighbours of their own images, and forces of such cells teach little",
                small,
            )  # fmt: skip
