"""Energies, forces and virials: outliers, other units, systems that do not belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dpc.data.checks.findings import Finding, some_frames, warning
from dpc.data.checks.survey import Survey
from dpc.data.neighbors import F64
from dpc.units import GPA

OUTLIER = 12.0  # times the spread of most frames
LEAST_SPREAD = 2e-3  # eV/atom, eV/Å x 50: a smaller spread does not make an outlier
FORCE = (0.01, 30.0)  # eV/Å, root mean square of a system
LARGEST_FORCE = 60.0  # eV/Å
NET_FORCE = 0.3  # of the root mean square force
APART = 0.3  # eV/atom between systems, after the bias
RATIO = (3e-3, 3.0)  # Å: energy spread / sqrt(atoms) / force
PRESSURE = 500.0  # GPa
SLOPE = (0.5, 2.0)  # energy change / work of the forces
EV = (("Hartree", 27.2114), ("kcal/mol", 0.0433641), ("kJ/mol", 0.0103643), ("Rydberg", 13.6057))


def spread(values: F64) -> float:
    """1.48 times the median distance from the median: the deviation of most of the values."""
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def robust_bias(counts: F64, energies: F64, rounds: int = 30) -> F64:
    """Energies of the types that leave the least absolute deviation for each atom, [ntypes] eV."""
    natoms = np.maximum(1, counts.sum(axis=1))
    a, b = counts / natoms[:, None], energies / natoms
    weight = np.ones(len(b))
    bias = np.zeros(counts.shape[1])
    for _ in range(rounds):
        root = np.sqrt(weight)[:, None]
        bias = np.linalg.lstsq(a * root, b * root[:, 0], rcond=1e-10)[0]
        weight = 1 / np.maximum(np.abs(b - a @ bias), 1e-4)
    return bias


def energy_residuals(surveys: Sequence[Survey]) -> list[F64 | None]:
    """Energies of each atom less the bias of all systems, eV/atom; NaN where there is none."""
    rows = [
        (s.counts[ok], s.energy[ok])
        for s in surveys
        if s.energy is not None and (ok := s.finite["energy"] & (s.natoms > 0)).any()
    ]
    if not rows:
        return [None] * len(surveys)
    bias = robust_bias(np.concatenate([c for c, _ in rows]), np.concatenate([e for _, e in rows]))
    return [
        None if s.energy is None else (s.energy - s.counts @ bias) / np.maximum(1, s.natoms)
        for s in surveys
    ]


def check_energies(surveys: Sequence[Survey], residuals: Sequence[F64 | None]) -> Iterator[Finding]:
    """Frames far from their system, and systems far from the others."""
    middles = {}
    for number, (one, residual) in enumerate(zip(surveys, residuals, strict=True)):
        if residual is None:
            continue
        good = np.flatnonzero(np.isfinite(residual))
        if not len(good):
            continue
        middle = float(np.median(residual[good]))
        middles[number] = middle
        width = max(spread(residual[good]), LEAST_SPREAD)
        bad = good[np.abs(residual[good] - middle) > OUTLIER * width]
        if len(bad):
            worst = bad[np.abs(residual[bad] - middle).argmax()]
            yield warning(
                "outliers", one.where,
                f"the energy of {some_frames(bad, one.frames)} is far from that of the others: "
                f"{residual[worst] - middle:+.3g} eV/atom in frame {worst}, most are within "
                f"{width:.2g}", bad,
            )  # fmt: skip
    if len(middles) < 2:
        return
    centre = float(np.median(list(middles.values())))
    for number, middle in middles.items():
        if abs(middle - centre) > APART:
            yield warning(
                "inconsistent", surveys[number].where,
                f"energies are {middle - centre:+.3g} eV/atom from those of the other systems, "
                "composition allowed for: another functional, pseudopotential or unit?",
            )  # fmt: skip


def check_forces(survey: Survey) -> Iterator[Finding]:
    """Size, outliers, and sums that are not zero."""
    rms, most, net = survey.force_rms, survey.force_max, survey.net_force
    if rms is None or most is None or net is None:
        return
    good = np.flatnonzero(survey.finite["force"])
    if not len(good):
        return
    typical = float(np.median(rms[good]))
    if not FORCE[0] <= typical <= FORCE[1]:
        why = (
            "relaxed structures teach little, or the unit is Hartree/Bohr (multiply by 51.4)"
            if typical < FORCE[0]
            else "the unit may be kJ/mol/nm (divide by 964.9) or meV/Å (divide by 1000)"
        )
        text = f"forces are typically {typical:.2g} eV/Å: {why}"
        yield warning("units", survey.where, text)
    width = max(spread(most[good]), 0.1 * float(np.median(most[good])), 50 * LEAST_SPREAD)
    large = most[good] > np.median(most[good]) + OUTLIER * width
    bad = good[large | (most[good] > max(LARGEST_FORCE, 3 * np.median(most[good])))]
    if len(bad):
        worst = bad[most[bad].argmax()]
        yield warning(
            "outliers", survey.where,
            f"the largest force of {some_frames(bad, survey.frames)} is far from that of the "
            f"others: {most[worst]:.3g} eV/Å in frame {worst}, typically it is "
            f"{np.median(most[good]):.3g}", bad,
        )  # fmt: skip
    drift = good[(net[good] > NET_FORCE * rms[good]) & (net[good] > 0.05)]
    if len(drift) and survey.natoms.max() > 1:
        yield warning(
            "forces", survey.where,
            f"forces do not add up to zero in {some_frames(drift, survey.frames)}: an external "
            "field or fixed atoms, which a potential cannot learn, or unconverged labels", drift,
        )  # fmt: skip


def check_units(survey: Survey) -> Iterator[Finding]:
    """Energies against forces: fluctuations, and the work of the forces from frame to frame."""
    if survey.slope is not None:
        slope, agreement = survey.slope
        if agreement < -0.8:
            text = "energy rises along the forces: forces must be minus the gradient, in force.npy"
            yield warning("units", survey.where, text)
        elif agreement > 0.8 and not SLOPE[0] <= slope <= SLOPE[1]:
            guess = "".join(
                f" If energies are in {unit}, multiply them by {factor:g}"
                for unit, factor in EV
                if 0.8 <= slope * factor <= 1.25
            )
            yield warning(
                "units", survey.where,
                f"from frame to frame, energies change {slope:.3g} times what the forces do in "
                f"work: are they in eV and eV/Å?{guess}",
            )  # fmt: skip
        return
    if survey.energy is None or survey.force_rms is None or survey.frames < 5:
        return
    good: NDArray[np.bool_] = survey.finite["energy"] & survey.finite["force"]
    same = (survey.counts == survey.counts[:1]).all()
    force = float(np.median(survey.force_rms[good])) if good.any() else 0.0
    if not same or not force > 0:
        return
    ratio = spread(survey.energy[good]) / np.sqrt(max(1.0, survey.natoms[0])) / force
    if ratio > 0 and not RATIO[0] <= ratio <= RATIO[1]:
        yield warning(
            "units", survey.where,
            f"energies spread by {spread(survey.energy[good]):.3g} eV where forces are "
            f"{force:.3g} eV/Å: one of them seems to be in another unit",
        )  # fmt: skip


def check_virials(survey: Survey) -> Iterator[Finding]:
    """Pressures that no simulation has, tensors that are not symmetric."""
    if survey.virial is None or survey.volume is None:
        return
    good = np.flatnonzero(survey.finite["virial"] & (np.abs(survey.volume) > 0))
    if not len(good):
        return
    virial, volume = survey.virial[good], np.abs(survey.volume[good])
    pressure = np.abs(np.trace(virial, axis1=1, axis2=2)) / 3 / volume / GPA
    high = good[pressure > PRESSURE]
    if len(high):
        yield warning(
            "units", survey.where,
            f"virials mean {pressure.max():.3g} GPa in {some_frames(high, survey.frames)}: are "
            "they in eV (stress times volume)?", high,
        )  # fmt: skip
    turned = np.abs(virial - virial.transpose(0, 2, 1)).max(axis=(1, 2))
    skew = good[turned > 0.05 * np.maximum(np.abs(virial).max(axis=(1, 2)), 1e-3)]
    if len(skew):
        text = f"the virial is not symmetric in {some_frames(skew, survey.frames)}"
        yield warning("virials", survey.where, f"{text}: is the order XX XY XZ YX …?", skew)
