"""tabulate: range, stride, refusals, what the report says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dpc.errors import InputError
from dpc.ir.evaluate import evaluate
from dpc.ir.ops.environment import EnvMatrix
from dpc.ir.program import Program
from dpc.passes.base import Context, PassError
from dpc.passes.differentiate import differentiate
from dpc.passes.reach import radius_of
from dpc.passes.samples import Sample
from dpc.passes.tabulate import MARGIN, Tabulate
from tests.programs import ZOO, Model, program, samples, variant


def run(model: Model, **options: float) -> tuple[Program, dict[str, object]]:
    context = Context()
    return Tabulate(**options).run(program(model), context), context.notes


def test_range_is_the_union_over_centre_types() -> None:
    before = program()
    (env,) = before.energy.find(EnvMatrix)
    radius = radius_of(env.out, before.store)
    assert radius is not None and len(set(radius.std)) == 2
    table = run(ZOO["one_side"])[0].tables["embedding"]
    assert table.lower == radius.x(4.0).min()
    assert 0 <= table.upper - radius.x(MARGIN * 0.9).max() < table.stride
    # at rcut s is 0
    np.testing.assert_allclose(radius.x(4.0), -radius.mean / radius.std)


def test_shortest_distance_option_model_default() -> None:
    def upper(model: Model, **options: float) -> float:
        return run(model, stride=0.2, **options)[0].tables["embedding"].upper

    unknown = variant(min_nbor_dist=None)
    assert upper(unknown) == upper(variant(min_nbor_dist=0.5 / MARGIN))
    assert upper(variant(), min_distance=0.5) == upper(unknown) > upper(variant())


@pytest.mark.parametrize("name", ["one_side", "two_side"])
def test_one_table_for_a_bank(name: str) -> None:
    after, notes = run(ZOO[name])
    table = after.tables["embedding"]
    count = {"one_side": 2, "two_side": 4}[name]
    assert after.store["embedding"].shape == (count, table.rows, 6, 8)
    assert not any(tensor.startswith("embedding.") for tensor in after.store)
    facts = notes["embedding"]
    assert facts["bytes"] == after.store["embedding"].nbytes
    assert facts["slope_error"] < 2e-8 and facts["farthest"] == 4.0
    assert list(facts["closer"]) == ["0.689", "0.574"]
    near, nearer = facts["closer"].values()
    assert 0 < near["value_error"] < nearer["value_error"]


def test_coarser_tolerance_gives_coarser_stride() -> None:
    fine = run(ZOO["one_side"])[0].tables["embedding"]
    coarse = run(ZOO["one_side"], tolerance=1e-4)[0].tables["embedding"]
    assert coarse.stride > 2 * fine.stride and coarse.rows < fine.rows


def test_forces_on_samples_make_the_stride_finer() -> None:
    model = ZOO["one_side"]
    loose = Tabulate(tolerance=1e-3, force_tolerance=1e-7)
    with_samples = loose.run(program(model), Context(samples=samples(model)))
    without = loose.run(program(model), Context())
    assert with_samples.tables["embedding"].stride < without.tables["embedding"].stride


def test_pairs_nearer_than_the_table_do_not_make_it_finer() -> None:
    model = ZOO["one_side"]
    short = Tabulate(min_distance=2.0).run(program(model), Context(samples=samples(model)))
    alone = Tabulate(min_distance=2.0).run(program(model), Context())
    assert short.tables["embedding"] == alone.tables["embedding"]


@pytest.mark.parametrize("name", ["relu", "relu6"])
def test_kinks_are_left_exact(name: str) -> None:
    after, notes = run(ZOO[name])
    assert "embedding" in after.banks and not after.tables
    assert "kinks" in notes["embedding"]["left"]


def test_float32_is_left_exact() -> None:
    after, notes = run(ZOO["float32"])
    assert "embedding" in after.banks and "widen" in notes["embedding"]["left"]


def test_unreachable_tolerance_is_left_exact() -> None:
    after, notes = run(ZOO["one_side"], tolerance=1e-18)
    assert "embedding" in after.banks and "finest stride" in notes["embedding"]["left"]


def test_closer_than_the_table_is_smooth() -> None:
    """Two atoms approach through the shortest distance: no step in energy, force or slope."""
    after = differentiate(run(variant(), min_distance=1.2)[0])

    def at(distance: float) -> tuple[float, float]:
        nlist = np.full((2, 23), -1, np.int32)
        nlist[0, 9], nlist[1, 0] = 1, 0
        coord = np.array([[0.0, 0, 0], [distance, 0, 0]])
        inputs = {"coord": coord, "atype": np.array([0, 1], np.int32), "nlist": nlist}
        out = evaluate(after, "energy", Sample(inputs).inputs)
        return out["atom_energy"].sum(), out["force"][1, 0]

    r = 1.2 + np.linspace(-2e-3, 2e-3, 41)
    force = np.array([at(float(d))[1] for d in r])
    assert np.abs(np.diff(force, 2)).max() < 1e-3 * np.abs(np.diff(force)).max()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stride": -1.0}, "stride is -1.0"),
        ({"min_distance": 5.0}, "shortest distance is 5.0 Å"),
        ({"min_distance": 0.0}, "shortest distance is 0.0 Å"),
        ({"min_distance": 1e-9}, "more than 1,000,000 rows. Give a larger stride, or a larger min"),
        ({"stride": 1e-9}, "more than 1,000,000 rows"),
        ({"lower": 3.0, "upper": 2.0}, "range from 3.0 to 2.0 is empty"),
    ],
)
def test_impossible_options(options: dict[str, float], words: str) -> None:
    with pytest.raises(PassError, match=words):
        run(ZOO["one_side"], **options)


def test_refuses_what_has_forces() -> None:
    with pytest.raises(PassError, match="before differentiate"):
        Tabulate().run(differentiate(program()), Context())


def test_says_which_tensor_is_missing() -> None:
    bare = program()
    with pytest.raises(InputError, match="tensor 'mean' is missing"):
        Tabulate().run(replace(bare, store=type(bare.store)()), Context())
