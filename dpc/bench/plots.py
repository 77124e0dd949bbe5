"""Plots of measurements, each as PNG and SVG, from the records that CSV and JSON hold.

Without matplotlib there are none, and a line says so.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]


def pyplot() -> Any:
    """matplotlib.pyplot without a screen; None when it is not installed."""
    try:
        import matplotlib
    except ImportError:
        print("no plots: matplotlib is not installed: pip install 'dpc[bench]'", file=sys.stderr)
        return None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "dpc"  # the same numbers give the same bytes
    import matplotlib.pyplot as plt

    return plt


def md_plots(records: Sequence[Record], folder: Path) -> list[Path]:
    """md-scaling: time over atoms. md-ratio: how much faster than the peer, where there is one."""
    plt = pyplot()
    if plt is None:
        return []
    made = _save(_scaling(plt, records), folder / "md-scaling")
    compared = [r for r in records if r["speedup"] is not None]
    if compared:
        made += _save(_ratios(plt, compared), folder / "md-ratio")
    return made


def _scaling(plt: Any, records: Sequence[Record]) -> Any:
    """Time per step over atoms, both axes logarithmic, one line for each contender and layout."""
    figure, axes = plt.subplots(figsize=(7, 5), constrained_layout=True)
    for label, rows in _groups(records).items():
        x = [r["atoms"] for r in rows]
        scale = [1e-3 * n for n in x]  # µs for each atom to ms for each step
        y = [r["us_per_step_atom"] * s for r, s in zip(rows, scale, strict=True)]
        low = [(r["us_per_step_atom"] - r["min"]) * s for r, s in zip(rows, scale, strict=True)]
        high = [(r["max"] - r["us_per_step_atom"]) * s for r, s in zip(rows, scale, strict=True)]
        peer = rows[0]["contender"].startswith("deepmd")
        axes.errorbar(
            x, y, [low, high], label=label, marker="s" if peer else "o",
            linestyle="--" if peer else "-", capsize=3,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sorted({r["atoms"] for r in records}))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_locator(plt.NullLocator())
    axes.set_xlabel("atoms")
    axes.set_ylabel("time for a step / ms")
    axes.set_title(f"whole MD steps, {records[0]['system']}, {records[0]['cpu']}")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    return figure


def _ratios(plt: Any, records: Sequence[Record]) -> Any:
    """Bars: median ratio to the peer, with the range over repeats."""
    figure, axes = plt.subplots(figsize=(7, 4.5), constrained_layout=True)
    groups = _groups(records)
    sizes = sorted({r["atoms"] for r in records})
    width = 0.8 / len(groups)
    for k, (label, rows) in enumerate(groups.items()):
        x = [sizes.index(r["atoms"]) + (k - (len(groups) - 1) / 2) * width for r in rows]
        y = [r["speedup"] for r in rows]
        error = [
            [r["speedup"] - r["speedup_min"] for r in rows],
            [r["speedup_max"] - r["speedup"] for r in rows],
        ]
        bars = axes.bar(
            x, y, width * 0.95, yerr=error, capsize=3, label=f"{label} / {rows[0]['against']}"
        )
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(sizes)), [f"{n:,}" for n in sizes])
    axes.set_xlabel("atoms")
    axes.set_ylabel("times faster (median, range of repeats)")
    axes.set_title(f"whole MD steps, {records[0]['system']}, {records[0]['cpu']}")
    axes.margins(y=0.12)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _groups(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by contender and layout, each by number of atoms; the label says what varies."""
    layouts = {(r["ranks"], r["threads"]) for r in records}
    groups: dict[str, list[Record]] = {}
    for r in sorted(records, key=lambda r: r["atoms"]):
        layout = f", {r['ranks']} x {r['threads']}" if len(layouts) > 1 else ""
        groups.setdefault(f"{r['contender']}{layout}", []).append(r)
    return dict(sorted(groups.items()))


def train_plot(records: Sequence[Record], processor: str, path: Path) -> list[Path]:
    """Bars: time of a training step by contender, median and range of the repeats."""
    plt = pyplot()
    if plt is None:
        return []
    figure, axes = plt.subplots(figsize=(8, 1.5 + 0.5 * len(records)), constrained_layout=True)
    middle = [r["ms_per_step"] for r in records]
    error = [[r["ms_per_step"] - r["min"] for r in records]]
    error.append([r["max"] - r["ms_per_step"] for r in records])
    colours = ["C1" if r["kind"].startswith("deepmd") else "C0" for r in records]
    bars = axes.barh([r["contender"] for r in records], middle, xerr=error, color=colours)
    axes.bar_label(
        bars, [f"{r['speedup']:.1f} x" if r["speedup"] else "" for r in records], padding=5
    )
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("time for a step / ms (median, range of repeats)")
    axes.set_title(f"training steps, batch {records[0]['batch_size']}, {processor}")
    return _save(figure, path)


def stage_plot(tables: Mapping[str, Mapping[str, float]], path: Path) -> list[Path]:
    """Stacked bars: core-µs for each atom and step by stage, one bar for each label."""
    plt = pyplot()
    if plt is None:
        return []
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.6 * len(tables)), constrained_layout=True)
    stages = list(dict.fromkeys(stage for table in tables.values() for stage in table))
    colours = plt.get_cmap("tab20")
    for place, (_, table) in enumerate(tables.items()):
        start = 0.0
        for stage, value in table.items():
            axes.barh(place, value, left=start, color=colours(stages.index(stage) % 20))
            if value > 0.06 * sum(table.values()):
                axes.text(start + value / 2, place, f"{value:.1f}", ha="center", va="center")
            start += value
    axes.set_yticks(range(len(tables)), list(tables))
    axes.invert_yaxis()
    axes.set_xlabel("core-µs for each atom and step")
    patches = [plt.Rectangle((0, 0), 1, 1, color=colours(k % 20)) for k in range(len(stages))]
    figure.legend(patches, stages, loc="outside lower center", ncols=4, fontsize=8)
    return _save(figure, path)


def roofline_plot(
    points: Sequence[Record],
    peaks: Mapping[str, float],
    levels: Mapping[str, float],
    title: str,
    path: Path,
) -> list[Path]:
    """Stages of one core under its roofline.

    `points` have stage, gflops, flops_per_atom and bytes_per_atom; `peaks` are GF/s by number
    format, `levels` GB/s by level of memory.
    """
    plt = pyplot()
    points = [p for p in points if p["gflops"] and p["bytes_per_atom"]]
    if plt is None or not points:
        return []
    figure, axes = plt.subplots(figsize=(8, 5.5), constrained_layout=True)
    places = [p["flops_per_atom"] / p["bytes_per_atom"] for p in points]
    left, right = min(places) / 4, max(places) * 6
    for name, peak in peaks.items():
        axes.plot([left, right], [peak, peak], color="black", linewidth=1)
        axes.text(right, peak * 1.04, f"{name} {peak:.0f} GF/s", ha="right", fontsize=8)
    top = max(peaks.values())
    for name, rate in levels.items():
        edge = min(right, top / rate)
        axes.plot([left, edge], [left * rate, edge * rate], color="gray", linewidth=0.8)
        axes.text(left, left * rate * 1.1, f" {name} {rate:.0f} GB/s", fontsize=8, color="gray")
    for place, point in zip(places, points, strict=True):
        axes.plot(place, point["gflops"], "o", label=point["stage"])
        axes.annotate(
            f"{point['percent_of_peak']:.0f} %",
            (place, point["gflops"]), xytext=(6, -3), textcoords="offset points", fontsize=8,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("flop for each byte read or written, in whatever cache")
    axes.set_ylabel("GF/s of one core")
    axes.set_title(title)
    axes.grid(True, which="both", alpha=0.2)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    return _save(figure, path)


def drift_plot(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], path: Path
) -> list[Path]:
    """Change of the conserved energy (µeV for each atom) over time (ps), by label."""
    plt = pyplot()
    if plt is None:
        return []
    figure, axes = plt.subplots(figsize=(8, 5), constrained_layout=True)
    for label, (time, energy) in curves.items():
        axes.plot(time, energy, label=label, linewidth=0.8)
    axes.set_xlabel("time / ps")
    axes.set_ylabel("change of conserved energy / µeV per atom")
    axes.grid(True, alpha=0.3)
    axes.legend()
    return _save(figure, path)


def _save(figure: Any, path: Path) -> list[Path]:
    """PNG and SVG beside each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [path.with_name(f"{path.name}{suffix}") for suffix in (".png", ".svg")]
    figure.savefig(made[0], dpi=150)
    figure.savefig(made[1], metadata={"Date": None})
    import matplotlib.pyplot as plt

    plt.close(figure)
    return made
