"""Predictions against labels: errors and parity plots of each quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from dpc.data.accuracy import UNITS
from dpc.pages import figures
from dpc.pages.page import page, section, side_by_side, table, tiles

ORDER = ("energy/atom", "force", "virial/atom", "atom_energy")
WORDS = {
    "energy/atom": "Energy, divided by the number of atoms",
    "force": "Force components",
    "virial/atom": "Virial components, divided by the number of atoms",
    "atom_energy": "Atomic energies",
}


def parity_page(
    title: str, pairs: Mapping[str, Sequence[tuple[ArrayLike, ArrayLike]]], lead: str = ""
) -> bytes:
    """The page; `pairs`: (label, prediction) of each frame, for each quantity of `UNITS`."""
    arrays = {
        name: tuple(np.concatenate([np.ravel(p[k]) for p in pairs[name]]) for k in (0, 1))
        for name in ORDER
        if pairs.get(name)
    }
    numbers = [
        (f"{_rmse(*arrays[name]):.3g} {UNITS[name]}", f"RMSE, {WORDS[name].lower()}")
        for name in arrays
    ]
    sections = [tiles(numbers)] if numbers else []
    for name, (label, prediction) in arrays.items():
        unit = UNITS[name]
        error = prediction - label
        spread = float(label.std())
        rows = [
            ["mean absolute error", f"{np.abs(error).mean():.6e} {unit}"],
            ["root mean square error", f"{_rmse(label, prediction):.6e} {unit}"],
            ["mean error", f"{error.mean():.6e} {unit}"],
            ["largest error", f"{np.abs(error).max():.6e} {unit}"],
            ["standard deviation of the labels", f"{spread:.6e} {unit}"],
            ["numbers", f"{len(label):,}"],
        ]
        plots = side_by_side(
            figures.parity(f"{name}: prediction over label", unit, label, prediction),
            figures.histogram(f"{name}: errors", f"error, {unit}", [("errors", error)]),
        )
        sections.append(section(WORDS[name], "", plots, table(["", ""], rows)))
    if not arrays:
        sections.append(section("No labels", "The data have no energy, force or virial."))
    words = lead or (
        "Each number of the data against what the model says of it. On the line, both are equal; "
        "the darker a field, the more numbers are in it."
    )
    return page(title, words, sections)


def _rmse(label: np.ndarray, prediction: np.ndarray) -> float:
    return float(np.sqrt(np.square(prediction - label).mean()))
