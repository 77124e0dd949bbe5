"""Flops and bytes of programs, against counts made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dpc.cost.forecast import EFFICIENCY, forecast
from dpc.cost.ledger import Ledger
from dpc.cost.memory import memory
from dpc.cost.program import OpWork, program_work, stored_bytes, whole
from dpc.cost.rules import FREE, PLAIN, RULES, Scene, flops
from dpc.cost.work import Sizes
from dpc.ir.op import ops
from dpc.ir.program import Program
from dpc.passes.base import Context
from dpc.passes.pipeline import Pipeline
from dpc.passes.quantize import with_contents
from dpc.passes.table_error import table_errors
from dpc.targets import Target, parse_target
from dpc.targets.roofline import assumed_roofline
from tests.fixed_models import MODELS, contents, made_program
from tests.programs import ZOO, Model, program, samples
from tests.unit.ir.world import all_examples, make

WATER = Model(
    sel=(46, 92), rcut=6.0, neuron=(25, 50, 100), axis_neuron=16, fitting=(240, 240, 240),
    resnet_dt=True,
)  # fmt: skip
NEIGHBORS = (29.7, 59.3)  # 89 of liquid water, within 6 Å
TAIL = "tabulate{stride=0.2} differentiate exact_neighbors fuse memory"


@pytest.fixture(scope="module")
def water() -> Program:
    return program(WATER)


def works(start: Program, text: str, tile: int = 24) -> list[OpWork]:
    sizes = Sizes(NEIGHBORS, 138, tile)
    return program_work(Pipeline.parse(text).run(start), sizes)


@pytest.mark.parametrize("name", ops.names())
def test_every_op_has_a_count(name: str) -> None:
    assert name in FREE | PLAIN or name in RULES, (
        f"op {name}: say in dpc/cost/rules.py how many flops it does"
    )


@pytest.mark.parametrize(("name", "number", "ragged"), all_examples())
def test_counts_are_numbers(name: str, number: int, ragged: bool) -> None:
    _, op = make(name, number, ragged)
    sizes = Sizes((3.0, 2.0), 5, 8)
    assert 0 <= flops(op, Scene.of([op], sizes)) < 1e6


def test_water_as_the_peer_computes_it(water: Program) -> None:
    """2.56 Mflop: 1998k in the fitting net's products, 481k in the table, about 80k else."""
    total = whole(works(water, TAIL)).all_flops
    products = 4 * (1600 * 240 + 2 * 240 * 240 + 240)
    assert products == pytest.approx(1998e3, rel=1e-3)
    assert total == pytest.approx(2.56e6, rel=0.01)
    assert total - products - 54 * 89 * 100 == pytest.approx(80e3, rel=0.1)


def test_whole_numbers_of_a_circuit() -> None:
    """8 columns, 16 products, three layers of 16, five neighbours."""
    made = with_contents(made_program(MODELS["reduced"]), contents("reduced"))
    neighbor = 8 + 8 * 10 + 3 + (8 + 8 + 8 + 2) * 8 + 5 + 4 + 9 + 6 + 18
    layers = 3 * (4 * 16 * 16 + 16 * (1 + 8 + 3))
    found = whole(program_work(made, Sizes((2.0, 3.0), 24, 8))).flops
    assert found == {"int": 5 * neighbor + 24 * 16 + layers + 2 * 16}


def test_symmetrize_saves_a_part_of_the_first_layer(water: Program) -> None:
    plain, folded = (whole(works(water, text)).all_flops for text in (TAIL, "symmetrize " + TAIL))
    assert folded == pytest.approx(2.44e6, rel=0.01)
    assert plain - folded == pytest.approx(120 * (4 * 240 + 24))


def test_real_neighbors_cost_less_than_slots(water: Program) -> None:
    padded, exact = (
        whole(works(water, text))
        for text in ("tabulate{stride=0.2} differentiate", "tabulate{stride=0.2} exact_neighbors")
    )
    table = 44 * 100 * (138 - 89)
    assert padded.all_flops - exact.all_flops == pytest.approx(table, rel=0.05)
    rows = 2 * 6 * 100 * 8
    assert padded.bytes["tables"] - exact.bytes["tables"] == pytest.approx(rows * (138 - 89))


def test_fused_ops_trade_flops_for_bytes(water: Program) -> None:
    apart = whole(works(water, "tabulate{stride=0.2} differentiate exact_neighbors"))
    fused = whole(works(water, TAIL))
    assert fused.all_flops - apart.all_flops == pytest.approx(10 * 89 * 100, rel=0.02)
    assert fused.bytes["arrays"] < 0.4 * apart.bytes["arrays"]


def test_weights_are_shared_by_a_tile(water: Program) -> None:
    small, large = (whole(works(water, TAIL, tile)).bytes["weights"] for tile in (12, 48))
    assert small == pytest.approx(4 * large)


def test_forces_are_counted_before_they_are_derived(water: Program) -> None:
    before, after = (whole(works(water, text)).all_flops for text in ("", "differentiate"))
    assert before == after


@pytest.mark.parametrize("name", ZOO)
def test_every_model_of_the_zoo(name: str) -> None:
    model = ZOO[name]
    start = program(model)
    context = Context(samples=samples(model))
    ledger = Ledger(start, context)
    context.after = [ledger.after]
    Pipeline.parse(f"canonicalize widen symmetrize {TAIL}").run(start, context)
    target = parse_target("cpu:x86-64-v3")
    facts = ledger.facts(target, assumed_roofline(target))
    assert len(facts["costs"]) == 9
    assert facts["time"]["cores"]["1"] == pytest.approx(2 * facts["time"]["cores"]["2"], rel=1e-3)
    assert sum(facts["neighbors"].values()) <= sum(model.sel)
    assert json.loads(json.dumps(facts)) == facts


def test_neighbors_by_type_of_samples() -> None:
    model = ZOO["one_side"]
    given = samples(model)
    sizes = Sizes.of(program(model).facts, given, 12)
    lists = [sample.inputs["nlist"] for sample in given]
    mean = sum((nlist >= 0).sum() for nlist in lists) / sum(map(len, lists))
    assert sizes.rows == pytest.approx(mean)
    assert Sizes.of(program(model).facts, [], 12).neighbors == (9.0, 14.0)


def test_formats_are_counted_apart() -> None:
    start = program(ZOO["float32"])
    found = whole(program_work(start, Sizes((3.0, 2.0), 23, 12))).flops
    assert found["f32"] > 5 * found["f64"]


def test_hidden_layers_in_bfloat16(water: Program) -> None:
    sizes = Sizes(NEIGHBORS, 138, 48)
    for text in ("cast{bf16}", "cast{bf16} differentiate exact_neighbors fuse"):
        compiled = Pipeline.parse(f"tabulate{{stride=0.2}} {text}").run(water)
        found = whole(program_work(compiled, sizes)).flops
        assert found["bf16"] == 2 * 2 * 2 * 240 * 240
        assert found["f32"] > 2e6 and sum(found.values()) == pytest.approx(2.5e6, rel=0.1)
    works_ = program_work(compiled, sizes)
    plain, fast = (
        forecast(works_, assumed_roofline(parse_target(f"cpu:x86-64-v4{feature}"))).ideal
        for feature in ("", "+bf16")
    )
    assert fast < plain


@pytest.fixture
def target() -> Target:
    return parse_target("cpu:x86-64-v4")


def test_forecast(water: Program, target: Target) -> None:
    found = forecast(works(water, "symmetrize " + TAIL), assumed_roofline(target))
    ideal = sum(max(stage.compute, stage.reading) for stage in found.stages)
    assert found.seconds(1) == pytest.approx(ideal / EFFICIENCY)
    assert found.seconds(2) == pytest.approx(found.seconds(1) / 2)
    least = 2.44e6 / 96e9
    assert least < ideal < 1.3 * least


def test_half_the_vector_takes_twice_the_time(water: Program) -> None:
    times = []
    for arch in ("x86-64-v3", "x86-64-v4"):
        roof = assumed_roofline(parse_target(f"cpu:{arch}"))
        times.append({s.name: s for s in forecast(works(water, TAIL), roof).stages})
    narrow, wide = (found["mlp_gradient"].compute for found in times)
    assert narrow == pytest.approx(2 * wide)


def test_memory(water: Program) -> None:
    compiled = Pipeline.parse(f"symmetrize {TAIL}").run(water)
    found = memory(compiled, Sizes(NEIGHBORS, 138, 24))
    numbers = sum(array.nbytes for array in compiled.store.values())
    assert found.params == numbers == sum(stored_bytes(compiled).values())
    assert found.entries == pytest.approx(89 * (8 / 6) ** 3)
    one, two = (found.package(12_288, threads) for threads in (1, 2))
    assert numbers < one < two < one + 2 * (found.workspace + 12_288 * 100)
    assert 0.8e9 < found.whole(1_000_000) < 1.5e9


def test_table_errors_by_distance() -> None:
    before = program(ZOO["two_side"])
    after = Pipeline.parse("tabulate{stride=0.05}").run(before)
    (name, curve), *rest = table_errors(before, after).items()
    assert name == "embedding" and not rest
    inside = curve.distance > curve.end
    assert 0.6 < curve.end < 0.9 * 0.9
    assert curve.value[inside].max() < 1e-5 < curve.value[~inside].max()
    assert np.all(curve.slope >= 0) and curve.distance[-1] == 4.0
    assert table_errors(after, after) == {}


def test_what_a_net_computed_is_kept_for_its_adjoint(water: Program) -> None:
    found = works(water, "differentiate")
    forward, backward = (
        sum(one.work.all_flops for one in found if one.op.name == name)
        for name in ("mlp", "mlp_vjp")
    )
    assert backward < 1.1 * forward
