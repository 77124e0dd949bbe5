"""A training as a page: how the errors fell, and found against expected on the validation data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from dpc.package.charts import Line, plot, scatter
from dpc.package.page_style import STYLE

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
MOST = 3000  # points of a parity plot


@dataclass(frozen=True)
class Parity:
    """Found against expected numbers of one quantity, and their root mean square difference."""

    name: str
    unit: str
    expected: Sequence[float]
    found: Sequence[float]
    rmse: float


@dataclass
class Training:
    """What the page shows of one model."""

    title: str
    facts: Mapping[str, str]
    table: Table
    parities: Sequence[Parity] = field(default_factory=list)


def curves(table: Table) -> dict[str, str]:
    """One chart for each quantity of an lcurve.out: errors by step, on a logarithmic axis."""
    charts = {}
    steps = table["step"]
    for ending, (name, unit) in QUANTITIES.items():
        lines, values = [], []
        for place, kind in enumerate(KINDS):
            column = next(
                (c for m in ("rmse", "mae", "l2") if (c := f"{m}{ending}_{kind}") in table), ""
            )
            points = [
                (s, v) for s, v in zip(steps, table.get(column, ()), strict=False) if _shown(v)
            ]
            if len(points) > 1:
                values += [v for _, v in points]
                shift = (6.0, -9.0 if place == 0 else 12.0)
                lines.append(Line(points, f"line l{place}", KINDS[kind], -1, shift))
        if lines:
            axes = ("step", f"{name} / {unit}" if unit else name)
            ends = (min(values) / 1.5, max(values) * 1.5, True)
            charts[name] = plot(name, axes, (steps[0], max(steps[-1], 1), False), ends, lines)
    return charts


def _shown(value: float) -> bool:
    return math.isfinite(value) and value > 0


def parity(found: Parity) -> str:
    """The chart of one quantity."""
    every = max(1, len(found.expected) // MOST)
    points = list(zip(found.expected[::every], found.found[::every], strict=True))
    low = min(min(x, y) for x, y in points)
    high = max(max(x, y) for x, y in points)
    edge = 0.04 * (high - low) or 1.0
    axes = (f"data / {found.unit}", f"model / {found.unit}")
    return scatter(found.name, axes, points, (low - edge, high + edge))


def to_html(trainings: Sequence[Training], title: str) -> bytes:
    """The page; it needs nothing else to be read."""
    body = [f"<h1>{escape(title)}</h1>"]
    for one in trainings:
        if one.title:
            body.append(f"<h2>{escape(one.title)}</h2>")
        tiles = "".join(
            f"<li><b>{escape(value)}</b><span>{escape(name)}</span></li>"
            for name, value in one.facts.items()
        )
        body.append(f'<ul class="tiles">{tiles}</ul>')
        figures = "".join(f"<h3>{escape(n)}</h3>{svg}" for n, svg in curves(one.table).items())
        body.append(f"<section><h2>Errors by step</h2>{figures}</section>")
        if one.parities:
            shown = "".join(
                f"<h3>{escape(p.name)}: root mean square error {p.rmse:.3g} {escape(p.unit)}</h3>"
                f"{parity(p)}"
                for p in one.parities
            )
            text = "Every point is a number of the validation data; the line is where both agree."
            body.append(f"<section><h2>Model against data</h2><p>{text}</p>{shown}</section>")
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )
    return page.encode()
