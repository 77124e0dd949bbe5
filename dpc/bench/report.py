"""Rows of a measurement as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

import dpc
from dpc.bench.md import Row

COLUMNS = (
    "atoms",
    "ranks",
    "contender",
    "us_per_step_atom",
    "min",
    "max",
    "spread_percent",
    "ns_per_day",
    "peak_mb",
    "speedup",
)
STEP_PS = 0.0005


def speedup(row: Row, rows: list[Row]) -> float | None:
    """The peer's median over this row's at the same size; None without a peer."""
    others = [r for r in rows if r.atoms == row.atoms and r.contender != row.contender]
    if row.contender != "dpc" or not others:
        return None
    return others[0].median / row.median


def record(row: Row, rows: list[Row]) -> dict[str, object]:
    """One row as plain values, keys as COLUMNS."""
    step_seconds = row.median * 1e-6 * row.atoms
    ratio = speedup(row, rows)
    return {
        "atoms": row.atoms,
        "ranks": row.ranks,
        "contender": row.contender,
        "us_per_step_atom": round(row.median, 3),
        "min": round(row.low, 3),
        "max": round(row.high, 3),
        "spread_percent": round(100 * (row.high - row.low) / row.median, 1),
        "ns_per_day": round(86400 / step_seconds * STEP_PS * 1e-3, 4),
        "peak_mb": round(row.peak_bytes / 1e6, 1),
        "speedup": None if ratio is None else round(ratio, 3),
    }


def table(rows: list[Row]) -> str:
    """Medians, spread, memory of the largest rank, and how much faster than the peer."""
    lines = [
        "  atoms  ranks  contender    µs/step/atom    (min … max)       ns/day  peak MB  faster"
    ]
    for row in rows:
        r = record(row, rows)
        ratio = "" if r["speedup"] is None else f"{r['speedup']:.2f} x"
        span = f"({r['min']:.2f} … {r['max']:.2f})"
        size = f"{r['atoms']:>7}  {r['ranks']:>5}  {r['contender']:<11}"
        lines.append(
            f"{size}  {r['us_per_step_atom']:>12.2f}    {span:<16}  {r['ns_per_day']:>7.3g}"
            f"  {r['peak_mb']:>7.0f}  {ratio:>6}"
        )
    return "\n".join(lines)


def write(rows: list[Row], machine: dict[str, object], folder: Path) -> list[Path]:
    """md.csv with a line for each row, md.json with every run as well."""
    folder.mkdir(parents=True, exist_ok=True)
    records = [record(row, rows) for row in rows]
    with open(folder / "md.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(records)
    runs = [
        {"atoms": row.atoms, "ranks": row.ranks, "contender": row.contender}
        | {"runs": [asdict(run) | {"us_per_step_atom": run.microseconds} for run in row.runs]}
        for row in rows
    ]
    content = {"dpc": dpc.__version__, "machine": machine, "rows": records, "measured": runs}
    (folder / "md.json").write_text(json.dumps(content, indent=1) + "\n")
    return [folder / "md.csv", folder / "md.json"]
