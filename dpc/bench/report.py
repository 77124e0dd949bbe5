"""Rows of a measurement as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dpc.bench.md import Row
from dpc.bench.systems import System

Record = dict[str, Any]


def record(row: Row, system: System) -> Record:
    """One row as plain values."""
    step_seconds = row.median * 1e-6 * row.case.atoms
    ratios = row.ratios
    energy = row.runs[0].energy
    return {
        "system": system.name,
        "atoms": row.case.atoms,
        "ranks": row.case.ranks,
        "threads": row.case.threads,
        "contender": row.contender.name,
        "precision": row.contender.precision,
        "model": row.contender.subject,
        "target": row.contender.target,
        "us_per_step_atom": round(row.median, 3),
        "min": round(row.low, 3),
        "max": round(row.high, 3),
        "spread_percent": round(100 * (row.high - row.low) / row.median, 1),
        "ms_per_step": round(1e3 * step_seconds, 4),
        "ns_per_day": round(86400 / step_seconds * system.timestep * 1e-3, 4),
        "peak_mb": round(row.peak_bytes / 1e6, 1),
        "total_mb": round(row.total_bytes / 1e6, 1),
        "speedup": round(statistics.median(ratios), 3) if ratios else None,
        "speedup_min": round(min(ratios), 3) if ratios else None,
        "speedup_max": round(max(ratios), 3) if ratios else None,
        "against": row.against.name if row.against else None,
        "repeats": len(row.runs),
        "steps": row.runs[0].steps,
        "energy_per_atom": None if energy is None else energy / row.case.atoms,
        "version": row.contender.version,
    }


def table(rows: Sequence[Row], system: System) -> str:
    """Medians, spread, memory of the largest rank, and how much faster than the peer."""
    width = max([len(row.contender.name) for row in rows] + [11])
    lines = [
        f"  atoms  ranks  threads  {'contender':<{width}}  µs/step/atom    (min … max)"
        "          ns/day  peak MB  faster"
    ]
    for row in rows:
        r = record(row, system)
        ratio = ""
        if r["speedup"] is not None:
            ratio = f"{r['speedup']:.2f} x  ({r['speedup_min']:.2f} … {r['speedup_max']:.2f})"
        span = f"({r['min']:.2f} … {r['max']:.2f})"
        size = f"{r['atoms']:>7}  {r['ranks']:>5}  {r['threads']:>7}  {r['contender']:<{width}}"
        lines.append(
            f"{size}  {r['us_per_step_atom']:>12.2f}    {span:<20}  {r['ns_per_day']:>7.3g}"
            f"  {r['peak_mb']:>7.0f}  {ratio}".rstrip()
        )
    return "\n".join(lines)


def write(
    rows: Sequence[Row], system: System, facts: Mapping[str, object], folder: Path
) -> list[Path]:
    """md.csv with a line for each row, md.json with every run as well.

    `facts` (the machine, versions, the command, the date) are in every row.
    """
    records = [record(row, system) for row in rows]
    runs = [
        {"contender": row.contender.name, **asdict(row.case)}
        | {"runs": [asdict(run) | {"us_per_step_atom": run.microseconds} for run in row.runs]}
        for row in rows
    ]
    return write_records("md", records, facts, folder, {"measured": runs})


def write_records(
    name: str,
    records: Sequence[Record],
    facts: Mapping[str, object],
    folder: Path,
    more: Mapping[str, object] | None = None,
) -> list[Path]:
    """`name`.csv and `name`.json."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = [{**one, **facts} for one in records]
    paths = [folder / f"{name}.csv", folder / f"{name}.json"]
    with open(paths[0], "w", newline="") as file:
        writer = csv.DictWriter(file, list(whole[0]))
        writer.writeheader()
        writer.writerows(whole)
    content = {**facts, "rows": whole, **(more or {})}
    paths[1].write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return paths
