"""What the evaluator refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpc.errors import GraphError, InputError
from dpc.ir.evaluate import evaluate
from dpc.ir.types import Ragged
from tests.unit.ir.models import energy
from tests.unit.ir.test_forces import INPUTS
from tests.unit.ir.world import COORD, PADDED

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"coord": None}, "input 'coord' is missing: f64[nall, 3]"),
    ({"coords": COORD}, "no input 'coords'. Did you mean 'coord'?"),
    ({"coord": COORD[:, :2]}, "coord: shape [7, 2] does not fit f64[nall, 3]: 3 is 3"),
    ({"coord": COORD.ravel()}, "coord: expected f64[nall, 3], not an array of shape [21]"),
    ({"coord": COORD[:5]}, "atype: shape [7] does not fit i32[nall]: nall is 5 in coord"),
    ({"atype": np.zeros(7)}, "atype: expected i32, not float64"),
    ({"nlist": Ragged.from_rows([[1], [2]])}, "nlist: expected a plain array for i32[nloc, nnei]"),
    ({"nlist": PADDED[:, :4]}, "sel (3, 2) has 5 slots, but nlist has 4"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_refuses(change: dict[str, Any], message: str) -> None:
    inputs = {k: v for k, v in {**INPUTS[False], **change}.items() if v is not None}
    with pytest.raises((InputError, GraphError)) as caught:
        evaluate(energy(), "energy", inputs)
    assert message in str(caught.value)


def test_ragged_wants_ragged() -> None:
    with pytest.raises(InputError, match="nlist: expected a Ragged array"):
        evaluate(energy(True), "energy", INPUTS[False])


def test_unknown_graph() -> None:
    with pytest.raises(GraphError, match="no graph 'enrgy'. Did you mean 'energy'"):
        evaluate(energy(), "enrgy", {})


def test_integers_of_another_width_are_fine() -> None:
    inputs = {**INPUTS[False], "nlist": PADDED.astype(np.int64)}
    one = evaluate(energy(), "energy", inputs)["atom_energy"]
    np.testing.assert_array_equal(one, evaluate(energy(), "energy", INPUTS[False])["atom_energy"])


@pytest.mark.parametrize("ragged", [False, True])
def test_no_atoms_and_no_slots(ragged: bool) -> None:
    empty: Any = (
        Ragged(np.zeros(0, np.int32), np.zeros(1)) if ragged else np.zeros((0, 5), np.int32)
    )
    inputs = {**INPUTS[False], "nlist": empty}
    assert evaluate(energy(ragged), "energy", inputs)["atom_energy"].shape == (0,)


def test_inputs_are_not_changed() -> None:
    inputs = {name: np.array(array) for name, array in INPUTS[False].items()}
    evaluate(energy(), "energy", inputs)
    for name, array in inputs.items():
        np.testing.assert_array_equal(array, INPUTS[False][name])
