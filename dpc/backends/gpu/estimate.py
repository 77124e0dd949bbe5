"""What a step should take on named cards: the roofline of counted work. No GPU was timed for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpc.backends.gpu.memory import bytes_per_atom, bytes_per_center, share_arrays
from dpc.backends.gpu.plan import Plan
from dpc.backends.gpu.work import Work, plan_work
from dpc.targets.cards import CARDS, PAPER, Card, cards_of, occupancy

SKIN = 2.0
"""Å that an engine's list reaches beyond the cutoff."""

GHOSTS = 1.3
"""Atoms and ghosts for each local atom, in a box of a million atoms."""

CHUNK = 65_536
"""Centres that fill a card: more in one chunk gain nothing."""

# What libdpc keeps for each atom: place and force in double, type; for each centre: its index,
# where its list starts (twice) and how long it is; of a list: 4 bytes an entry.
_PER_ATOM, _PER_CENTER, _PER_ENTRY = 24 + 24 + 4, 4 + 8 + 8 + 4, 4


def list_entries(plan: Plan, neighbors: float) -> float:
    """Entries of a list with its skin."""
    rcut = plan.program.facts.rcut
    return neighbors * ((rcut + SKIN) / rcut) ** 3


def kept_bytes(plan: Plan, neighbors: float) -> float:
    """Bytes of the device that an atom takes however small chunks are."""
    atom = _PER_ATOM + bytes_per_atom(plan)
    return GHOSTS * atom + _PER_CENTER + _PER_ENTRY * list_entries(plan, neighbors)


def largest_system(plan: Plan, neighbors: float, memory: float) -> int:
    """Atoms that fit so many bytes beside the arrays of one chunk."""
    free = memory - CHUNK * bytes_per_center(plan)
    return int(free / kept_bytes(plan, neighbors))


def seconds(work: Work, card: Card) -> float:
    """One atom in one kernel: the longer of computing and reading."""
    rates = {**card.flops, "bf16": card.matrix["bf16"]}
    return max(work.executed / rates[work.format], work.memory / card.bandwidth)


def roofline(plan: Plan, neighbors: float, card: Card) -> float:
    """Seconds of one atom in one step: one kernel after the other."""
    works = plan_work(plan, neighbors, list_entries(plan, neighbors))
    return sum(seconds(work, card) for work in works)


def estimate(plan: Plan, neighbors: float, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Plain numbers for a report. `facts`: of the build, with resources where it compiled."""
    works = plan_work(plan, neighbors, list_entries(plan, neighbors))
    archs = tuple(level.arch for level in plan.target.levels)
    cards = cards_of(archs) or list(CARDS)
    found = []
    for card in cards:
        resources = facts.get("resources", {}).get(card.arch, {})
        found.append(
            {
                "card": card.name,
                "arch": card.arch,
                "us_per_atom": 1e6 * sum(seconds(work, card) for work in works),
                "kernels": {work.kernel: 1e6 * seconds(work, card) for work in works},
                "occupancy": _occupancy(plan, card, resources),
                "largest_system": largest_system(plan, neighbors, card.memory),
            }
        )
    return {
        "neighbors": neighbors,
        "list_entries": list_entries(plan, neighbors),
        "work": [vars(work) for work in works],
        "bytes_per_atom": kept_bytes(plan, neighbors),
        "bytes_per_center": bytes_per_center(plan),
        "chunk": CHUNK,
        "arrays": {"+".join(one.names): dict(one.sizes) for one in share_arrays(plan)},
        "cards": found,
    }


def _occupancy(plan: Plan, card: Card, resources: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: occupancy(card, own["registers"], own["shared_bytes"], plan.kernels[name].threads)
        for name, own in resources.items()
        if name in plan.kernels
    }


def lines(found: Mapping[str, Any], facts: Mapping[str, Any], precision: str) -> list[str]:
    """The estimate for a terminal."""
    works, cards = found["work"], found["cards"]
    text = [
        "estimate from counted work and published peaks; nothing here was timed on a GPU",
        f"  {found['neighbors']:.1f} neighbours of an atom, {found['list_entries']:.0f} entries "
        f"in its list with a skin of {SKIN:g} Å",
        f"  {'kernel':<18} {'kflop':>8} {'done':>8} {'bytes':>8} {'cached':>8}   "
        + " ".join(f"{'ns ' + card['card']:>14}" for card in cards),
    ]
    for work in works:
        each = " ".join(f"{1e3 * card['kernels'][work['kernel']]:14.2f}" for card in cards)
        text.append(
            f"  {work['kernel']:<18} {work['flops'] / 1e3:8.1f} {work['executed'] / 1e3:8.1f} "
            f"{work['memory']:8.0f} {work['cached']:8.0f}   {each}"
        )
    sums = {key: sum(work[key] for work in works) for key in ("flops", "executed", "memory")}
    text.append(
        f"  {'all':<18} {sums['flops'] / 1e3:8.1f} {sums['executed'] / 1e3:8.1f} "
        f"{sums['memory']:8.0f} {'':>8}   "
        + " ".join(f"{1e3 * card['us_per_atom']:14.2f}" for card in cards)
    )
    text += _compiled(facts, cards)
    text += [
        f"memory: {found['bytes_per_atom']:.0f} bytes/atom with its list, and "
        f"{found['bytes_per_center']:,} for each of the {found['chunk']:,} centres of a chunk"
    ]
    for card in cards:
        text.append(
            f"  {card['card']}: {card['us_per_atom']:.3f} µs/step/atom at the roofline, "
            f"at most {card['largest_system']:,} atoms"
        )
    kind = "f64" if precision == "f64" else "f32"
    paper = ", ".join(f"{name} {each[kind]:g}" for name, each in PAPER.items())
    return [*text, f"  measured by the DeePMD-kit v2 paper, compressed water, {kind}: {paper} µs"]


def _compiled(facts: Mapping[str, Any], cards: Any) -> list[str]:
    """Registers, occupancy and instructions of the compiled kernels."""
    text = []
    for card in cards:
        resources = facts.get("resources", {}).get(card["arch"], {})
        counts = facts.get("instructions", {}).get(card["arch"], {})
        if not resources:
            continue
        kinds = list(next(iter(counts.values()))) if counts else []
        text.append(
            f"  {card['arch']:<18} {'registers':>9} {'shared':>7} {'spills':>6} {'occupancy':>9}"
            + "".join(f" {kind:>8}" for kind in kinds)
        )
        for name, share in card["occupancy"].items():
            own = resources[name]
            numbers = "".join(f" {counts.get(name, {}).get(kind, 0):>8}" for kind in kinds)
            text.append(
                f"  {name:<18} {own['registers']:>9} {own['shared_bytes']:>7} "
                f"{own['spill_bytes']:>6} {share:>9.0%}{numbers}"
            )
    return text
