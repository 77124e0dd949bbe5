"""One LAMMPS input for every contender: they differ in the pair_style lines alone."""

from __future__ import annotations

from pathlib import Path

from dpc.bench.systems import System, replicas

USUAL, NEVER = "every 10 delay 0 check no", "every 1000000 delay 1000000 check no"
"""When neighbour lists are made again."""
WORK = 250_000  # steps times atoms of a measured loop: about 5 s at 20 µs for each

INPUT = """\
# {atoms} atoms of {name}, NVE at {temperature:g} K
units        metal
atom_style   atomic
newton       on
processors   * * *
read_data    {data}
replicate    {replicas}
{masses}
{pair}
neighbor     2.0 bin
neigh_modify {rebuild}
velocity     all create {temperature} 2026 mom yes loop geom
fix          1 all nve
timestep     {timestep}
{more}thermo_style custom step pe ke etotal temp {columns}
thermo_modify format float {digits}
thermo       {thermo}
"""


def default_steps(atoms: int, work: int = WORK) -> int:
    """Steps of the measured loop."""
    return max(20, min(1000, work // atoms))


def md_input(
    system: System, atoms: int, steps: int, pair: str, data: Path, warm_up: int | None = None,
    rebuild: str = USUAL,
) -> str:  # fmt: skip
    """The input of a measurement: some steps to warm up, then the loop that counts.

    `pair` is the pair_style and pair_coeff lines.
    """
    before = max(2, steps // 20) if warm_up is None else warm_up
    text = _input(
        system, atoms, pair, data, columns="press", thermo=max(1, steps // 5), rebuild=rebuild
    )
    return text + (f"run          {before}\n" if before else "") + f"run          {steps}\n"


def drift_input(system: System, atoms: int, steps: int, pair: str, data: Path) -> str:
    """The input of an NVE run that prints what `drift` needs at each step.

    c_squared is the sum over atoms of F·F/m.
    """
    more = (
        "variable     squared atom (fx^2+fy^2+fz^2)/mass\n"
        "compute      squared all reduce sum v_squared\n"
    )
    text = _input(system, atoms, pair, data, "c_squared", thermo=1, more=more, digits="%.17g")
    return f"{text}run          {steps}\n"


def _input(
    system: System,
    atoms: int,
    pair: str,
    data: Path,
    columns: str,
    thermo: int,
    more: str = "",
    digits: str = "%.10g",
    rebuild: str = USUAL,
) -> str:
    masses = [f"mass         {k + 1} {mass}" for k, mass in enumerate(system.masses)]
    return INPUT.format(
        atoms=atoms,
        name=system.name,
        temperature=system.temperature,
        data=data.resolve(),
        replicas=" ".join(map(str, replicas(atoms, system.box_atoms))),
        masses="\n".join(masses),
        pair=pair,
        rebuild=rebuild,
        timestep=system.timestep,
        more=more,
        columns=columns,
        digits=digits,
        thermo=thermo,
    )
