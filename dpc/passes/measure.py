"""What a program gives on calibration samples, and how two programs differ there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dpc.ir.evaluate import evaluate
from dpc.ir.program import Program
from dpc.passes.report import Error
from dpc.passes.samples import Sample, fold, inputs_for

Array = NDArray[np.float64]


class Results(NamedTuple):
    """Results on one sample: energy per atom (eV), force [nloc, 3] (eV/Å), virial [3, 3] (eV)."""

    energy: Array
    force: Array
    virial: Array


def measure(program: Program, samples: Sequence[Sample]) -> list[Results]:
    """Energy, forces and virial on every sample; differentiates where that is still to come."""
    from dpc.passes.differentiate import differentiate, is_differentiated

    if not is_differentiated(program):
        program = differentiate(program)
    graph = program.energy
    results = []
    for sample in samples:
        out = evaluate(program, graph, inputs_for(graph, sample))
        energies = np.asarray(out["atom_energy"], np.float64)
        force = fold(sample, np.asarray(out["force"], np.float64), len(energies))
        virial = np.asarray(out["virial"], np.float64)
        results.append(Results(np.atleast_1d(energies.mean()), force, virial))
    return results


def compare(before: Sequence[Results], after: Sequence[Results]) -> dict[str, Error]:
    """rms and max difference of each quantity over all samples and components."""
    errors = {}
    for name in Results._fields:
        pairs = zip(before, after, strict=True)
        difference = np.concatenate(
            [(getattr(b, name) - getattr(a, name)).ravel() for a, b in pairs]
        )
        errors[name] = Error(
            float(np.sqrt(np.mean(difference**2))), float(np.max(np.abs(difference), initial=0.0))
        )
    return errors
