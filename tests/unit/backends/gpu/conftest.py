"""Plans of small models, made once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from dpc.backends.gpu.plan import Plan
from tests.paths import DATA

WATER = Path(__file__).resolve().parents[4] / "examples" / "water" / "model.dp"


@cache
def make(name: str, target: str, precision: str = "f64") -> Plan:
    """The plan of a model for a target; `name`: "water", or a folder of reference data."""
    pytest.importorskip("torch")
    from dpc.backends.base import find_backend
    from dpc.compiler.programs import lower
    from dpc.compiler.samples import make_samples
    from dpc.passes.base import Context
    from dpc.passes.pipelines import choose_pipeline
    from dpc.targets import parse_target

    goal = parse_target(target)
    path = WATER if name == "water" else DATA / "golden" / name / "model.dp"
    program, _ = lower(path)
    pipeline = choose_pipeline(goal, None, precision)
    done = pipeline.run(program, Context(samples=make_samples(program, None)))
    plan: Plan = find_backend(goal).plan(done, goal)
    return plan


@pytest.fixture(scope="session")
def make_plan():
    """`make_plan(name, target, precision)`."""
    return make
