"""report.json: what each pass changed, measured, and what the result costs; and its text form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from dpc.package import report_circuit
from dpc.package.read import REPORT, Package

UNITS = {"energy": "eV/atom", "force": "eV/Å", "virial": "eV"}
AS_READ = "as read"
ALL = "all passes"
REST = "rest"


class PassReport(Protocol):
    """What the report needs of dpc.passes.report.PassReport."""

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        ...

    def remarks(self) -> list[str]:
        """What was chosen, and what was left undone and why."""
        ...


def content(
    passes: Iterable[PassReport],
    frames: int,
    measured_on: str,
    build: Mapping[str, Any],
    cost: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything a report says. It holds no clock: the same input gives the same bytes.

    `cost`: what dpc.cost.ledger gives. Its `costs` go to the passes.
    """
    rows = []
    for one in passes:
        row = one.to_json()
        row.pop("seconds", None)
        rows.append({**row, "remarks": one.remarks()})
    facts = dict(cost)
    before, *after = facts.pop("costs")
    found = {
        "model": facts.pop("model"),
        "frames": frames,
        "held_out": facts.pop("frames_held_out"),
        "measured_on": measured_on,
        "units": UNITS,
        "as_read": before,
        "passes": [{**row, "cost": own} for row, own in zip(rows, after, strict=True)],
        **facts,
        "build": dict(build),
    }
    plain: dict[str, Any] = json.loads(json.dumps(found, default=_plain))
    return plain


def to_json(report: Mapping[str, Any]) -> str:
    """The text of report.json."""
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """NumPy numbers and the like as JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def lines(package: Package) -> list[str]:
    """The report and the sizes of files for a terminal."""
    report = json.loads(package.read(REPORT))
    found = [*(text(report) if "time" in report else []), "files"]
    sizes: dict[str, int] = {}
    for name, entry in package.manifest.files.items():
        parts = name.split("/")  # of a folder in a folder only the sum
        shown = name if len(parts) < 3 else "/".join([*parts[:2], ""])
        sizes[shown] = sizes.get(shown, 0) + entry.size
    sizes["all"] = sum(sizes.values())
    return [*found, *(f"  {name:<32} {size:>12,} bytes" for name, size in sizes.items())]


def text(report: Mapping[str, Any]) -> list[str]:
    """A report for a terminal: passes, time, memory."""
    if "estimate" in report:  # of a GPU; the times are those of a processor
        return [*_passes(report), *report["estimate"]["lines"]]
    if report_circuit.circuit_of(report) is not None:  # rates of a processor say nothing of it
        return [*_passes(report), *report_circuit.lines(report)]
    return [*_passes(report), *_stages(report), *_time(report), *_memory(report)]


def rows(report: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Any]]:
    """(name, cost, errors) of the program as read, after each pass, and of all passes."""
    found: list[tuple[str, Mapping[str, Any], Any]] = [(AS_READ, report["as_read"], None)]
    found += [(one["name"], one["cost"], one["errors"]) for one in report["passes"]]
    if report["errors"]:
        found.append((ALL, found[-1][1], report["errors"]))
    return found


def measured(report: Mapping[str, Any]) -> str:
    """Where errors come from, as words."""
    if not report["frames"]:
        return "no frames: errors were not measured"
    return (
        f"errors on {report['held_out']} of {report['frames']} frames, held out "
        f"({report['measured_on']})"
    )


def _passes(report: Mapping[str, Any]) -> list[str]:
    names = "   ".join(f"{name + ' ' + UNITS[name]:^15}" for name in UNITS)
    head = f"  {'':<16} {'Mflop':>7} {'kB':>7} {'tables':>7}   {names}"
    units = f"  {'':<16} {'/atom':>7} {'/atom':>7} {'MB':>7}" + f"   {'rms':>7} {'max':>7}" * 3
    found = [f"passes; {measured(report)}", head.rstrip(), units]
    for name, cost, errors in rows(report):
        flops, bytes_ = sum(cost["flops"].values()), sum(cost["bytes"].values())
        tables = cost["stored"]["tables"]
        stored = f"{tables / 1e6:.2f}" if tables else ""
        numbers = f"{flops / 1e6:7.3f} {bytes_ / 1e3:7.0f} {stored:>7}"
        found.append(f"  {name:<16} {numbers}{_errors(errors)}".rstrip())
    for one in report["passes"]:
        found += [f"  {one['name']}: {remark}" for remark in one["remarks"]]
    return found


def _errors(errors: Mapping[str, Mapping[str, float]] | None) -> str:
    if not errors:
        return ""
    return "".join(f"   {errors[n]['rms']:7.1e} {errors[n]['max']:7.1e}" for n in UNITS)


def _stages(report: Mapping[str, Any]) -> list[str]:
    found = ["stages at the roofline, µs/atom on one core: computing, reading"]
    for one in main_stages(report["time"]["stages"]):
        found.append(
            f"  {one['name']:<20} {sum(one['flops'].values()) / 1e6:7.3f} Mflop "
            f"{one['compute']:8.3f} {one['reading']:8.3f}"
        )
    return found


def main_stages(stages: Sequence[Mapping[str, Any]], part: float = 0.01) -> list[dict[str, Any]]:
    """Stages by name; those below a part of the longest are put together as REST."""
    found: dict[str, dict[str, Any]] = {}
    longest = max((max(one["compute"], one["reading"]) for one in stages), default=0.0)
    for one in stages:
        small = max(one["compute"], one["reading"]) < part * longest
        name = REST if small else one["name"]
        sums = found.setdefault(
            name, {"name": name, "compute": 0.0, "reading": 0.0, "flops": {}, "bytes": {}}
        )
        for key in ("compute", "reading"):
            sums[key] += one[key]
        for kind in ("flops", "bytes"):
            for key, amount in one[kind].items():
                sums[kind][key] = sums[kind].get(key, 0.0) + amount
    rest = found.pop(REST, None)
    return [*found.values(), *([rest] if rest else [])]


def _time(report: Mapping[str, Any]) -> list[str]:
    time, roofline = report["time"], report["roofline"]
    rates = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in roofline["flops"].items())
    cores = ", ".join(
        f"{found:.1f} µs/atom/step on {n} core{'s' if n != '1' else ''}"
        for n, found in time["cores"].items()
    )
    return [
        f"time: {cores}",
        f"  that is {time['ideal']:.1f} µs at the roofline, of which whole steps reach "
        f"{time['efficiency']:.0%} (measured on water)",
        f"  Gflop/s of one core: {rates} ({roofline['source']})",
        f"  neighbours of an atom: {neighbors(report)}",
    ]


def neighbors(report: Mapping[str, Any]) -> str:
    """How many of each type an average atom has."""
    each = report["neighbors"]
    return f"{sum(each.values()):.1f} ({', '.join(f'{t} {n:.1f}' for t, n in each.items())})"


def _memory(report: Mapping[str, Any]) -> list[str]:
    memory = report["memory"]
    found = [
        f"memory: {size(memory['params'])} of tables and weights, {size(memory['workspace'])} for "
        f"each thread, {memory['per_atom']:.0f} bytes/atom",
        f"  an engine adds about {memory['engine_per_atom']:.0f} bytes/atom for its list "
        f"(skin {memory['skin']:g} Å) and arrays",
    ]
    for atoms, one in memory["systems"].items():
        found.append(
            f"  {int(atoms):>9,} atoms: {size(one['package'])}, with the engine's arrays "
            f"{size(one['whole'])}"
        )
    return found


def size(bytes_: float) -> str:
    """Bytes for people."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if bytes_ >= one:
            return f"{bytes_ / one:.3g} {unit}"
    return f"{bytes_:.0f} bytes"
