"""Figures of many numbers: densities and histograms, drawn in bins so that pages stay small."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dpc.data.neighbors import F64
from dpc.package.charts import Drawing, Scale, draw_axes, number

BINS = 56
SHADES = 4  # of a density, by powers of ten


def limits(*values: F64) -> tuple[float, float]:
    """The range of all numbers with a margin; never empty."""
    flat = np.concatenate([v.ravel() for v in values])
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        return 0.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    margin = 0.04 * (high - low) or max(1e-9, 0.05 * abs(high))
    return low - margin, high + margin


def parity(title: str, unit: str, label: ArrayLike, prediction: ArrayLike) -> str:
    """Prediction over label; the darker, the more numbers in a bin. Right ones are on the line.

    Numbers that differ little from each other are shown less the median of the labels.
    """
    x, y = (np.asarray(v, np.float64).ravel() for v in (label, prediction))
    middle = float(np.median(x))
    if abs(middle) > 30 * float(np.ptp(x)):
        x, y, unit = x - middle, y - middle, f"less {middle:.4f} {unit}"
    low, high = limits(x, y)
    drawing = Drawing(440, title, 440)
    across, up = Scale(low, high, 70, 424), Scale(low, high, 398, 12)
    draw_axes(drawing, across, up, (f"label, {unit}", f"prediction, {unit}"))
    counts, edges, _ = np.histogram2d(x, y, bins=BINS, range=((low, high), (low, high)))
    width, height = (424 - 70) / BINS, (398 - 12) / BINS
    most = max(1.0, float(counts.max()))
    for i, j in np.argwhere(counts > 0):
        shade = 0.25 + 0.75 * np.log1p(counts[i, j]) / np.log1p(most)
        tip = f"{number(edges[i])} to {number(edges[i + 1])}: {counts[i, j]:.0f}"
        left, top = across(float(edges[i])), up(float(edges[j + 1]))
        drawing.box(left, top, width, height, "s0", tip, shade)
    drawing.line((across(low), up(low)), (across(high), up(high)), "vertical")
    return drawing.svg()


def histogram(
    title: str,
    axis: str,
    series: Sequence[tuple[str, ArrayLike]],
    log: bool = False,
    bins: int = BINS,
) -> str:
    """How often each value comes, one curve of steps for each series; `log`: log axis of values."""
    values = [np.asarray(v, np.float64).ravel() for _, v in series]
    values = [v[np.isfinite(v) & ((v > 0) | (not log))] for v in values]
    low, high = limits(*[np.log10(v) for v in values] if log else values)
    edges = np.linspace(low, high, bins + 1)
    counts = [np.histogram(np.log10(v) if log else v, edges)[0] for v in values]
    most = max([1, *[int(c.max(initial=0)) for c in counts]])
    drawing = Drawing(260, title, 440)
    places = 10.0**edges if log else edges
    across = Scale(float(places[0]), float(places[-1]), 62, 424, log)
    up = Scale(0.5, most * 1.6, 218, 12, True)
    draw_axes(drawing, across, up, (axis, "number"))
    for k, count in enumerate(counts):
        points = []
        for b, c in enumerate(count):
            y = up(max(0.5, float(c)))
            points += [(across(float(places[b])), y), (across(float(places[b + 1])), y)]
        drawing.path(points, f"line l{k % 2}")
    for k, (name, _) in enumerate(series if len(series) > 1 else ()):
        drawing.text(418, 20 + 14 * k, name, f"tick l{k % 2}", "end")
    return drawing.svg()


def strips(title: str, axis: str, rows: Sequence[tuple[str, ArrayLike]], log: bool = False) -> str:
    """One row for each series: all its values as faint marks, its median as a strong one.

    `log`: a logarithmic axis, where the values span decades.
    """
    start = common_start([name for name, _ in rows])
    values = [np.asarray(v, np.float64).ravel() for _, v in rows]
    values = [v[np.isfinite(v) & ((v > 0) | (not log))] for v in values]
    low, high = limits(*values)
    log = log and low * 10 < high  # fewer decades have no ticks
    if log:
        low, high = (10.0**v for v in limits(*[np.log10(v) for v in values]))
    height = 24.0 * len(rows)
    drawing = Drawing(height + 56, title)
    across = Scale(low, high, 190, 624, log)
    for tick in across.ticks():
        drawing.line((across(tick), 6), (across(tick), height + 8), "grid")
        drawing.text(across(tick), height + 22, number(tick, log), "tick", "middle")
    drawing.text(624, height + 42, axis, "label", "end")
    edges = np.linspace(np.log10(low) if log else low, np.log10(high) if log else high, 141)
    for k, ((name, _), own) in enumerate(zip(rows, values, strict=True)):
        y = 8 + 24.0 * k
        drawing.text(182, y + 9, _short(name[start:]), "name", "end")
        if not len(own):
            continue
        counts = np.histogram(np.log10(own) if log else own, edges)[0]
        for b in np.flatnonzero(counts):
            shade = 0.25 + 0.75 * np.log1p(counts[b]) / np.log1p(counts.max())
            left = 10.0 ** edges[b] if log else edges[b]
            tip = f"{name}: {counts[b]} near {number(float(left))}"
            drawing.box(across(float(left)), y + 2, 434 / 140, 14, "s0", tip, shade)
        middle = across(float(np.median(own)))
        drawing.line((middle, y), (middle, y + 18), "mark")
    return drawing.svg()


def common_start(names: Sequence[str]) -> int:
    """Characters up to the last folder that all names share."""
    shared = os.path.commonprefix(list(names)) if len(names) > 1 else ""
    return shared.rfind("/") + 1


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else "…" + name[1 - most :]
