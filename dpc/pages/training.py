"""A training as a page: how the errors fell, and model against data on the validation set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dpc.data.accuracy import UNITS
from dpc.package.charts import Line, plot
from dpc.pages import figures
from dpc.pages.page import page, section, side_by_side, tiles

Table = Mapping[str, Sequence[float]]

QUANTITIES = {
    "": ("loss, its root", ""),
    "_e": ("energy per atom", "eV"),
    "_f": ("force", "eV/Å"),
    "_v": ("virial per atom", "eV"),
    "_ae": ("atomic energy", "eV"),
    "_pf": ("weighted force", "eV/Å"),
    "_gf": ("generalised force", ""),
}
KINDS = {"val": "validation", "trn": "training"}


@dataclass
class Training:
    """What the page shows of one model; `pairs` are (label, prediction) of each quantity."""

    title: str
    facts: Sequence[tuple[str, str]]
    table: Table
    pairs: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def curves(table: Table) -> dict[str, str]:
    """One chart for each quantity of an lcurve.out: errors by step, on a logarithmic axis."""
    charts = {}
    steps = table["step"]
    for ending, (name, unit) in QUANTITIES.items():
        lines, values = [], []
        for place, (kind, words) in enumerate(KINDS.items()):
            columns = [f"{measure}{ending}_{kind}" for measure in ("rmse", "mae", "l2")]
            column = next((c for c in columns if c in table), "")
            pairs = zip(steps, table.get(column, ()), strict=False)
            points = [(s, v) for s, v in pairs if math.isfinite(v) and v > 0]
            if len(points) > 1:
                values += [v for _, v in points]
                shift = (6.0, -9.0 if place == 0 else 12.0)
                lines.append(Line(points, f"line l{place}", words, -1, shift))
        if lines:
            axes = ("step", f"{name} / {unit}" if unit else name)
            ends = (min(values) / 1.5, max(values) * 1.5, True)
            charts[name] = plot(name, axes, (steps[0], max(steps[-1], 1), False), ends, lines)
    return charts


def training_page(trainings: Sequence[Training], title: str) -> bytes:
    """The page; it needs nothing else to be read."""
    parts = []
    for one in trainings:
        parts.append((f"<h2>{one.title}</h2>" if one.title else "") + tiles(one.facts))
        shown = [f"<h3>{name}</h3>{svg}" for name, svg in curves(one.table).items()]
        parts.append(section("Errors by step", "", *shown))
        for name, (label, prediction) in one.pairs.items():
            error = np.ravel(prediction) - np.ravel(label)
            plots = side_by_side(
                figures.parity(f"{name}: prediction over label", UNITS[name], label, prediction),
                figures.histogram(f"{name}: errors", f"error, {UNITS[name]}", [("errors", error)]),
            )
            words = f"Root mean square error {np.sqrt(np.square(error).mean()):.4g} {UNITS[name]}."
            parts.append(section(f"{name}: model against data", words, plots))
    lead = "Errors as they fell with the steps, and what the model says of the validation data."
    return page(title, lead, parts)
