"""Does a model fit a part: every limit, the model, the verdict, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpc.backends.base import Problem
from dpc.backends.fpga.microarch import FILL, Design, choose, curve, fits, load
from dpc.backends.fpga.parameters import Build
from dpc.ir.fixed.shape import MOST_NEIGHBORS, Contents, Shape
from dpc.ir.ops.fixed import FixedPoint
from dpc.targets import Target

KINDS = {"dsp": "DSP slices", "bram": "BRAM36", "uram": "URAM", "lut": "LUTs (estimate)"}


@dataclass(frozen=True)
class Limit:
    """One row of the table."""

    what: str
    has: str
    most: str
    holds: bool
    remedy: str


def limits(m: Contents, target: Target, build: Build | None) -> list[Limit]:
    """What the RTL's addresses and the part can hold."""
    shape = m.shape
    rows = shape.ntypes**2 * shape.rows

    def limit(what: str, has: float, most: float, remedy: str) -> Limit:
        return Limit(what, f"{has:g}", f"{most:g}", has <= most, remedy)

    reach = (m.u_cut / 2.0**shape.u_frac) ** 0.5
    found = [
        limit("rcut, Å", round(reach, 3), 8, "train with a shorter rcut"),
        limit("atom types", shape.ntypes, 31, "one model for each set of elements"),
        limit("rows of the pair table", rows, 8192,
              f"quantize{{row_bits={max(3, shape.row_bits - _excess(rows, 8192))}}}"),
        limit("columns of X", shape.width, 256, "passes basis and fold, or fewer neurons"),
        limit("layers", len(shape.hidden), 8, "fewer layers in the fitting net"),
        limit("neighbours", shape.max_neighbors, MOST_NEIGHBORS,
              f"quantize{{max_neighbors={MOST_NEIGHBORS}}}, shorter rcut"),
    ]  # fmt: skip
    if build is not None:
        beats = -(-shape.products // build.product_lanes)
        banks = max(
            width * n // (4 if packed else 2)
            for width, n, packed in zip(shape.widths, build.layer_lanes, shape.packed, strict=False)
        )
        found += [
            limit("products of a cycle", build.product_lanes, 16, "a longer interval"),
            limit("cycles of the descriptor", beats, 256, "fewer products: a larger error budget"),
            limit("weight memories of a layer", banks, 1023, "a longer interval, narrower layers"),
        ]
    return found


def _excess(has: int, most: int) -> int:
    return max(0, (-(-has // most) - 1).bit_length())


def design_of(op: FixedPoint, m: Contents, target: Target) -> Design | None:
    """The circuit that the part takes."""
    return choose(m.shape, m.pairs, target.limits, neighbors(op, m.shape))


def neighbors(op: FixedPoint, shape: Shape) -> Sequence[float]:
    """Of an atom, by type, that it is to be fast for: sel, or what the circuit holds at most."""
    return op.neighbors or (shape.max_neighbors / shape.ntypes,) * shape.ntypes


def problems(op: FixedPoint, m: Contents, target: Target) -> list[Problem]:
    """Why the part cannot take the model."""
    design = design_of(op, m, target)
    rows = limits(m, target, design.build if design else None)
    found = [
        Problem(row.what, f"{row.has}, but the circuit holds {row.most}", row.remedy)
        for row in rows
        if not row.holds
    ]
    if design is None:
        small = curve(m.shape, m.pairs, target.limits, neighbors(op, m.shape))[-1]
        full = [k for k, fill in FILL.items() if getattr(small.use, k) > fill * target.limits[k]]
        found += [
            Problem(
                KINDS[kind],
                f"the smallest circuit, {small.interval} cycles for an atom, needs "
                f"{getattr(small.use, kind):,.0f} of {target.limits[kind]:,}",
                "a larger error budget (--max-force-error), narrower fitting layers, or a larger "
                "part: vu13p, u250",
            )
            for kind in full
        ]
    return found


def table(op: FixedPoint, m: Contents, target: Target) -> list[str]:
    """The fit table, and cycles against resources, for a terminal."""
    design = design_of(op, m, target)
    rows = limits(m, target, design.build if design else None)
    if design is not None:
        rows += [_part(kind, getattr(design.use, kind), target) for kind in FILL]
    found = [f"  {'limit':<28} {'model':>10} {'at most':>10}   verdict"]
    for row in rows:
        verdict = "fits" if row.holds else "too much"
        note = row.remedy if not row.holds or "%" in row.remedy else ""
        found.append(
            f"  {row.what:<28} {row.has:>10} {row.most:>10}   {verdict:<8} {note}".rstrip()
        )
    return [*found, *_curve(op, m, target, design)]


def _part(kind: str, used: float, target: Target) -> Limit:
    """A kind of block, which fits."""
    has = target.limits[kind]
    most = f"{FILL[kind] * has:,.0f}"
    return Limit(KINDS[kind], f"{used:,.0f}", most, True, f"{used / has:.0%} of {has:,}")


def _curve(op: FixedPoint, m: Contents, target: Target, chosen: Design | None) -> list[str]:
    mhz = target.limits["mhz"]
    near = neighbors(op, m.shape)
    found = [
        f"cycles of an atom against resources, for {sum(near):.0f} neighbours (estimates: nothing "
        f"is placed and routed; {mhz} MHz is assumed)",
        f"  {'cycles':>6} {'µs':>7} {'lanes':>5} {'layers':>12} "
        + " ".join(f"{kind.upper():>5}" for kind in FILL),
    ]
    for one in curve(m.shape, m.pairs, target.limits, near):
        parts = " ".join(f"{getattr(one.use, k) / target.limits[k]:5.0%}" for k in FILL)
        mark = ""
        if chosen is not None and one.interval == chosen.interval:
            mark = "  chosen"
        elif not fits(one.use, target.limits):
            mark = f"  too large ({load(one, target.limits):.0%})"
        found.append(
            f"  {one.interval:>6} {one.interval / mhz:7.3f} {one.build.lanes:>5} "
            f"{' '.join(map(str, one.build.layer_lanes)):>12} {parts}{mark}"
        )
    return found


def facts(design: Design, target: Target) -> Mapping[str, object]:
    """Of the circuit, for the report."""
    use = {name: round(float(getattr(design.use, name)), 1) for name in FILL}
    mhz = target.limits["mhz"]
    return {
        "part": target.arch,
        "cycles": dict(design.cycles),
        "interval": design.interval,
        "assumed_mhz": mhz,
        "assumed_us_per_atom": round(design.interval / mhz, 4),
        "use": use,
        "of": {name: target.limits[name] for name in FILL},
        "by_block": {
            block: {name: round(float(getattr(one, name)), 1) for name in FILL}
            for block, one in design.uses.items()
        },
        "note": "estimates of a formula: nothing has been placed and routed, no power is known",
    }
