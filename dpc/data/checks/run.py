"""All checks over all systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpc.data.checks import geometry, labels, numbers
from dpc.data.checks.findings import Finding, Level, error, warning
from dpc.data.checks.structure import check_files
from dpc.data.checks.survey import Survey, survey
from dpc.data.checks.work import energy_per_work
from dpc.data.dataset import common_type_map
from dpc.data.neighbors import F64
from dpc.data.storage import find_storages
from dpc.data.system import System
from dpc.errors import InputError


@dataclass(frozen=True)
class Checked:
    """What was found, and the numbers it was found in."""

    findings: list[Finding]
    surveys: list[Survey]
    residuals: list[F64 | None]  # eV/atom, see `labels.energy_residuals`
    type_map: tuple[str, ...]
    systems: int  # all, also those that cannot be read

    @property
    def errors(self) -> int:
        """Findings that stop or ruin a training."""
        return sum(f.level is Level.ERROR for f in self.findings)


def check_data(
    paths: Sequence[str | Path],
    type_map: Sequence[str] | None = None,
    rcut: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Look for what ruins trainings. The systems are those of a training's `systems`."""
    storages = [one for path in paths for one in find_storages(path)]
    findings: list[Finding] = []
    systems: list[System] = []
    for storage in storages:
        system, own = check_files(storage)
        findings += own
        systems += [system] if system else []
    names = _type_map(systems, type_map, findings)
    surveys = []
    for done, system in enumerate(systems):
        try:
            one = survey(system, names)
            one.slope = energy_per_work(system, names)
            surveys.append(one)
        except InputError as problem:
            findings.append(error("files", "", str(problem)))
        if progress:
            progress(done + 1, len(systems))
    residuals = labels.energy_residuals(surveys)
    for one in surveys:
        findings += numbers.check_finite(one)
        findings += geometry.check_distances(one)
        findings += geometry.check_cells(one, rcut)
        findings += labels.check_forces(one)
        findings += labels.check_units(one)
        findings += labels.check_virials(one)
    findings += labels.check_energies(surveys, residuals)
    findings += numbers.check_repeats(surveys)
    findings.sort(key=lambda f: (f.level is not Level.ERROR, f.where))
    return Checked(findings, surveys, residuals, names, len(storages))


def _type_map(
    systems: Sequence[System], given: Sequence[str] | None, findings: list[Finding]
) -> tuple[str, ...]:
    """The names of the types; numbers where the data have no names."""
    if given:
        unused = [n for n in given if not any(n in (s.names or given) for s in systems)]
        if unused and systems:
            text = f"the type map names {' '.join(unused)}, of which the data have no atom"
            findings.append(warning("types", "", text))
        return tuple(given)
    try:
        return common_type_map(systems)
    except InputError:
        named = {n: None for s in systems for n in s.names or ()}
        most = max((int(s.types.max()) + 1 for s in systems if s.names is None), default=0)
        return tuple([*named, *[str(k) for k in range(len(named), most)]])
