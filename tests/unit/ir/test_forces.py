"""Forces and virials of a whole model, from its energy; the padded and the ragged form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpc.errors import GraphError, InputError
from dpc.ir.builder import Builder
from dpc.ir.evaluate import evaluate
from dpc.ir.gradient import gradient
from dpc.ir.types import Ragged
from tests.unit.ir.models import energy, with_forces
from tests.unit.ir.world import ATYPE, COORD, NALL, PADDED, ROWS

INPUTS: dict[bool, dict[str, Any]] = {
    False: {"coord": COORD, "atype": ATYPE, "nlist": PADDED},
    True: {"coord": COORD, "atype": ATYPE, "nlist": Ragged.from_rows(ROWS, np.int32)},
}
FORMS = [
    {},
    {"one_side": False},
    {"exclude": ((0, 1),)},
    {"pair_exclude": ((0, 1),)},
    {"one_side": False, "exclude": ((0, 0),), "pair_exclude": ((1, 1),)},
]


@pytest.mark.parametrize("ragged", [False, True])
def test_force_is_minus_the_slope_of_the_energy(ragged: bool) -> None:
    program, h = with_forces(energy(ragged)), 1e-5
    force = evaluate(program, "energy", INPUTS[ragged])["force"]
    for atom in range(NALL):
        for axis in range(3):
            ends = []
            for step in (h, -h):
                coord = COORD.copy()
                coord[atom, axis] += step
                out = evaluate(program, "energy", {**INPUTS[ragged], "coord": coord})
                ends.append(out["atom_energy"].sum())
            expected = -(ends[0] - ends[1]) / (2 * h)
            assert force[atom, axis] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert np.abs(force).max() > 0.01
    np.testing.assert_allclose(force.sum(axis=0), 0, atol=1e-14)


def test_virial_is_minus_the_slope_under_strain() -> None:
    """W_ab = -dE/d(strain_ba) with x -> (1 + strain) x."""
    program, h = with_forces(energy()), 1e-6
    out = evaluate(program, "energy", INPUTS[False])
    for a in range(3):
        for b in range(3):
            ends = []
            for step in (h, -h):
                strain = np.eye(3)
                strain[a, b] += step
                strained = {**INPUTS[False], "coord": COORD @ strain.T}
                ends.append(evaluate(program, "energy", strained)["atom_energy"].sum())
            slope = (ends[0] - ends[1]) / (2 * h)
            assert out["virial"][a, b] == pytest.approx(-slope, rel=1e-6, abs=1e-8)
    np.testing.assert_allclose(out["atom_virial"].sum(axis=0), out["virial"], atol=1e-14)


@pytest.mark.parametrize("options", FORMS)
def test_padded_and_ragged_agree(options: dict[str, Any]) -> None:
    padded = evaluate(with_forces(energy(False, **options)), "energy", INPUTS[False])
    ragged = evaluate(with_forces(energy(True, **options)), "energy", INPUTS[True])
    for name, array in padded.items():
        np.testing.assert_allclose(ragged[name], array, rtol=1e-12, atol=1e-13, err_msg=name)


def test_excluded_pairs_matter() -> None:
    results = [
        evaluate(energy(**options), "energy", INPUTS[False])["atom_energy"] for options in FORMS
    ]
    for i, one in enumerate(results):
        for other in results[:i]:
            assert np.abs(one - other).max() > 1e-6


def test_an_atom_at_the_cutoff_is_an_empty_slot() -> None:
    """Beyond rcut: the energy of an empty slot and no force; just inside: almost so."""
    program = with_forces(energy())
    coord = np.array([[0.0, 0, 0], [4.0, 0, 0]])
    empty = np.full((1, 5), -1)
    listed = np.array([[-1, -1, -1, 1, -1]])
    atype = np.array([0, 1])
    alone = evaluate(program, "energy", {"coord": coord, "atype": atype, "nlist": empty})
    for distance, tolerance in ((4.0, 0.0), (4.5, 0.0), (4.0 - 1e-4, 1e-9)):
        coord[1, 0] = distance
        out = evaluate(program, "energy", {"coord": coord, "atype": atype, "nlist": listed})
        assert out["atom_energy"] == pytest.approx(alone["atom_energy"], abs=tolerance)
        np.testing.assert_allclose(out["force"], 0, atol=1e3 * tolerance)


def test_atoms_at_one_place_are_an_error() -> None:
    coord = COORD.copy()
    coord[3] = coord[0]
    with pytest.raises(InputError, match="atoms 0 and 3 are at the same place"):
        evaluate(energy(), "energy", {**INPUTS[False], "coord": coord})


def test_atoms_not_in_the_model_have_no_energy() -> None:
    atype = ATYPE.copy()
    atype[1] = -1
    out = evaluate(energy(True), "energy", {**INPUTS[True], "atype": atype,
                   "nlist": Ragged.from_rows([[2, 3], [0], []], np.int32)})  # fmt: skip
    assert out["atom_energy"][1] == 0
    assert out["atom_energy"][0] != 0


def test_no_gradient_without_dependence() -> None:
    program = energy()
    with pytest.raises(GraphError, match="does not depend on"):
        gradient(program.energy, "atom_energy", "atype")


def test_no_gradient_through_a_fixed_operand() -> None:
    b = Builder()
    env = b.input("env", "f64[nloc, nnei, 4]")
    out = b.scale_rows(env, b.radial(env))
    with pytest.raises(GraphError, match="with respect to mask"):
        gradient(b.graph("energy", y=out), "y", "env")


def test_adjoints_are_named() -> None:
    names = {op.name: op.names for op in with_forces(energy()).energy.ops()}
    assert names["outer_vjp"] == ("dx",)
    assert names["env_matrix_vjp"] == ("dr",)
