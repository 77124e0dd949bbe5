"""fold: exact with every product, within its budget with few, and modest where nothing is won."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dpc.ir.ops.basis import OuterPairs
from dpc.ir.ops.contraction import Outer
from dpc.ir.parser import parse
from dpc.ir.printer import to_text
from dpc.ir.program import Program
from dpc.passes import budget
from dpc.passes.base import Context, PassError
from dpc.passes.differentiate import differentiate
from dpc.passes.fold import Fold
from dpc.passes.pipeline import Pipeline
from dpc.passes.products import find_products, importance
from tests.programs import program, variant
from tests.unit.passes.compressible import (
    FEW,
    MODELS,
    WIDE,
    assert_same,
    changes,
    compressed,
    frames,
    slope_misses,
)

FUSED = "differentiate exact_neighbors fuse memory"


def products_of(after: Program) -> int:
    (outer,) = after.energy.find(OuterPairs)
    return int(outer.out.dims[1])


@pytest.mark.parametrize("first", ["", " symmetrize"])
@pytest.mark.parametrize("name", MODELS)
def test_every_product_is_exact(name: str, first: str) -> None:
    """All columns, all products: the same function, whether symmetrize came before or not."""
    rank = 8 if "four" in name else MODELS[name].neuron[-1]
    basis, context = compressed(name, f"basis{{rank={rank}}}", "widen" + first)
    after = Pipeline.parse("fold{prune=0}").run(basis, context)
    columns = rank * len(MODELS[name].type_map)
    assert products_of(after) == columns * (columns + 1) // 2
    assert not list(after.energy.find(Outer))
    assert_same(name, after, basis)
    if "four" not in name:
        assert_same(name, after)


@pytest.mark.parametrize("max_force_error", [1e-4, 1e-3])
@pytest.mark.parametrize("name", [*FEW, "four_types", "two_side_exclude"])
def test_keeps_the_budget_together_with_basis_and_tabulate(
    name: str, max_force_error: float
) -> None:
    given = f"{{max_force_error={max_force_error}}}"
    after, context = compressed(name, f"basis{given} fold{given} tabulate{given}")
    notes = context.reports[1].notes
    assert notes["products"] == products_of(after) < notes["of"]
    assert notes["products"] % 8 == 0 and notes["flops_after"] < notes["flops_before"]
    for error in notes["force_error"].values():
        assert error["rms"] <= budget.SHARES["fold"] * max_force_error
    assert changes(name, after)["force"].rms < 2 * max_force_error
    assert "products" in context.reports[1].line()


def test_smaller_budgets_keep_more_products() -> None:
    counts = []
    for power in (2, 3, 4):
        after, _ = compressed("one_side", f"basis{{rank=12}} fold{{max_force_error=1e-{power}}}")
        counts.append(products_of(after))
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_prune_keeps_what_matters_at_least_so_much() -> None:
    basis, context = compressed("one_side", "basis{rank=8}")
    (outer,) = basis.energy.find(Outer)
    products, _ = find_products(basis, outer)
    assert products is not None
    weight = importance(basis, products, context.samples[::2])
    after, _ = compressed("one_side", "basis{rank=8} fold{prune=0.01}")
    pairs = after.store["embedding_pairs"]
    wanted = products.pairs[weight >= 0.01 * weight.max()]
    np.testing.assert_array_equal(pairs, wanted)
    assert 0 < len(pairs) < len(products.pairs)
    assert (pairs[:, 0] <= pairs[:, 1]).all()


@pytest.mark.parametrize("name", MODELS)
def test_compiled_forces_are_the_gradient_of_the_compiled_energy(name: str) -> None:
    loose = "basis{rank=8} fold{prune=1e-3} tabulate{stride=0.1}"
    compiled, _ = compressed(name, f"{loose} {FUSED}")
    found = [op.name for op in compiled.energy.body()]
    assert {"env_contract", "outer_pairs", "outer_pairs_vjp", "mlp_gradient"} <= set(found)
    assert not {"contract", "padding", "expand", "outer", "table", "mlp"} & set(found)
    assert slope_misses(name, compiled) < 1e-6
    text = to_text(compiled)
    assert to_text(parse(text, compiled.store)) == text


def test_twice_is_once() -> None:
    once, context = compressed("one_side", "basis{rank=8} fold{prune=1e-3}")
    assert Fold().run(once, context) is once


def test_a_layer_of_as_many_neurons_as_products_adds_no_input() -> None:
    model = variant(**WIDE, fitting=(136, 8))
    after = Pipeline.parse("basis{rank=8} fold{prune=0}").run(program(model))
    assert after.banks["fitting"].widths[0] == 136 and after.banks["fitting"].plain == (0,)


def why_not(before: Program, context: Context, **options: Any) -> str:
    assert Fold(**options).run(before, context) is before
    return str(context.notes["skipped"])


def test_says_why_nothing_is_done() -> None:
    plain = program(variant(**WIDE))
    context = Context(samples=frames("one_side")[:2])
    assert "put basis before fold" in why_not(plain, context)
    assert "forces already" in why_not(differentiate(plain), context)
    bare = replace(plain, store=type(plain.store)())
    assert "no numbers" in why_not(bare, context)
    basis, context = compressed("one_side", "basis{rank=31}")
    assert "products cost more than the descriptor, and there are no frames" in why_not(
        basis, Context()
    )
    why = why_not(basis, context, max_force_error=1e-15)
    assert "the most that are cheaper than the descriptor, change forces by" in why


def test_without_frames_all_products_where_they_are_cheaper() -> None:
    basis, _ = compressed("one_side", "basis{rank=4}")
    after = Fold().run(basis, Context())
    assert products_of(after) == 36


def test_a_descriptor_read_elsewhere_stays() -> None:
    basis, context = compressed("one_side", "basis{rank=4}")
    (outer,) = basis.energy.find(Outer)
    outputs = {**basis.energy.outputs, "descriptor": outer.out}
    graph = replace(basis.energy, outputs=outputs)
    assert "output" in why_not(replace(basis, graphs={"energy": graph}), context)


def test_impossible_options() -> None:
    with pytest.raises(PassError, match="multiple is 0"):
        Fold(multiple=0).run(program(), Context())
