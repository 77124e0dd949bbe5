"""Units of dpc: eV, angstrom, atomic mass unit, ps. Conversions are named, never inline.

Constants are the 2019 SI values (CODATA 2018); a name reads "what one of it is in ours".
"""

from __future__ import annotations

ELEMENTARY_CHARGE = 1.602176634e-19  # C, exact
AVOGADRO = 6.02214076e23  # 1/mol, exact
BOLTZMANN = 8.617333262145179e-5  # eV/K, exact quotient rounded

# length, in angstrom
ANGSTROM = 1.0
NANOMETER = 10.0
BOHR = 0.529177210903

# energy, in eV
EV = 1.0
HARTREE = 27.211386245988
KJ_PER_MOL = 1000.0 / (AVOGADRO * ELEMENTARY_CHARGE)
KCAL_PER_MOL = 4.184 * KJ_PER_MOL

# time, in ps
PS = 1.0
FS = 1e-3

# pressure, in eV/angstrom^3
GPA = 1e9 * 1e-30 / ELEMENTARY_CHARGE
BAR = 1e-4 * GPA

# mass * (angstrom/ps)^2, in eV, for a mass in atomic mass units
AMU_ANGSTROM2_PER_PS2 = 1.66053906660e-27 * 1e4 / ELEMENTARY_CHARGE
