"""The systems that are measured: a box of atoms, replicated, and the model that drives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dpc.bench import crystals
from dpc.bench.crystals import Crystal
from dpc.errors import InputError, UsageError, did_you_mean

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "water"
LONGEST = 1.6  # of the box's edges over its shortest, where the number of atoms is free


@dataclass(frozen=True)
class System:
    """A periodic box of `box_atoms` atoms of `elements`, with masses in g/mol.

    `temperature` in K and `timestep` in ps are those of the run. The data file and the model
    are those of the example, or made in code from `crystal`.
    """

    name: str
    box_atoms: int
    elements: tuple[str, ...]
    masses: tuple[float, ...]
    temperature: float
    timestep: float
    crystal: Crystal | None = None
    replicas: tuple[int, ...] = field(default=(1, 8, 64))

    @property
    def sizes(self) -> list[int]:
        """What is measured unless the user says."""
        return [self.box_atoms * count for count in self.replicas]

    def data(self, folder: Path) -> Path:
        """The LAMMPS data file of one box; `folder` takes the one that is made."""
        if self.crystal is None:
            return example_file("water.data")
        return crystals.data_file(self.crystal, folder / f"{self.name}.data")

    def model(self, folder: Path) -> Path:
        """The model's file; `folder` takes the one that is made."""
        if self.crystal is None:
            return example_file("model.dp")
        from dpc.bench.made_model import model_file

        return model_file(self.crystal, folder / f"{self.name}.dp")


SYSTEMS = {
    "water": System("water", 192, ("O", "H"), (15.999, 1.008), 330.0, 0.0005),
    "copper": System(
        "copper",
        256,
        ("Cu",),
        (63.546,),
        300.0,
        0.002,
        Crystal("copper", ("Cu",), 3.61, 6.5, (120,), type_one_side=True),
    ),
    "alloy4": System(
        "alloy4",
        256,
        ("Al", "Ni", "Cu", "Ag"),
        (26.982, 58.693, 63.546, 107.868),
        300.0,
        0.002,
        Crystal("alloy4", ("Al", "Ni", "Cu", "Ag"), 3.8, 6.0, (36, 36, 36, 36)),
    ),
}


def find_system(name: str) -> System:
    """A system by its name."""
    if name not in SYSTEMS:
        hint = did_you_mean(name, SYSTEMS)
        raise UsageError(f"--system {name}: no such system.{hint} Known: {' '.join(SYSTEMS)}")
    return SYSTEMS[name]


def example_file(name: str) -> Path:
    """A file of examples/water, which is in the source tree, not in the wheel."""
    path = EXAMPLE / name
    if not path.exists():
        raise InputError(f"{path} is missing: run from dpc's source tree, or name your own file")
    return path


def replicas(atoms: int, box_atoms: int = 192) -> tuple[int, int, int]:
    """How often the box is repeated along x, y and z: as near to a cube as it can be."""
    count, rest = divmod(atoms, box_atoms)
    if count < 1 or rest:
        raise InputError(
            f"--atoms {atoms}: the box has {box_atoms} atoms, so give a multiple of it: "
            f"{box_atoms} {8 * box_atoms} {64 * box_atoms}"
        )
    return min(_bricks(count), key=lambda t: t[2] - t[0])


def at_least(atoms: int, box_atoms: int) -> int:
    """The least number of atoms, `atoms` or more, that fills a box not far from a cube."""
    count = max(1, -(-atoms // box_atoms))
    while not any(c <= LONGEST * a for a, _, c in _bricks(count)):
        count += 1
    return count * box_atoms


def _bricks(count: int) -> list[tuple[int, int, int]]:
    """a <= b <= c with a b c = count."""
    return [
        (a, b, count // a // b)
        for a in range(1, round(count ** (1 / 3)) + 2)
        if count % a == 0
        for b in range(a, round((count // a) ** 0.5) + 2)
        if count // a % b == 0 and count // a // b >= b
    ]
