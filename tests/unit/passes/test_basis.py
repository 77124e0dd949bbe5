"""basis: exact with all columns, within its budget with few, and modest where nothing is won."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dpc.ir.evaluate import evaluate
from dpc.ir.graph import Graph
from dpc.ir.ops.basis import Expand, TypeColumns
from dpc.ir.parser import parse
from dpc.ir.printer import to_text
from dpc.ir.types import DType
from dpc.passes import budget
from dpc.passes.base import Context, PassError
from dpc.passes.basis import Basis
from dpc.passes.budget import first_good
from dpc.passes.differentiate import differentiate
from dpc.passes.pipeline import Pipeline
from dpc.passes.samples import ragged_list
from tests.programs import ZOO, program, samples, variant
from tests.unit.passes.compressible import (
    FEW,
    MODELS,
    WIDE,
    assert_same,
    changes,
    compressed,
    frames,
    model_program,
    slope_misses,
)

FUSED = "differentiate exact_neighbors fuse"


def names(graph: Graph) -> list[str]:
    return [op.name for op in graph.body()]


@pytest.mark.parametrize("name", MODELS)
def test_all_columns_are_exact(name: str) -> None:
    width = MODELS[name].neuron[-1]
    after, _ = compressed(name, f"basis{{rank={width}}}")
    assert_same(name, after)
    assert len(list(after.energy.find(Expand))) == 1


@pytest.mark.parametrize("name", MODELS)
def test_blocks_of_columns(name: str) -> None:
    """One block for each type of neighbours; one matrix, or one for each type of centres."""
    after, _ = compressed(name, "basis{rank=8}")
    model = MODELS[name]
    ntypes, width = len(model.type_map), model.neuron[-1]
    (expand,) = after.energy.find(Expand)
    assert expand.p.dims == ("nloc", 4, 8 * ntypes)
    matrices = 1 if model.type_one_side else ntypes
    assert expand.columns.type.dims == (matrices, 8 * ntypes, width)
    assert len(list(after.energy.find(TypeColumns))) == (ntypes > 1)
    bank = after.banks["embedding"]
    assert bank.widths == (1, *model.neuron, 8) and bank.has_head


@pytest.mark.parametrize("max_force_error", [1e-4, 1e-3])
@pytest.mark.parametrize("name", [*FEW, "four_types", "two_side_exclude"])
def test_keeps_its_share_of_the_budget(name: str, max_force_error: float) -> None:
    after, context = compressed(name, f"basis{{max_force_error={max_force_error}}}")
    facts = context.reports[-1].notes["embedding"]
    share = budget.SHARES["basis"] * max_force_error
    assert facts["rank"] % 8 == 0 and 0 < facts["rank"] < facts["of"]
    assert facts["flops_after"] < facts["flops_before"]
    assert {**facts["force_error"]}.keys() == {"fit", "held_out"}
    assert all(error["rms"] <= share for error in facts["force_error"].values())
    assert changes(name, after)["force"].rms < 2 * share
    assert "rank" in context.reports[-1].line()


def test_smaller_budgets_take_more_columns() -> None:
    ranks = []
    for power in (2, 4, 6, 8):
        after, _ = compressed("one_type", f"basis{{max_force_error=1e-{power}, multiple=2}}")
        ranks.append(after.banks["embedding"].widths[-1])
    assert ranks == sorted(ranks) and ranks[0] < ranks[-1]


def test_one_column_less_breaks_the_budget() -> None:
    fewest, _ = compressed("one_type", "basis{max_force_error=1e-5, multiple=1}")
    rank = fewest.banks["embedding"].widths[-1]
    _, context = compressed("one_type", f"basis{{rank={rank - 1}}}")
    errors = context.reports[-1].notes["embedding"]["force_error"]
    assert max(error["rms"] for error in errors.values()) > budget.SHARES["basis"] * 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_compiled(name: str) -> None:
    """Padding constant, fused ops and forces of the split form are those of the padded form."""
    basis, _ = compressed(name, "basis{rank=8}")
    compiled = Pipeline.parse(FUSED).run(basis)
    found = names(compiled.energy)
    assert {"env_contract", "env_contract_vjp", "mlp_gradient", "expand_vjp"} <= set(found)
    assert not {"contract", "padding", "type_columns", "type_columns_vjp", "mlp"} & set(found)
    assert_same(name, compiled, basis)
    text = to_text(compiled)
    assert to_text(parse(text, compiled.store)) == text


@pytest.mark.parametrize("name", ["two_side_exclude", "four_types"])
def test_lone_atoms_keep_the_energy_of_their_empty_slots(name: str) -> None:
    before, _ = compressed(name, "basis{rank=8}")
    after = Pipeline.parse("exact_neighbors").run(before)
    ntypes, slots = len(MODELS[name].type_map), sum(MODELS[name].sel)
    nlist = np.full((ntypes, slots), -1, np.int32)
    inputs = {
        "coord": np.zeros((ntypes, 3)), "atype": np.arange(ntypes, dtype=np.int32), "nlist": nlist
    }  # fmt: skip
    padded = evaluate(before, "energy", inputs)["atom_energy"]
    ragged = evaluate(after, "energy", {**inputs, "nlist": ragged_list(nlist)})["atom_energy"]
    np.testing.assert_allclose(ragged, padded, rtol=1e-13)


def test_no_atoms_at_all() -> None:
    basis, _ = compressed("one_side", "basis{rank=8}")
    inputs = {"coord": np.zeros((0, 3)), "atype": np.zeros(0, np.int32)}
    nlist = np.zeros((0, 32), np.int32)
    for passes, rows in (("differentiate", nlist), (FUSED, ragged_list(nlist))):
        out = evaluate(Pipeline.parse(passes).run(basis), "energy", {**inputs, "nlist": rows})
        assert out["atom_energy"].shape == (0,) and out["force"].shape == (0, 3)
        assert not out["virial"].any()


@pytest.mark.parametrize("name", FEW)
def test_forces_are_the_gradient_of_the_compressed_energy(name: str) -> None:
    compiled, _ = compressed(name, f"basis{{max_force_error=1e-2}} tabulate{{stride=0.1}} {FUSED}")
    assert changes(name, compiled)["force"].max > 1e-7
    assert slope_misses(name, compiled) < 1e-6


def test_twice_is_once() -> None:
    for name in ("one_side", "one_type"):
        once, context = compressed(name, "basis{max_force_error=1e-3}")
        assert Basis(max_force_error=1e-3).run(once, context) is once
    assert "a basis already" in context.notes["embedding"]["left"]


def left(model_name: str, **options: Any) -> str:
    context = Context(samples=frames(model_name)[:4])
    before = model_program(model_name)
    assert Basis(**options).run(before, context) is before
    return str(context.notes.get("skipped") or context.notes["embedding"]["left"])


def test_an_impossible_budget_leaves_the_net() -> None:
    why = left("one_side", max_force_error=1e-15)
    assert "of its 32 columns change forces by" in why and "2.0e-16 of max_force_error" in why


def test_nothing_is_done_where_nothing_is_saved() -> None:
    assert "no rank below its 32 columns" in left("one_side", multiple=32)
    context = Context(samples=samples(ZOO["one_side"]))
    Basis().run(program(), context)
    assert "saves arithmetic" in context.notes["embedding"]["left"]


def test_says_what_it_needs() -> None:
    def why(model: Any, given: Any = None, change: Any = lambda p: p) -> str:
        context = Context(samples=samples(model) if given is None else given)
        before = change(program(model))
        assert Basis().run(before, context) is before
        return str(context.notes.get("skipped") or context.notes["embedding"]["left"])

    wide = variant(**WIDE)
    assert "no frames" in why(wide, [])
    assert "forces already" in why(wide, change=differentiate)
    assert "no numbers" in why(wide, change=lambda p: replace(p, store=type(p.store)()))
    assert "put widen before basis" in why(variant(**WIDE, precision=DType.F32))
    assert "kinks" in why(variant(**WIDE, activation="relu"))


def test_every_pair_of_types_must_be_on_the_frames() -> None:
    given = [
        s._replace(inputs={**s.inputs, "atype": np.zeros_like(s.inputs["atype"])})
        for s in frames("one_side")[:2]
    ]
    context = Context(samples=given)
    Basis().run(model_program("one_side"), context)
    assert "no frame has neighbours O-H, H-O, H-H" in context.notes["skipped"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank": 0}, "rank is 0, but @embedding has 32 columns"),
        ({"rank": 33}, "rank is 33"),
        ({"multiple": 0}, "multiple is 0"),
        ({"min_distance": 9.0}, "basis: @embedding: the shortest distance is 9.0 Å"),
    ],
)
def test_impossible_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(PassError, match=words):
        Basis(**options).run(model_program("one_side"), Context(samples=frames("one_side")[:2]))


def test_first_good_finds_the_edge_from_anywhere() -> None:
    for size in range(9):
        for edge in range(size + 1):
            for guess in (None, *range(size + 2)):
                found = first_good(range(size), lambda x, edge=edge: x >= edge, guess)
                assert found == (edge if edge < size else None)
