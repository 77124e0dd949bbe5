"""Every registered op: its adjoint against central differences, its text, its two forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpc.errors import GraphError
from dpc.ir.evaluate import Evaluation, evaluate
from dpc.ir.op import Input, Op, ops
from dpc.ir.params import ParamStore
from dpc.ir.parser import parse
from dpc.ir.printer import to_text
from dpc.ir.program import Program
from dpc.ir.types import Ragged
from dpc.ir.verify import verify
from tests.unit.ir.world import BOTH, EXAMPLES, PADDED, World, all_examples, make

# Adjoints of adjoints are not needed, integers have none, fused ops come after differentiation.
WITHOUT_ADJOINT = {
    "center_type", "neighbor_type", "type_pair", "exclude_mask", "exclude_pairs",
    "nearest_neighbors", "virial", "atom_virial", "env_matrix_vjp", "mlp_vjp", "table_vjp",
    "contract_vjp_env", "contract_vjp_g", "outer_vjp", "outer_pairs_vjp", "padding",
    "normalize_vjp",
    "sum_atoms_vjp", "bias_vjp", "env_contract", "env_contract_vjp", "mlp_gradient",
    "fixed_point",
}  # fmt: skip
each_example = pytest.mark.parametrize(("name", "number", "ragged"), all_examples())


def values(x: Any) -> np.ndarray:
    return x.values if isinstance(x, Ragged) else x


def moved(x: Any, step: np.ndarray) -> Any:
    return Ragged(x.values + step, x.offsets) if isinstance(x, Ragged) else x + step


def program_of(world: World, op: Op) -> Program:
    return world.program({f"y{i}": value for i, value in enumerate(op.results)})


def run(world: World, op: Op, **changed: Any) -> list[Any]:
    inputs = {**world.inputs, **changed}
    return list(evaluate(program_of(world, op), "energy", inputs).values())


def test_examples_belong_to_ops() -> None:
    assert set(EXAMPLES) == set(ops.names())


def test_what_has_no_adjoint() -> None:
    assert {n for n in ops.names() if ops.get(n).vjp is Op.vjp} == WITHOUT_ADJOINT


@each_example
def test_adjoint(name: str, number: int, ragged: bool) -> None:
    """Along random directions v: <adjoint, v> = (L(x + h v) - L(x - h v)) / 2h, L = <w, y(x)>."""
    world, op = make(name, number, ragged)
    if name in WITHOUT_ADJOINT:
        with pytest.raises(GraphError, match="has no adjoint"):
            op.vjp(op.out)
        return
    rng, h = np.random.default_rng(11), 1e-5
    y = run(world, op)[0]
    weight = moved(y, rng.normal(size=values(y).shape) - values(y))
    seed = Input("seed", op.types[0]).out
    known = {i.out: world.inputs[i.label] for i in world.made} | {seed: weight}
    adjoints = op.vjp(seed)
    assert len(adjoints) == len(op.operands)
    for (field, operand), adjoint in zip(op.named_operands(), adjoints, strict=True):
        if not operand.dtype.is_float or field in op.fixed:
            assert adjoint is None
            continue
        assert isinstance(operand.op, Input)
        x = world.inputs[operand.op.label]
        gradient = np.zeros_like(values(x))
        if adjoint is not None:
            assert adjoint.type == operand.type
            gradient = values(Evaluation(ParamStore(world.tensors)).run([adjoint], known)[0])
        for _ in range(4):
            v = rng.normal(size=values(x).shape)
            ends = [run(world, op, **{operand.op.label: moved(x, s * v)})[0] for s in (h, -h)]
            slope = np.sum(values(weight) * (values(ends[0]) - values(ends[1]))) / (2 * h)
            assert np.sum(gradient * v) == pytest.approx(slope, rel=1e-7, abs=1e-8), field


@each_example
def test_text(name: str, number: int, ragged: bool) -> None:
    world, op = make(name, number, ragged)
    program = verify(program_of(world, op))
    text = to_text(program)
    again = verify(parse(text, program.store))
    assert to_text(again) == text
    before, after = (evaluate(p, "energy", world.inputs) for p in (program, again))
    for key in before:
        np.testing.assert_array_equal(values(before[key]), values(after[key]))


@pytest.mark.parametrize(
    ("name", "number"),
    [(n, i) for n in sorted(EXAMPLES) for i, (forms, _) in enumerate(EXAMPLES[n]) if forms == BOTH],
)
def test_both_forms_agree(name: str, number: int) -> None:
    """Real rows of the padded form are the rows of the ragged form."""
    ragged, op = make(name, number, True)
    padded, other = make(name, number, False)
    for i in padded.made:
        given = padded.inputs[i.label]
        if i.type.rank > 1 and i.type.dims[1] == "nnei":
            if i.out.dtype.is_float:
                given[PADDED < 0] = 0
            rows = [row[real] for row, real in zip(given, PADDED >= 0, strict=True)]
            ragged.inputs[i.label] = Ragged.from_rows(rows, given.dtype)
        else:
            ragged.inputs[i.label] = given
    ragged.tensors.update(padded.tensors)
    for a, b in zip(run(ragged, op), run(padded, other), strict=True):
        if name == "exclude_pairs":
            np.testing.assert_array_equal(a.values, b[b >= 0])
        elif isinstance(a, Ragged):
            np.testing.assert_allclose(a.values, b[PADDED >= 0], rtol=1e-13, atol=1e-13)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)
