"""What each pass bought: the cost of a program before and after every pass, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dpc.cost.forecast import CORES, Forecast, forecast
from dpc.cost.memory import SKIN, memory
from dpc.cost.program import program_work, stored_bytes, whole
from dpc.cost.work import Sizes, Work
from dpc.ir.params import NetBank, Table
from dpc.ir.program import Program
from dpc.ir.types import DType
from dpc.passes.base import Context, Pass
from dpc.passes.measure import compare
from dpc.passes.samples import held_out
from dpc.passes.table_error import Curve, table_errors
from dpc.targets import Target
from dpc.targets.roofline import Roofline

ATOMS = (12_288, 1_000_000)
"""Systems for which memory is stated."""

DIGITS = 6


class Ledger:
    """Remembers the program before the first pass and after every one.

    Add `after` to the hooks of the context before the pipeline runs.
    """

    def __init__(self, program: Program, context: Context) -> None:
        self.programs = [program]
        self._context = context
        self._first = context.results(program) if context.samples else []

    def after(self, place: int, one: Pass, program: Program) -> None:
        """Hook of the pipeline."""
        self.programs.append(program)

    def facts(self, target: Target, roofline: Roofline, atoms: tuple[int, ...] = ATOMS) -> Any:
        """Plain dicts, lists and numbers for a report: the last program on a machine.

        `passes` has one entry more than the pipeline: the program as it was read comes first.
        """
        last = self.programs[-1]
        tile = target.tile_atoms(_format(last))
        sizes = Sizes.of(last.facts, self._context.samples, tile)
        works = program_work(last, sizes)
        passes = [_costs(program, sizes) for program in self.programs]
        return _rounded(
            {
                "model": {
                    "name": last.name,
                    "types": list(last.facts.type_map),
                    "rcut": last.facts.rcut,
                    "sel": list(last.facts.sel),
                    "nearest": last.facts.min_nbor_dist,
                },
                "neighbors": dict(zip(last.facts.type_map, sizes.neighbors, strict=True)),
                "tile": tile,
                "frames_held_out": len(held_out(self._context.samples)),
                "costs": passes,
                "errors": self._errors(),
                "tables": self._tables(),
                "roofline": _roofline(roofline),
                "time": _time(forecast(works, roofline)),
                "memory": _memory(last, sizes, atoms),
            }
        )

    def _errors(self) -> dict[str, Any] | None:
        """Of all passes together."""
        if not self._context.samples:
            return None
        after = self._context.results(self.programs[-1])
        found = compare(held_out(self._first), held_out(after))
        return {name: asdict(error) for name, error in found.items()}

    def _tables(self) -> dict[str, Any]:
        """Errors of every table by distance."""
        found: dict[str, Any] = {}
        for before, after in zip(self.programs, self.programs[1:], strict=False):
            for name, curve in table_errors(before, after).items():
                found[name] = _curve(after.tables[name], curve)
        return found


def _format(program: Program) -> str:
    """What the nets compute in: where one is narrow, all are."""
    refs = [ref for ref in program.refs.values() if isinstance(ref, NetBank | Table)]
    narrow = any(ref.dtype is DType.F32 for ref in refs)
    return "float32" if narrow else "float64"


def _costs(program: Program, sizes: Sizes) -> dict[str, Any]:
    work = whole(program_work(program, sizes))
    return {**_work(work), "stored": stored_bytes(program)}


def _work(work: Work) -> dict[str, Any]:
    return {"flops": dict(work.flops), "bytes": dict(work.bytes)}


def _curve(table: Table, curve: Curve) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "stride": table.stride,
        "end": curve.end,
        "distance": curve.distance.tolist(),
        "value_error": curve.value.tolist(),
        "slope_error": curve.slope.tolist(),
    }


def _roofline(roofline: Roofline) -> dict[str, Any]:
    levels = [
        {"name": one.name, "bytes": None if one.bytes == float("inf") else one.bytes,
         "rate": one.rate}
        for one in roofline.levels
    ]  # fmt: skip
    return {
        "source": roofline.source,
        "clock": roofline.clock,
        "flops": dict(roofline.flops),
        "levels": levels,
    }


def _time(found: Forecast) -> dict[str, Any]:
    """Microseconds of one atom in one step."""
    return {
        "efficiency": found.efficiency,
        "ideal": 1e6 * found.ideal,
        "cores": {str(n): 1e6 * found.seconds(n) for n in CORES},
        "stages": [
            {"name": one.name, **_work(one.work), "compute": 1e6 * one.compute,
             "reading": 1e6 * one.reading}
            for one in found.stages
        ],
    }  # fmt: skip


def _memory(program: Program, sizes: Sizes, atoms: tuple[int, ...]) -> dict[str, Any]:
    """Bytes, of one thread."""
    needed = memory(program, sizes)
    return {
        "params": needed.params,
        "workspace": needed.workspace,
        "per_atom": needed.per_atom(),
        "engine_per_atom": needed.engine_per_atom(),
        "skin": SKIN,
        "systems": {
            str(n): {"package": needed.package(n), "whole": needed.whole(n)} for n in atoms
        },
    }


def _rounded(value: Any) -> Any:
    """Numbers to a few digits: these are estimates."""
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
