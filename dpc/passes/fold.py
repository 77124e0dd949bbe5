"""The descriptor of a basis into the first fitting layer: products of few columns instead of D.

With X = P C (op expand), D_ma = sum_c X_cm X_ca is linear in S = P^T P, which is symmetric:

    sum_ma D_ma W_ma = sum_{p<=q} S_pq W'_pq,    W'_pq = (C W C_<^T)_pq + (C W C_<^T)_qp  (p < q)

exactly, so X and D are never formed. The columns of a basis fall off fast in size, and most of
their products with them: those that matter least to forces are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dpc.ir.ops.contraction import Outer
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes import budget, flops
from dpc.passes.base import Changes, Context, Pass, PassError, register
from dpc.passes.differentiate import is_differentiated
from dpc.passes.products import Products, find_products, importance, with_products
from dpc.passes.tabulate import Tabulate


@register("fold")
@dataclass(frozen=True)
class Fold(Pass):
    """Fold the columns of a basis into the first fitting layer, and drop products that say little.

    As few products, in steps of `multiple`, as change forces by no more than 0.7 of
    `max_force_error` (eV/Å, rms): on the frames that they are chosen by, and on frames held out.
    With `prune` those stay that matter at least so much as this part of the most important one,
    whatever the error; 0 keeps all, and is exact. Nothing is done where it saves no arithmetic.
    """

    changes: ClassVar[Changes] = Changes.FUNCTION
    never_after: ClassVar[dict[str, str]] = {
        "exact_neighbors": "the padding constant must come from the function that is compiled.",
    }
    max_force_error: float = budget.FORCE_ERROR
    multiple: int = 8
    prune: float | None = None

    def run(self, program: Program, context: Context) -> Program:
        """Every outer of an expanded basis that only first layers read."""
        if self.multiple < 1:
            raise PassError(f"fold: multiple is {self.multiple}, but must be at least 1")
        if is_differentiated(program):
            context.note(skipped="the program has forces already; fold the energy")
            return program
        if not len(program.store):
            context.note(skipped="the program has no numbers")
            return program
        for outer in list(program.energy.find(Outer)):
            products, why = find_products(program, outer)
            if products is not None:
                program, why = self._folded(program, context, products)
            if why:
                context.note(skipped=why)
        return program

    def _folded(self, program: Program, context: Context, of: Products) -> tuple[Program, str]:
        kept, why = self._kept(program, context, of)
        if kept is None:
            return program, why
        result = with_products(program, of, kept)
        context.note(
            products=len(kept),
            of=len(of.pairs),
            flops_before=_flops_now(of),
            flops_after=flops.products(len(kept), of.outputs),
        )
        if context.samples:
            context.note(force_error=budget.Judge(context, program).errors(result))
        return result, ""

    def _kept(
        self, program: Program, context: Context, of: Products
    ) -> tuple[NumpyArray | None, str]:
        """The products to keep, sorted, or why there is nothing to gain."""
        everything = np.arange(len(of.pairs))
        most = _most(of)
        if self.prune == 0:
            return everything, ""
        samples = budget.to_fit(context.samples)
        if not samples or budget.missing_pairs(program.facts, samples):
            if most == len(everything):
                return everything, ""
            return None, (
                f"all {len(everything)} products cost more than the descriptor, and there are "
                "no frames with every pair of types to choose by"
            )
        weight = importance(program, of, samples)
        if self.prune is not None:
            return np.flatnonzero(weight >= self.prune * weight.max()), ""
        if not most:
            return None, "no number of products is cheaper than the descriptor"
        return self._fewest(program, context, of, np.argsort(-weight, kind="stable")[:most])

    def _fewest(
        self, program: Program, context: Context, of: Products, order: NumpyArray
    ) -> tuple[NumpyArray | None, str]:
        """As few of these products as the share of the budget allows; the first matter most."""
        program, of = _quicker(program, of)
        judge = budget.Judge(context, program)
        limit = budget.SHARES["fold"] * self.max_force_error

        def error(count: int) -> float:
            if count == len(of.pairs):
                return 0.0
            return judge.rms(with_products(program, of, np.sort(order[:count])))

        counts = budget.multiples(self.multiple, len(order))
        count = budget.first_good(counts, lambda count: error(count) <= limit)
        if count is not None:
            return np.sort(order[:count]), ""
        return None, (
            f"{len(order)} of {len(of.pairs)} products, the most that are cheaper than the "
            f"descriptor, change forces by {error(len(order)):.1e} eV/Å rms, more than the "
            f"{limit:.1e} of max_force_error that fold may use"
        )


def _quicker(program: Program, of: Products) -> tuple[Program, Products]:
    """The same with tables instead of embedding nets: trials take a quarter of the time."""
    place = list(program.energy.find(Outer)).index(of.outer)
    try:
        quick = Tabulate().run(program, Context())
    except PassError:
        return program, of
    found, _ = find_products(quick, list(quick.energy.find(Outer))[place])
    return (quick, found) if found is not None else (program, of)


def _flops_now(of: Products) -> float:
    """Flops of an atom from P to the first layer, by way of X and D."""
    outer, columns = of.outer, int(of.expand.p.dims[2])
    count = Outer(outer.x, outer.axis_neuron, symmetric=True).components()
    return flops.expand(columns, int(outer.x.dims[2])) + flops.products(count, of.outputs)


def _most(of: Products) -> int:
    """The largest number of products that is cheaper than the way by X and D."""
    each = flops.products(1, of.outputs)
    return min(len(of.pairs), int(np.ceil(_flops_now(of) / each)) - 1)
