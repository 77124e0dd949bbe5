"""Embedding nets of many columns to few columns that give the same forces within a budget.

    G_t(s) = B_t(s) C_t        B = G Q, r columns instead of M
    X = sum_t P_t C_t          P_t = scale sum_j R_j^T B_t(s_j) over neighbours of type t

so the table, which has B, is M / r times smaller and faster. B is the old net with one more,
linear layer: energy stays a smooth function of positions, and forces its exact gradient. Pass
`fold` then takes C into the fitting net.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dpc.ir.ops.contraction import Contract, Outer
from dpc.ir.ops.net import Mlp
from dpc.ir.program import Program
from dpc.passes import budget, flops
from dpc.passes.base import Changes, Context, Pass, PassError, register
from dpc.passes.differentiate import is_differentiated
from dpc.passes.first_layer import uses
from dpc.passes.low_rank import Site, find_site, with_basis
from dpc.passes.reach import reach_of
from dpc.passes.spectrum import Spectrum, spectrum
from dpc.passes.tabulate import MARGIN

#: products of columns that `fold` keeps: as large, relative to the largest, as this part of the
#: error of forces it may make, relative to forces; measured on a trained model of water
FEWER = 0.03


@register("basis")
@dataclass(frozen=True)
class Basis(Pass):
    """Give each embedding net a few columns that stand for all it has.

    As few, in steps of `multiple`, as change forces by no more than a fifth of
    `max_force_error` (eV/Å, rms): on the frames that the columns are chosen by, and on frames
    held out. `fold` and `tabulate` have the rest. `rank` sets their number, whatever the error.
    Nothing is done where it would save no more than `least_saving` (flops for each atom),
    together with `fold`: no error is worth that. The columns are good down to `min_distance`
    (Å), which is that of `tabulate`. With `folded` only nets whose columns `fold` can take away
    again are touched: a circuit does not expand them.
    """

    changes: ClassVar[Changes] = Changes.FUNCTION
    never_after: ClassVar[dict[str, str]] = {
        "tabulate": "there are tables in place of the nets then.",
        "exact_neighbors": "the padding constant must come from the function that is compiled.",
    }
    max_force_error: float = budget.FORCE_ERROR
    multiple: int = 8
    rank: int | None = None
    min_distance: float | None = None
    least_saving: float = 0.0
    folded: bool = False

    def run(self, program: Program, context: Context) -> Program:
        """Every net of one scalar that one contraction reads."""
        if self.multiple < 1:
            raise PassError(f"basis: multiple is {self.multiple}, but must be at least 1")
        why = _why_not(program, context, self.rank is None)
        if why:
            context.note(skipped=why)
            return program
        for contract in list(program.energy.find(Contract)):
            site, why = find_site(program.energy, contract)
            if site is not None and self.folded and not _readers(program, site)[1]:
                site, why = None, "fold could not take its columns away again"
            if site is not None:
                program = self._replaced(program, context, site)
            elif isinstance(contract.g.op, Mlp):
                context.note(**{contract.g.op.net.name: {"left": why}})
        return program

    def _replaced(self, program: Program, context: Context, site: Site) -> Program:
        """The program with the best columns of one site, or as it was."""
        samples = budget.to_fit(context.samples)
        nearest = self.min_distance
        if nearest is None and program.facts.min_nbor_dist is not None:
            nearest = MARGIN * program.facts.min_nbor_dist
        try:
            reach = reach_of([site.net.x], program.store, nearest)
        except PassError as error:
            raise PassError(f"basis: {site.bank}: {error}") from None
        found = spectrum(program, site.contract, site.r, samples, (reach.lower, reach.upper))
        judge = budget.Judge(context, program)
        least = FEWER * budget.SHARES["fold"] * self.max_force_error / judge.force()
        costs = _Costs(program, site, found, budget.neighbors(program.facts, samples), least)
        result, why = self._best(program, site, found, costs, judge)
        if result is None:
            context.note(**{site.bank.name: {"left": why}})
            return program
        rank = result.banks[site.bank.name].widths[-1]
        facts: dict[str, Any] = {
            "rank": rank,
            "of": site.bank.widths[-1],
            "flops_before": costs.plain,
            "flops_after": costs(rank),
            "beyond": found.beyond(rank).tolist(),
            "force_error": judge.errors(result),
        }
        context.note(**{site.bank.name: facts})
        return result

    def _best(
        self, program: Program, site: Site, found: Spectrum, costs: _Costs, judge: budget.Judge
    ) -> tuple[Program | None, str]:
        """The program with the smallest rank within the share of the budget, or why none is."""
        width = site.bank.widths[-1]
        if self.rank is not None:
            if not 1 <= self.rank <= width:
                raise PassError(f"basis: rank is {self.rank}, but {site.bank} has {width} columns")
            return with_basis(program, site, found, self.rank), ""
        ranks = range(self.multiple, width, self.multiple)
        cheaper = [rank for rank in ranks if costs.plain - costs(rank) > self.least_saving]
        if not cheaper:
            return None, f"no rank below its {width} columns saves arithmetic worth an error"
        limit = budget.SHARES["basis"] * self.max_force_error
        # forces change by about as much, relative to their size, as the directions left out
        smallest = limit / judge.force()
        guess = sum(found.beyond(rank).max() > smallest for rank in cheaper)
        trials: dict[int, Program] = {}

        def is_good(rank: int) -> bool:
            trials[rank] = with_basis(program, site, found, rank)
            return judge.rms(trials[rank]) <= limit

        rank = budget.first_good(cheaper, is_good, guess)
        if rank is not None:
            return trials[rank], ""
        return None, (
            f"{cheaper[-1]} of its {width} columns change forces by "
            f"{judge.rms(trials[cheaper[-1]]):.1e} eV/Å rms, more than the {limit:.1e} of "
            "max_force_error that basis may use"
        )


def _why_not(program: Program, context: Context, measured: bool) -> str:
    if is_differentiated(program):
        return "the program has forces already; make the basis of the energy"
    if not len(program.store):
        return "the program has no numbers"
    if not measured:
        return ""
    if not context.samples:
        return "there are no frames to choose columns by"
    missing = budget.missing_pairs(program.facts, budget.to_fit(context.samples))
    if missing:
        return f"no frame has neighbours {', '.join(missing)}: give frames with every pair of types"
    return ""


class _Costs:
    """Flops of an atom: of the program as it is, and with a basis of some rank.

    With a basis the cheaper of two forms: all columns expanded, or, where the first layer can
    take them, the products of the basis that `fold` is likely to keep: those of at least `least`.
    """

    def __init__(
        self, program: Program, site: Site, found: Spectrum, neighbors: float, least: float
    ) -> None:
        self.found, self.neighbors, self.least = found, neighbors, least
        self.width = site.bank.widths[-1]
        self.ntypes = program.facts.ntypes
        self.after, self.outputs = _readers(program, site)
        self.plain = flops.table(neighbors, self.width) + self.after

    def __call__(self, rank: int) -> float:
        rest = flops.expand(self.ntypes * rank, self.width) + self.after
        if self.outputs:
            products = self.found.products(rank, self.ntypes, self.least)
            rest = min(rest, flops.products(products, self.outputs))
        return flops.table(self.neighbors, rank) + rest


def _readers(program: Program, site: Site) -> tuple[float, int]:
    """Flops of the descriptor with the layers that read it, and their outputs if they can fold."""
    graph = program.energy
    users: Sequence[Any] = graph.users().get(site.contract.out, [])
    if len(users) != 1 or not isinstance(users[0], Outer):
        return 0.0, 0
    outer = users[0]
    found, _ = uses(graph, outer.out, "basis")
    outputs = sum(bank.widths[1] for bank in {use.bank for use in found})
    count = Outer(outer.x, outer.axis_neuron, symmetric=True).components()
    return flops.products(count, outputs), outputs
