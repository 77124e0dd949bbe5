"""Charts as inline SVG: bars, and lines over axes. No clock, no randomness, no fonts of ours.

Colours are CSS classes that the page defines (`s0`, `s1`, …), so that one chart serves light
and dark screens. Lengths are pixels of the viewBox.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH = 640.0
BAR, GAP = 14.0, 12.0
LABELS = 132.0  # left of bars
NUMBERS = 92.0  # right of bars

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Numbers from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, 1e-300))
        part = (value - low) / (high - low) if high > low else 0.0
        return self.start + min(max(part, 0.0), 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers inside: decades, or steps of 1, 2 or 5."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.log10(self.high) + 1e-9
            every = max(1, math.ceil((last - first) / 7))
            return [10.0**k for k in range(first, math.floor(last) + 1, every)]
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
        step *= next(m for m in (1, 2, 5, 10) if (self.high - self.low) / (step * m) <= 6)
        count = math.floor((self.high - self.low) / step + 1e-9)
        first = math.ceil(self.low / step - 1e-9)
        found = [(first + k) * step for k in range(count + 1)]
        return [tick for tick in found if tick <= self.high * (1 + 1e-9)]


@dataclass
class Drawing:
    """Pieces of one SVG picture."""

    height: float
    title: str
    width: float = WIDTH
    parts: list[str] = field(default_factory=list)

    def line(self, a: Point, b: Point, style: str) -> None:
        """A straight line."""
        ends = f'x1="{_n(a[0])}" y1="{_n(a[1])}" x2="{_n(b[0])}" y2="{_n(b[1])}"'
        self.parts.append(f'<line {ends} class="{style}"/>')

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        style: str,
        tip: str,
        opacity: float = 1.0,
    ) -> None:
        """A filled rectangle with a text that shows under the pointer."""
        faint = f' opacity="{opacity:.2f}"' if opacity < 1 else ""
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0.0))}" height="{_n(height)}" '
            f'class="{style}"{faint}><title>{escape(tip)}</title></rect>'
        )

    def dot(self, at: Point, style: str, tip: str, radius: float = 4.5) -> None:
        """A point with a text that shows under the pointer."""
        self.parts.append(
            f'<circle cx="{_n(at[0])}" cy="{_n(at[1])}" r="{_n(radius)}" class="{style}">'
            f"<title>{escape(tip)}</title></circle>"
        )

    def path(self, points: Sequence[Point], style: str) -> None:
        """Points joined by lines."""
        joined = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{joined}" class="{style}"/>')

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        """Words; `y` is their middle."""
        self.parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" class="{style}" text-anchor="{anchor}" '
            f'dominant-baseline="central">{escape(words)}</text>'
        )

    def svg(self) -> str:
        """The picture; its title is what a screen reader says."""
        return (
            f'<svg viewBox="0 0 {_n(self.width)} {_n(self.height)}" role="img" '
            f'aria-label="{escape(self.title)}">' + "".join(self.parts) + "</svg>"
        )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True)
class Bar:
    """One row: parts that lie one after the other, a mark, and the words at the end."""

    name: str
    parts: Sequence[float]
    words: str
    mark: float | None = None


def bars(
    title: str,
    rows: Sequence[Bar],
    series: Sequence[str] = (),
    log: bool = False,
    low: float = 0.0,
    mark: str = "",
) -> str:
    """Horizontal bars. `series` names the parts; log bars have one part and begin at `low`."""
    top = 22.0 if series or mark else 6.0
    drawing = Drawing(top + len(rows) * (BAR + GAP) + 22, title)
    ends = [max(sum(row.parts), row.mark or 0.0) for row in rows]
    high = max([*ends, low * 10 if log else 1e-300]) * (1.5 if log else 1.0)
    x = Scale(low, high, LABELS, WIDTH - NUMBERS, log)
    bottom = top + len(rows) * (BAR + GAP)
    for tick in x.ticks():
        drawing.line((x(tick), top), (x(tick), bottom), "grid")
        drawing.text(x(tick), bottom + 11, number(tick, log), "tick", "middle")
    _legend(drawing, series, mark)
    for place, row in enumerate(rows):
        y = top + place * (BAR + GAP) + GAP / 2
        drawing.text(LABELS - 8, y + BAR / 2, row.name, "name", "end")
        at = x(low)
        for k, part in enumerate(row.parts):
            if part > 0:
                end = x(part) if log else at + x(low + part) - x(low)
                tip = f"{row.name}: {series[k] + ' ' if series else ''}{number(part)}"
                drawing.box(at, y, max(end - at, 1.0), BAR, f"s{k}", tip)
                at = end
        if row.mark is not None and row.mark > 0:
            drawing.line((x(row.mark), y - 2), (x(row.mark), y + BAR + 2), "mark")
            at = max(at, x(row.mark))
        drawing.text(at + 6, y + BAR / 2, row.words, "value")
    return drawing.svg()


def _legend(drawing: Drawing, series: Sequence[str], mark: str) -> None:
    at = LABELS
    for k, name in enumerate(series):
        drawing.box(at, 3, 10, 10, f"s{k}", name)
        drawing.text(at + 15, 8, name, "tick")
        at += 27 + 6.2 * len(name)
    if mark:
        drawing.line((at + 4, 1), (at + 4, 15), "mark")
        drawing.text(at + 11, 8, mark, "tick")


@dataclass(frozen=True)
class Line:
    """A curve with words at one of its points."""

    points: Sequence[Point]
    style: str
    words: str = ""
    at: int = -1  # the point where the words are
    shift: Point = (6.0, -9.0)  # of the words, away from the nearer side


@dataclass(frozen=True)
class Spot:
    """A point with words on a thread; `tip` shows under the pointer."""

    at: Point
    style: str
    words: str
    tip: str
    radius: float = 4.5


def plot(
    title: str,
    axes: tuple[str, str],
    x: tuple[float, float, bool],
    y: tuple[float, float, bool],
    lines: Sequence[Line] = (),
    spots: Sequence[Spot] = (),
    verticals: Sequence[tuple[float, str]] = (),
    height: float = 320.0,
) -> str:
    """Curves and points over two axes; (low, high, log) of each axis."""
    drawing = Drawing(height, title)
    across = Scale(x[0], x[1], 58, WIDTH - 16, x[2])
    up = Scale(y[0], y[1], height - 42, 12, y[2])
    draw_axes(drawing, across, up, axes)
    for value, words in verticals:
        drawing.line((across(value), up.start), (across(value), up.end), "vertical")
        drawing.text(across(value) + 5, up.end + 8, words, "tick")
    for line in lines:
        points = [(across(a), up(b)) for a, b in line.points]
        drawing.path(points, line.style)
        if line.words:
            end = points[line.at]
            right = end[0] > WIDTH / 2
            across_by = -line.shift[0] if right else line.shift[0]
            anchor = "end" if right else "start"
            drawing.text(end[0] + across_by, end[1] + line.shift[1], line.words, "tick", anchor)
    # words hang on threads below all points, the leftmost lowest: no thread crosses words
    lowest = max((up(spot.at[1]) for spot in spots), default=0.0)
    for place, spot in enumerate(sorted(spots, key=lambda one: one.at[0])):
        at = (across(spot.at[0]), up(spot.at[1]))
        hang = min(lowest + 17.0 * (len(spots) - place) + 8, up.start - 8)
        drawing.line(at, (at[0], hang), "thread")
        drawing.text(at[0] + 5, hang, spot.words, "name")
        drawing.dot(at, spot.style, spot.tip, spot.radius)
    return drawing.svg()


def draw_axes(drawing: Drawing, across: Scale, up: Scale, names: tuple[str, str]) -> None:
    """Grid, ticks, and the names of both axes."""
    for tick in across.ticks():
        drawing.line((across(tick), up.start), (across(tick), up.end), "grid")
        drawing.text(across(tick), up.start + 12, number(tick, across.log), "tick", "middle")
    for tick in up.ticks():
        drawing.line((across.start, up(tick)), (across.end, up(tick)), "grid")
        drawing.text(across.start - 7, up(tick), number(tick, up.log), "tick", "end")
    drawing.line((across.start, up.start), (across.end, up.start), "axis")
    drawing.line((across.start, up.start), (across.start, up.end), "axis")
    drawing.text(across.end, up.start + 30, names[0], "label", "end")
    middle = (up.start + up.end) / 2
    drawing.parts.append(
        f'<text x="12" y="{_n(middle)}" transform="rotate(-90 12 {_n(middle)})" class="label" '
        f'text-anchor="middle" dominant-baseline="central">{escape(names[1])}</text>'
    )


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, power: bool = False) -> str:
    """A number of an axis or a tip: 2, 0.05, 1.2e-09 or, as a power of ten, 10⁻⁹."""
    if power and value > 0 and not 0.01 < value < 9999:
        return "10" + str(round(math.log10(value))).translate(_RAISED)
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
