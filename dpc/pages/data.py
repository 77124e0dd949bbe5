"""What is in data, and what is wrong with it: the page of `dpc data check`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpc.data.checks import Checked, Level
from dpc.data.checks.survey import Survey
from dpc.data.neighbors import F64
from dpc.pages import figures
from dpc.pages.page import page, section, table, tiles

MOST = 40  # systems in a figure


def data_page(title: str, checked: Checked) -> bytes:
    """The page."""
    surveys = checked.surveys
    frames = sum(s.frames for s in surveys)
    atoms = sum(float(s.natoms.sum()) for s in surveys)
    warnings = len(checked.findings) - checked.errors
    numbers = [
        (f"{checked.systems:,}", "systems"),
        (f"{frames:,}", "frames"),
        (f"{atoms:,.0f}", "atoms in all frames"),
        (f"{checked.errors}", "errors"),
        (f"{warnings}", "warnings"),
    ]
    sections = [tiles(numbers), _findings(checked), _systems(surveys)]
    names = [s.where for s in surveys]

    def strips(
        heading: str, text: str, axis: str, values: Sequence[F64 | None], log: bool = False
    ) -> None:
        rows = [(n, v) for n, v in zip(names, values, strict=True) if v is not None and len(v)]
        if rows:
            more = f" The first {MOST} of {len(rows)} systems." if len(rows) > MOST else ""
            figure = figures.strips(heading, axis, rows[:MOST], log)
            sections.append(section(heading, text + more, figure))

    strips(
        "Energies",
        "Energy of each frame, divided by its atoms, less the energies of single atoms that "
        "explain all systems best. Systems that stand apart were made by another method.",
        "eV/atom", checked.residuals,
    )  # fmt: skip
    strips(
        "Largest force of a frame", "Few frames far to the right are outliers.",
        "eV/Å", [s.force_max for s in surveys], log=True,
    )  # fmt: skip
    strips(
        "Nearest pair",
        "Distance of the nearest pair of a frame, divided by the sum of its covalent radii. "
        "1 is a covalent bond; below 0.5 atoms are on top of each other.",
        "of the sum of radii", [s.near_ratio for s in surveys],
    )  # fmt: skip
    strips(
        "Volume of an atom", "", "Å³",
        [None if s.volume is None else np.abs(s.volume) / np.maximum(1, s.natoms) for s in surveys],
    )  # fmt: skip
    return page(title, "What the checks found, and the numbers that they judged.", sections)


def _findings(checked: Checked) -> str:
    if not checked.findings:
        return section("Findings", "Nothing looks wrong.")
    rows = [
        [f.level.value.upper() if f.level is Level.ERROR else f.level.value, f.where, f.text]
        for f in checked.findings
    ]
    text = "Errors stop or ruin a training. Warnings may be meant."
    return section("Findings", text, table(["", "system", "what"], rows, words=(2,)))


def _systems(surveys: Sequence[Survey]) -> str:
    rows = []
    for s in surveys:
        natoms = s.natoms
        size = f"{natoms.min():.0f}" if len(natoms) else "0"
        if len(natoms) and natoms.max() > natoms.min():
            size += f" to {natoms.max():.0f}"
        have = [n for n, a in (("energy", s.energy), ("force", s.force_rms), ("virial", s.virial))
                if a is not None]  # fmt: skip
        present = [n for n, c in zip(s.names, s.counts.any(axis=0), strict=True) if c]
        rows.append(
            [s.where, f"{s.frames:,}", size, " ".join(present), "open" if s.open else "periodic",
             " ".join(have) or "none"]
        )  # fmt: skip
    return section("Systems", "", table(["", "frames", "atoms", "types", "", "labels"], rows))
