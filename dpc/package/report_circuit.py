"""What a report says of a circuit: cycles and blocks of the part, errors against word length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Report = Mapping[str, Any]
KINDS = ("dsp", "bram", "uram", "lut")


def circuit_of(report: Report) -> Mapping[str, Any] | None:
    """The facts of a circuit, if the package is for one."""
    found: Mapping[str, Any] | None = report["build"].get("circuit")
    return found


def word_lengths(report: Report) -> list[Mapping[str, Any]]:
    """Rows that pass quantize noted."""
    for one in report["passes"]:
        if "word_lengths" in one["notes"]:
            return list(one["notes"]["word_lengths"])
    return []


def lines(report: Report) -> list[str]:
    """For a terminal."""
    circuit = circuit_of(report)
    if circuit is None:
        return []
    found = [
        f"circuit for {circuit['part']}: an atom every {circuit['interval']} cycles, "
        f"{circuit['assumed_us_per_atom']:g} µs at {circuit['assumed_mhz']} MHz, which is assumed",
        f"  ({circuit['note']})",
        f"  {'block':<24} {'cycles':>6} " + " ".join(f"{kind.upper():>8}" for kind in KINDS),
    ]
    for name, cells in _blocks(circuit):
        found.append(f"  {name:<24} {cells[0]:>6} " + " ".join(f"{c:>8}" for c in cells[1:]))
    found += _by_hls(report)
    table = word_lengths(report)
    if table:
        found.append("rms error of forces, eV/Å, against the bits of a word, one signal at a time")
        found += [f"  {name:<24} " + "  ".join(cells) for name, cells in _by_signal(table)]
    return found


def _by_hls(report: Report) -> list[str]:
    """What the flow hls made and found, if that was asked for."""
    hls = report["build"].get("hls")
    if not hls:
        return []
    types = " ".join(hls["types"])
    return [
        f"fitting net by {hls['tool']}, types {types}: its C++ gives the circuit's bits, energy "
        f"and dE/dD, on {hls['equal_on']} descriptors each"
    ]


def _blocks(circuit: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    cycles, blocks = circuit["cycles"], circuit["by_block"]
    found = []
    for name in dict.fromkeys([*blocks, *cycles]):
        use = blocks.get(name, {})
        cells = [f"{use[kind]:,.0f}" if kind in use else "" for kind in KINDS]
        found.append((name, [str(cycles.get(name, "")), *cells]))
    parts = [f"{circuit['use'][k] / circuit['of'][k]:.0%}" for k in KINDS]
    return [*found, ("all, of the part", [str(circuit["interval"]), *parts])]


def _by_signal(table: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for row in table:
        found.setdefault(row["signal"], []).append(f"{row['bits']}: {row['force']:.1e}")
    return list(found.items())


def sections(report: Report) -> list[tuple[str, str, str]]:
    """(title, text, table) for the page."""
    circuit = circuit_of(report)
    if circuit is None:
        return []
    head = "<tr><th>block<th>cycles" + "".join(f"<th>{kind.upper()}" for kind in KINDS)
    rows = [
        f"<tr><td>{escape(name)}" + "".join(f"<td>{cell}" for cell in cells)
        for name, cells in _blocks(circuit)
    ]
    text = (
        f"{circuit['part']} takes an atom every {circuit['interval']} cycles: "
        f"{circuit['assumed_us_per_atom']:g} µs at {circuit['assumed_mhz']} MHz. The clock is "
        f"assumed; the numbers are {circuit['note']}."
    )
    text = " ".join([text, *(f"{line}." for line in _by_hls(report))])
    found = [("Circuit", text, _table(head, rows))]
    table = word_lengths(report)
    if table:
        head = "<tr><th>signal<th>bits<th>force, eV/Å rms<th>energy, eV/atom"
        rows = [
            f"<tr><td>{escape(row['signal'])}<td>{row['bits']}<td>{row['force']:.1e}"
            f"<td>{row['energy']:.1e}"
            for row in table
        ]
        text = (
            "What rounding one class of signals alone changes, on one calibration frame. The "
            "first row of each class is what the circuit has."
        )
        found.append(("Error against word length", text, _table(head, rows)))
    return found


def _table(head: str, rows: Sequence[str]) -> str:
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'
