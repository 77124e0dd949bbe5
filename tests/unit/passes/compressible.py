"""Models wide enough that a basis saves arithmetic, and what compression makes of them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from dpc.ir.evaluate import evaluate
from dpc.ir.program import Program
from dpc.passes.base import Context
from dpc.passes.measure import compare, measure
from dpc.passes.pipeline import Pipeline
from dpc.passes.report import Error
from dpc.passes.samples import Sample, inputs_for
from tests.programs import Model, program, samples, variant

WIDE: dict[str, Any] = {"neuron": (8, 16, 32), "axis_neuron": 8, "sel": (12, 20)}
ONE_TYPE: dict[str, Any] = {**WIDE, "type_map": ("A",), "sel": (20,)}
FOUR_TYPES: dict[str, Any] = {
    "type_map": ("A", "B", "C", "D"),
    "sel": (8, 8, 8, 8),
    "neuron": (8, 16, 64),
    "axis_neuron": 8,
}
MODELS: dict[str, Model] = {
    "one_side": variant(**WIDE),
    "two_side": variant(**WIDE, type_one_side=False),
    "one_type": variant(**ONE_TYPE),
    "one_type_two_side": variant(**ONE_TYPE, type_one_side=False),
    "four_types": variant(**FOUR_TYPES),
    "four_types_two_side": variant(**FOUR_TYPES, type_one_side=False),
    "parameters": variant(**WIDE, fparam=2, aparam=1),
    "exclude": variant(**WIDE, exclude_types=((0, 1),)),
    "two_side_exclude": variant(**WIDE, type_one_side=False, exclude_types=((0, 0),)),
    "pair_exclude": variant(**WIDE, pair_exclude_types=((0, 1),)),
    "atom_exclude": variant(**WIDE, atom_exclude_types=(1,)),
    "resnet_dt": variant(**WIDE, resnet_dt=True),
}
FEW = ("one_side", "two_side", "one_type", "parameters")


@functools.cache
def model_program(name: str) -> Program:
    """The energy of a model."""
    return program(MODELS[name])


@functools.cache
def frames(name: str, count: int = 6) -> list[Sample]:
    """Frames of 24 atoms: the first four for passes, the others to judge them."""
    return samples(MODELS[name], count=count, natoms=24)


def compressed(name: str, passes: str, before: str = "widen") -> tuple[Program, Context]:
    """What passes make of a model, with four frames."""
    context = Context(samples=frames(name)[:4])
    return Pipeline.parse(passes).run(
        Pipeline.parse(before).run(model_program(name)), context
    ), context


def changes(name: str, after: Program, before: Program | None = None) -> dict[str, Error]:
    """What changes on frames that no pass has seen; before: the model itself."""
    given = frames(name)[4:]
    return compare(measure(before or model_program(name), given), measure(after, given))


def assert_same(name: str, after: Program, before: Program | None = None) -> None:
    """Equal up to rounding."""
    limits = {"energy": 1e-12, "force": 1e-11, "virial": 1e-10}
    for quantity, error in changes(name, after, before).items():
        assert error.max < limits[quantity], (quantity, error)


def slope_misses(name: str, compiled: Program) -> float:
    """Largest difference of compiled forces from finite differences of the compiled energy."""
    inputs = inputs_for(compiled.energy, frames(name)[4])
    force = evaluate(compiled, "energy", inputs)["force"]
    step, worst = 1e-4, 0.0
    for atom, axis in ((0, 0), (5, 1), (11, 2)):
        energies = []
        for sign in (1, -1):
            moved = {**inputs, "coord": inputs["coord"].copy()}
            moved["coord"][atom, axis] += sign * step
            energies.append(float(np.sum(evaluate(compiled, "energy", moved)["atom_energy"])))
        slope = (energies[0] - energies[1]) / (2 * step)
        worst = max(worst, abs(slope + float(force[atom, axis])))
    return worst
