"""The system of `dpc bench md`: the 192-atom water box, replicated, in one LAMMPS input."""

from __future__ import annotations

from pathlib import Path

from dpc.errors import InputError

BOX_ATOMS = 192
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "water"

INPUT = """\
# {atoms} atoms of water, NVE at 330 K
units        metal
atom_style   atomic
newton       on
processors   * * *
read_data    {data}
replicate    {replicas}
mass         1 15.999
mass         2 1.008
{pair}
neighbor     2.0 bin
neigh_modify every 10 delay 0 check no
velocity     all create 330.0 2026 mom yes loop geom
fix          1 all nve
timestep     0.0005
thermo_style custom step pe ke etotal temp press
thermo_modify format float %.10g
thermo       {thermo}
run          {warm_up}
run          {steps}
"""


def example_file(name: str) -> Path:
    """A file of examples/water, which is in the source tree, not in the wheel."""
    path = EXAMPLE / name
    if not path.exists():
        raise InputError(f"{path} is missing: run from dpc's source tree, or name your own file")
    return path


def replicas(atoms: int) -> tuple[int, int, int]:
    """How often the box is repeated along x, y and z: as near to a cube as it can be."""
    count, rest = divmod(atoms, BOX_ATOMS)
    if count < 1 or rest:
        raise InputError(
            f"--atoms {atoms}: the water box has {BOX_ATOMS} atoms, so give a multiple of it: "
            "192 1536 12288"
        )
    triples = (
        (a, b, count // a // b)
        for a in range(1, count + 1)
        if count % a == 0
        for b in range(a, count // a + 1)
        if count // a % b == 0 and count // a // b >= b
    )
    return min(triples, key=lambda t: t[2] - t[0])


def default_steps(atoms: int) -> int:
    """Steps of the measured loop: about 5 s at 20 µs for each step and atom."""
    return max(20, min(1000, 250_000 // atoms))


def water_input(atoms: int, steps: int, pair: str, data: Path) -> str:
    """The LAMMPS input; `pair` is the pair_style and pair_coeff lines."""
    return INPUT.format(
        atoms=atoms,
        data=data.resolve(),
        replicas=" ".join(map(str, replicas(atoms))),
        pair=pair,
        warm_up=max(2, steps // 20),
        thermo=max(1, steps // 5),
        steps=steps,
    )
