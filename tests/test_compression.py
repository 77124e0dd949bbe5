"""basis, fold and tabulate on a trained model: water, all passes within one error budget."""

from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from dpc.data.frames import make_frames
from dpc.data.inputs import graph_inputs
from dpc.data.system import find_systems
from dpc.frontend import load_model
from dpc.passes.base import Context
from dpc.passes.measure import compare, measure
from dpc.passes.pipeline import Pipeline
from dpc.passes.samples import Sample
from tests.paths import SHARED, needs_shared

MODEL = Path(__file__).parent.parent / "examples" / "water" / "model.dp"
PASSES = "basis{{max_force_error={0}}} fold{{max_force_error={0}}} tabulate{{max_force_error={0}}}"


@cache
def water():
    return Pipeline.parse("canonicalize widen").run(load_model(MODEL).lower())


def samples(frames):
    facts = water().facts
    return [Sample(*graph_inputs(facts, f.coord, f.atype, f.cell)) for f in frames]


@cache
def compressed(budget):
    """As dpc compiles without data: chosen and judged on three made frames."""
    context = Context(samples=samples(make_frames(water().facts, count=3, natoms=64)))
    return Pipeline.parse(PASSES.format(budget)).run(water(), context), context.reports


@pytest.mark.parametrize(("budget", "rank", "products"), [(1e-7, 24, 620), (1e-5, 16, 350)])
def test_water(budget, rank, products):
    after, (basis, fold, table) = compressed(budget)
    assert basis.notes["embedding"]["rank"] == rank
    assert fold.notes["products"] <= products  # of 1480 components of the descriptor
    assert table.notes["embedding"]["bytes"] < 600_000  # of both nets; 100 columns: 2 MB
    others = samples(make_frames(water().facts, count=2, natoms=64, seed=7))
    error = compare(measure(water(), others), measure(after, others))["force"]
    assert error.rms < budget


@needs_shared
@pytest.mark.parametrize("budget", [1e-7, 1e-5])
def test_water_on_frames_of_another_kind(budget):
    """Chosen by made frames, judged by frames of liquid water."""
    after, _ = compressed(budget)
    (system,) = find_systems(SHARED / "data" / "water" / "data_3")
    given = samples(frame for frame, _ in islice(system.frames(("O", "H")), 1))
    before, now = measure(water(), given), measure(after, given)
    assert compare(before, now)["force"].rms < 2 * budget
    assert np.sqrt(np.mean(before[0].force ** 2)) > 0.1
