"""The figures of report.html, each made from the report alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dpc.package import report as words
from dpc.package.charts import Bar, Line, Spot, bars, plot

Report = Mapping[str, Any]

SOURCES = {"arrays": "values between ops", "tables": "rows of tables", "weights": "weights"}
FLOOR = 1e-17
"""Errors below this are none."""

INTENSITY = (0.05, 1000.0)
"""Flops for each byte, from left to right of the roofline."""

SLOW = 0.02
"""Stages below this part of the highest roof are not about arithmetic: no points there."""


def flops(report: Report) -> str:
    """Arithmetic after each pass, by number format."""
    rows = _each(report)
    formats = sorted({name for _, cost in rows for name in cost["flops"]}, reverse=True)
    found = []
    for name, cost in rows:
        parts = [cost["flops"].get(one, 0.0) / 1e6 for one in formats]
        found.append(Bar(name, parts, f"{sum(parts):.3f} Mflop"))
    return bars("flops per atom after each pass", found, formats if len(formats) > 1 else ())


def traffic(report: Report) -> str:
    """Bytes after each pass, by source."""
    found = []
    for name, cost in _each(report):
        parts = [cost["bytes"][one] / 1e3 for one in SOURCES]
        found.append(Bar(name, parts, f"{sum(parts):,.0f} kB"))
    return bars("bytes per atom after each pass", found, list(SOURCES.values()))


def _each(report: Report) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, cost) for name, cost, _ in words.rows(report) if name != words.ALL]


def errors(report: Report) -> dict[str, str]:
    """One chart for each quantity; none when nothing was measured."""
    rows = [(name, found) for name, _, found in words.rows(report) if found]
    sizes = [found[quantity]["rms"] for _, found in rows for quantity in words.UNITS]
    low = max(FLOOR, min([size for size in sizes if size > 0], default=FLOOR) / 10)
    charts = {}
    for quantity in words.UNITS if rows else ():
        each = []
        for name, found in rows:
            rms, most = found[quantity]["rms"], found[quantity]["max"]
            each.append(Bar(name, [rms], short(rms), most))
        title = f"{quantity} error of each pass"
        charts[quantity] = bars(title, each, ("rms",), True, low, "largest")
    return charts


def short(error: float) -> str:
    """An error for people."""
    return f"{error:.1e}" if error else "0"


def table(name: str, facts: Mapping[str, Any], nearest: float | None) -> str:
    """Error of a table by distance."""
    distance = facts["distance"]
    lines, low, high = [], 1.0, FLOOR
    for style, label in (("line l0", "value"), ("line l1", "slope")):
        found = [max(error, FLOOR) for error in facts[f"{label}_error"]]
        low, high = min(low, *found), max(high, *found)
        points = _worst(list(zip(distance, found, strict=True)), facts["end"])
        lines.append(Line(points, style, label, len(points) * 2 // 3))
    verticals = [(nearest, "nearest in training")] if nearest else []
    verticals += [(facts["end"], "")] if facts["end"] else []
    return plot(
        f"error of table {name} by distance",
        ("distance of the neighbour, Å", "relative error"),
        (distance[0], distance[-1], False),
        (max(low / 2, FLOOR), 2 * max(high, 10 * low), True),
        lines,
        verticals=verticals,
    )


def _worst(
    points: Sequence[tuple[float, float]], end: float, of: int = 4
) -> list[tuple[float, float]]:
    """The largest of every few points, for between nodes the error swings; `end` parts them."""
    found = []
    for side in (False, True):
        part = [point for point in points if (point[0] > end) is side]
        for group in [part[k : k + of] for k in range(0, len(part), of)]:
            found.append((group[len(group) // 2][0], max(error for _, error in group)))
    return found


def stages(report: Report) -> str:
    """Computing and reading of each stage, at the roofline."""
    rows = []
    for one in words.main_stages(report["time"]["stages"]):
        longest = max(one["compute"], one["reading"])
        rows.append(Bar(one["name"], [one["compute"]], f"{longest:.2f} µs", one["reading"]))
    return bars("time of each stage", rows, ("computing",), mark="reading")


def roofline(report: Report) -> str:
    """Roofs of one core, and where each stage should be below them."""
    roof, time = report["roofline"], report["time"]
    top = max(roof["flops"].values()) / 1e9
    low, high = INTENSITY
    lines = []
    for name, rate in roof["flops"].items():
        giga = rate / 1e9
        roof_words = f"{name} {giga:.0f} Gflop/s"
        lines.append(Line([(low, giga), (high, giga)], "line roof", roof_words))
    for level in roof["levels"]:
        giga = level["rate"] / 1e9
        ends = [(low, low * giga), (top / giga, top)]
        slope_words = f"{level['name']} {giga:.0f} GB/s"
        lines.append(Line(ends, "line slope", slope_words, 0, (16.0, 4.0)))
    efficiency = time["efficiency"]
    spots = [
        _spot(one["name"], one, max(one["compute"], one["reading"]) / efficiency)
        for one in words.main_stages(time["stages"])
        if one["name"] != words.REST
    ]
    spots = [spot for spot in spots if spot.at[1] > SLOW * top]
    spots.append(_spot("whole step", _all(time["stages"]), time["cores"]["1"], "s1", 7.0))
    bottom = 0.3 * min(low * roof["levels"][-1]["rate"] / 1e9, *(spot.at[1] for spot in spots))
    axes = ("flops for each byte read", "Gflop/s")
    return plot(
        "roofline", axes, (low, high, True), (bottom, 2 * top, True), lines, spots, height=400
    )


def _all(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Work of all stages."""
    return {
        kind: {"all": sum(sum(one[kind].values()) for one in found)} for kind in ("flops", "bytes")
    }


def _spot(
    name: str, work: Mapping[str, Any], micro: float, style: str = "s0", radius: float = 4.5
) -> Spot:
    """A stage of so many microseconds."""
    done, read = sum(work["flops"].values()), max(sum(work["bytes"].values()), 1.0)
    rate = max(done / (micro * 1e3) if micro else 0.0, 1e-3)
    tip = f"{name}: {done / read:.2f} flops/byte, {rate:.1f} Gflop/s"
    return Spot((done / read, rate), style, name, tip, radius)


def memory(report: Report) -> str:
    """What a run of each size needs."""
    rows = []
    for atoms, one in report["memory"]["systems"].items():
        parts = [one["package"] / 1e6, (one["whole"] - one["package"]) / 1e6]
        rows.append(Bar(f"{int(atoms):,} atoms", parts, words.size(one["whole"])))
    return bars("memory of a run, MB", rows, ("libdpc, MB", "engine's arrays, MB"))
