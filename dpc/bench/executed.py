"""The arithmetic that a package executes, by stage, and what this machine could do at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dpc.bench.stages import Profile, in_package, label
from dpc.cost.machine import roofline
from dpc.cost.program import program_work
from dpc.cost.rules import ENVIRONMENT, ENVIRONMENT_VJP
from dpc.cost.work import Sizes
from dpc.package.read import open_package
from dpc.targets import parse_target
from dpc.targets.roofline import Roofline

FORCE_OPS = frozenset(("scatter_force", "virial", "atom_virial", "displacement"))
"""Ops without a stage of their own: they run in that of the force."""


@dataclass
class Amount:
    """Flops by number format, and bytes read and written, of one atom in one step."""

    flops: dict[str, float] = field(default_factory=dict)
    bytes: float = 0.0

    def add(self, flops: Mapping[str, float], bytes_: float = 0.0) -> None:
        """More of it."""
        for name, value in flops.items():
            self.flops[name] = self.flops.get(name, 0.0) + value
        self.bytes += bytes_

    @property
    def all_flops(self) -> float:
        """Of every format."""
        return sum(self.flops.values())

    def ideal(self, peaks: Roofline) -> float:
        """µs on one core at its peak."""
        slowest = min(peaks.flops.values())
        return 1e6 * sum(v / peaks.flops.get(name, slowest) for name, v in self.flops.items())


def executed(package: Path, rows: float) -> dict[str, Amount]:
    """What each stage does for an atom with `rows` neighbours within the cutoff."""
    opened = open_package(package)
    program = opened.program()
    target = parse_target(f"{opened.manifest.target['kind']}:{opened.manifest.target['arch']}")
    name = "float64" if opened.manifest.target["precision"] == "f64" else "float32"
    sel = program.facts.sel
    neighbors = tuple(rows * slots / sum(sel) for slots in sel)
    found: dict[str, Amount] = {}
    for one in program_work(program, Sizes(neighbors, sum(sel), target.tile_atoms(name))):
        bytes_ = one.work.all_bytes
        stages = {one.op.name: (dict(one.work.flops), bytes_)}
        if one.op.name in FORCE_OPS:
            stages = {"force": (dict(one.work.flops), bytes_)}
        elif one.op.name == "nearest_neighbors":
            stages = {"env_contract": (dict(one.work.flops), bytes_)}
        elif one.op.name in ("env_contract", "env_contract_vjp"):
            forward = one.op.name == "env_contract"
            part = rows * (ENVIRONMENT if forward else ENVIRONMENT_VJP)
            kind = max(one.work.flops, key=lambda k: one.work.flops[k])
            rest = {**one.work.flops, kind: one.work.flops[kind] - part}
            tables = one.work.bytes.get("tables", 0.0)
            own, other = ("env_contract", "embedding") if forward else ("force", one.op.name)
            stages = {own: ({kind: part}, bytes_ - tables), other: (rest, tables)}
        for stage, (flops, amount) in stages.items():
            found.setdefault(label(stage), Amount()).add(flops, amount)
    return found


def peaks(package: Path) -> Roofline:
    """Measured on this machine, for the instructions of the package."""
    target = open_package(package).manifest.target
    return roofline(parse_target(f"{target['kind']}:{target['arch']}"))


def part_of_peak(profile: Profile, amounts: Mapping[str, Amount], top: Roofline) -> float:
    """Of the whole step: time of its arithmetic at the peak of the cores over the time it took."""
    return sum(amount.ideal(top) for amount in amounts.values()) / profile.total


def stage_records(
    profile: Profile, amounts: Mapping[str, Amount], top: Roofline
) -> list[dict[str, object]]:
    """A line for each stage, and one for the whole step."""
    found: list[dict[str, object]] = []
    whole = Amount()
    for amount in amounts.values():
        whole.add(amount.flops, amount.bytes)
    inside = Amount()
    names = in_package(profile.stages)
    for name in names:
        inside.add(amounts.get(name, Amount()).flops)
    parts = [*profile.stages.items()]
    parts.append(("package", sum(profile.stages[name] for name in names)))
    parts.append(("step", profile.total))
    for name, time in parts:
        amount = amounts.get(name, inside if name == "package" else Amount())
        amount = whole if name == "step" else amount
        known = bool(amount.flops) and time > 0
        found.append(
            {
                "stage": name,
                "core_us_per_atom": round(time, 4),
                "percent": round(100 * time / profile.total, 2),
                "flops_per_atom": round(amount.all_flops),
                "bytes_per_atom": round(amount.bytes),
                "gflops": round(1e-3 * amount.all_flops / time, 3) if known else None,
                "percent_of_peak": round(100 * amount.ideal(top) / time, 2) if known else None,
            }
        )
    return found
